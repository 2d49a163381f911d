import { expect, test } from 'vitest'
import { Counters } from '../core/counters.ts'
import type { AlertChange, RuleMatch } from '../core/detect.ts'
import { isPipelineError } from '../core/errors.ts'
import { type CorrelatorOptions, createCorrelator } from './correlator.ts'
import { digestOf } from './windows/episode.ts'
import { applyChanges, correlation, finalAlerts, info, MINUTE, match } from './windows/fixtures.ts'
import type { CorrelationSpec } from './windows/spec.ts'

const T = Date.UTC(2026, 10, 22, 10)
const rulesById = new Map(['a', 'b', 'c'].map((id) => [id, info(id)]))
const ip = (address: string) => ({ 'source.ip': address })
const a = (id: string, minute: number, fields: RuleMatch['fields'] = ip('10.0.0.1')) =>
  match('a', id, T + minute * MINUTE, fields)
const b = (id: string, minute: number, fields: RuleMatch['fields'] = ip('10.0.0.1')) =>
  match('b', id, T + minute * MINUTE, fields)
const three = correlation('three', ['a'], { condition: { bounds: [{ op: 'gte', value: 3 }], fields: [] } })
const open = (specs = [three], more: Partial<CorrelatorOptions> = {}) => createCorrelator(specs, { rulesById, ...more })
const newest = (matches: readonly RuleMatch[]) => Math.max(...matches.map(({ timestamp }) => timestamp))
const said = (changes: readonly AlertChange[]) => changes.map(({ state, alert }) => `${state} ${alert.count}`)

test('an alert is raised by the match that fills the window, grows with the next ones and keeps its id', () => {
  const correlator = open()
  expect(correlator.push([a('1', 0), a('2', 4)], T + 4 * MINUTE)).toEqual([])
  const [raised] = correlator.push([a('3', 10)], T + 10 * MINUTE)
  const [changed] = correlator.push([a('4', 12)], T + 12 * MINUTE)
  expect(raised).toMatchObject({ state: 'raised', revision: 1, alert: { count: 3, eventIds: ['1', '2', '3'] } })
  expect(changed).toMatchObject({ state: 'changed', revision: 2, alert: { count: 4, id: raised?.alert.id } })
  expect(changed?.alert.digest).toBe(digestOf(['1', '2', '3', '4']))
})

test('the window is as long as the timespan, its ends included, and not a millisecond longer', () => {
  const edge = T + 10 * MINUTE
  expect(open().push([a('1', 0), a('2', 1), match('a', '3', edge, ip('10.0.0.1'))], edge)).toHaveLength(1)
  expect(open().push([a('1', 0), a('2', 1), match('a', '3', edge + 1, ip('10.0.0.1'))], edge + 1)).toEqual([])
})

test('a burst across what others use as a clock boundary is one burst', () => {
  const burst = [a('1', 9), a('2', 10), a('3', 11)] // ten-minute buckets would hold 1 and 2
  expect(said(open().push(burst, newest(burst)))).toEqual(['raised 3'])
})

test('a second burst after a quiet time is a second alert', () => {
  const matches = [0, 1, 2, 30, 31, 32].map((minute) => a(`e${minute}`, minute))
  expect(said(open().push(matches, newest(matches)))).toEqual(['raised 3', 'raised 3'])
})

test('a late event joins two alerts into one: the later one is withdrawn and named by the one that holds its events', () => {
  const correlator = open()
  correlator.push(
    [0, 1, 2, 14, 15, 16].map((minute) => a(`e${minute}`, minute)),
    T + 16 * MINUTE,
  )
  const changes = correlator.push([a('late', 8), a('later', 9)], T + 16 * MINUTE)
  expect(changes.map(({ state }) => state)).toEqual(['withdrawn', 'changed'])
  expect(changes[1]).toMatchObject({ alert: { count: 8 }, supersedes: [changes[0]?.alert.id] })
})

test('the worked example of docs/correlation.md', () => {
  const correlator = open()
  let watermark = 0
  const told = [0, 4, 10, 12, 30, 31, 32, 24, 20].map((minute) => {
    watermark = Math.max(watermark, T + minute * MINUTE)
    return said(correlator.push([a(`e${minute}`, minute)], watermark)).join(', ')
  })
  expect(told).toEqual(['', '', 'raised 3', 'changed 4', '', '', 'raised 3', 'withdrawn 3, raised 4', ''])
})

test('a match that comes twice counts once', () => {
  const correlator = open()
  expect(correlator.push([a('1', 0), a('1', 0), a('2', 1)], T + MINUTE)).toEqual([])
  expect(correlator.push([a('1', 0), a('2', 1)], T + MINUTE)).toEqual([])
})

test('a match later than allowed is left out and counted for its rule', () => {
  const counters = new Counters()
  const correlator = open([three], { counters, allowedLatenessMs: 5 * MINUTE })
  correlator.push([a('1', 0), a('2', 1), b('far', 60)], T + 60 * MINUTE)
  expect(correlator.push([a('3', 2)], T + 60 * MINUTE)).toEqual([])
  expect(counters.get('correlate_left_out_matches_total', { rule: 'three', reason: 'late' })).toBe(1)
})

test('a match without its group-by field is not correlated and counted; a list makes one group an element, 16 at most', () => {
  const counters = new Counters()
  const correlator = open([three], { counters })
  correlator.push([a('1', 0, { 'user.name': 'kim' })], T)
  expect(counters.get('correlate_left_out_matches_total', { rule: 'three', reason: 'no_group' })).toBe(1)
  const many = { 'source.ip': Array.from({ length: 20 }, (_, i) => `10.0.0.${i}`) }
  correlator.push([a('2', 0, many)], T)
  expect(correlator.groupCount).toBe(16)
  expect(counters.get('correlate_left_out_matches_total', { rule: 'three', reason: 'too_many_values' })).toBe(4)
})

test('group values that look alike when joined stay apart, and hostile names are only names', () => {
  const spec = correlation('pair', ['a'], {
    groupBy: ['x', 'y'],
    condition: { bounds: [{ op: 'gte', value: 2 }], fields: [] },
  })
  const correlator = open([spec])
  expect(correlator.push([a('1', 0, { x: 'a', y: 'bc' }), a('2', 0, { x: 'ab', y: 'c' })], T)).toEqual([])
  const fields = JSON.parse('{"x":"__proto__","y":"constructor"}')
  const hostile = { ...a('3', 0, fields), entities: JSON.parse('{"__proto__":"x","user.name":"__proto__"}') }
  const [change] = correlator.push([hostile, { ...hostile, eventId: '4' }], T)
  expect(change?.alert.group).toEqual({ x: '__proto__', y: 'constructor' })
  const again = createCorrelator([spec], { rulesById, restore: JSON.parse(JSON.stringify(correlator.snapshot())) })
  expect(said(again.push([{ ...hostile, eventId: '5' }], T))).toEqual(['changed 3'])
})

test('fewer than, exactly, ranges: judged when the window is over, not before', () => {
  const few = correlation('few', ['a'], { condition: { bounds: [{ op: 'lt', value: 3 }], fields: [] } })
  const correlator = open([few])
  expect(correlator.push([a('1', 0), a('2', 1)], T + 20 * MINUTE)).toEqual([]) // window over, lateness not
  expect(said(correlator.push([], T + 20 * MINUTE + 1))).toEqual(['raised 2'])
  const enough = open([few])
  enough.push([a('1', 0), a('2', 1), a('3', 10)], T + 10 * MINUTE)
  expect(enough.finish()).toEqual([])
})

const newCity = correlation('new city', ['a'], {
  type: 'first_seen',
  groupBy: ['user.name'],
  timespanMs: 30 * MINUTE,
  condition: { bounds: [], fields: ['city'] },
})
const login = (id: string, minute: number, city: string | undefined, user = 'kim') =>
  match('a', id, T + minute * MINUTE, { 'user.name': user, ...(city === undefined ? {} : { city }) })
const told = (correlator: ReturnType<typeof open>, matches: readonly RuleMatch[]) =>
  [...correlator.push(matches, newest(matches)), ...correlator.finish()].map(({ alert }) => alert.eventIds.join(' '))

test.each([
  ['the first value of all is no news', [login('1', 0, 'Seoul')], []],
  ['a second value is', [login('1', 0, 'Seoul'), login('2', 1, 'Busan'), login('3', 2, 'Busan')], ['2']],
  ['each new value by itself', [login('1', 0, 'Seoul'), login('2', 1, 'Busan'), login('3', 2, 'Jeju')], ['2', '3']],
  [
    'known to another is new to this one',
    [login('1', 0, 'Busan', 'lee'), login('2', 0, 'Seoul'), login('3', 1, 'Busan')],
    ['3'],
  ],
  [
    'still known at the end of the span',
    [login('1', 0, 'Seoul'), login('2', 1, 'Busan'), login('3', 30, 'Seoul')],
    ['2'],
  ],
  [
    'forgotten after it, while the group went on',
    [login('1', 0, 'Seoul'), login('2', 20, 'Busan'), login('3', 31, 'Seoul')],
    ['2', '3'],
  ],
  ['a group that was silent begins anew', [login('1', 0, 'Seoul'), login('2', 31, 'Busan')], []],
  ['an event without the field says nothing', [login('1', 0, undefined), login('2', 1, 'Busan')], []],
])('first_seen: %s', (_why, matches, expected) => {
  expect(told(open([newCity]), matches)).toEqual(expected)
  expect(told(open([newCity]), [...matches].reverse())).toEqual(expected)
})

test('first_seen waits for the lateness: what comes late may show that the value was known', () => {
  const correlator = open([newCity])
  expect(correlator.push([login('1', 0, 'Seoul'), login('3', 5, 'Busan')], T + 5 * MINUTE)).toEqual([])
  expect(correlator.push([login('2', 1, 'Busan')], T + 9 * MINUTE)).toEqual([])
  expect(correlator.push([], T + 60 * MINUTE).map(({ alert }) => alert.eventIds)).toEqual([['2']])
})

test('first_seen keeps one match a value, however many come, and lets a silent group go', () => {
  const correlator = open([newCity])
  for (let i = 0; i < 2000; i++)
    correlator.push([login(`e${i}`, i / 10, ['Seoul', 'Busan', 'Jeju'][i % 3])], T + (i / 10) * MINUTE)
  const kept = (correlator.snapshot() as { matches: { seen: { t: number[] } } }).matches.seen.t.length
  expect(kept).toBeLessThan(110) // 10 minutes of lateness at 10 a minute, and three values
  correlator.push([], T + 24 * 60 * MINUTE)
  expect([correlator.groupCount, correlator.stateBytes]).toEqual([0, 0])
})

test('a correlation with a lateness of its own still takes what is too late for the others, or less', () => {
  const counters = new Counters()
  const rule = (id: string, latenessMs: number) => ({ ...three, id, latenessMs })
  const all = [three, rule('patient', 60 * MINUTE), rule('strict', MINUTE)]
  const correlator = open(all, { counters })
  correlator.push([a('1', 0), a('2', 1)], T + 40 * MINUTE)
  correlator.push([], T + 40 * MINUTE)
  const raised = correlator.push([a('3', 2)], T + 40 * MINUTE)
  expect(raised.map(({ alert }) => alert.ruleId)).toEqual(['patient'])
  const late = (id: string) => counters.get('correlate_left_out_matches_total', { rule: id, reason: 'late' })
  expect([late('three'), late('patient')]).toEqual([1, 0])
  correlator.push([a('4', 35)], T + 40 * MINUTE)
  expect([late('three'), late('strict')]).toEqual([1, 2])
})

const two = correlation('exactly two', ['a'], { condition: { bounds: [{ op: 'eq', value: 2 }], fields: [] } })
const inBook = (changes: readonly AlertChange[]) =>
  changes.map(({ alert, state, revision }) => ({ alert, state, revision }))

test('what only the lost run told is withdrawn once everything was given again in other portions', () => {
  const before = open([three])
  const restore = JSON.parse(JSON.stringify(before.snapshot()))
  const lost = before.push([a('2', 1), a('3', 2), a('4', 3)], T + 3 * MINUTE)
  expect(said(before.push([a('1', 0)], T + 3 * MINUTE))).toEqual(['withdrawn 3', 'raised 4'])
  const again = open([three], { restore })
  const now = again.push([a('2', 1), a('3', 2), a('4', 3), a('1', 0)], T + 3 * MINUTE)
  expect(said(now)).toEqual(['raised 4'])
  const book = [...inBook(lost), ...inBook(now)] // as if the lost run had stopped after its first portion
  const mended = again.reconcile(book)
  expect(mended.map(({ state, revision, alert }) => [state, revision, alert.id])).toEqual([
    ['withdrawn', 2, lost[0]?.alert.id],
    ['changed', 2, now[0]?.alert.id], // the triage of the one goes over to the other
  ])
  expect(mended[1]?.supersedes).toEqual([lost[0]?.alert.id])
  expect(again.reconcile(book)).toEqual([]) // once
})

test('revisions go on behind those the lost run told, so that the next change is not taken for an old one', () => {
  const before = open([three])
  const restore = JSON.parse(JSON.stringify(before.snapshot()))
  const told = [a('1', 0), a('2', 1), a('3', 2), a('4', 3)].flatMap((one) => before.push([one], T + 3 * MINUTE))
  expect(told.map(({ revision }) => revision)).toEqual([1, 2])
  const again = open([three], { restore })
  const now = again.push([a('1', 0), a('2', 1), a('3', 2), a('4', 3)], T + 3 * MINUTE)
  expect(now.map(({ revision }) => revision)).toEqual([1])
  expect(again.reconcile(inBook(told.slice(-1)))).toEqual([])
  expect(again.push([a('5', 4)], T + 4 * MINUTE).map(({ revision }) => revision)).toEqual([3])
})

test('alerts that were final before, of other rules or of another version are left alone', () => {
  const before = open([two])
  const final = before.push([a('1', 0), a('2', 1)], T + 60 * MINUTE)
  expect(said(final)).toEqual(['raised 2'])
  const restore = JSON.parse(JSON.stringify(before.snapshot()))
  const again = open([two], { restore })
  const foreign = final.map((one) => ({
    ...one,
    alert: { ...one.alert, ruleVersion: 'other', lastSeen: T + 90 * MINUTE },
  }))
  const unknown = final.map((one) => ({ ...one, alert: { ...one.alert, ruleId: 'nobody', lastSeen: T + 90 * MINUTE } }))
  expect(again.reconcile([...inBook(final), ...inBook(foreign), ...inBook(unknown)])).toEqual([])
  expect(open([two]).reconcile(inBook(final))).toEqual([]) // nothing was restored: nothing is known to be wrong
})

test('the revision of a withdrawal is kept in snapshots: the alert may be true again', () => {
  const correlator = open([three])
  const changes = [a('2', 1), a('3', 2), a('4', 3), a('1', 0)].flatMap((one) => correlator.push([one], T + 3 * MINUTE))
  expect(changes.map(({ state, revision }) => `${state} ${revision}`)).toEqual(['raised 1', 'withdrawn 2', 'raised 1'])
  const saved = JSON.parse(JSON.stringify(correlator.snapshot()))
  expect(saved.correlations.flatMap((one: { gone: unknown[] }) => one.gone)).toEqual([
    [changes[0]?.alert.id, 2, T + 3 * MINUTE],
  ])
})

test('absence: a question without an answer alerts only once nobody can answer any more', () => {
  const spec = correlation('no answer', ['a', 'b'], { type: 'absence' })
  const late = open([spec])
  late.push([a('asked', 0)], T + 15 * MINUTE)
  late.push([b('answered', 9)], T + 15 * MINUTE)
  expect(late.finish()).toEqual([])
  const silent = open([spec])
  silent.push([a('asked', 0)], T + 15 * MINUTE)
  expect(said(silent.push([], T + 21 * MINUTE))).toEqual(['raised 1'])
})

test.each([
  ['a before b', [a('1', 0), b('2', 5)], 1],
  ['b before a', [b('1', 0), a('2', 5)], 0],
  ['too far apart', [a('1', 0), b('2', 11)], 0],
  ['at the same second, ids the other way round', [b('1', 0), a('2', 0)], 1],
  ['other groups', [a('1', 0), b('2', 5, ip('10.0.0.2'))], 0],
])('temporal_ordered: %s', (_why, matches, alerts) => {
  const spec = correlation('order', ['a', 'b'], { type: 'temporal_ordered' })
  expect(open([spec]).push(matches, newest(matches))).toHaveLength(alerts)
})

test.each([
  ['value_sum', 'gt', 100, 3, [50, 51], [50, 50]],
  ['value_avg', 'gte', 50, 3, [40, 60], [40, 59]],
  ['value_median', 'gte', 50, 3, [1, 50, 1000], [1, 49, 1000]],
  ['value_percentile', 'gt', 90, 3, [1, 2, 100], [1, 2, 90]],
] as const)('%s %s %d', (type, op, value, _n, holds, fails) => {
  const spec = correlation('measured', ['a'], {
    type,
    condition: { bounds: [{ op, value }], fields: ['bytes'], percentile: 100 },
  })
  const run = (numbers: readonly number[]) => {
    const correlator = open([spec])
    const raised = correlator.push(
      numbers.map((bytes, i) => a(`e${i}`, i, { ...ip('10.0.0.1'), bytes })),
      T,
    )
    return [...raised, ...correlator.finish()].length
  }
  expect(run(holds)).toBe(1)
  expect(run(fails)).toBe(0)
})

test('numbers that are none are not measured', () => {
  const spec = correlation('sum', ['a'], {
    type: 'value_sum',
    condition: { bounds: [{ op: 'gte', value: 0 }], fields: ['bytes'] },
  })
  const odd = ['', 'x', 'NaN', 'Infinity', true].map((bytes, i) => a(`e${i}`, i, { ...ip('10.0.0.1'), bytes }))
  const counted = open([spec]).push(odd, newest(odd))
  expect(counted.at(-1)?.alert.why[0]).toMatchObject({ value: 1 }) // true counts as one, the rest as nothing
})

test('a rule about single events alerts once for each event, whichever way it comes again', () => {
  const loud = new Map([['a', info('a', { alerts: true })]])
  const correlator = createCorrelator([], { rulesById: loud })
  const [first] = correlator.push([a('1', 0)], T)
  expect(first).toMatchObject({ state: 'raised', alert: { kind: 'event', count: 1, eventIds: ['1'], group: {} } })
  expect(correlator.push([a('1', 0)], T)).toEqual([])
  const again = createCorrelator([], { rulesById: loud, restore: JSON.parse(JSON.stringify(correlator.snapshot())) })
  expect(again.push([a('1', 0)], T)).toEqual([])
})

test('grouping folds a storm of single alerts into one that counts them', () => {
  const loud = new Map([['a', info('a', { alerts: true })]])
  const grouping = new Map([['a', { by: ['source.ip'], timespanMs: MINUTE }]])
  const correlator = createCorrelator([], { rulesById: loud, grouping })
  const storm = Array.from({ length: 500 }, (_, i) => match('a', `e${i}`, T + i * 100, ip('10.0.0.1')))
  const changes = correlator.push(storm, newest(storm))
  expect(changes).toHaveLength(1)
  expect(changes[0]?.alert).toMatchObject({ kind: 'event', ruleId: 'a', count: 500, group: ip('10.0.0.1') })
  expect(changes[0]?.alert.eventIds).toHaveLength(100)
})

test('a correlation over a correlation: guessing, then in', () => {
  const burst = { ...three, alerts: false }
  const spec = correlation('guessed', ['three', 'b'], { type: 'temporal_ordered', groupBy: ['user.name'] })
  const fields = { ...ip('10.0.0.1'), 'user.name': 'kim' }
  const matches = [a('1', 0, fields), a('2', 1, fields), a('3', 2, fields), b('4', 5, fields)]
  const [alert] = finalAlerts(open([spec, burst]).push(matches, newest(matches))).map((text) => JSON.parse(text))
  expect(alert).toMatchObject({
    ruleId: 'guessed',
    count: 4,
    eventIds: ['1', '2', '3', '4'],
    group: { 'user.name': 'kim' },
  })
  const other = [...matches.slice(0, 3), b('4', 5, { ...fields, 'user.name': 'lee' })]
  expect(open([spec, burst]).push(other, newest(other))).toEqual([])
})

test('correlations that build on each other in a circle are refused', () => {
  const x = correlation('x', ['y'])
  const y = correlation('y', ['x'])
  expect(() => open([x, y])).toThrow(expect.objectContaining({ code: 'RULE_INVALID' }))
  try {
    open([x, y])
  } catch (error) {
    expect(isPipelineError(error, 'RULE_INVALID')).toBe(true)
  }
})

test('a changed rule begins empty, an unchanged one goes on', () => {
  const correlator = open([
    three,
    correlation('pairs', ['a'], { condition: { bounds: [{ op: 'gte', value: 4 }], fields: [] } }),
  ])
  correlator.push([a('1', 0), a('2', 1)], T + MINUTE)
  const restore = JSON.parse(JSON.stringify(correlator.snapshot()))
  const changed = { ...three, version: 'another' }
  const kept = open([three], { restore })
  expect(kept.cold).toEqual([])
  expect(kept.push([a('3', 2)], T + 2 * MINUTE)).toHaveLength(1)
  const cold = open([changed], { restore })
  expect(cold.cold).toEqual(['three'])
  expect(cold.push([a('3', 2)], T + 2 * MINUTE)).toEqual([])
})

test('more groups than the limit: the oldest goes, is counted, and the rule is said to be degraded', () => {
  const correlator = open([three], { maxKeysPerRule: 100 })
  for (let i = 0; i < 1000; i++) correlator.push([a(`e${i}`, 0, ip(`k${i}`))], T)
  expect(correlator.groupCount).toBe(100)
  expect(correlator.degraded()).toEqual([{ rule: 'three', reason: 'evicted', matches: 900 }])
})

test('a group that grows is not evicted while others can be', () => {
  const correlator = open([three], { maxKeysPerRule: 10 })
  correlator.push([a('1', 0), a('2', 0), a('3', 0)], T)
  for (let i = 0; i < 100; i++) correlator.push([a(`e${i}`, 0, ip(`k${i}`))], T)
  expect(said(correlator.push([a('4', 1)], T + MINUTE))).toEqual(['changed 4'])
})

test('all rules share one bound: the one that takes the most gives way, oldest event first, and says so', () => {
  const more = correlation('other', ['b'], { condition: { bounds: [{ op: 'gte', value: 3 }], fields: [] } })
  const correlator = open([three, more], { maxStateBytes: 100_000 })
  for (let i = 0; i < 5; i++) correlator.push([match('b', `b${i}`, T, ip(`quiet${i}`))], T)
  // the later half comes first: what goes is what is old, not what came early
  const times = [...Array(500).keys()].map((i) => (i + 250) % 500)
  for (const i of times) correlator.push([match('a', `e${i}`, T + i, ip(`k${i}`))], T)
  expect(correlator.stateBytes).toBeLessThanOrEqual(100_000)
  expect(correlator.degraded()).toMatchObject([{ rule: 'three', reason: 'evicted' }])
  expect(correlator.degraded()[0]?.matches).toBeGreaterThan(350)
  const again = (rule: string, key: string, n: number) => match(rule, `x${key}${n}`, T + 500, ip(key))
  expect(said(correlator.push([again('a', 'k499', 1), again('a', 'k499', 2)], T))).toEqual(['raised 3'])
  expect(said(correlator.push([again('a', 'k0', 1), again('a', 'k0', 2)], T))).toEqual([])
  expect(said(correlator.push([again('b', 'quiet0', 1), again('b', 'quiet0', 2)], T))).toEqual(['raised 3'])
})

test('what is counted against the bound is given back when groups end, and is the same after a restart', () => {
  const correlator = open([three], {})
  for (let i = 0; i < 50; i++) correlator.push([a(`e${i}`, 0, ip(`k${i % 20}`))], T)
  const { stateBytes } = correlator
  expect(stateBytes).toBeGreaterThan(20 * 600)
  const restored = open([three], { restore: JSON.parse(JSON.stringify(correlator.snapshot())) })
  expect(restored.stateBytes).toBe(stateBytes)
  correlator.push([], T + 24 * 60 * MINUTE)
  expect([correlator.groupCount, correlator.stateBytes]).toEqual([0, 0])
})

test('a flooded group keeps its alert, says that it is approximate, and stays small', () => {
  const correlator = open([three], { maxMatchesPerGroup: 1000 })
  const changes: AlertChange[] = []
  for (let i = 0; i < 5000; i += 50) {
    const some = Array.from({ length: 50 }, (_, j) => match('a', `e${i + j}`, T + i + j, ip('10.0.0.1')))
    changes.push(...correlator.push(some, newest(some)))
  }
  const alerts = finalAlerts(changes).map((text) => JSON.parse(text))
  expect(alerts).toMatchObject([{ count: 5000, approximate: true }])
  expect(JSON.stringify(correlator.snapshot()).length).toBeLessThan(1_000_000)
  expect(correlator.degraded()).toMatchObject([{ rule: 'three', reason: 'flooded' }])
})

test('quiet groups are let go: nothing is left once event time has passed them', () => {
  const correlator = open()
  for (let i = 0; i < 200; i++) correlator.push([a(`e${i}`, 0, ip(`k${i}`))], T)
  correlator.push([], T + 21 * MINUTE)
  expect(correlator.groupCount).toBe(0)
})

test('an alert that goes on for days holds only what may still change', () => {
  const correlator = open()
  const alerts = new Map()
  for (let i = 0; i < 2000; i++) applyChanges(correlator.push([a(`e${i}`, i)], T + i * MINUTE), alerts)
  const [alert] = finalAlerts(correlator.finish(), alerts).map((text) => JSON.parse(text))
  expect(alert).toMatchObject({ count: 2000, digest: digestOf(Array.from({ length: 2000 }, (_, i) => `e${i}`)) })
  expect(alerts.size).toBe(1)
})

test('a match of an unknown rule, or without a time, raises nothing and is counted', () => {
  const counters = new Counters()
  const correlator = open([three], { counters })
  correlator.push([match('unknown', '1', T), match('a', '2', Number.NaN)], T)
  expect(counters.list('correlate_unusable_matches_total').map(({ value }) => value)).toEqual([1, 1])
})

const without = (id: string, more: Partial<CorrelationSpec> = {}) =>
  correlation('without', ['a', 'b', id], {
    type: 'temporal',
    condition: {
      bounds: [],
      fields: [],
      expression: {
        kind: 'and',
        of: [
          { kind: 'rule', id: 'a' },
          { kind: 'rule', id: 'b' },
          { kind: 'not', of: { kind: 'rule', id } },
        ],
      },
    },
    ...more,
  })
const c = (id: string, minute: number) => match('c', id, T + minute * MINUTE, { 'source.ip': '10.0.0.1' })

test.each([
  ['nowhere near', [a('1', 0), b('2', 8)], 1],
  ['between', [a('1', 0), c('2', 4), b('3', 8)], 0],
  ['after, within ten minutes of both', [a('1', 0), b('2', 8), c('3', 10)], 0],
  ['after, too late for the first', [a('1', 0), b('2', 8), c('3', 11)], 1],
  ['before, within ten minutes of both', [c('1', 0), a('2', 2), b('3', 10)], 0],
  ['before, too early for the second', [c('1', 0), a('2', 3), b('3', 11)], 1],
  ['at the instant of the first, its id before', [c('0', 0), a('1', 0), b('2', 8)], 0],
  ['at the instant of the first, its id after', [a('1', 0), c('9', 0), b('2', 8)], 0],
  ['what is wanted at one instant, the other way round', [b('1', 0), a('2', 0)], 1],
])('a and b and not c, ten minutes; c comes %s', (_why, matches, alerts) => {
  const told = (all: typeof matches) => {
    const correlator = open([without('c')])
    const standing = new Map<string, AlertChange>()
    for (const one of all)
      for (const change of correlator.push([one], one.timestamp)) standing.set(change.alert.id, change)
    for (const change of correlator.finish()) standing.set(change.alert.id, change)
    return [...standing.values()].filter(({ state }) => state !== 'withdrawn').length
  }
  expect(told(matches)).toBe(alerts)
  // time the other way round says the same: which came first is no matter of this type
  const mirrored = matches.map((one) => ({ ...one, timestamp: 2 * T - one.timestamp })).reverse()
  expect(told(mirrored)).toBe(alerts)
})

test('what must not be seen is remembered for a window that begins later, and then let go of', () => {
  const correlator = open([without('c')])
  correlator.push([c('1', 0)], T)
  correlator.push([a('2', 9), b('3', 9)], T + 19 * MINUTE) // the horizon is past what c alone waited for
  expect(correlator.push([], T + 60 * MINUTE)).toEqual([])
  expect(correlator.groupCount).toBe(0)
})

test('anticipated: a question that nobody answers is told by the clock, event time stays, a late answer withdraws it', () => {
  const spec = correlation('no answer', ['a', 'b'], { type: 'absence' })
  const correlator = open([spec])
  expect(correlator.push([a('asked', 0)], T)).toEqual([])
  expect(correlator.anticipate(T + 20 * MINUTE)).toEqual([]) // the allowed lateness is waited for, too
  const told = correlator.anticipate(T + 21 * MINUTE)
  expect(said(told)).toEqual(['raised 1'])
  expect(correlator.anticipate(T + 22 * MINUTE)).toEqual([]) // once
  const again = open([spec], { restore: JSON.parse(JSON.stringify(correlator.snapshot())) })
  again.reconcile([])
  for (const one of [correlator, again]) {
    const undone = one.push([b('answered', 9)], T + 9 * MINUTE) // far behind the clock, not late
    expect(undone.map(({ state, revision, alert }) => [state, revision, alert.id])).toEqual([
      ['withdrawn', 2, told[0]?.alert.id],
    ])
    expect(one.finish()).toEqual([])
  }
})

test('anticipated: what time confirms is not told a second time, and what comes before the clock is judged by events alone', () => {
  const spec = correlation('no answer', ['a', 'b'], { type: 'absence' })
  const correlator = open([spec])
  correlator.push([a('asked', 0)], T)
  expect(said(correlator.anticipate(T + 30 * MINUTE))).toEqual(['raised 1'])
  expect(correlator.push([], T + 60 * MINUTE)).toEqual([])
  expect(correlator.anticipate(T + 50 * MINUTE)).toEqual([]) // event time is further
  expect(correlator.finish()).toEqual([])
})

test('anticipated: a correlation above is told of it, and of its end', () => {
  const below = correlation('no answer', ['a', 'b'], { type: 'absence', alerts: false })
  const above = correlation('twice', ['no answer'], {
    timespanMs: 60 * MINUTE,
    condition: { bounds: [{ op: 'gte', value: 2 }], fields: [] },
  })
  const correlator = open([below, above])
  correlator.push([a('1', 0), a('2', 15)], T + 15 * MINUTE)
  expect(said(correlator.anticipate(T + 40 * MINUTE))).toEqual(['raised 2'])
  expect(said(correlator.push([b('3', 16)], T + 16 * MINUTE))).toEqual(['withdrawn 2'])
})
