import { expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { batchOf, linesOf } from '../bus.contract.ts'
import { type Ledger, openLedger } from './ledger.ts'
import { SimDisk, seededRandom } from './sim-fs.ts'

const DIR = '/ledger'
const open = (disk: SimDisk, more = {}) => openLedger({ dir: DIR, files: disk.mount(), segmentBytes: 100_000, ...more })

async function collect(ledger: Ledger, until: number, onBatch: (offset: number) => Promise<void> | void) {
  const stop = new AbortController()
  const lines: string[] = []
  for await (const { offset, batch } of ledger.subscribe(new Map(), stop.signal)) {
    lines.push(...linesOf(batch))
    await onBatch(offset)
    if (lines.length >= until) stop.abort()
  }
  return lines
}

test('a subscriber at the head reads no disk', async () => {
  const disk = new SimDisk(seededRandom(1))
  const ledger = await open(disk)
  const reading = collect(ledger, 200, () => undefined)
  disk.bytesRead = 0
  for (let i = 0; i < 200; i++) await ledger.publish(batchOf([`line ${i} ${'x'.repeat(1000)}`]), 1)
  const lines = await reading
  expect(lines.map((line) => Number(line.split(' ')[1]))).toEqual(lines.map((_, i) => i))
  expect(disk.bytesRead).toBeLessThan(10_000)
  await ledger.close()
})

test('a slow subscriber is read from disk: what is held in memory stays within the limits, a fast one is not held up', async () => {
  const disk = new SimDisk(seededRandom(1))
  const counters = new Counters()
  const ledger = await open(disk, { counters, tailCacheBytes: 50_000 })
  let largest = 0
  const cacheBytes = () => Number(/haetae_bus_tail_cache_bytes (\d+)/.exec(counters.expose())?.[1])
  let slowAt = 0
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const slow = collect(ledger, 400, async (offset) => {
    slowAt = offset
    await released
  })
  const fast = collect(ledger, 400, () => {
    largest = Math.max(largest, cacheBytes())
  })
  for (let i = 0; i < 400; i++) await ledger.publish(batchOf([`line ${i} ${'y'.repeat(5000)}`]), 1)
  expect(await fast).toHaveLength(400)
  expect(slowAt).toBe(0)
  expect(largest).toBeGreaterThan(0)
  expect(largest).toBeLessThanOrEqual(50_000)
  release()
  const lines = await slow
  expect(lines.map((line) => Number(line.split(' ')[1]))).toEqual(lines.map((_, i) => i))
  expect(lines).toHaveLength(400)
  await ledger.close()
})

test('subscribers that come and go, at any pace, each see every record once and in order', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = seededRandom(seed)
    const disk = new SimDisk(random)
    const ledger = await open(disk, { segmentBytes: 3000, tailCacheBytes: 2000 })
    const total = 150
    const readers: Promise<string[]>[] = []
    for (let i = 0; i < total; i++) {
      if (random() < 0.05) {
        readers.push(
          collect(ledger, total, () => (random() < 0.3 ? new Promise((resolve) => setImmediate(resolve)) : undefined)),
        )
      }
      await ledger.publish(batchOf([`line ${i}`]), 1)
    }
    for (const lines of await Promise.all(readers)) {
      expect(lines).toEqual(Array.from({ length: total }, (_, i) => `line ${i}`))
    }
    await ledger.close()
  }
})

test('an offset that is none is refused', async () => {
  const ledger = await open(new SimDisk(seededRandom(1)))
  for (const bad of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    expect(() => ledger.subscribe(new Map([[0, bad]]), AbortSignal.abort())).toThrow(RangeError)
    await expect(ledger.commit('g', 0, bad)).rejects.toThrow(RangeError)
  }
  await expect(ledger.commit('g', 1, 0)).rejects.toThrow(RangeError)
  await ledger.commit('__proto__', 0, 0)
  expect((await ledger.committed('__proto__')).get(0)).toBe(0)
  expect((await ledger.committed('constructor')).size).toBe(0)
  await ledger.close()
})
