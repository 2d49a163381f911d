// What a crash, a torn file or a flipped bit may do to the store: nothing that a replay from durable() does not mend.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { matchAll } from '../../core/query.ts'
import type { EventStore } from '../../core/store.ts'
import {
  always,
  appendAll,
  batchOf,
  type Given,
  idOf,
  random,
  randomEvents,
  searchAll,
  simple,
} from '../store.contract.ts'
import { SegmentEngine } from './engine.ts'
import { fsckSegments } from './fsck.ts'
import { openSegmentStore } from './segment-store.ts'

const root = mkdtempSync(join(tmpdir(), 'haetae-crash-'))
let number = 0
const folder = () => join(root, String(number++))
afterAll(() => rmSync(root, { recursive: true }))

const options = (dir: string) => ({ dir, counters: new Counters(), blockRows: 32, sealRows: 1000, sealRetryMs: -1 })
const open = (dir: string) => new SegmentEngine(options(dir))
const segments = (dir: string) =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.seg'))
    .sort()

/** What a process that starts again does: everything from durable() on, in order. */
async function replay(store: EventStore, given: readonly Given[], size = 30): Promise<void> {
  const from = store.durable()
  await appendAll(
    store,
    given.filter(({ partition, offset }) => offset >= (from.get(partition) ?? 0)),
    size,
  )
}

async function expectExactly(store: EventStore, given: readonly Given[]): Promise<void> {
  const ids = (await searchAll(store, matchAll)).map(({ id }) => id)
  expect(ids.length).toBe(given.length)
  expect(new Set(ids)).toEqual(new Set(given.map(idOf)))
}

const points = ['seal-start', 'seal-torn', 'seal-written', 'seal-synced', 'seal-renamed'] as const

test.each(points)('a crash at %s loses nothing durable and shows nothing twice', async (point) => {
  const dir = folder()
  const given = [...simple(120), ...simple(40, 0, 1)]
  let seals = 0
  const store = new SegmentEngine({
    ...options(dir),
    crash: (at) => {
      if (at === 'seal-start') seals++
      if (at === point && seals === 2) throw new Error(`crash at ${at}`)
    },
  })
  await appendAll(store, given.slice(0, 60), 20)
  await store.flush()
  const durable = new Map(store.durable())
  await appendAll(store, given.slice(60), 20)
  await expect(store.flush()).rejects.toThrow(`crash at ${point}`)
  store.abandon()

  for (let restart = 0; restart < 3; restart++) {
    const again = open(dir)
    expect(readdirSync(dir).filter((name) => name.endsWith('.tmp'))).toEqual([])
    for (const [partition, next] of durable) expect(again.durable().get(partition)).toBeGreaterThanOrEqual(next)
    expect(again.lost()).toEqual([])
    await replay(again, given)
    await expectExactly(again, given)
    if (restart > 0) await again.flush()
    again.abandon()
  }
  expect(fsckSegments(dir)).toMatchObject({ ok: true })
})

test('a store whose disk refuses keeps answering and refuses appends', async () => {
  const store = new SegmentEngine({
    ...options(folder()),
    crash: (at) => {
      if (at === 'seal-start') throw new Error('no space left on device')
    },
  })
  await appendAll(store, simple(50))
  await expect(store.flush()).rejects.toThrow('no space')
  await expectExactly(store, simple(50))
  await expect(store.append(batchOf(simple(1, 50)), 0, 51)).rejects.toThrow('no space')
  expect(store.durable().get(0)).toBe(0)
  store.abandon()
})

test('a seal that fails for a while is tried again until the disk takes it', async () => {
  let failures = 3
  const store = new SegmentEngine({
    ...options(folder()),
    sealRetryMs: 1,
    crash: (at) => {
      if (at === 'seal-written' && failures-- > 0) throw new Error('no space left on device')
    },
  })
  await appendAll(store, simple(50))
  await store.flush()
  expect(store.durable().get(0)).toBe(50)
  await expectExactly(store, simple(50))
  await store.close()
})

test('a torn or empty temp file is removed', async () => {
  const dir = folder()
  const store = open(dir)
  await appendAll(store, simple(50))
  await store.close()
  const whole = readFileSync(join(dir, segments(dir)[0] as string))
  writeFileSync(join(dir, '000000000009.seg.tmp'), whole.subarray(0, 700))
  writeFileSync(join(dir, '000000000010.seg.tmp'), '')
  const again = open(dir)
  expect(readdirSync(dir)).toEqual(segments(dir))
  await expectExactly(again, simple(50))
  await again.close()
})

/** Three segments of 40 events each, closed. */
async function threeSegments(dir: string, given: readonly Given[]): Promise<void> {
  const store = open(dir)
  for (let at = 0; at < 120; at += 40) {
    await appendAll(store, given.slice(at, at + 40), 20)
    await store.flush()
  }
  await store.close()
}

test.each([
  ['the first', 0],
  ['the middle', 1],
  ['the last', 2],
])('%s segment cut short is set aside, reported and rebuilt by replay', async (_which, index) => {
  const dir = folder()
  const given = simple(120)
  await threeSegments(dir, given)
  const path = join(dir, segments(dir)[index] as string)
  writeFileSync(path, readFileSync(path).subarray(0, -40))

  const settings = options(dir)
  const store = new SegmentEngine(settings)
  expect(settings.counters.get('store_segments_corrupt_total')).toBe(1)
  expect(store.problems()).toHaveLength(1)
  expect(existsSync(path.replace(/seg$/, 'seg.corrupt'))).toBe(true)
  expect(store.durable().get(0)).toBe(index * 40)
  // Nothing after the last segment says how far it went: the replay from durable() covers it all the same.
  expect(store.lost()).toEqual(index === 2 ? [] : [{ partition: 0, from: index * 40, to: index * 40 + 40 }])
  await replay(store, given)
  expect(store.lost()).toEqual([])
  await expectExactly(store, given)
  await store.close()

  const again = open(dir)
  expect([again.durable().get(0), again.lost()]).toEqual([120, []])
  await expectExactly(again, given)
  await again.close()
})

test('a segment that somebody deleted is missed and rebuilt', async () => {
  const dir = folder()
  const given = simple(120)
  await threeSegments(dir, given)
  rmSync(join(dir, segments(dir)[1] as string))
  const store = open(dir)
  expect(store.lost()).toEqual([{ partition: 0, from: 40, to: 80 }])
  await replay(store, given.slice(0, 60), 7)
  expect(store.lost()).toEqual([{ partition: 0, from: 60, to: 80 }])
  await store.flush()
  store.abandon()
  const again = open(dir)
  expect(again.lost()).toEqual([{ partition: 0, from: 60, to: 80 }])
  expect(again.durable().get(0)).toBe(60)
  await replay(again, given, 7)
  await expectExactly(again, given)
  await again.close()
})

test('a flipped bit anywhere is never an answer: exact events, or a refusal and a rebuild', async () => {
  const dir = folder()
  const given = randomEvents(random(7), 400, 1)
  const store = open(dir)
  await appendAll(store, given)
  await store.close()
  const path = join(dir, segments(dir)[0] as string)
  const sound = readFileSync(path)
  const expected = await (async () => {
    const fine = open(dir)
    const hits = await searchAll(fine, matchAll)
    await fine.close()
    return hits
  })()
  const next = random(11)
  let refused = 0
  for (let round = 0; round < 60; round++) {
    const bad = Buffer.from(sound)
    const at = 16 + Math.floor(next() * (bad.length - 16)) // the header is not read
    bad[at]! ^= 1 << Math.floor(next() * 8)
    for (const name of readdirSync(dir)) rmSync(join(dir, name))
    writeFileSync(path, bad)
    expect(fsckSegments(dir).ok, `byte ${at}`).toBe(false)
    let damaged: SegmentEngine
    try {
      damaged = open(dir)
    } catch (error) {
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' }) // the flip hit the version
      refused++
      continue
    }
    try {
      expect(await searchAll(damaged, matchAll), `byte ${at}`).toEqual(damaged.problems().length > 0 ? [] : expected)
      for (const { key, source, ...rest } of given) {
        if (!key) continue
        const id = idOf({ ...rest, key, source })
        const hit = await damaged.get(id)
        if (hit) expect(hit.id).toBe(id)
      }
    } catch (error) {
      refused++
      expect(error, `byte ${at}`).toMatchObject({ code: 'SEGMENT_CORRUPT' })
      expect(damaged.lost().length).toBeGreaterThan(0)
      await replay(damaged, given)
      await expectExactly(damaged, given)
    }
    damaged.abandon()
  }
  expect(refused).toBeGreaterThan(5)
})

test('a file of a later format stops the start and stays as it is', async () => {
  const dir = folder()
  const store = open(dir)
  await appendAll(store, simple(5))
  await store.close()
  const path = join(dir, segments(dir)[0] as string)
  const bytes = readFileSync(path)
  bytes.writeUInt32LE(2, bytes.length - 16)
  writeFileSync(path, bytes)
  expect(() => open(dir)).toThrow(/segment format 2/)
  await expect(openSegmentStore({ dir, counters: new Counters() })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  expect(readFileSync(path)).toEqual(bytes)
})

test('keys are remembered across restarts', async () => {
  const dir = folder()
  const keyed = (offset: number, key: string): Given => ({
    event: { message: `audit ${key}`, haetae: { source: 'k8s' } },
    timestampMs: offset,
    partition: 0,
    offset,
    source: 'k8s',
    key,
  })
  const given = Array.from({ length: 300 }, (_, i) => keyed(i, `audit-${i}`))
  const store = open(dir)
  await appendAll(store, given)
  await store.close()
  const again = open(dir)
  const repeated = given.map(({ key }, i) => keyed(300 + i, key as string))
  expect(await again.append(batchOf([...repeated, keyed(600, 'new')]), 0, 601)).toMatchObject({
    stored: 1,
    duplicates: 300,
    replayed: 0,
    duplicatesBySource: { k8s: 300 },
  })
  for (const g of given) expect((await again.get(idOf(g)))?.offset).toBe(g.offset)
  await again.close()
})

test.each(['retire-intent', 'retire-unlinked'] as const)(
  'a crash at %s deletes what was meant to go, once',
  async (point) => {
    const dir = folder()
    const given = simple(120)
    await threeSegments(dir, given)
    const store = new SegmentEngine({
      ...options(dir),
      crash: (at) => {
        if (at === point) throw new Error('crash')
      },
    })
    const before = (given[80] as Given).timestampMs
    await expect(store.retire(before)).rejects.toThrow('crash')
    store.abandon()
    const again = open(dir)
    expect(segments(dir)).toHaveLength(1)
    // Taken away on purpose is not lost: nothing asks for a replay.
    expect([again.lost(), again.durable().get(0)]).toEqual([[], 120])
    await expectExactly(again, given.slice(80))
    expect(await again.append(batchOf(given.slice(0, 10)), 0, 10)).toMatchObject({ stored: 0, replayed: 10 })
    await again.close()
  },
)

test('a query goes on reading segments that are retired meanwhile', async () => {
  const dir = folder()
  const given = simple(120)
  await threeSegments(dir, given)
  const store = open(dir)
  const page = store.search({ filter: matchAll, range: always, limit: 200 })
  await store.retire(Number.POSITIVE_INFINITY)
  expect((await page).hits).toHaveLength(120)
  expect(segments(dir)).toEqual([])
  expect((await store.stats()).events).toBe(0)
  await store.close()
})

test('deliveries without events are no gap', async () => {
  const dir = folder()
  const store = open(dir)
  await store.append(batchOf([]), 0, 10)
  expect(store.durable().get(0)).toBe(10)
  await store.append(batchOf(simple(5, 10)), 0, 20)
  await store.append(batchOf([]), 0, 30)
  await store.close()
  const again = open(dir)
  expect([again.durable().get(0), again.lost()]).toEqual([30, []])
  await again.close()
})

test('a delivery larger than a segment is split without gap or repetition', async () => {
  const dir = folder()
  const given = simple(2500)
  const store = open(dir) // 32 rows a block, 32 blocks: 1,000 rows a segment
  await store.append(batchOf(given), 0, 2500)
  await store.flush()
  store.abandon()
  expect(segments(dir).length).toBeGreaterThan(2)
  const last = join(dir, segments(dir).at(-1) as string)
  rmSync(last)
  const again = open(dir)
  await replay(again, given, 2500)
  await expectExactly(again, given)
  await again.close()
})

test('the store on its thread opens what the inline one wrote', async () => {
  const dir = folder()
  await threeSegments(dir, simple(120))
  const counters = new Counters()
  const store = await openSegmentStore({ dir, counters })
  expect(store.durable().get(0)).toBe(120)
  await store.append(batchOf(simple(3, 120)), 0, 123)
  await expectExactly(store, simple(123))
  expect(counters.get('store_stored_events_total')).toBe(3)
  const before = store.durable().get(0)
  const told: number[] = []
  store.onDurable((_partition, next) => told.push(next))
  await store.flush()
  expect([before, store.durable().get(0), told]).toEqual([120, 123, [123]])
  await store.close()
  await expect(store.search({ filter: matchAll, range: always, limit: 1 })).rejects.toThrow('closed')
})
