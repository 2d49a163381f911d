import { expect, test } from 'vitest'
import { Counters } from '../core/counters.ts'
import type { RuleMatch } from '../core/detect.ts'
import { completeSpecs, createCorrelator } from './correlator.ts'
import { createRouter } from './route.ts'
import { correlation, info, match } from './windows/fixtures.ts'
import { chains, deliver, makeMatches, run, runSharded, specs } from './windows/proof.ts'

const T = 1_800_000_000_000
const rulesById = new Map(['a', 'b', 'c'].map((id) => [id, info(id)]))
const of = (address: string): RuleMatch['fields'] => ({ 'source.ip': address })
const three = correlation('three', ['a'], { condition: { bounds: [{ op: 'gte', value: 3 }], fields: [] } })
const route = (all = [three], count = 3) => createRouter(completeSpecs(all, { rulesById }), (id) => id === 'b', count)

test('two or three correlators together say what one says, shuffled, repeated and restarted one by one', () => {
  const all = [...specs, ...chains]
  for (const seed of [3, 4]) {
    const matches = makeMatches(seed)
    const deliveries = deliver(seed, matches)
    const one = run(deliveries, all)
    expect(runSharded(deliveries, all, seed, 2)).toEqual(one)
    expect(runSharded(deliveries, all, seed, 3)).toEqual(one)
    expect(one.length).toBeGreaterThan(20)
  }
})

test('groups are spread over the shards, each wholly on one', () => {
  const to = route()
  const shards = new Map<number, number>()
  for (let i = 0; i < 300; i++) {
    const first = [...to(match('a', `x${i}`, T, of(`10.0.${i}.1`)))]
    expect([...to(match('a', `y${i}`, T + 5, of(`10.0.${i}.1`)))]).toEqual(first)
    expect(first).toHaveLength(1)
    shards.set(first[0] as number, (shards.get(first[0] as number) ?? 0) + 1)
  }
  expect(shards.size).toBe(3)
  for (const count of shards.values()) expect(count).toBeGreaterThan(60)
})

test('a match that nobody wants goes nowhere, one of several groups to the shard of each', () => {
  const to = route()
  expect(to(match('unknown', 'e', T, of('10.0.0.1')))).toEqual([])
  const many = { 'source.ip': Array.from({ length: 12 }, (_, i) => `10.0.0.${i}`) }
  expect(to(match('a', 'e', T, many))).toEqual([0, 1, 2])
})

test('what builds on another stays with it, whatever it groups by and in whatever order the rules are loaded', () => {
  const above = correlation('above', ['three'], { groupBy: ['user.name'], type: 'temporal' })
  for (const all of [
    [three, above],
    [above, three],
  ]) {
    const to = route(all)
    const seen = new Set(Array.from({ length: 50 }, (_, i) => String(to(match('a', `e${i}`, T, of(`10.0.0.${i}`))))))
    expect(seen.size).toBe(1)
  }
  expect(String(route([three, above])(match('a', 'e', T, of('1.1.1.1'))))).toBe(
    String(route([above, three])(match('a', 'e', T, of('1.1.1.1')))),
  )
})

test('an alert about a single event is told by one shard, and what is left out is counted by one', () => {
  const counters = new Counters()
  const all = [three, correlation('others', ['a'], { groupBy: ['user.name'] })]
  const loud = new Map(rulesById).set('b', { ...info('b'), alerts: true })
  const shards = [0, 1, 2].map((index) =>
    createCorrelator(all, { rulesById: loud, counters, shard: { index, count: 3 } }),
  )
  const push = (one: RuleMatch, to: number) => shards.flatMap((shard) => shard.push([one], to))
  expect(push(match('b', 'single', T, {}), T)).toHaveLength(1)
  push(match('a', 'no group', T, {}), T)
  push(match('a', 'late', T - 3_600_000, of('10.0.0.1')), T)
  expect(shards.map((shard) => shard.groupCount)).toEqual([0, 0, 0])
  expect(counters.get('correlate_left_out_matches_total', { rule: 'three', reason: 'no_group' })).toBe(1)
  expect(counters.get('correlate_left_out_matches_total', { rule: 'others', reason: 'no_group' })).toBe(1)
  expect(counters.get('correlate_left_out_matches_total', { rule: 'three', reason: 'late' })).toBe(1)
})
