import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { isPipelineError } from '../../core/errors.ts'
import { batchOf, readRecords } from '../bus.contract.ts'
import { fsckLedger } from './fsck.ts'
import { openLedger } from './ledger.ts'
import { SimDisk, seededRandom } from './sim-fs.ts'

const DIR = '/ledger'
const isFull = (error: unknown) => isPipelineError(error, 'BUS_FULL')

/** Lines that zstd cannot make smaller. */
function noise(random: () => number, bytes: number): string {
  return Array.from({ length: bytes }, () => String.fromCharCode(33 + Math.floor(random() * 94))).join('')
}

test('a full disk refuses with BUS_FULL and keeps nothing; with room again publishing goes on, no offset lost', async () => {
  const random = seededRandom(3)
  const disk = new SimDisk(random)
  const counters = new Counters()
  const ledger = await openLedger({ dir: DIR, files: disk.mount(), segmentBytes: 20_000, counters })
  disk.faults.capacityBytes = 50_000
  const kept: string[] = []
  let refusals = 0
  for (let i = 0; i < 200; i++) {
    const line = `${i} ${noise(random, 1000)}`
    try {
      const { offset } = await ledger.publish(batchOf([line]), 1)
      expect(offset).toBe(kept.length)
      kept.push(line)
    } catch (error) {
      if (!isFull(error)) throw error
      refusals++
      if (refusals % 10 === 0) disk.faults.capacityBytes += 20_000
    }
  }
  expect(refusals).toBeGreaterThan(20)
  expect(kept.length).toBeGreaterThan(50)
  expect(counters.get('bus_write_failures_total', { reason: 'ENOSPC' })).toBe(refusals)
  expect((await readRecords(ledger, new Map(), kept.length)).map(({ line }) => line)).toEqual(kept)
  await ledger.close()
  expect(await fsckLedger(DIR, { files: disk.mount() })).toMatchObject({
    records: kept.length,
    damaged: [],
    chainOk: true,
  })
})

test('a failed fdatasync refuses, leaves that file for good, and the refused records never show up', async () => {
  const disk = new SimDisk(seededRandom(4))
  const ledger = await openLedger({ dir: DIR, files: disk.mount() })
  await ledger.publish(batchOf(['kept 0']), 1)
  disk.faults.fail = (operation) => (operation === 'datasync' ? 'EIO' : undefined)
  await expect(ledger.publish(batchOf(['refused']), 1)).rejects.toSatisfy(isFull)
  disk.faults.fail = () => undefined
  expect((await ledger.publish(batchOf(['kept 1']), 1)).offset).toBe(1)
  expect((await disk.mount().list(join(DIR, 'p0'))).filter((name) => name.endsWith('.seg'))).toHaveLength(2)
  expect((await readRecords(ledger, new Map(), 2)).map(({ line }) => line)).toEqual(['kept 0', 'kept 1'])
  await ledger.close()
  const again = await openLedger({ dir: DIR, files: disk.mount() })
  expect((await readRecords(again, new Map(), 2)).map(({ line }) => line)).toEqual(['kept 0', 'kept 1'])
  await again.close()
})

test('what could neither be synced nor taken back is hidden by the segment after it', async () => {
  const disk = new SimDisk(() => 0) // every sector reaches the disk all the same
  const ledger = await openLedger({ dir: DIR, files: disk.mount() })
  await ledger.publish(batchOf(['kept 0']), 1)
  disk.faults.fail = (operation) => (operation === 'datasync' || operation === 'truncate' ? 'EIO' : undefined)
  await expect(ledger.publish(batchOf(['refused']), 1)).rejects.toSatisfy(isFull)
  await expect(ledger.publish(batchOf(['refused too']), 1)).rejects.toSatisfy(isFull)
  disk.faults.fail = () => undefined
  await ledger.publish(batchOf(['kept 1']), 1)
  await ledger.close()
  const again = await openLedger({ dir: DIR, files: disk.mount() })
  expect((await readRecords(again, new Map(), 2)).map(({ line }) => line)).toEqual(['kept 0', 'kept 1'])
  await again.close()
  expect(await fsckLedger(DIR, { files: disk.mount() })).toMatchObject({ records: 2, damaged: [], chainOk: true })
})

test('a read-only disk: publish and commit are refused, what is there can be read, and close works', async () => {
  const disk = new SimDisk(seededRandom(5))
  const ledger = await openLedger({ dir: DIR, files: disk.mount() })
  await ledger.publish(batchOf(['kept']), 1)
  const writes = new Set(['write', 'truncate', 'datasync', 'rename', 'unlink', 'syncDir'])
  disk.faults.fail = (operation) => (writes.has(operation) ? 'EROFS' : undefined)
  await expect(ledger.publish(batchOf(['no']), 1)).rejects.toSatisfy(isFull)
  await expect(ledger.publish(batchOf(['no']), 1)).rejects.toSatisfy(isFull)
  await expect(ledger.commit('store', 0, 1)).rejects.toSatisfy(isFull)
  expect((await readRecords(ledger, new Map(), 1)).map(({ line }) => line)).toEqual(['kept'])
  await ledger.close()
})

test('capacityBytes refuses before the disk does, and retention makes room', async () => {
  const random = seededRandom(6)
  const disk = new SimDisk(random)
  const options = { dir: DIR, files: disk.mount(), segmentBytes: 5000, capacityBytes: 20_000 }
  const ledger = await openLedger({ ...options, retention: { maxBytes: 15_000 } })
  await ledger.commit('store', 0, 0)
  let published = 0
  const publish = async () => {
    for (;;) {
      await ledger.publish(batchOf([noise(random, 1000)]), 1)
      published++
    }
  }
  await expect(publish()).rejects.toSatisfy(isFull)
  expect(published).toBeGreaterThan(10)
  expect(disk.usedBytes).toBeLessThanOrEqual(20_000 + 500)
  await ledger.commit('store', 0, published)
  await ledger.publish(batchOf([noise(random, 1000)]), 1)
  expect(ledger.bounds().get(0)?.oldest).toBeGreaterThan(0)
  await ledger.close()
})

test('calls made at once share writes: far fewer syncs than batches, offsets in call order', async () => {
  const disk = new SimDisk(seededRandom(7))
  const counters = new Counters()
  const ledger = await openLedger({ dir: DIR, files: disk.mount(), counters })
  const positions = await Promise.all(Array.from({ length: 500 }, (_, i) => ledger.publish(batchOf([`line ${i}`]), 1)))
  expect(positions.map(({ offset }) => offset)).toEqual(positions.map((_, i) => i))
  expect(counters.get('bus_fsync_total')).toBeLessThan(250)
  await ledger.close()
})
