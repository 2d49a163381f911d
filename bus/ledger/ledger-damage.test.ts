import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { isPipelineError } from '../../core/errors.ts'
import { RawBatchWriter } from '../../core/raw-batch.ts'
import { batchOf, linesOf, readRecords } from '../bus.contract.ts'
import type { Gap } from './cursor.ts'
import { dumpLedger } from './dump.ts'
import { encodeHeader, FRAME_HEADER, FrameKind } from './frame.ts'
import { fsckLedger } from './fsck.ts'
import { type LedgerOptions, openLedger } from './ledger.ts'
import { segmentName } from './segment.ts'
import { SimDisk, seededRandom } from './sim-fs.ts'

const DIR = '/ledger'
const P0 = join(DIR, 'p0')

/** A disk with `batches` batches of two records, `perSegment` of them a segment, closed. */
async function filledDisk(batches: number, perSegment: number, options: Partial<LedgerOptions> = {}) {
  const disk = new SimDisk(seededRandom(1))
  const frameBytes = FRAME_HEADER + batchOf(pair(0)).length
  const segmentBytes = FRAME_HEADER + perSegment * frameBytes
  const reopen = (more: Partial<LedgerOptions> = {}) =>
    openLedger({ dir: DIR, files: disk.mount(), segmentBytes, ...options, ...more })
  const ledger = await reopen()
  for (let i = 0; i < batches; i++) await ledger.publish(batchOf(pair(i)), 2)
  await ledger.close()
  return { disk, reopen, frameBytes, segment: (first: number) => join(P0, segmentName(first)) }
}

const pair = (batch: number) => [
  `record ${String(batch * 2).padStart(4, '0')}`,
  `record ${String(batch * 2 + 1).padStart(4, '0')}`,
]
const number = (line: string) => Number(line.slice(7))

function flip(disk: SimDisk, path: string, at: number): void {
  const bytes = Buffer.from(disk.peek(path))
  bytes[at] = (bytes[at] as number) ^ 0x10
  disk.poke(path, bytes)
}

describe('damage in a sealed segment', () => {
  test.each([
    ['in a payload', FRAME_HEADER + 30],
    ['in a frame header', 20],
    ['in a frame magic', 0],
    ['in a chain value', 50],
  ])(
    'a bit flipped %s costs that batch only, is told exactly, once a reader, and put in quarantine',
    async (_where, at) => {
      const { disk, reopen, frameBytes, segment } = await filledDisk(12, 4)
      // segment 8 holds records 8..15; its second frame holds 10 and 11
      flip(disk, segment(8), FRAME_HEADER + frameBytes + at)
      const counters = new Counters()
      const gaps: Gap[] = []
      const ledger = await reopen({ counters, onGap: (gap) => gaps.push(gap) })
      expect(ledger.recovery).toMatchObject({ damaged: [], missing: [], tornBytes: 0 })
      for (let reader = 1; reader <= 2; reader++) {
        const got = await readRecords(ledger, new Map([[0, 0]]), 22)
        expect(got.map(({ offset }) => offset)).toEqual(got.map(({ line }) => number(line)))
        expect(got.map(({ offset }) => offset)).toEqual(
          Array.from({ length: 24 }, (_, i) => i).filter((i) => i !== 10 && i !== 11),
        )
        expect(gaps).toHaveLength(reader)
        expect(gaps.at(-1)).toEqual({ partition: 0, from: 10, to: 12, reason: 'damaged' })
      }
      expect(counters.get('bus_gap_records_total', { reason: 'damaged' })).toBe(2)
      await ledger.close()
      const lines = disk.peek(join(P0, 'quarantine.jsonl')).toString().trimEnd().split('\n')
      expect(lines).toHaveLength(1)
      expect(JSON.parse(lines[0] as string)).toMatchObject({
        segment: segmentName(8),
        position: FRAME_HEADER + frameBytes,
      })
      const report = await fsckLedger(DIR, { files: disk.mount() })
      expect(report.damaged).toHaveLength(1)
      expect(report).toMatchObject({ chainOk: false, records: 22 })
    },
  )

  test('a damaged head frame costs nothing but the proof', async () => {
    const { disk, reopen, segment } = await filledDisk(12, 4)
    flip(disk, segment(8), 20)
    const ledger = await reopen()
    expect(await readRecords(ledger, new Map(), 24)).toHaveLength(24)
    await ledger.close()
    expect((await fsckLedger(DIR, { files: disk.mount() })).chainOk).toBe(false)
  })

  test('a damaged last frame of a segment is a gap up to the next segment', async () => {
    const { disk, reopen, frameBytes, segment } = await filledDisk(12, 4)
    flip(disk, segment(8), FRAME_HEADER + 3 * frameBytes + 2)
    const gaps: Gap[] = []
    const ledger = await reopen({ onGap: (gap) => gaps.push(gap) })
    await readRecords(ledger, new Map(), 22)
    expect(gaps).toEqual([{ partition: 0, from: 14, to: 16, reason: 'damaged' }])
    await ledger.close()
  })

  test('a segment that is all zeros, or cut to nothing, is a gap; its neighbours are read', async () => {
    for (const bytes of [Buffer.alloc(5000), Buffer.alloc(0), Buffer.alloc(10)]) {
      const { disk, reopen, segment } = await filledDisk(12, 4)
      disk.poke(segment(8), bytes)
      const gaps: Gap[] = []
      const ledger = await reopen({ onGap: (gap) => gaps.push(gap) })
      const got = await readRecords(ledger, new Map(), 16)
      expect(got.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23])
      expect(gaps).toMatchObject([{ from: 8, to: 16 }])
      await ledger.close()
    }
  })

  test('a disk that does not give a segment back (EIO) costs that segment only, and does not end the reader', async () => {
    const { disk, reopen, segment } = await filledDisk(12, 4)
    const gaps: Gap[] = []
    const ledger = await reopen({ onGap: (gap) => gaps.push(gap) })
    disk.faults.fail = (operation, path) => (operation === 'read' && path === segment(8) ? 'EIO' : undefined)
    expect(await readRecords(ledger, new Map(), 16)).toHaveLength(16)
    expect(gaps).toEqual([{ partition: 0, from: 8, to: 16, reason: 'damaged' }])
    await ledger.close()
  })

  test('a frame forged inside a log line is not taken for one when the frame around it is damaged', async () => {
    const payload = batchOf(['forged'])
    const forged = Buffer.concat([
      encodeHeader({
        kind: FrameKind.plain,
        partition: 0,
        salt: Buffer.from('a guess!'),
        first: 1,
        count: 1,
        rawBytes: payload.length,
        payloadBytes: payload.length,
        writeStart: 0,
        appendedMs: 0,
        chain: Buffer.alloc(32),
        payloadCrc: crc32(payload),
      }),
      payload,
    ])
    const target = new SimDisk(seededRandom(2))
    const ledger = await openLedger({ dir: DIR, files: target.mount() })
    await ledger.publish(batchOf(['before']), 1)
    const writer = new RawBatchWriter()
    writer.append({ source: '', kind: 'demo', peer: '' }, 0, forged)
    await ledger.publish(writer.finish(), 1)
    await ledger.publish(batchOf(['after']), 1)
    await ledger.close()
    const stored = target.peek(join(P0, segmentName(0)))
    const at = stored.lastIndexOf('HLF1', stored.indexOf(forged) - 1)
    expect(at).toBeGreaterThan(FRAME_HEADER) // stored plain, so that the forged bytes do lie there
    flip(target, join(P0, segmentName(0)), at + 20)
    const gaps: Gap[] = []
    const again = await openLedger({ dir: DIR, files: target.mount(), onGap: (gap) => gaps.push(gap) })
    expect((await readRecords(again, new Map(), 2)).map(({ line }) => line)).toEqual(['before', 'after'])
    expect(gaps).toMatchObject([{ from: 1, to: 2 }])
    await again.close()
  })
})

describe('missing files', () => {
  test('a missing segment is reported at open and told as a gap', async () => {
    const { disk, reopen, segment } = await filledDisk(12, 4)
    disk.remove(segment(8))
    const gaps: Gap[] = []
    const ledger = await reopen({ onGap: (gap) => gaps.push(gap) })
    expect(ledger.recovery.missing).toEqual([{ from: 8, to: 16 }])
    expect(await readRecords(ledger, new Map(), 16)).toHaveLength(16)
    expect(gaps).toEqual([{ partition: 0, from: 8, to: 16, reason: 'missing' }])
    await ledger.close()
    expect(await fsckLedger(DIR, { files: disk.mount() })).toMatchObject({
      missing: [{ from: 8, to: 16 }],
      chainOk: false,
    })
  })

  test('a missing last segment: offsets a group has seen are not given again', async () => {
    const { disk, reopen, segment } = await filledDisk(12, 4)
    const before = await reopen()
    await before.commit('store', 0, 24)
    await before.close()
    disk.remove(segment(16))
    const gaps: Gap[] = []
    const ledger = await reopen({ onGap: (gap) => gaps.push(gap) })
    expect(ledger.recovery.missing).toEqual([{ from: 16, to: 24 }])
    expect(await ledger.publish(batchOf(['new']), 1)).toEqual({ partition: 0, offset: 24 })
    expect((await readRecords(ledger, new Map([[0, 10]]), 7)).at(-1)).toMatchObject({ offset: 24, line: 'new' })
    expect(gaps).toMatchObject([{ from: 16, to: 24 }])
    await ledger.close()
  })

  test('an empty folder with minOffset starts there; so does a subscriber that knows more than the folder', async () => {
    const disk = new SimDisk(seededRandom(1))
    const ledger = await openLedger({ dir: DIR, files: disk.mount(), minOffset: 1000 })
    expect(ledger.bounds().get(0)).toEqual({ oldest: 1000, next: 1000 })
    expect((await ledger.publish(batchOf(['a']), 1)).offset).toBe(1000)
    const stop = new AbortController()
    const reading = (async () => {
      for await (const { offset } of ledger.subscribe(new Map([[0, 5000]]), stop.signal)) {
        stop.abort()
        return offset
      }
    })()
    expect((await ledger.publish(batchOf(['b']), 1)).offset).toBe(5000)
    expect(await reading).toBe(5000)
    await ledger.close()
  })

  test('damaged group offsets: said, set to nothing, and the ledger opens', async () => {
    const { disk, reopen } = await filledDisk(4, 4)
    const before = await reopen()
    await before.commit('store', 0, 6)
    await before.close()
    flip(disk, join(P0, 'groups.json'), 40)
    const ledger = await reopen()
    expect(ledger.recovery.groupsLost).toBe(true)
    expect((await ledger.committed('store')).size).toBe(0)
    await ledger.close()
  })
})

describe('the end of the last segment', () => {
  test.each([1, 50, FRAME_HEADER, FRAME_HEADER + 10])(
    'cut by %i bytes after a kill: the torn frame goes, the rest stays',
    async (cut) => {
      const { disk, frameBytes, segment } = await filledDisk(4, 100)
      const whole = disk.peek(segment(0))
      const unmarked = whole.subarray(0, whole.length - FRAME_HEADER)
      disk.poke(segment(0), unmarked.subarray(0, unmarked.length - cut))
      const counters = new Counters()
      const ledger = await openLedger({ dir: DIR, files: disk.mount(), counters })
      expect(ledger.recovery.tornBytes).toBe(frameBytes - cut)
      expect(counters.get('bus_torn_bytes_total')).toBe(frameBytes - cut)
      expect((await ledger.publish(batchOf(['next']), 1)).offset).toBe(6)
      expect(await readRecords(ledger, new Map(), 7)).toHaveLength(7)
      await ledger.close()
      expect((await fsckLedger(DIR, { files: disk.mount() })).chainOk).toBe(true)
    },
  )

  test('garbage after the end is cut; leftovers of a crash are removed', async () => {
    const { disk, segment } = await filledDisk(4, 100)
    disk.poke(segment(0), Buffer.concat([disk.peek(segment(0)), Buffer.alloc(3000, 0x48)]))
    const files = disk.mount()
    await files.open(join(P0, 'groups.json.tmp'), 'create')
    await files.open(segment(8), 'create')
    const ledger = await openLedger({ dir: DIR, files: disk.mount() })
    expect(ledger.recovery.tornBytes).toBe(3000)
    expect(ledger.recovery.leftovers.toSorted()).toEqual([segmentName(8), 'groups.json.tmp'].toSorted())
    expect(ledger.bounds().get(0)).toEqual({ oldest: 0, next: 8 })
    await ledger.close()
  })

  test('a last segment of which nothing can be read: its offsets are not given again, and it stays to be looked at', async () => {
    const { disk, segment } = await filledDisk(4, 100)
    const bytes = disk.peek(segment(0)).length
    disk.poke(segment(0), Buffer.alloc(bytes))
    const gaps: Gap[] = []
    const ledger = await openLedger({ dir: DIR, files: disk.mount(), onGap: (gap) => gaps.push(gap) })
    const { offset } = await ledger.publish(batchOf(['new']), 1)
    expect(offset).toBeGreaterThanOrEqual(8)
    expect((await readRecords(ledger, new Map([[0, 0]]), 1)).map(({ line }) => line)).toEqual(['new'])
    expect(gaps).toMatchObject([{ from: 0, to: offset }])
    await ledger.close()
  })

  test('a last segment the disk does not give back (EIO): the ledger opens, goes on past it, and shows it once it reads', async () => {
    const { disk, segment } = await filledDisk(4, 100)
    disk.faults.fail = (operation, path) => (operation === 'read' && path === segment(0) ? 'EIO' : undefined)
    const ledger = await openLedger({ dir: DIR, files: disk.mount() })
    expect(ledger.recovery.damaged).toMatchObject([{ segment: segmentName(0) }])
    const { offset } = await ledger.publish(batchOf(['new']), 1)
    expect(offset).toBeGreaterThanOrEqual(8)
    expect(await readRecords(ledger, new Map(), 1)).toMatchObject([{ offset, line: 'new' }])
    disk.faults.fail = () => undefined
    expect((await readRecords(ledger, new Map(), 9)).map((record) => record.offset)).toEqual([
      0,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      offset,
    ])
    await ledger.close()
  })

  test('a newer version is refused, and nothing is changed', async () => {
    const { disk, segment } = await filledDisk(4, 100)
    const bytes = Buffer.from(disk.peek(segment(0)))
    bytes[4] = 2
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 84)), 84)
    disk.poke(segment(0), bytes)
    const opening = openLedger({ dir: DIR, files: disk.mount() })
    await expect(opening).rejects.toSatisfy((error) => isPipelineError(error, 'BATCH_CORRUPT'))
    expect(disk.peek(segment(0)).equals(bytes)).toBe(true)
  })

  test('repair cuts the torn tail and writes the damage down; a second one has nothing to do', async () => {
    const { disk, frameBytes, segment } = await filledDisk(12, 4)
    flip(disk, segment(8), FRAME_HEADER + frameBytes + 100)
    disk.poke(segment(16), Buffer.concat([disk.peek(segment(16)), Buffer.alloc(77)]))
    const looked = await fsckLedger(DIR, { files: disk.mount() })
    expect(looked).toMatchObject({ tornBytes: 77, repaired: [] })
    const repaired = await fsckLedger(DIR, { files: disk.mount(), repair: true })
    expect(repaired.repaired).toEqual([
      'cut 77 torn bytes',
      `quarantined ${segmentName(8)}@${FRAME_HEADER + frameBytes}`,
    ])
    expect((await fsckLedger(DIR, { files: disk.mount(), repair: true })).repaired).toEqual([])
  })
})

test('opening a large backlog reads a few bytes a segment, whether it was closed or killed', async () => {
  const { disk, reopen } = await filledDisk(2000, 10)
  const stored = disk.usedBytes
  expect(stored).toBeGreaterThan(300_000)
  disk.bytesRead = 0
  const ledger = await reopen()
  expect(ledger.recovery).toMatchObject({ segments: 200, scannedBytes: 0 })
  expect(disk.bytesRead).toBeLessThan(202 * 2 * FRAME_HEADER)
  await ledger.publish(batchOf(pair(2000)), 2)
  disk.kill()
  disk.bytesRead = 0
  const again = await reopen()
  expect(again.bounds().get(0)).toEqual({ oldest: 0, next: 4002 })
  expect(disk.bytesRead).toBeLessThan(202 * 2 * FRAME_HEADER + 5000)
  await again.close()
})

test('dump gives the records of a range, and says what it skipped', async () => {
  const { disk, frameBytes, segment } = await filledDisk(12, 4)
  flip(disk, segment(8), FRAME_HEADER + frameBytes + 100)
  const gaps: Gap[] = []
  const offsets: number[] = []
  for await (const record of dumpLedger(DIR, 5, 21, { files: disk.mount(), onGap: (gap) => gaps.push(gap) })) {
    expect(number(record.bytes.toString())).toBe(record.offset)
    offsets.push(record.offset)
  }
  expect(offsets).toEqual([5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20])
  expect(gaps).toMatchObject([{ from: 10, to: 12 }])
})

test('whatever happens to the bytes of a segment: it opens, and each record is given as it was written or told as gone', async () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = seededRandom(seed)
    const below = (n: number) => Math.floor(random() * n)
    const { disk, reopen, segment } = await filledDisk(12, 4)
    const path = segment(8 * below(3))
    let bytes = Buffer.from(disk.peek(path))
    for (let i = 1 + below(4); i > 0 && bytes.length > 0; i--) {
      const at = below(bytes.length)
      const to = Math.min(bytes.length, at + 1 + below(300))
      const what = below(5)
      if (what === 0) bytes[at] = below(256)
      else if (what === 1) bytes.fill(0, at, to)
      else if (what === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)])
      else if (what === 3) bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(at, to), bytes.subarray(to)])
      else bytes = Buffer.from(bytes.subarray(0, at))
    }
    disk.poke(path, bytes)
    const gone = new Set<number>()
    const ledger = await reopen({
      onGap: ({ from, to }) => {
        for (let offset = from; offset < Math.min(to, 24); offset++) gone.add(offset)
      },
    })
    const { offset: end } = await ledger.publish(batchOf(['end']), 1)
    const got: number[] = []
    const stop = new AbortController()
    for await (const { offset, batch } of ledger.subscribe(new Map([[0, 0]]), stop.signal)) {
      if (offset === end) stop.abort()
      else {
        linesOf(batch).forEach((line, i) => {
          expect(number(line), `seed ${seed}`).toBe(offset + i)
          got.push(offset + i)
        })
      }
    }
    // Only the tail of the last segment may be cut as torn; then its offsets are given again.
    const expected = Array.from({ length: Math.min(24, end) }, (_, i) => i)
    expect(
      [...got, ...gone].toSorted((a, b) => a - b),
      `seed ${seed}`,
    ).toEqual(expected)
    await ledger.close()
    await fsckLedger(DIR, { files: disk.mount() })
  }
})
