import { expect, test } from 'vitest'
import { type CorrelationRule, runCase, toSigma } from './score-correlations.ts'

const rule = (groups: CorrelationRule['detection'][number]['Group'], fields = ['x.user', 'y']): CorrelationRule => ({
  rule_id: 'r',
  detection: [
    {
      ...(groups && { Group: groups }),
      MatchCriteria: {
        f: [
          { GroupID: 'A', Match: fields[0] ?? '' },
          { GroupID: 'B', Match: fields[1] ?? '' },
        ],
      },
      LookbackWindowMinutes: 60,
    },
  ],
  tests: [],
})
const a = (...times: number[]) => ({ ID: 'A', Matches: { 'x.user': { kim: times } } })
const b = (...times: number[]) => ({ ID: 'B', Matches: { y: { kim: times } } })
const other = { ID: 'B', Matches: { y: { lee: [1] } } }

test.each([
  ['both of one user', [{ ID: 'A' }, { ID: 'B' }], [a(0), b(5)], true],
  ['of two users', [{ ID: 'A' }, { ID: 'B' }], [a(0), other], false],
  ['too far apart', [{ ID: 'A' }, { ID: 'B' }], [a(0), b(61)], false],
  ['too few of one', [{ ID: 'A', MinMatchCount: 3 }, { ID: 'B' }], [a(0, 1), b(5)], false],
  ['enough of one', [{ ID: 'A', MinMatchCount: 3 }, { ID: 'B' }], [a(0, 1, 2), b(5)], true],
  ['what must not come came after', [{ ID: 'A' }, { ID: 'B', Absence: true }], [a(0), b(5)], false],
  ['what must not come came for another', [{ ID: 'A' }, { ID: 'B', Absence: true }], [a(0), other], true],
  ['nothing came', [{ ID: 'A' }, { ID: 'B', Absence: true }], [a(0)], true],
])('a converted correlation: %s', (_why, groups, outputs, expected) => {
  expect(runCase(rule(groups), outputs)).toBe(expected)
})

test('what cannot be grouped is one group, and what cannot be written is an error', () => {
  const { detection, ...rest } = rule([{ ID: 'A' }, { ID: 'B' }])
  const bare = { ...rest, detection: detection.map(({ MatchCriteria: _, ...one }) => one) }
  expect(toSigma(bare)).not.toContain('group-by')
  expect(runCase(bare, [a(0), other])).toBe(true)
  expect(() => runCase(rule([]), [])).toThrow('at least one rule')
})
