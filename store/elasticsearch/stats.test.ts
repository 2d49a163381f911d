// What is handed to Elasticsearch and what is not, without a server; that the answers are right is tested with one
// (elasticsearch-store.servers.test.ts).

import { expect, test } from 'vitest'
import type { GroupKey, Measure } from '../../core/query.ts'
import type { Aggregation } from '../../core/store.ts'
import { type EventDocument, toJson } from './event-document.ts'
import { everything } from './filter-query.ts'
import { askStats, mayCount } from './stats.ts'

type Stats = Extract<Aggregation, { kind: 'stats' }>
const by = (...fields: string[]): GroupKey[] => fields.map((field) => ({ kind: 'field', field }))
const statsOf = (
  name: Measure['name'],
  field: string | undefined,
  keys: GroupKey[] = [],
  more: object = {},
): Stats => ({
  kind: 'stats',
  of: [{ name, as: 'm', ...(field !== undefined && { field }) }],
  by: keys,
  limit: 100,
  ...more,
})

test.each([
  ['percentiles', statsOf('p95', 'event.duration')],
  ['figures of text', statsOf('max', 'user.name')],
  ['figures of dates', statsOf('min', 'event.created')],
  ['sums of times', statsOf('sum', '@timestamp')],
  ['distinct texts', statsOf('dc', 'message')],
  ['groups by text', statsOf('count', undefined, by('message'))],
  ['groups by exact time', statsOf('count', undefined, by('@timestamp'))],
  ['patterns', statsOf('count', undefined, [{ kind: 'pattern', field: 'message' }])],
  ['names that have no column', statsOf('count', undefined, by('x'.repeat(600)))],
])('%s are not asked of Elasticsearch', (_what, stats) => expect(mayCount(stats)).toBe(false))

/** A server whose fields hold what `probe` says, and whose groups are `buckets`. */
function server(probe: object, buckets: object[] = []) {
  const asked: string[] = []
  const ask = async (body: object) => {
    asked.push(JSON.stringify(body))
    const groups = asked.length > 1
    return {
      hits: { total: { value: 9 } },
      aggregations: groups ? { groups: { buckets } } : (probe as Record<string, unknown>),
    }
  }
  return { ask, asked }
}
const events = (n: number) => ({ doc_count: n })
const whole = { s0: { count: 4, min: -2, max: 7, sum: 9 } }

test.each([
  ['a value that fits no column', statsOf('count', undefined, by('user.name')), { odd: events(1), t0: events(5) }],
  ['text and numbers', statsOf('count', undefined, by('user.name')), { t0: events(5), n0: events(1) }],
  ['text and booleans to tell apart', statsOf('dc', 'user.name'), { t0: events(5), b0: events(1) }],
  ['text that may be a number', statsOf('max', 'event.duration'), { n0: events(5), t0: events(1), ...whole }],
  ['fractions, whose sum may round', statsOf('avg', 'event.duration'), { n0: events(5), x0: events(1), ...whole }],
  [
    'a sum beyond 2^53',
    statsOf('sum', 'event.duration'),
    { n0: events(5), s0: { count: 9, min: -(2 ** 52), max: 0, sum: -1 } },
  ],
])('%s: the events are read', async (_what, stats, probe) => {
  const { ask, asked } = server(probe)
  expect(await askStats(ask, everything, stats)).toBeUndefined()
  expect(asked).toHaveLength(1)
})

test('groups come with what is missing, which is left out here where only whole ones are wanted', async () => {
  const keys = by('user.name', 'process.pid')
  const buckets = [
    { key: { k0: 'a', k1: 3 }, doc_count: 2, m0: { count: 2, min: 1, max: 3, sum: 4 } },
    { key: { k0: 'a', k1: null }, doc_count: 5, m0: { count: 0, min: null, max: null, sum: 0 } },
    { key: { k0: null, k1: 1 }, doc_count: 1, m0: { count: 1, min: -4, max: -4, sum: -4 } },
  ]
  const probe = { t0: events(7), n1: events(3), n2: events(3), s2: { count: 3, min: -4, max: 3, sum: 0 } }
  for (const only of [false, true]) {
    const { ask, asked } = server(probe, buckets)
    const stats = statsOf('avg', 'event.duration', keys, { whole: only, sort: [{ column: 2, descending: true }] })
    const rows = [
      ['a', 3, 2],
      [null, 1, -4],
      ['a', null, null],
    ]
    expect(await askStats(ask, everything, stats)).toEqual({
      total: 9,
      rows: only ? rows.slice(0, 1) : rows,
      groups: only ? 1 : 3,
    })
    expect(asked[1]?.match(/"missing_bucket":true/g)).toHaveLength(2)
  }
})

test('numbers whose sums may round are marked', () => {
  const flat = { 'event.duration': [1, 0.5], 'source.port': 80, 'process.pid': 2 ** 53, 'user.name': '0.5' }
  const document: EventDocument = { id: '0-0', keyed: false, partition: 0, offset: 0, timestampMs: 0, source: '', flat }
  expect(JSON.parse(toJson(document)).h.x).toEqual(['event.duration', 'process.pid'])
})
