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
import { readSummary } from './sealed.ts'
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
  bytes.writeUInt32LE(3, bytes.length - 16)
  writeFileSync(path, bytes)
  expect(() => open(dir)).toThrow(/segment format 3/)
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

const repaired = (given: Given): Given => ({ ...given, event: { message: `repaired ${given.offset}` } })

/** Which version of each event is seen; fails when one is seen twice. */
async function versions(store: EventStore): Promise<Map<string, string>> {
  const seen = new Map<string, string>()
  for (const { id, event } of await searchAll(store, matchAll)) {
    expect(seen.has(id), id).toBe(false)
    expect((await store.get(id))?.event, id).toEqual(event)
    seen.set(id, String(event.message))
  }
  return seen
}

test.each(points)('a crash at %s of a replacement leaves each event its old version or its new one', async (point) => {
  const dir = folder()
  const given = simple(120)
  await threeSegments(dir, given)
  const some = given.filter(({ offset }) => offset % 7 === 0)
  const store: SegmentEngine = new SegmentEngine({
    ...options(dir),
    crash: (at) => {
      if (at !== point) return
      store.abandon()
      throw new Error(`crash at ${at}`)
    },
  })
  await expect(store.replace(batchOf(some.map(repaired)))).rejects.toThrow()
  const isNew = point === 'seal-renamed'
  for (let restart = 0; restart < 2; restart++) {
    const again = open(dir)
    expect([again.durable().get(0), again.lost()]).toEqual([120, []])
    const seen = await versions(again)
    expect(seen.size).toBe(120)
    for (const { offset } of some) expect(seen.get(`0-${offset}`)?.startsWith('repaired')).toBe(isNew)
    again.abandon()
  }
  const whole = open(dir)
  expect(await whole.replace(batchOf(some.map(repaired)))).toMatchObject({ [isNew ? 'unchanged' : 'replaced']: 18 })
  expect([...(await versions(whole)).values()].filter((text) => text.startsWith('repaired'))).toHaveLength(18)
  await whole.close()
  expect(fsckSegments(dir)).toMatchObject({ ok: true, events: 120, replaced: 18 })
})

test.each(points)('a disk that refuses at %s replaces nothing, now and after a restart', async (point) => {
  const dir = folder()
  const given = simple(120)
  await threeSegments(dir, given)
  let refuses = true
  const store = new SegmentEngine({
    ...options(dir),
    crash: (at) => {
      if (at === point && refuses) throw new Error('no space left on device')
    },
  })
  await expect(store.replace(batchOf(given.slice(0, 9).map(repaired)))).rejects.toThrow('no space')
  refuses = false
  expect(await store.replace(batchOf([repaired(given[3] as Given)]))).toMatchObject({ replaced: 1 })
  expect([...(await versions(store)).values()].filter((text) => text.startsWith('repaired'))).toHaveLength(1)
  store.abandon()
  const again = open(dir)
  const seen = await versions(again)
  expect([seen.size, [...seen.values()].filter((text) => text.startsWith('repaired'))]).toEqual([120, ['repaired 3']])
  await again.close()
})

/** Three segments, and a replacement of 20 events of the first two, replaced again for 5 of them. */
async function withReplacements(dir: string, given: readonly Given[]): Promise<void> {
  await threeSegments(dir, given)
  const store = open(dir)
  await store.replace(batchOf(given.slice(30, 50).map(repaired)))
  const again = given.slice(38, 43).map((g): Given => ({ ...g, event: { message: `repaired again ${g.offset}` } }))
  await store.replace(batchOf(again))
  await store.close()
}

test('replacements stand after a restart, and a replay from nothing brings no old version back', async () => {
  const dir = folder()
  const given = simple(120)
  await withReplacements(dir, given)
  for (const name of segments(dir).slice(0, 3)) rmSync(join(dir, name))
  for (let restart = 0; restart < 3; restart++) {
    const store = open(dir)
    await appendAll(store, given, 30)
    const seen = await versions(store)
    expect(seen.size).toBe(120)
    expect([...seen.values()].filter((text) => text.startsWith('repaired again'))).toHaveLength(5)
    expect([...seen.values()].filter((text) => text.startsWith('repaired'))).toHaveLength(20)
    expect((await store.stats()).events).toBe(120)
    expect([store.lost(), (await store.retire(0)).segments]).toEqual([[], 0])
    if (restart > 0) await store.flush()
    // Compared with the version that is seen, although the older one came later.
    if (restart === 2)
      expect(await store.replace(batchOf([repaired(given[30] as Given)]))).toMatchObject({ unchanged: 1 })
    store.abandon()
  }
  expect(fsckSegments(dir)).toMatchObject({ ok: true, events: 120, replaced: 25 })
})

test.each([
  ['the first versions', 0],
  ['the newer versions', 3],
  ['the newest versions', 4],
])('a damaged segment with %s: no event is seen twice, none is lost that the ledger has', async (_which, index) => {
  const dir = folder()
  const given = simple(120)
  await withReplacements(dir, given)
  const path = join(dir, segments(dir)[index] as string)
  writeFileSync(path, readFileSync(path).subarray(0, -40))
  for (let restart = 0; restart < 3; restart++) {
    const store = open(dir)
    await replay(store, given)
    const seen = await versions(store)
    expect(seen.size).toBe(120)
    const counts = ['repaired again', 'repaired'].map(
      (word) => [...seen.values()].filter((v) => v.startsWith(word)).length,
    )
    expect(counts).toEqual([[5, 20], [], [], [5, 5], [0, 20]][index])
    expect(store.lost()).toEqual([])
    await store.flush()
    store.abandon()
  }
})

test('damage of a newer version met by a query brings the older one back', async () => {
  const dir = folder()
  const given = simple(120)
  await withReplacements(dir, given)
  const path = join(dir, segments(dir)[3] as string)
  const bytes = readFileSync(path)
  bytes[20]! ^= 1
  writeFileSync(path, bytes)
  const store = open(dir)
  await expect(searchAll(store, matchAll)).rejects.toMatchObject({ code: 'SEGMENT_CORRUPT' })
  const seen = await versions(store)
  expect([seen.size, [...seen.values()].filter((text) => text.startsWith('repaired')).length]).toEqual([120, 5])
  await store.close()
})

test.each(['retire-intent', 'retire-unlinked', undefined] as const)(
  'retention takes older and newer versions together, whatever their times (crash at %s)',
  async (point) => {
    const dir = folder()
    const given = simple(120)
    await threeSegments(dir, given)
    const store: SegmentEngine = new SegmentEngine({
      ...options(dir),
      crash: (at) => {
        if (at !== point) return
        store.abandon()
        throw new Error('crash')
      },
    })
    const at = (i: number) => (given[i] as Given).timestampMs
    // Of the second segment, with a time before the first: goes no sooner than the second.
    await store.replace(batchOf([{ ...repaired(given[45] as Given), timestampMs: at(0) - 5000 }]))
    // Of the first, with a time after the last: stays when the first goes.
    await store.replace(batchOf([{ ...repaired(given[7] as Given), timestampMs: at(119) + 5000 }]))
    await store.retire(at(40)).catch((error: Error) => expect(error.message).toBe('crash'))
    store.abandon()
    const again = open(dir)
    const seen = await versions(again)
    expect(new Set(seen.keys())).toEqual(new Set([...given.slice(40).map(idOf), '0-7']))
    expect([seen.get('0-45'), seen.get('0-7')]).toEqual(['repaired 45', 'repaired 7'])
    expect([again.lost(), again.durable().get(0)]).toEqual([[], 120])
    await again.retire(at(80))
    expect(new Set((await versions(again)).keys())).toEqual(new Set([...given.slice(80).map(idOf), '0-7']))
    await again.close()
    const last = open(dir)
    expect((await versions(last)).size).toBe(41)
    await last.close()
  },
)

test('a random life of appends, replacements, crashes, lost files and replays shows each event once', async () => {
  const next = random(99)
  const given = randomEvents(next, 400, 1)
  const dir = folder()
  let reached = 0
  const newest = new Map<string, Given>()
  let store = open(dir)
  for (let step = 0; step < 60; step++) {
    const dice = next()
    if (dice < 0.4) {
      const to = Math.min(given.length, reached + 10 + Math.floor(next() * 20))
      await appendAll(store, given.slice(reached, to), 10)
      for (const g of given.slice(reached, to)) newest.set(idOf(g), g)
      reached = to
    } else if (dice < 0.7) {
      const some = given.slice(0, reached).filter(() => next() < 0.1)
      const batch = some.map((g, i): Given => ({ ...g, event: { message: `step ${step} ${i}` } }))
      await store.replace(batchOf(batch))
      for (const g of batch) newest.set(idOf(g), g)
    } else if (dice < 0.8) await store.flush()
    else {
      store.abandon()
      // Only first versions may get lost: the ledger has those, and the newer ones stand.
      const first = segments(dir).filter((name) => readSummary(join(dir, name)).summary.covers.length > 0)
      if (next() < 0.5 && first.length > 1) rmSync(join(dir, first[Math.floor(next() * first.length)] as string))
      store = open(dir)
      await replay(store, given.slice(0, reached), 15)
    }
    const seen = await searchAll(store, matchAll)
    expect(seen.length, `step ${step}`).toBe(reached)
    const wanted = given.slice(0, reached).map((g) => [idOf(g), newest.get(idOf(g))?.event.message])
    expect(new Map(seen.map(({ id, event }) => [id, event.message])), `step ${step}`).toEqual(new Map(wanted as never))
  }
  await store.close()
  expect(fsckSegments(dir)).toMatchObject({ ok: true, events: reached })
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
