// Power loss and kill at any operation, on the simulated disk: what was acknowledged is kept, once, in order, whole.

import { afterAll, expect, test } from 'vitest'
import type { Gap } from '../../core/bus.ts'
import { isPipelineError } from '../../core/errors.ts'
import { RawBatchReader } from '../../core/raw-batch.ts'
import { batchOf, readRecords } from '../bus.contract.ts'
import { fsckLedger } from './fsck.ts'
import { openLedger } from './ledger.ts'
import { SimDisk, seededRandom } from './sim-fs.ts'

const DIR = '/ledger'
/** Lines are cut out of this: zstd makes them hardly smaller. */
const NOISE = Buffer.from(Array.from({ length: 30_000 }, seededBytes(1))).toString('base64')
const seeds = Array.from({ length: Number(process.env.HAETAE_CRASH_SEEDS ?? 150) }, (_, i) => i + 1)

function seededBytes(seed: number): () => number {
  const random = seededRandom(seed)
  return () => Math.floor(random() * 256)
}

let crashes = 0
let torn = 0
let refused = 0
afterAll(() => {
  expect(crashes).toBe(seeds.length * 4) // the test does what it says
  expect(torn).toBeGreaterThan(0)
  expect(refused).toBeGreaterThan(0)
})

/** Acknowledged records by offset, over all lives. */
interface Model {
  acked: Map<number, string>
  /** -1: the group may not exist yet. */
  committed: number
  lineNumber: number
}

async function live(disk: SimDisk, random: () => number, model: Model, seed: number): Promise<void> {
  const crashed = disk.crashAfter(1 + Math.floor(random() ** 2 * 120))
  const life = (async () => {
    const ledger = await openLedger({
      dir: DIR,
      files: disk.mount(),
      segmentBytes: random() < 0.5 ? 1500 : 30_000,
      retention: random() < 0.3 ? { maxBytes: 6000 } : undefined,
    })
    if (model.committed < 0) {
      const { oldest } = ledger.bounds().get(0) as { oldest: number }
      await ledger.commit('g', 0, oldest)
      model.committed = oldest
    }
    for (let round = 0; round < 15; round++) {
      const publishing = Array.from({ length: 1 + Math.floor(random() * 7) }, async () => {
        const lines = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
          const size = random() < 0.15 ? 6000 : Math.floor(random() * 200)
          const from = Math.floor(random() * (NOISE.length - size))
          return `${seed}/${model.lineNumber++} ${NOISE.slice(from, from + size)}`
        })
        try {
          const { offset } = await ledger.publish(batchOf(lines), lines.length)
          lines.forEach((line, i) => {
            expect(model.acked.has(offset + i), `seed ${seed}: offset ${offset + i} given twice`).toBe(false)
            model.acked.set(offset + i, line)
          })
        } catch (error) {
          if (!isPipelineError(error, 'BUS_FULL')) throw error
          refused++
        }
      })
      await Promise.all(publishing)
      if (random() < 0.2) {
        const { next } = ledger.bounds().get(0) as { next: number }
        const upTo = Math.max(model.committed, Math.floor(random() * next))
        try {
          await ledger.commit('g', 0, upTo)
          model.committed = upTo
        } catch (error) {
          if (!isPipelineError(error, 'BUS_FULL')) throw error
        }
      }
    }
    if (random() < 0.5) await ledger.close()
    else disk.kill()
  })()
  await Promise.race([life, crashed])
}

async function check(disk: SimDisk, model: Model, seed: number): Promise<void> {
  const gaps: Gap[] = []
  const ledger = await openLedger({ dir: DIR, files: disk.mount(), segmentBytes: 1500 })
  torn += ledger.recovery.tornBytes
  const { oldest, next } = ledger.bounds().get(0) as { oldest: number; next: number }
  const from = new Map([[0, oldest]])
  const stop = new AbortController()
  const seen = new Map<number, string>()
  let last = -1
  if (next > oldest) {
    for await (const delivery of ledger.subscribe(from, stop.signal, (gap) => gaps.push(gap))) {
      expect(delivery.offset, `seed ${seed}: order`).toBeGreaterThan(last)
      last = delivery.offset + delivery.count - 1
      const reader = new RawBatchReader(delivery.batch)
      while (reader.next()) seen.set(delivery.offset + reader.index, reader.bytes.toString())
      if (last + 1 >= next) stop.abort()
    }
  }
  const needed = (await ledger.committed('g')).get(0) ?? 0
  expect(needed, `seed ${seed}: commit lost`).toBeGreaterThanOrEqual(model.committed)
  if (model.committed >= 0) expect(oldest, `seed ${seed}: deleted though needed`).toBeLessThanOrEqual(needed)
  for (const [offset, line] of model.acked) {
    if (offset >= oldest) expect(seen.get(offset), `seed ${seed}: acknowledged record ${offset}`).toBe(line)
  }
  for (const gap of gaps) expect.fail(`seed ${seed}: gap ${JSON.stringify(gap)} without damage`)
  // Records nobody acknowledged may have survived: from now on they are part of what must be kept.
  for (const [offset, line] of seen) model.acked.set(offset, line)
  await ledger.close()
  const report = await fsckLedger(DIR, { files: disk.mount() })
  expect(report, `seed ${seed}`).toMatchObject({ damaged: [], missing: [], tornBytes: 0, chainOk: true })
}

test('acknowledged records survive any number of power losses and kills, whole, once and in order', async () => {
  for (const seed of seeds) {
    const random = seededRandom(seed)
    const disk = new SimDisk(random)
    const model: Model = { acked: new Map(), committed: -1, lineNumber: 0 }
    for (let i = 0; i < 4; i++) {
      const faulty = random() < 0.25
      // Failing syncs and writes in some lives: a refusal must keep nothing and lose nothing before it.
      disk.faults.fail = faulty
        ? (operation) =>
            (operation === 'datasync' || operation === 'write') && random() < 0.05
              ? random() < 0.5
                ? 'EIO'
                : 'ENOSPC'
              : undefined
        : () => undefined
      try {
        await live(disk, random, model, seed)
      } catch (error) {
        // An open that meets a failing disk says so; nothing else may throw.
        if (!faulty || (error as { code?: string }).code === undefined) throw error
      }
      crashes++
      disk.faults.fail = () => undefined
      disk.losePower()
      await check(disk, model, seed)
    }
  }
}, 120_000)

test('a crash during recovery, and during the recovery after it, changes nothing', async () => {
  for (const seed of seeds.slice(0, 100)) {
    const random = seededRandom(seed * 7919)
    const disk = new SimDisk(random)
    const model: Model = { acked: new Map(), committed: -1, lineNumber: 0 }
    await live(disk, random, model, seed)
    disk.losePower()
    for (let i = 1; i < 12; i++) {
      const crashed = disk.crashAfter(i)
      await Promise.race([openLedger({ dir: DIR, files: disk.mount() }), crashed])
      disk.losePower()
    }
    await check(disk, model, seed)
  }
}, 120_000)

test('without faults the simulated disk is a disk', async () => {
  const disk = new SimDisk(seededRandom(1))
  const ledger = await openLedger({ dir: DIR, files: disk.mount() })
  await ledger.publish(batchOf(['a', 'b']), 2)
  expect((await readRecords(ledger, new Map(), 2)).map(({ line }) => line)).toEqual(['a', 'b'])
  await ledger.close()
})
