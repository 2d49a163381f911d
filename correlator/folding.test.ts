import { expect, test } from 'vitest'
import { type FlatEvent, nest } from '../core/event.ts'
import { openCorrelator, openDetector, ruleSetOf } from './rule-set.ts'
import { parseRules } from './sigma/load.ts'

const T0 = Date.UTC(2026, 10, 22, 10)
const minute = 60_000

const rule = (own = '') => `
title: A secret is read
id: secret
level: medium
logsource: {product: kubernetes}
detection:
  selection: {event.action: read}
  condition: selection
${own}`

interface At {
  readonly at: number
  readonly event: FlatEvent
}
const read = (at: number, more: FlatEvent = {}): At => ({
  at: T0 + at * minute,
  event: { 'event.dataset': 'kubernetes.audit', 'event.action': 'read', ...more },
})

function alerts(text: string, events: readonly At[]) {
  const set = ruleSetOf(parseRules(text, 'r.yml'))
  expect(set.loaded.refused).toEqual([])
  const detector = openDetector(set)
  const correlator = openCorrelator(set)
  const standing = new Map<string, { count: number; group: unknown; eventIds: readonly string[] }>()
  let watermark = Number.NEGATIVE_INFINITY
  for (const [i, { at, event }] of events.entries()) {
    watermark = Math.max(watermark, at)
    for (const { alert, state } of correlator.push(detector.detect(nest(event), `0-${i}`, at, 0, i), watermark))
      if (state === 'withdrawn') standing.delete(alert.id)
      else standing.set(alert.id, alert)
  }
  return [...standing.values()].map(({ count, group, eventIds }) => ({ count, group, eventIds }))
}

const kim = { 'user.name': 'kim', 'source.ip': '192.0.2.1' }

test('what one account does again within the hour is one alert', () => {
  expect(alerts(rule(), [read(0, kim), read(30, kim), read(80, kim)])).toEqual([
    { count: 3, group: kim, eventIds: ['0-0', '0-1', '0-2'] },
  ])
})

test.each([
  ['another account', { ...kim, 'user.name': 'lee' }],
  ['another address', { ...kim, 'source.ip': '192.0.2.2' }],
  ['another machine', { ...kim, 'host.name': 'db-1' }],
  ['another cluster', { ...kim, 'orchestrator.cluster.name': 'b' }],
])('%s is another alert', (_why, other) => {
  expect(alerts(rule(), [read(0, kim), read(1, other)]).length).toBe(2)
})

test('more than an hour apart are two alerts', () => {
  expect(alerts(rule(), [read(0, kim), read(61, kim)]).length).toBe(2)
})

test('where somebody acts, it does not matter on which pod; where nobody does, it does', () => {
  const pod = (name: string) => ({ 'kubernetes.namespace': 'shop', 'kubernetes.pod.name': name })
  expect(alerts(rule(), [read(0, { ...kim, ...pod('a') }), read(1, { ...kim, ...pod('b') })]).length).toBe(1)
  expect(alerts(rule(), [read(0, pod('a')), read(1, pod('b')), read(2, pod('a'))])).toEqual([
    { count: 2, group: pod('a'), eventIds: ['0-0', '0-2'] },
    { count: 1, group: pod('b'), eventIds: ['0-1'] },
  ])
})

test('an event that names nobody alerts all the same', () => {
  expect(alerts(rule(), [read(0)])).toEqual([{ count: 1, group: {}, eventIds: ['0-0'] }])
})

test('a match later than the lateness is told alone, not lost', () => {
  expect(alerts(rule(), [read(60, kim), read(0, kim)]).map(({ count }) => count)).toEqual([1, 1])
})

test('a rule file says otherwise: by what and over how long', () => {
  const own = 'haetae: {group-by: [orchestrator.resource.name, user.name], timespan: 5m}'
  const of = (name: string) => ({ ...kim, 'orchestrator.resource.name': name })
  expect(alerts(rule(own), [read(0, of('a')), read(1, of('b')), read(3, of('a')), read(9, of('a'))])).toEqual([
    { count: 2, group: { 'orchestrator.resource.name': 'a', 'user.name': 'kim' }, eventIds: ['0-0', '0-2'] },
    { count: 1, group: { 'orchestrator.resource.name': 'b', 'user.name': 'kim' }, eventIds: ['0-1'] },
    { count: 1, group: { 'orchestrator.resource.name': 'a', 'user.name': 'kim' }, eventIds: ['0-3'] },
  ])
  expect(alerts(rule('haetae: {group-by: none}'), [read(0, kim), read(0, kim)]).length).toBe(2)
})

test.each([
  ['a time span alone', 'haetae: {timespan: 5m}', "'group-by' beside it"],
  ['no time span', 'haetae: {group-by: [user.name], timespan: soon}', "'soon'"],
  ['an empty list', 'haetae: {group-by: []}', '1 to 16'],
])('folding is refused with its line: %s', (_why, own, reason) => {
  const { refused } = parseRules(rule(own), 'r.yml')
  expect(refused[0]).toMatchObject({ line: 9 })
  expect(refused[0]?.reason).toContain(reason)
})

test('in any order and after a restart a fold is the same', () => {
  const events = [read(0, kim), read(3, kim), read(9, kim), read(9, kim)]
  const backwards = [...events].reverse()
  const set = ruleSetOf(parseRules(rule(), 'r.yml'))
  const detector = openDetector(set)
  const tell = (list: readonly At[], restart: boolean) => {
    let correlator = openCorrelator(set)
    let last = ''
    let watermark = T0
    for (const { at, event } of list) {
      watermark = Math.max(watermark, at)
      const id = `0-${events.findIndex((one) => one.event === event)}`
      for (const { alert } of correlator.push(detector.detect(nest(event), id, at, 0, 0), watermark))
        last = JSON.stringify(alert)
      if (restart) correlator = openCorrelator(set, { restore: JSON.parse(JSON.stringify(correlator.snapshot())) })
    }
    return last
  }
  expect(tell(backwards, false)).toBe(tell(events, false))
  expect(tell(backwards, true)).toBe(tell(events, true))
  expect(tell(events, true)).toBe(tell(events, false))
})
