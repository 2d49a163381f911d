// Power lost between any two steps of seal, rename, merge, replacement and retention: what the bus was told it may forget
// is there, once, as it is now. The bus of these lives keeps nothing that the store called durable.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { type Filter, matchAll } from '../../core/query.ts'
import { appendAll, batchOf, type Given, idOf, random, searchAll, simple } from '../store.contract.ts'
import { SegmentEngine } from './engine.ts'
import { fsckSegments } from './fsck.ts'
import type { CrashPoint } from './segment-writer.ts'
import { SimDisk } from './sim-disk.ts'

const root = mkdtempSync(join(tmpdir(), 'haetae-power-'))
afterAll(() => rmSync(root, { recursive: true }))
const seeds = Array.from({ length: Number(process.env.HAETAE_CRASH_SEEDS ?? 30) }, (_, i) => i + 1)
const LIVES = 5

const options = (dir: string) => ({
  dir,
  counters: new Counters(),
  blockRows: 32,
  sealRows: 400,
  sealRetryMs: -1,
  compactEveryMs: 0,
})

/** What must hold whatever happens to the power. */
class Model {
  readonly given: readonly Given[]
  appended = 0
  /** The bus has nothing before this any more. */
  durable = 0
  /** Version of each event: the last confirmed one, and those that were asked for and may have come about. */
  readonly confirmed = new Map<string, string>()
  readonly asked = new Map<string, Set<string>>()
  /** Events older than this may be gone. */
  retiredBefore = 0
  /** The same for those under legal hold, which did not always hold. */
  retiredAllBefore = 0
  /** Events seen to be gone stay gone. */
  readonly gone = new Set<string>()

  constructor(given: readonly Given[]) {
    this.given = given
  }
}

const held: Filter = { kind: 'equals', field: 'event.outcome', value: 'failure' }
const isHeld = (given: Given) => (given.event.event as { outcome: string }).outcome === 'failure'

async function check(store: SegmentEngine, model: Model, say: string): Promise<void> {
  expect(store.lost(), say).toEqual([])
  expect(store.problems(), say).toEqual([])
  expect(store.durable().get(0) ?? 0, say).toBeGreaterThanOrEqual(model.durable)
  const stored = model.given.slice(0, model.appended)
  // The replay of a restart: what the bus still has.
  await appendAll(store, stored.slice(Math.max(model.durable, store.durable().get(0) ?? 0)), 17)
  const hits = await searchAll(store, matchAll)
  const seen = new Map(hits.map(({ id, event }) => [id, String(event.message)]))
  expect(seen.size, `${say}: shown once`).toBe(hits.length)
  for (const given of stored) {
    const id = idOf(given)
    const message = seen.get(id)
    if (message === undefined) {
      const limit = isHeld(given) ? model.retiredAllBefore : model.retiredBefore
      expect(given.timestampMs < limit, `${say}: ${id} is there`).toBe(true)
      model.gone.add(id)
      continue
    }
    expect(model.gone.has(id), `${say}: ${id} stays gone`).toBe(false)
    const versions = [model.confirmed.get(id) ?? given.event.message, ...(model.asked.get(id) ?? [])]
    expect(versions, `${say}: version of ${id}`).toContain(message)
    model.confirmed.set(id, message)
    model.asked.delete(id)
  }
}

async function live(store: SegmentEngine, model: Model, next: () => number, say: string): Promise<void> {
  await check(store, model, say)
  for (let round = 0; round < 30; round++) {
    const choice = next()
    if (choice < 0.45) {
      const part = model.given.slice(model.appended, model.appended + 1 + Math.floor(next() * 12))
      model.appended += part.length
      await appendAll(store, part, 7)
    } else if (choice < 0.7) await store.flush()
    else if (choice < 0.85) await store.compact()
    else if (choice < 0.92) {
      const version = `version ${round} of ${say}`
      const some = model.given.slice(0, model.appended).filter((g) => next() < 0.1 && !model.gone.has(idOf(g)))
      for (const g of some) model.asked.set(idOf(g), (model.asked.get(idOf(g)) ?? new Set()).add(version))
      const batch = batchOf(some.map((g) => ({ ...g, event: { ...g.event, message: version } })))
      const { ids } = await store.replace(batch)
      for (const id of ids) {
        model.confirmed.set(id, version)
        model.asked.delete(id)
      }
    } else {
      const at = model.given[Math.floor(next() * model.appended)]
      if (!at) continue
      model.retiredBefore = Math.max(model.retiredBefore, at.timestampMs)
      const hold = next() < 0.5 ? [held] : []
      if (hold.length === 0) model.retiredAllBefore = Math.max(model.retiredAllBefore, at.timestampMs)
      await store.retire(at.timestampMs, { hold })
    }
  }
}

async function lives(seed: number, crash: (disk: SimDisk, next: () => number) => CrashPoint | undefined) {
  const dir = join(root, `${seed}-${Math.floor(performance.now() * 1000)}`)
  mkdirSync(dir)
  const next = random(seed)
  const disk = new SimDisk(dir, next)
  const model = new Model(simple(4000))
  let crashes = 0
  for (let life = 0; life < LIVES; life++) {
    const say = `seed ${seed} life ${life}`
    const mounted = disk.mount()
    const point = crash(disk, next)
    let store: SegmentEngine | undefined
    const lived = (async () => {
      store = new SegmentEngine({ ...options(dir), disk: mounted, crash: point })
      store.onDurable((_partition, offset) => {
        model.durable = Math.max(model.durable, offset)
      })
      await live(store, model, next, say)
    })()
    const lost = disk.lost.then(() => 'lost' as const)
    const end = await Promise.race([
      lost,
      lived.then(
        () => 'lived' as const,
        (error) => error as Error,
      ),
    ])
    if (end instanceof Error && (await Promise.race([lost, Promise.resolve('on')])) !== 'lost') throw end
    store?.abandon()
    if (end === 'lived') disk.losePower()
    else crashes++
    lived.catch(() => {})
  }
  const last = new SegmentEngine(options(dir))
  await check(last, model, `seed ${seed} at the end`)
  await last.flush()
  await last.close()
  expect(fsckSegments(dir), `seed ${seed}`).toMatchObject({ ok: true, problems: [], lost: [], leftovers: [] })
  rmSync(dir, { recursive: true })
  return crashes
}

/** Ten a test: a slow machine gets its time for each. */
const tens = Array.from({ length: Math.ceil(seeds.length / 10) }, (_, i) => seeds.slice(i * 10, i * 10 + 10))

test.each(tens.map((ten) => [ten[0], ten] as const))(
  'power lost before any operation on the disk loses nothing durable and shows nothing twice, seeds from %i',
  async (_first, ten) => {
    let crashes = 0
    for (const seed of ten) {
      crashes += await lives(seed, (disk, next) => {
        disk.crashAfter(1 + Math.floor(next() ** 2 * 250))
        return undefined
      })
    }
    expect(crashes).toBeGreaterThan(ten.length * 2) // the test does what it says
  },
)

const points = ['seal', 'compact'].flatMap((of) =>
  ['start', 'torn', 'written', 'synced', 'renamed'].map((at) => `${of}-${at}`),
)

test.each([...points, 'compact-unlinked', 'retire-intent', 'retire-unlinked'])(
  'power lost at %s loses nothing durable and shows nothing twice',
  async (wanted) => {
    let crashes = 0
    for (let seed = 1000; seed < 1004; seed++) {
      crashes += await lives(seed, (disk, next) => {
        let left = wanted.startsWith('retire') ? 1 : 1 + Math.floor(next() * 3)
        return (point) => {
          if (point !== wanted || --left !== 0) return
          disk.losePower()
          throw new Error('the power is gone')
        }
      })
    }
    expect(crashes).toBeGreaterThan(0)
  },
)
