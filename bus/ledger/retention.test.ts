import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Gap } from '../../core/bus.ts'
import { Counters } from '../../core/counters.ts'
import { batchOf, readRecords } from '../bus.contract.ts'
import { fsckLedger } from './fsck.ts'
import { type LedgerOptions, openLedger } from './ledger.ts'
import { SimDisk, seededRandom } from './sim-fs.ts'

const DIR = '/ledger'
const HOUR = 3_600_000

async function setUp(options: Partial<LedgerOptions>) {
  const disk = new SimDisk(seededRandom(1))
  const clock = { ms: 1_790_000_000_000 }
  const open = (more: Partial<LedgerOptions> = {}) =>
    openLedger({ dir: DIR, files: disk.mount(), segmentBytes: 1000, now: () => clock.ms, ...options, ...more })
  const ledger = await open()
  const publish = async (records: number) => {
    for (let i = 0; i < records; i++) await ledger.publish(batchOf([`record ${i}`]), 1)
  }
  return { disk, clock, open, ledger, publish }
}

const oldest = (ledger: Awaited<ReturnType<typeof openLedger>>) => ledger.bounds().get(0)?.oldest ?? -1

describe('retention by size', () => {
  test('deletes the oldest segments, and the chain still verifies over their stubs', async () => {
    const counters = new Counters()
    const { disk, ledger, publish } = await setUp({ retention: { maxBytes: 5000 }, counters })
    await publish(100)
    const chain = ledger.head().chain
    expect(disk.usedBytes).toBeLessThan(5000 + 1000 + 20_000) // segments, the one being written, stubs
    expect(oldest(ledger)).toBeGreaterThan(50)
    expect(counters.get('bus_deleted_records_total')).toBe(oldest(ledger))
    await ledger.close()
    const report = await fsckLedger(DIR, { files: disk.mount() })
    expect(report).toMatchObject({ chainOk: true, damaged: [], missing: [], chain, next: 100 })
    expect(report.records + report.deletedRecords).toBe(100)
  })

  test('never deletes what the slowest group needs, and lets go once the group is forgotten', async () => {
    const { ledger, publish } = await setUp({ retention: { maxBytes: 2000 } })
    await ledger.commit('fast', 0, 0)
    await ledger.commit('slow', 0, 0)
    await publish(50)
    await ledger.commit('fast', 0, 50)
    expect(await ledger.enforceRetention()).toBe(0)
    await ledger.commit('slow', 0, 20)
    await ledger.enforceRetention()
    expect(oldest(ledger)).toBeGreaterThan(0)
    expect(oldest(ledger)).toBeLessThanOrEqual(20)
    expect((await readRecords(ledger, new Map([[0, 20]]), 30)).length).toBeGreaterThanOrEqual(30)
    await ledger.forgetGroup('slow')
    await ledger.enforceRetention()
    expect(oldest(ledger)).toBeGreaterThan(20)
    await ledger.close()
  })

  test('goes by what is durable: a commit that failed or is on its way lets nothing go', async () => {
    const { disk, ledger, publish } = await setUp({ retention: { maxBytes: 2000 } })
    await ledger.commit('store', 0, 0)
    await publish(50)
    disk.faults.fail = (operation) => (operation === 'rename' ? 'EIO' : undefined)
    await expect(ledger.commit('store', 0, 50)).rejects.toThrow(/EIO/)
    expect(await ledger.enforceRetention()).toBe(0)
    disk.faults.fail = () => undefined
    await ledger.commit('store', 0, 50)
    expect(await ledger.enforceRetention()).toBeGreaterThan(0)
    await ledger.close()
  })

  test('never deletes the segment being written', async () => {
    const { ledger, publish } = await setUp({ retention: { maxBytes: 1 } })
    await publish(10)
    await ledger.enforceRetention()
    expect(await readRecords(ledger, new Map(), 1)).not.toHaveLength(0)
    expect((await ledger.publish(batchOf(['more']), 1)).offset).toBe(10)
    await ledger.close()
  })
})

test('retention by age goes by append time, and seals a quiet segment so that it can go', async () => {
  const { ledger, clock, publish } = await setUp({ retention: { maxAgeMs: 8 * HOUR }, segmentBytes: 1_000_000 })
  await publish(5)
  clock.ms += 2 * HOUR
  await publish(5)
  expect(await ledger.enforceRetention()).toBe(0)
  clock.ms += 7 * HOUR
  expect(await ledger.enforceRetention()).toBe(1)
  expect(oldest(ledger)).toBe(5)
  await ledger.close()
})

test('who asks for what retention took is told exactly which offsets are gone', async () => {
  const gaps: Gap[] = []
  const { ledger, publish } = await setUp({ retention: { maxBytes: 3000 } })
  await publish(60)
  const from = oldest(ledger)
  const stop = new AbortController()
  for await (const { offset } of ledger.subscribe(new Map([[0, 3]]), stop.signal, (gap) => gaps.push(gap))) {
    expect(offset).toBe(from)
    stop.abort()
  }
  expect(gaps).toEqual([{ partition: 0, from: 3, to: from, reason: 'deleted' }])
  await ledger.close()
})

test('a reader inside a segment that is deleted meanwhile loses nothing it does not hear of', async () => {
  const gaps: Gap[] = []
  const { ledger, publish } = await setUp({ retention: { maxBytes: 3000 } })
  await ledger.commit('hold', 0, 0)
  await publish(60)
  const offsets: number[] = []
  const stop = new AbortController()
  for await (const { offset } of ledger.subscribe(new Map([[0, 0]]), stop.signal, (gap) => gaps.push(gap))) {
    offsets.push(offset)
    if (offset === 1) await ledger.forgetGroup('hold').then(() => ledger.enforceRetention())
    if (offset === 59) stop.abort()
  }
  const told = gaps.reduce((sum, { from, to }) => sum + to - from, 0)
  expect(told).toBeGreaterThan(0)
  expect(offsets.length + told).toBe(60)
  await ledger.close()
})

test.each([
  'retention.before',
  'deleted.jsonl.written',
  'deleted.jsonl.synced',
  'retention.stubbed',
  'retention.unlinked',
])('power lost at %s: the deletion is finished or was never begun, and the chain verifies', async (point) => {
  for (let seed = 1; seed <= 20; seed++) {
    const disk = new SimDisk(seededRandom(seed))
    const crashed = new Promise<void>((resolve) => {
      const life = async () => {
        const at = (reached: string) => {
          if (reached !== point) return
          disk.losePower()
          resolve()
          return new Promise<void>(() => undefined)
        }
        const retention = { maxBytes: 3000 }
        const ledger = await openLedger({ dir: DIR, files: disk.mount(), segmentBytes: 1000, retention, at })
        for (let i = 0; i < 60; i++) await ledger.publish(batchOf([`record ${i}`]), 1)
      }
      void life()
    })
    await crashed
    const ledger = await openLedger({ dir: DIR, files: disk.mount() })
    expect(ledger.recovery.missing).toEqual([])
    await ledger.publish(batchOf(['after']), 1)
    await ledger.close()
    expect(await fsckLedger(DIR, { files: disk.mount() })).toMatchObject({ chainOk: true, damaged: [], missing: [] })
  }
})

describe('tampering is seen by fsck', () => {
  test.each([
    ['a stub taken out', (lines: string[]) => lines.toSpliced(1, 1)],
    ['two stubs swapped', (lines: string[]) => [lines[1], lines[0], ...lines.slice(2)] as string[]],
    ['the last stub taken out', (lines: string[]) => lines.slice(0, -1)],
    ['all stubs taken out', () => []],
  ])('%s', async (_what, change) => {
    const { disk, ledger, publish } = await setUp({ retention: { maxBytes: 3000 } })
    await publish(60)
    await ledger.close()
    const path = join(DIR, 'p0/deleted.jsonl')
    const lines = disk.peek(path).toString().trimEnd().split('\n')
    disk.poke(
      path,
      Buffer.from(
        change(lines)
          .map((line) => `${line}\n`)
          .join(''),
      ),
    )
    expect((await fsckLedger(DIR, { files: disk.mount() })).chainOk).toBe(false)
  })
})
