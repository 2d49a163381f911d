// The specification's own examples of correlations and filters, answered: just enough events, and one too few.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type FlatEvent, nest } from '../../core/event.ts'
import { openCorrelator, openDetector, ruleSetOf } from '../rule-set.ts'
import { parseRules } from './load.ts'

const shared = process.env['HAETAE_SHARED_DATA'] ?? join(import.meta.dirname, '../../../shared/data')
const folder = join(shared, 'sigma/spec/tests/schema')
const absent = !existsSync(folder)
if (absent) console.warn(`${folder} is not there: the specification's examples are not answered`)

const names = ['recon_cmd_a', 'recon_cmd_b', 'recon_cmd_c', 'website_access', 'rule_a_id', 'process_creation']
const login = '5638f7c0-ac70-491d-8465-2a65075e0d86'
const bases = [...names, login].map(
  (name) => `title: ${name}\nid: ${name}\nlogsource: {product: x}\ndetection: {s: {kind: ${name}}, condition: s}\n`,
)
const T0 = Date.UTC(2026, 0, 15)
const minute = 60_000
type At = readonly [atMs: number, event: FlatEvent]

function alerts(example: string, events: readonly At[]): number {
  const text = readFileSync(join(folder, 'correlation', `${example}.yml`), 'utf8')
  const loaded = parseRules([...bases, text].join('---\n'), example)
  expect(loaded.refused).toEqual([])
  const set = ruleSetOf(loaded)
  const [correlation] = set.loaded.correlations
  const detector = openDetector(set, { logsource: 'open' })
  const correlator = openCorrelator(set)
  const standing = new Set<string>()
  const note = (changes: ReturnType<typeof correlator.finish>) => {
    for (const { alert, state } of changes)
      if (alert.ruleId !== correlation?.id) continue
      else if (state === 'withdrawn') standing.delete(alert.id)
      else standing.add(alert.id)
  }
  events.forEach(([at, event], i) => {
    note(correlator.push(detector.detect(nest(event), `0-${i}`, T0 + at, 0, i), T0 + at))
  })
  note(correlator.finish())
  return standing.size
}

/** `count` events, evenly over `overMs`. */
const run = (count: number, overMs: number, event: (i: number) => FlatEvent): At[] =>
  Array.from({ length: count }, (_, i) => [Math.floor((i * overMs) / Math.max(1, count - 1)), event(i)])
const failed = (more: FlatEvent) => ({ kind: login, ...more })
const recon = (kind: string, user = 'kim') => ({ kind: `recon_cmd_${kind}`, ComputerName: 'pc', User: user })
const sent = (bytes: number) => ({ kind: 'website_access', SourceIP: '10.1.1.1', User: 'kim', bytes_sent: bytes })
const out = (bytes: number) => ({ kind: 'rule_a_id', SourceIP: '10.1.1.1', User: 'kim', BytesOut: bytes })
const hour = 60 * minute

test.skipIf(absent).each<[string, string, At[], number]>([
  ['event_count', 'a hundred in an hour', run(100, hour, () => failed({ ComputerName: 'pc' })), 1],
  ['event_count', 'ninety-nine', run(99, hour, () => failed({ ComputerName: 'pc' })), 0],
  ['event_count', 'a hundred over more than an hour', run(100, 61 * minute, () => failed({ ComputerName: 'pc' })), 0],
  ['event_count', 'a hundred on two machines', run(100, hour, (i) => failed({ ComputerName: `pc${i % 2}` })), 0],
  ['event_count_ecs', 'a hundred of one name', run(100, hour, () => failed({ 'dns.question.name': 'a' })), 1],
  ['event_count_ecs', 'ninety-nine of one name', run(99, hour, () => failed({ 'dns.question.name': 'a' })), 0],
  [
    'value_count',
    'a hundred users',
    run(100, hour, (i) => failed({ ComputerName: 'pc', WorkstationName: 'w', User: `u${i}` })),
    1,
  ],
  [
    'value_count',
    'a hundred events of ninety-nine users',
    run(100, hour, (i) => failed({ ComputerName: 'pc', WorkstationName: 'w', User: `u${i % 99}` })),
    0,
  ],
  [
    'temporal',
    'all three in any order',
    [
      [0, recon('c')],
      [minute, recon('a')],
      [2 * minute, recon('b')],
    ],
    1,
  ],
  [
    'temporal',
    'two of three',
    [
      [0, recon('c')],
      [minute, recon('a')],
    ],
    0,
  ],
  [
    'temporal',
    'the third of another user',
    [
      [0, recon('a')],
      [1, recon('b')],
      [2, recon('c', 'lee')],
    ],
    0,
  ],
  [
    'temporal',
    'the third too late',
    [
      [0, recon('a')],
      [1, recon('b')],
      [5 * minute + 1, recon('c')],
    ],
    0,
  ],
  [
    'temporal_ordered',
    'in order',
    [
      [0, recon('a')],
      [minute, recon('b')],
      [2 * minute, recon('c')],
    ],
    1,
  ],
  [
    'temporal_ordered',
    'out of order',
    [
      [0, recon('b')],
      [minute, recon('a')],
      [2 * minute, recon('c')],
    ],
    0,
  ],
  [
    'value_sum',
    'a byte over a million',
    [
      [0, sent(1_000_000)],
      [minute, sent(1)],
    ],
    1,
  ],
  [
    'value_sum',
    'just a million',
    [
      [0, sent(999_999)],
      [minute, sent(1)],
    ],
    0,
  ],
  [
    'value_avg',
    'over five hundred on average',
    [
      [0, out(1000)],
      [minute, out(1)],
      [2 * minute, out(500)],
    ],
    1,
  ],
  [
    'value_avg',
    'five hundred on average',
    [
      [0, out(1000)],
      [minute, out(0)],
    ],
    0,
  ],
  [
    'value_percentile',
    'half of the values are one or less',
    run(3, hour, (i) => ({ kind: 'process_creation', ComputerName: 'pc', Image: i })),
    1,
  ],
  [
    'value_percentile',
    'the middle value is two',
    run(3, hour, (i) => ({ kind: 'process_creation', ComputerName: 'pc', Image: i + 1 })),
    0,
  ],
])('%s: %s', (example, _why, events, expected) => expect(alerts(example, events)).toBe(expected))

test.skipIf(absent)('a filter keeps what its condition selects, of the rules it names and of no others', () => {
  const rule = (id: string, logsource: string) =>
    `title: t\nid: ${id}\nlogsource: ${logsource}\ndetection: {s: {a: 1}, condition: s}\n`
  const [process, dns] = ['{product: windows, category: process_creation}', '{category: network, service: dns}']
  const matches = (example: string, id: string, logsource: string, event: FlatEvent) => {
    const filter = readFileSync(join(folder, 'filter', `${example}.yml`), 'utf8')
    const loaded = parseRules([rule(id, logsource), filter].join('---\n'), example)
    expect(loaded.refused).toEqual([])
    const detector = openDetector(ruleSetOf(loaded), { logsource: 'open' })
    return detector.detect(nest({ a: 1, ...event }), 'e', 0, 0, 0).length
  }
  const named = '6f3e2987-db24-4c78-a860-b4f4095a7095'
  const other = '6f3e2987-db24-4c78-a860-b4f4095a7096'
  expect(matches('filter_1', named, process, { User: 'adm_kim' })).toBe(1)
  expect(matches('filter_1', named, process, { User: 'kim' })).toBe(0)
  expect(matches('filter_1', other, process, { User: 'kim' })).toBe(1)
  expect(matches('filter_1', named, '{product: linux}', { User: 'kim' })).toBe(1)
  expect(matches('filter_ecs', named, dns, { 'dns.question.name': 'www.google.com' })).toBe(1)
  expect(matches('filter_ecs', named, dns, { 'dns.question.name': 'example.com' })).toBe(0)
})
