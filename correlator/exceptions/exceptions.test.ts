import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { RuleMatch } from '../../core/detect.ts'
import { type FlatEvent, nest } from '../../core/event.ts'
import { loadRuleSet, openCorrelator, openDetector, type RuleSet, ruleSetOf } from '../rule-set.ts'
import { parseRules } from '../sigma/load.ts'
import { randomOf } from '../sigma/sample-events.ts'
import { readExceptions } from './read.ts'

const T0 = Date.UTC(2026, 10, 22, 10)
const minute = 60_000
const folder = mkdtempSync(join(tmpdir(), 'haetae-exceptions-'))
afterAll(() => rmSync(folder, { recursive: true }))

const rules = `
title: A login failed
id: failed
name: failed
level: low
logsource: {product: linux, service: sshd}
detection:
  selection: {event.outcome: failure}
  condition: selection
---
title: Many failed
id: many
correlation:
  type: event_count
  rules: [failed]
  group-by: [source.ip]
  timespan: 10m
  condition: {gte: 3}
  generate: true
haetae:
  tests:
    - name: three from one address
      match: true
      events:
        - {times: 3, every: 1m, event: {event.dataset: linux.sshd, event.outcome: failure, source.ip: 192.0.2.9}}
---
title: Many of many
id: more
correlation:
  type: event_count
  rules: [many]
  timespan: 1h
  condition: {gte: 2}
`
const exception = (over: Record<string, string> = {}) => {
  const keys: Record<string, string> = {
    rules: '[failed]',
    owner: 'kim',
    reason: 'the scanner',
    until: '2027-01-01',
    scanner: '{source.ip: 192.0.2.1}',
    condition: 'scanner',
    ...over,
  }
  const lines = Object.entries(keys).filter(([, value]) => value !== '')
  return `id: scan\nexception:\n${lines.map(([key, value]) => `  ${key}: ${value}\n`).join('')}`
}
const setOf = (text: string): RuleSet => {
  const { exceptions, refused } = readExceptions(text, 'e.yml')
  return ruleSetOf(parseRules(rules, 'r.yml'), exceptions, refused)
}
const failure = (ip: string): FlatEvent => ({
  'event.dataset': 'linux.sshd',
  'event.outcome': 'failure',
  'source.ip': ip,
  'user.name': 'kim',
})
const matchesOf = (set: RuleSet, events: readonly { at: number; ip: string }[]): RuleMatch[] => {
  const detector = openDetector(set)
  return events.flatMap(({ at, ip }, i) => detector.detect(nest(failure(ip)), `0-${i}`, at, 0, i))
}
const alertsOf = (set: RuleSet, matches: readonly RuleMatch[]) => {
  const correlator = openCorrelator(set)
  const standing = new Map<string, unknown>()
  const top = Math.max(...matches.map(({ timestamp }) => timestamp))
  for (const { alert, state } of [...correlator.push(matches, top), ...correlator.finish()])
    if (state === 'withdrawn') standing.delete(alert.id)
    else standing.set(alert.id, alert)
  return [...standing.values()] as { id: string; ruleId: string; count: number; eventIds: string[] }[]
}

test.each([
  ['no owner', exception({ owner: '' }), 1, 'its owner'],
  ['no reason', exception({ reason: '' }), 1, 'its reason'],
  ['no end', exception({ until: '' }), 1, 'its until'],
  ['a time that is none', exception({ until: 'soon' }), 6, "'soon' is no time"],
  ['a time without a zone', exception({ until: '2027-01-01T10:00' }), 6, 'is no time'],
  ['an end before the beginning', exception({ from: '2027-01-02' }), 6, "is before 'from'"],
  ['nothing it holds for', exception({ scanner: '', condition: 'scanner' }), 1, 'for which events'],
  ['no condition', exception({ condition: '' }), 1, 'its condition'],
  ['a selection that is not there', exception({ condition: 'other' }), 1, 'other'],
  ['an aggregation', exception({ condition: 'scanner | count() > 3' }), 1, 'aggregate'],
  ['no rule', exception({ rules: '[]' }), 1, 'at least one rule'],
  ['a rule that is a map', exception({ rules: '[{a: b}]' }), 1, 'by id or name'],
  ['a list', exception({ scanner: '{source.ip|expand: "%scanners%"}' }), 1, '%scanners%'],
  ['no exception', 'title: nothing', 1, "no 'exception'"],
  ['no YAML', 'exception: [', 1, 'not YAML'],
])('an exception is refused: %s', (_why, text, line, reason) => {
  const { exceptions, refused } = readExceptions(text, 'e.yml')
  expect(exceptions).toEqual([])
  expect(refused[0]?.reason).toContain(reason)
  expect(refused[0]?.line).toBeGreaterThanOrEqual(line)
})

test('an exception for events alerts nobody and stays visible on the match', () => {
  const set = setOf(exception())
  const matches = matchesOf(set, [
    { at: T0, ip: '192.0.2.1' },
    { at: T0, ip: '192.0.2.2' },
  ])
  expect(matches.map(({ excepted }) => excepted)).toEqual([[{ rule: 'failed', exception: 'scan' }], undefined])
  expect(alertsOf(set, matches).map(({ eventIds }) => eventIds)).toEqual([['0-1']])
})

test('it holds from its first moment to just before its last, by event time', () => {
  const set = setOf(exception({ from: '2026-11-22T10:00:00Z', until: '2026-11-22T10:10:00Z' }))
  const times = [T0 - 1, T0, T0 + 10 * minute - 1, T0 + 10 * minute]
  const matches = matchesOf(
    set,
    times.map((at) => ({ at, ip: '192.0.2.1' })),
  )
  expect(matches.map(({ excepted }) => excepted !== undefined)).toEqual([false, true, true, false])
})

test('an exception of a rule takes its events from correlations, one of a correlation leaves the rule alone', () => {
  const events = [0, 1, 2].map((i) => ({ at: T0 + i * minute, ip: '192.0.2.1' }))
  const ofRule = setOf(exception())
  expect(alertsOf(ofRule, matchesOf(ofRule, events))).toEqual([])
  const ofCorrelation = setOf(exception({ rules: '[many]' }))
  expect(alertsOf(ofCorrelation, matchesOf(ofCorrelation, events)).map(({ ruleId }) => ruleId)).toEqual(['failed'])
})

test('an exception of a correlation of correlations takes the events from those that serve it alone', () => {
  const times = [0, 1, 2, 30, 31, 32].map((i) => ({ at: T0 + i * minute, ip: '192.0.2.1' }))
  const told = (set: RuleSet) => [...new Set(alertsOf(set, matchesOf(set, times)).map(({ ruleId }) => ruleId))].sort()
  // `many` is counted by `more` alone and alerts nobody by itself.
  expect(told(setOf(exception({ rules: '[other]' })))).toEqual(['failed', 'more'])
  const set = setOf(exception({ rules: '[more]' }))
  expect(set.refusedExceptions).toEqual([])
  expect(told(set)).toEqual(['failed'])
})

test('what a correlation of correlations shares with others is not taken from them', () => {
  const other = rules.replace('id: more', 'id: more2').split('---').at(-1)
  const { exceptions } = readExceptions(exception({ rules: '[more]' }), 'e.yml')
  const set = ruleSetOf(parseRules(`${rules}---${other}`, 'r.yml'), exceptions)
  expect(set.refusedExceptions[0]?.reason).toContain("others need too: make the exception for 'many'")
})

test('an exception that hides a rule from its own positive test is refused', () => {
  writeFileSync(join(folder, 'r.yml'), rules)
  mkdirSync(join(folder, 'exceptions'))
  const put = (scanner: string) =>
    writeFileSync(join(folder, 'exceptions', 'e.yml'), exception({ rules: '[many]', scanner }))
  const load = () => loadRuleSet({ rules: [join(folder, 'r.yml')], exceptions: join(folder, 'exceptions') })
  put('{source.ip|cidr: 192.0.2.0/24}')
  expect(load().refusedExceptions[0]).toMatchObject({ line: 1, id: 'scan' })
  expect(load().refusedExceptions[0]?.reason).toContain('three from one address')
  expect(load().exceptions).toEqual([])
  put('{source.ip: 192.0.2.1}')
  expect(load().refusedExceptions).toEqual([])
})

test('an id twice is refused, a folder that is not there holds none', () => {
  const dir = join(folder, 'twice')
  mkdirSync(dir)
  for (const name of ['a.yml', 'b.yml']) writeFileSync(join(dir, name), exception())
  const set = loadRuleSet({ rules: [], exceptions: dir })
  expect(set.exceptions.length).toBe(1)
  expect(set.refusedExceptions[0]?.reason).toContain('used by')
  expect(loadRuleSet({ rules: [], exceptions: join(folder, 'none') }).refusedExceptions).toEqual([])
})

test('an exception for all of the past makes another rule, one that begins somewhere does not', () => {
  const version = (text?: string) => {
    const { rules: list, correlations } = (text ? setOf(text) : ruleSetOf(parseRules(rules, 'r.yml'))).loaded
    return [...list, ...correlations].map((one) => one.version)
  }
  expect(version(exception({ from: '2026-11-01' }))).toEqual(version())
  const always = version(exception())
  for (const [i, one] of version().entries()) expect(always[i]).not.toBe(one) // the correlations build on it
})

test('an edited rule makes other correlations of those that count it', () => {
  const edited = parseRules(
    rules.replace('event.outcome: failure}\n  condition', 'event.outcome: fail}\n  condition'),
    'r.yml',
  )
  const before = ruleSetOf(parseRules(rules, 'r.yml')).loaded.correlations
  expect(ruleSetOf(edited).loaded.correlations.map(({ version }) => version)).not.toEqual(
    before.map(({ version }) => version),
  )
})

test('the same events in any order give the same alerts, exceptions that expire in between included', () => {
  const set = setOf(exception({ from: '2026-11-22T10:02:00Z', until: '2026-11-22T10:06:00Z', rules: '[failed, many]' }))
  for (let seed = 1; seed <= 20; seed++) {
    const random = randomOf(seed)
    const events = Array.from({ length: 40 }, (_, i) => ({
      at: T0 + Math.floor(random() * 9 * minute),
      ip: `192.0.2.${1 + Math.floor(random() * 3)}`,
      id: `0-${i}`,
    }))
    const detector = openDetector(set)
    const tell = (list: typeof events) => {
      const correlator = openCorrelator(set)
      const standing = new Map<string, string>()
      let watermark = T0
      const note = (changes: ReturnType<typeof correlator.finish>) => {
        for (const { alert, state } of changes)
          if (state === 'withdrawn') standing.delete(alert.id)
          else standing.set(alert.id, JSON.stringify(alert))
      }
      for (const { at, ip, id } of list) {
        watermark = Math.max(watermark, at)
        note(correlator.push(detector.detect(nest(failure(ip)), id, at, 0, 0), watermark))
      }
      note(correlator.finish())
      return [...standing.values()].sort()
    }
    const ordered = tell([...events].sort((a, b) => a.at - b.at))
    const shuffled = events.map((one) => ({ one, key: random() })).sort((a, b) => a.key - b.key)
    expect(tell(shuffled.map(({ one }) => one)), `seed ${seed}`).toEqual(ordered)
  }
})
