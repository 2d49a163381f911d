// A segment found damaged while the store runs: set aside by the query that met it, and there again from the bus.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Bus, Delivery, Gap } from '../../core/bus.ts'
import { Counters } from '../../core/counters.ts'
import type { Processed } from '../../core/pump.ts'
import { matchAll } from '../../core/query.ts'
import { rebuildLost } from '../../core/rebuild-lost.ts'
import { appendAll, batchOf, idOf, searchAll, simple } from '../store.contract.ts'
import { SegmentEngine } from './engine.ts'

const root = mkdtempSync(join(tmpdir(), 'haetae-rebuild-'))
afterAll(() => rmSync(root, { recursive: true }))

const given = simple(120)

/** A bus whose records are the events by their offset, from `oldest` on, ten a delivery. */
function busFrom(oldest: number, gap?: Gap): Pick<Bus, 'subscribe' | 'bounds'> {
  return {
    bounds: () => new Map([[0, { oldest, next: 120 }]]),
    async *subscribe(from, signal, onGap): AsyncGenerator<Delivery> {
      if (signal.aborted) return
      for (let offset = Math.floor((from.get(0) ?? 0) / 10) * 10; offset < 120; offset += 10) {
        if (gap && offset >= gap.from) {
          onGap?.(gap)
          if (signal.aborted) return
          gap = undefined
        }
        yield { partition: 0, offset, count: 10, batch: new Uint8Array(0) }
      }
      throw new Error('a live subscription waits for ever')
    },
  }
}

const process = async ({ offset }: Delivery): Promise<Processed> => ({
  events: batchOf(given.slice(offset, offset + 10)),
  matches: [],
  maxTimestamp: 0,
  perSource: {},
})

/** Three segments of 40 events, the one in the middle damaged where the summary does not tell. */
async function damagedStore(dir: string): Promise<SegmentEngine> {
  const store = new SegmentEngine({ dir, counters: new Counters(), compactEveryMs: 0 })
  for (let at = 0; at < 120; at += 40) {
    await appendAll(store, given.slice(at, at + 40))
    await store.flush()
  }
  await store.close()
  const path = join(dir, readdirSync(dir).sort()[1] as string)
  const bytes = readFileSync(path)
  bytes[20]! ^= 1
  writeFileSync(path, bytes)
  return new SegmentEngine({ dir, counters: new Counters(), compactEveryMs: 0 })
}

test('what was damaged comes back while the store runs, once', async () => {
  const store = await damagedStore(mkdtempSync(join(root, 'a-')))
  await expect(searchAll(store, matchAll)).rejects.toMatchObject({ code: 'SEGMENT_CORRUPT' })
  expect(store.lost()).toEqual([{ partition: 0, from: 40, to: 80 }])
  const counters = new Counters()
  const options = { bus: busFrom(0) as Bus, store, process, counters, signal: new AbortController().signal }
  expect(await rebuildLost(options)).toBe(40)
  expect(store.lost()).toEqual([])
  expect((await searchAll(store, matchAll)).map(({ id }) => id)).toEqual(given.map(idOf).reverse())
  expect(await rebuildLost(options)).toBe(0)
  expect(counters.get('store_rebuilt_events_total')).toBe(40)
  await store.close()
})

test('what the bus has no more is counted, the rest comes back', async () => {
  const store = await damagedStore(mkdtempSync(join(root, 'b-')))
  await expect(searchAll(store, matchAll)).rejects.toMatchObject({ code: 'SEGMENT_CORRUPT' })
  const counters = new Counters()
  const options = { bus: busFrom(60) as Bus, store, process, counters, signal: new AbortController().signal }
  expect(await rebuildLost(options)).toBe(20)
  expect(counters.get('store_unrecoverable_records_total')).toBe(20)
  expect(await searchAll(store, matchAll)).toHaveLength(100)
  await store.close()
})

test.each([
  ['what the bus has no more at all is counted once and wanted no longer', busFrom(90), 0, 40],
  [
    'a gap of the bus up to the end is not waited for',
    busFrom(0, { partition: 0, from: 60, to: 999, reason: 'x' }),
    20,
    20,
  ],
])('%s', async (_why, bus, again, gone) => {
  const store = await damagedStore(mkdtempSync(join(root, 'c-')))
  await expect(searchAll(store, matchAll)).rejects.toMatchObject({ code: 'SEGMENT_CORRUPT' })
  const counters = new Counters()
  const said: string[] = []
  const say = (line: string) => void said.push(line)
  const options = { bus: bus as Bus, store, process, counters, signal: new AbortController().signal, say }
  expect(await rebuildLost(options)).toBe(again)
  expect(await rebuildLost(options)).toBe(0)
  expect(counters.get('store_unrecoverable_records_total')).toBe(gone)
  expect(said).toHaveLength(1)
  await store.flush()
  expect([store.lost(), store.durable().get(0)]).toEqual([[], 120])
  expect(await searchAll(store, matchAll)).toHaveLength(80 + again)
  await store.close()
})
