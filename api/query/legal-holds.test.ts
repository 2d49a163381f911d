import { expect, test } from 'vitest'
import { readLegalHolds } from './legal-holds.ts'

test('a query, a range of event time and an end', () => {
  const hold = { query: 'user.name:eve', from: '2026-01-01', to: '2026-02-01T00:00:00+09:00', reason: 'case 7' }
  expect(
    readLegalHolds([
      { ...hold, until: '2028-01-01' },
      { query: '*', reason: 'all' },
    ]),
  ).toEqual([
    {
      reason: 'case 7',
      untilMs: Date.UTC(2028, 0, 1),
      filter: {
        kind: 'and',
        of: [
          { kind: 'equals', field: 'user.name', value: 'eve' },
          { kind: 'range', field: '@timestamp', gte: '2026-01-01T00:00:00.000Z', lt: '2026-01-31T15:00:00.000Z' },
        ],
      },
    },
    { reason: 'all', filter: { kind: 'all' } },
  ])
})

test.each([
  ['nothing to hold', {}, 'holds nothing'],
  ['an end alone', { until: '2028-01-01' }, 'holds nothing'],
  ['a query that is none', { query: 'user.name:(' }, 'query: '],
  ['pipes', { query: 'a:b | head 5' }, 'no pipes'],
  ['a time that moves', { query: '@timestamp > now-1d' }, 'moves'],
  ['no time', { from: 'yesterday' }, "from: 'yesterday' is not a time"],
  ['a day there is not', { from: '2026-02-30' }, 'not a time'],
  ['an end that is none', { query: '*', until: 'never' }, "until: 'never'"],
  ['a range the wrong way round', { from: '2026-02-01', to: '2026-02-01' }, 'not before'],
])('%s is refused, with its place', (_why, hold, words) => {
  const read = () =>
    readLegalHolds([
      { query: '*', reason: 'good' },
      { ...hold, reason: 'r' },
    ])
  expect(read).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  expect(read).toThrow('store.hold[1]')
  expect(read).toThrow(words)
})
