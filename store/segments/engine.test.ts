// What only the embedded store promises: a quick start, cancellation, bounded memory, ids by position.

import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import type { EcsEvent } from '../../core/event.ts'
import { matchAll } from '../../core/query.ts'
import { always, appendAll, batchOf, searchAll, simple } from '../store.contract.ts'
import { openSegmentStore } from './segment-store.ts'

const root = mkdtempSync(join(tmpdir(), 'haetae-engine-'))
let number = 0
const folder = () => join(root, String(number++))
afterAll(() => rmSync(root, { recursive: true }))

test('a long query can be cancelled, and appends go on while it runs', async () => {
  const store = await openSegmentStore({ dir: folder(), counters: new Counters(), blockRows: 16, sealRows: 512 })
  const wordy = simple(3000).map((given, i) => ({ ...given, event: { message: `${'lorem '.repeat(400)}${i}` } }))
  await appendAll(store, wordy, 500)
  // Every value of every row, each of a text that differs: slow on purpose.
  const filter = {
    kind: 'regex',
    field: 'message',
    source: 'ipsun|dolar|[xyz]{2}',
    ignoreCase: true,
  } as const
  const slow = (signal?: AbortSignal) =>
    store.aggregate({ filter, range: always, aggregation: { kind: 'count' } }, signal).then(
      () => 'answered',
      () => 'cancelled',
    )
  // Slow queries are asked again and again until the append is through, however quick the machine.
  let appended = false
  const asking = Array.from({ length: 8 }, async () => {
    while (!appended) await slow()
  })
  expect(await store.append(batchOf(simple(1, 3000)), 0, 3001)).toMatchObject({ stored: 1 })
  appended = true
  await Promise.all(asking)
  const abort = new AbortController()
  const cut = Array.from({ length: 40 }, () => slow(abort.signal))
  abort.abort()
  expect(await Promise.all(cut)).toContain('cancelled')
  expect((await store.aggregate({ filter: matchAll, range: always, aggregation: { kind: 'count' } })).total).toBe(3001)
  await store.close()
})

test('cancelling stops the work itself, not only the waiting for it', async () => {
  const store = await openSegmentStore({
    dir: folder(),
    counters: new Counters(),
    inline: true,
    blockRows: 16,
    sealRows: 512,
  })
  await appendAll(store, simple(1000), 500)
  const abort = new AbortController()
  // One query a round of the event loop gets a turn: after three rounds most have not begun.
  const queries = Array.from({ length: 40 }, () =>
    store.search({ filter: matchAll, range: always, limit: 10 }, abort.signal),
  )
  const settled = Promise.allSettled(queries)
  for (let round = 0; round < 3; round++) await setImmediate()
  abort.abort(new Error('gone'))
  const refused = (await settled).filter((result) => result.status === 'rejected')
  expect(refused.length).toBeGreaterThan(30)
  for (const { reason } of refused) expect(reason).toMatchObject({ message: 'gone' })
  await store.close()
})

test('a query over its time budget is refused with a hint', async () => {
  let clock = 0
  const store = await openSegmentStore({
    dir: folder(),
    counters: new Counters(),
    inline: true,
    queryBudgetMs: 50,
    now: () => (clock += 20),
  })
  await appendAll(store, simple(20_000), 5000)
  const filter = { kind: 'regex', field: 'message', source: 'x', ignoreCase: false } as const
  await expect(store.search({ filter, range: always, limit: 1 })).rejects.toMatchObject({ code: 'QUERY_INVALID' })
  await store.close()
})

test('opening reads summaries only: damage inside a block is not met until it is read', async () => {
  const dir = folder()
  const store = await openSegmentStore({ dir, counters: new Counters(), inline: true })
  await appendAll(store, simple(100))
  await store.close()
  const path = join(dir, readdirSync(dir).find((name) => name.endsWith('.seg')) as string)
  const bytes = readFileSync(path)
  bytes[20]! ^= 1
  writeFileSync(path, bytes)
  const counters = new Counters()
  const again = await openSegmentStore({ dir, counters, inline: true })
  expect((await again.stats()).events).toBe(100)
  await expect(searchAll(again, matchAll)).rejects.toMatchObject({ code: 'SEGMENT_CORRUPT' })
  expect(counters.get('store_segments_corrupt_total')).toBe(1)
  expect(again.lost()).toEqual([{ partition: 0, from: 0, to: 100 }])
  expect(again.durable().get(0)).toBe(0)
  await again.append(batchOf(simple(100)), 0, 100)
  expect(await searchAll(again, matchAll)).toHaveLength(100)
  expect(again.lost()).toEqual([])
  await again.close()
})

test('many segments open and answer whatever is in them', async () => {
  const dir = folder()
  const store = await openSegmentStore({ dir, counters: new Counters(), inline: true })
  for (let i = 0; i < 60; i++) {
    await store.append(batchOf(simple(3, i * 3)), 0, i * 3 + 3)
    await store.flush()
  }
  await store.close()
  const again = await openSegmentStore({ dir, counters: new Counters(), inline: true })
  expect((await again.stats()).segments).toBe(60)
  expect(await searchAll(again, matchAll, always, 50)).toHaveLength(180)
  expect((await again.get('0-101'))?.offset).toBe(101)
  await again.close()
})

test('an idle head goes to disk by itself once it is old enough', async () => {
  const store = await openSegmentStore({ dir: folder(), counters: new Counters(), sealAfterMs: 20 })
  const durable = new Promise<number>((resolve) => store.onDurable((_partition, next) => resolve(next)))
  await store.append(batchOf(simple(3)), 0, 3)
  expect(await durable).toBe(3)
  expect((await store.stats()).headEvents).toBe(0)
  await store.close()
})

test('every event with names of its own costs segments, not the process', async () => {
  const store = await openSegmentStore({ dir: folder(), counters: new Counters(), inline: true })
  for (let i = 0; i < 40; i++) {
    const event: EcsEvent = Object.fromEntries(Array.from({ length: 500 }, (_, k) => [`f${i}_${k}`, k]))
    await store.append(batchOf([{ event, timestampMs: i, partition: 0, offset: i }]), 0, i + 1)
  }
  expect((await store.get('0-7'))?.event.f7_499).toBe(499)
  await store.flush()
  expect((await store.stats()).segments).toBeGreaterThan(1)
  expect(
    (await store.search({ filter: { kind: 'equals', field: 'f33_5', value: 5 }, range: always, limit: 5 })).hits,
  ).toHaveLength(1)
  await store.close()
})

test('pruning is said: a segment outside the time range is not read', async () => {
  const dir = folder()
  const store = await openSegmentStore({ dir, counters: new Counters(), inline: true })
  const given = simple(90)
  for (let at = 0; at < 90; at += 30) {
    await appendAll(store, given.slice(at, at + 30))
    await store.flush()
  }
  const since = given[60]?.timestampMs as number
  const { stats } = await store.search({ filter: matchAll, range: { since, until: 1e15 }, limit: 5 })
  expect(stats).toMatchObject({ segments: 4, pruned: 3, rows: 30 })
  const rare = await store.search({ filter: { kind: 'text', words: ['17'], prefix: false }, range: always, limit: 5 })
  expect(rare.hits).toHaveLength(1)
  expect(rare.stats.pruned).toBeGreaterThan(1)
  copyFileSync(join(dir, '000000000001.seg'), join(dir, '000000000001.copy')) // foreign names are left alone
  await store.close()
  const again = await openSegmentStore({ dir, counters: new Counters(), inline: true })
  expect((await again.stats()).events).toBe(90)
  await again.close()
})
