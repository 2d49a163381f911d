// Merging changes files and nothing else: ids, order, counts, tails and what a restart sees stay as they are.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { type Filter, matchAll } from '../../core/query.ts'
import {
  always,
  appendAll,
  batchOf,
  expectedFields,
  expectedHistogram,
  expectedHits,
  expectedTerms,
  type Given,
  idOf,
  random,
  randomEvents,
  randomFilter,
  searchAll,
  simple,
} from '../store.contract.ts'
import { SegmentEngine } from './engine.ts'
import { fsckSegments } from './fsck.ts'

const root = mkdtempSync(join(tmpdir(), 'haetae-compact-'))
let number = 0
const folder = () => join(root, String(number++))
afterAll(() => rmSync(root, { recursive: true }))

const options = (dir: string) => ({
  dir,
  counters: new Counters(),
  blockRows: 32,
  sealRows: 1000,
  sealRetryMs: -1,
  compactEveryMs: 0,
})
const open = (dir: string) => new SegmentEngine(options(dir))
const files = (dir: string) => readdirSync(dir).filter((name) => name.endsWith('.seg'))

/** Appends in many small segments. */
async function manySegments(store: SegmentEngine, given: readonly Given[], each = 20): Promise<void> {
  for (let at = 0; at < given.length; at += each) {
    await appendAll(store, given.slice(at, at + each))
    await store.flush()
  }
}

async function expectAnswers(store: SegmentEngine, visible: readonly Given[], next: () => number, rounds = 12) {
  for (let round = 0; round < rounds; round++) {
    const filter = round === 0 ? matchAll : randomFilter(next)
    const say = JSON.stringify({ round, filter })
    const wanted = expectedHits(visible, filter, always)
    const found = await searchAll(store, filter, always, 37)
    expect(
      found.map(({ id }) => id),
      say,
    ).toEqual(wanted.map(idOf))
    const ask = (aggregation: Parameters<typeof store.aggregate>[0]['aggregation']) =>
      store.aggregate({ filter, range: always, aggregation })
    expect(await ask({ kind: 'count' }), say).toMatchObject({ total: wanted.length })
    expect(await ask({ kind: 'terms', field: 'user.name', size: 4 }), say).toMatchObject(
      expectedTerms(wanted, 'user.name', 4),
    )
    expect(await ask({ kind: 'histogram', intervalMs: 60_000 }), say).toMatchObject(expectedHistogram(wanted, 60_000))
    if (round === 0) expect(await ask({ kind: 'fields' }), say).toMatchObject(expectedFields(wanted))
  }
}

test('small neighbours become one segment, value for value', async () => {
  const dir = folder()
  const given = randomEvents(random(1), 400)
  const store = open(dir)
  await manySegments(store, given)
  const before = await searchAll(store, matchAll)
  const count = files(dir).length
  expect(await store.compact()).toBeGreaterThan(0)
  expect(files(dir).length).toBeLessThan(count / 3)
  expect(await searchAll(store, matchAll)).toEqual(before)
  await store.close()
  const again = open(dir)
  expect(await searchAll(again, matchAll)).toEqual(before)
  expect([again.lost(), await again.compact()]).toEqual([[], 0])
  await again.close()
  expect(fsckSegments(dir)).toMatchObject({ ok: true, events: 400, replaced: 0 })
})

test.each([2, 3, 4])(
  'a random life of appends, replacements, merges and restarts agrees with the oracle, seed %i',
  async (seed) => {
    const dir = folder()
    const next = random(seed)
    const given = randomEvents(next, 400)
    const newest = new Map(given.map((g) => [idOf(g), g]))
    let store = open(dir)
    let merged = 0
    for (let at = 0; at < given.length; at += 60) {
      await manySegments(store, given.slice(at, at + 60), 15)
      const stored = given.slice(0, at + 60)
      const some = stored.filter(() => next() < 0.15)
      const others = randomEvents(next, some.length)
      const batch = some.map((g, i): Given => {
        const { event, timestampMs } = others[i] as Given
        return { ...g, event, timestampMs }
      })
      for (const g of batch) newest.set(idOf(g), g)
      const [, , compacted] = await Promise.all([
        store.replace(batchOf(batch.slice(0, 5))),
        store.replace(batchOf(batch.slice(5))),
        store.compact(),
      ])
      merged += compacted
      const visible = stored.map((g) => newest.get(idOf(g)) as Given)
      await expectAnswers(store, visible, next, 5)
      for (const g of visible.filter((_, i) => i % 17 === 0)) expect((await store.get(idOf(g)))?.id).toBe(idOf(g))
      expect((await store.stats()).events).toBe(visible.length)
      if (next() < 0.4) {
        if (next() < 0.5) await store.close()
        else store.abandon() // all was flushed
        store = open(dir)
        expect(store.lost()).toEqual([])
      }
    }
    expect(merged, `seed ${seed}`).toBeGreaterThan(2)
    await store.close()
    expect(fsckSegments(dir)).toMatchObject({ ok: true, events: 400 })
  },
)

test('newer versions move in with their events, and nothing of them is left over', async () => {
  const dir = folder()
  const given = simple(200)
  const store = open(dir)
  await manySegments(store, given)
  const fixed = given.map((g): Given => ({ ...g, event: { message: `repaired ${g.offset}` } }))
  await store.replace(batchOf(fixed.slice(0, 150)))
  await store.replace(batchOf(fixed.slice(100)))
  expect(fsckSegments(dir).replaced).toBeGreaterThan(0)
  await store.compact()
  expect(fsckSegments(dir)).toMatchObject({ ok: true, events: 200, replaced: 0 })
  const messages = async () => (await searchAll(store, matchAll)).map(({ event }) => event.message)
  expect(await messages()).toEqual(fixed.map(({ event }) => event.message).reverse())
  expect(await store.replace(batchOf(fixed.slice(0, 9)))).toMatchObject({ replaced: 0, unchanged: 9 })
  expect(await store.append(batchOf(given), 0, 200)).toMatchObject({ stored: 0, replayed: 200 })
  await store.close()
})

test('searches that run while segments are merged see each event once, and the files go when they are done', async () => {
  const dir = folder()
  const given = simple(600)
  const store = open(dir)
  await manySegments(store, given, 10)
  let done = false
  const merging = store.compact().then(() => {
    done = true
  })
  let searches = 0
  while (!done) {
    const hits = await searchAll(store, matchAll, always, 1000)
    expect([hits.length, new Set(hits.map(({ id }) => id)).size]).toEqual([600, 600])
    searches++
  }
  await merging
  expect(searches).toBeGreaterThan(0)
  expect(files(dir).length).toBe((await store.stats()).segments)
  await store.close()
})

test('a tail that stands within merged segments goes on where it was', async () => {
  const dir = folder()
  const store = open(dir)
  const given = simple(300)
  const seen: string[] = []
  const abort = new AbortController()
  const wanted: Filter = { kind: 'exists', field: 'message' }
  const tail = store.tail(wanted, { resume: '' }, abort.signal)[Symbol.asyncIterator]()
  const read = async (upTo: number) => {
    while (seen.length < upTo) seen.push(...((await tail.next()).value?.hits ?? []).map(({ id }: { id: string }) => id))
  }
  for (let at = 0; at < 300; at += 100) {
    await manySegments(store, given.slice(at, at + 60), 10)
    await appendAll(store, given.slice(at + 60, at + 75))
    await read(at + 75)
    await manySegments(store, given.slice(at + 75, at + 100), 5)
    expect(await store.compact()).toBeGreaterThan(0)
  }
  await read(300)
  abort.abort()
  expect(seen).toEqual(given.map(idOf))
  await store.close()
})

const points = ['start', 'torn', 'written', 'synced', 'renamed', 'unlinked'] as const

test.each(points)('a crash at compact-%s leaves every event once', async (point) => {
  const dir = folder()
  const given = simple(200)
  const setup = open(dir)
  await manySegments(setup, given)
  await setup.replace(batchOf(given.slice(30, 60).map((g) => ({ ...g, event: { message: 'repaired' } }))))
  await setup.close()
  const store: SegmentEngine = new SegmentEngine({
    ...options(dir),
    crash: (at) => {
      if (at !== `compact-${point}`) return
      store.abandon()
      throw new Error(`crash at ${at}`)
    },
  })
  await expect(store.compact()).rejects.toThrow()
  for (let restart = 0; restart < 2; restart++) {
    const again = open(dir)
    expect([again.durable().get(0), again.lost()]).toEqual([200, []])
    expect((await searchAll(again, matchAll)).map(({ id }) => id)).toEqual(given.map(idOf).reverse())
    expect(await searchAll(again, { kind: 'text', words: ['repaired'], prefix: false })).toHaveLength(30)
    expect(fsckSegments(dir)).toMatchObject({ ok: true, events: 200, leftovers: [] })
    if (restart > 0) await again.compact()
    again.abandon()
  }
  expect(fsckSegments(dir)).toMatchObject({ ok: true, events: 200, replaced: 0 })
})

test.each(points.slice(0, -1))('a disk that refuses at compact-%s changes nothing', async (point) => {
  const dir = folder()
  const given = simple(100)
  let refuses = true
  const store = new SegmentEngine({
    ...options(dir),
    crash: (at) => {
      if (refuses && at === `compact-${point}`) throw new Error('no space left on device')
    },
  })
  await manySegments(store, given)
  const before = files(dir)
  await expect(store.compact()).rejects.toThrow('no space')
  expect(readdirSync(dir)).toEqual(before)
  expect(await searchAll(store, matchAll)).toHaveLength(100)
  refuses = false
  expect(await store.compact()).toBe(1)
  expect(await searchAll(store, matchAll)).toHaveLength(100)
  await store.close()
})

test('a merged segment that is damaged is rebuilt by replay, as its sources would be', async () => {
  const dir = folder()
  const given = simple(100)
  const store = open(dir)
  await manySegments(store, given)
  await store.compact()
  await store.close()
  rmSync(join(dir, files(dir)[0] as string))
  const again = open(dir)
  await appendAll(again, given)
  expect((await searchAll(again, matchAll)).map(({ id }) => id)).toEqual(given.map(idOf).reverse())
  await again.close()
})

const about = (name: string): Filter => ({ kind: 'equals', field: 'user.name', value: name })

test('what is under legal hold outlives its age, alone, and goes when the hold ends', async () => {
  const dir = folder()
  const given = simple(120).map((g, i) => ({
    ...g,
    event: { ...g.event, user: { name: i % 9 === 0 ? 'eve' : 'bob' } },
  }))
  const store = open(dir)
  await manySegments(store, given, 40)
  await store.replace(batchOf([{ ...(given[9] as Given), event: { message: 'repaired', user: { name: 'eve' } } }]))
  await store.replace(batchOf([{ ...(given[18] as Given), event: { message: 'repaired', user: { name: 'mallory' } } }]))
  const limit = (given[80] as Given).timestampMs
  const hold = [about('eve')]
  await store.retire(limit, { hold })
  const left = () => searchAll(store, matchAll).then((hits) => hits.map(({ id }) => id))
  const wanted = given.filter((_, i) => i >= 80 || (i % 9 === 0 && i !== 18)).map(idOf)
  expect((await left()).filter((id) => id !== '0-18').reverse()).toEqual(wanted)
  expect((await store.get('0-9'))?.event.message).toBe('repaired')
  expect([store.lost(), store.durable().get(0)]).toEqual([[], 120])
  expect(await store.append(batchOf(given), 0, 120)).toMatchObject({ stored: 0, replayed: 120 })
  const files1 = files(dir)
  await store.retire(limit, { hold })
  expect(files(dir)).toEqual(files1) // what is left is all held: it is not written again
  await store.close()
  expect(fsckSegments(dir)).toMatchObject({ ok: true })
  const again = open(dir)
  await again.retire(limit)
  expect((await searchAll(again, matchAll)).map(({ id }) => id)).toEqual(given.slice(80).map(idOf).reverse())
  await again.close()
})

test('beyond the bytes allowed the oldest go, held ones stay', async () => {
  const dir = folder()
  const given = simple(200).map((g, i) => ({ ...g, event: { ...g.event, user: { name: i === 3 ? 'eve' : 'bob' } } }))
  const store = open(dir)
  await manySegments(store, given, 50)
  const { bytes } = await store.stats()
  expect(await store.retire(Number.NEGATIVE_INFINITY, { maxBytes: bytes })).toMatchObject({ segments: 0 })
  await store.retire(Number.NEGATIVE_INFINITY, { maxBytes: bytes / 2 + 10, hold: [about('eve')] })
  expect((await searchAll(store, matchAll)).map(({ id }) => id)).toEqual([
    ...given.slice(100).map(idOf).reverse(),
    idOf(given[3] as Given),
  ])
  expect([store.lost(), store.durable().get(0)]).toEqual([[], 200])
  await store.close()
})
