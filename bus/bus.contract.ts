// What every Bus promises (core/bus.ts), as tests: each implementation runs this.
// Used as: busContract('ledger', { open: (place) => openLedger({ dir: join(root, place) }) })

import { expect, test } from 'vitest'
import type { Bus, Delivery, Gap } from '../core/bus.ts'
import { isPipelineError } from '../core/errors.ts'
import { type Origin, RawBatchReader, RawBatchWriter } from '../core/raw-batch.ts'

export interface BusHarness {
  /** Opens the bus of a place nobody has used, or of one that was closed: then with everything it held. */
  open(place: string): Promise<Bus>
  /** Opens a closed place once more, after retention took some of what each partition held. */
  shorten?(place: string, bounds: ReturnType<Bus['bounds']>): Promise<Bus>
}

const origin: Origin = { source: 'contract', kind: 'demo', peer: '192.0.2.1' }

/** A batch of the given lines. */
export function batchOf(lines: readonly string[]): Uint8Array<ArrayBuffer> {
  const writer = new RawBatchWriter()
  for (const line of lines) writer.append(origin, 1_790_000_000_000, Buffer.from(line))
  return writer.finish()
}

export function linesOf(batch: Uint8Array): string[] {
  const reader = new RawBatchReader(batch)
  const lines: string[] = []
  while (reader.next()) {
    expect(reader.intact).toBe(true)
    lines.push(reader.bytes.toString())
  }
  return lines
}

/** Reads until `records` have come. @returns lines with the place each had */
export async function readRecords(
  bus: Pick<Bus, 'subscribe'>,
  from: ReadonlyMap<number, number>,
  records: number,
): Promise<{ partition: number; offset: number; line: string }[]> {
  const out: { partition: number; offset: number; line: string }[] = []
  const stop = new AbortController()
  for await (const delivery of bus.subscribe(from, stop.signal)) {
    linesOf(delivery.batch).forEach((line, i) => {
      out.push({ partition: delivery.partition, offset: delivery.offset + i, line })
    })
    if (out.length >= records) stop.abort()
  }
  return out
}

export function busContract(name: string, harness: BusHarness, skip: Readonly<Record<string, string>> = {}): void {
  let places = 0
  type Reopen = (open?: (place: string) => Promise<Bus>) => Promise<Bus>
  const it = (title: string, run: (bus: Bus, reopen: Reopen) => Promise<void>) =>
    test.skipIf(title in skip)(`${name}: ${title}${title in skip ? ` (skipped: ${skip[title]})` : ''}`, async () => {
      const place = `place-${process.pid}-${places++}`
      let bus = await harness.open(place)
      try {
        await run(bus, async (open = harness.open) => {
          await bus.close()
          bus = await open(place)
          return bus
        })
      } finally {
        await bus.close()
      }
    })
  const numbered = (from: number, count: number) => Array.from({ length: count }, (_, i) => `line ${from + i}`)
  const fromStart = (bus: Bus) => new Map([...bus.bounds()].map(([partition, { oldest }]) => [partition, oldest]))

  it('an empty bus has nothing and says so in its bounds', async (bus) => {
    for (const { oldest, next } of bus.bounds().values()) expect(oldest).toBe(next)
  })

  it('gives consecutive offsets that count records, in call order', async (bus) => {
    const positions = await Promise.all([3, 1, 5, 2].map((count) => bus.publish(batchOf(numbered(0, count)), count)))
    const byPartition = Map.groupBy(positions.entries(), ([, position]) => position.partition)
    for (const [, mine] of byPartition) {
      for (let i = 1; i < mine.length; i++) {
        const [before, after] = [mine[i - 1], mine[i]] as const
        expect(after?.[1].offset).toBe((before?.[1].offset ?? 0) + ([3, 1, 5, 2][before?.[0] ?? 0] ?? 0))
      }
    }
  })

  it('delivers what was published before and after subscribing, byte for byte', async (bus) => {
    const batches = [batchOf(['', 'a\0b', '\u2028 가']), batchOf(['x'.repeat(100_000)]), batchOf(numbered(0, 50))]
    const sent = batches.map((batch) => Buffer.from(batch))
    const got: Delivery[] = []
    await bus.publish(batches[0] as Uint8Array<ArrayBuffer>, 3)
    const stop = new AbortController()
    const reading = (async () => {
      for await (const delivery of bus.subscribe(fromStart(bus), stop.signal)) {
        got.push(delivery)
        if (got.length === 3) stop.abort()
      }
    })()
    await bus.publish(batches[1] as Uint8Array<ArrayBuffer>, 1)
    await bus.publish(batches[2] as Uint8Array<ArrayBuffer>, 50)
    await reading
    const bodies = got.map(({ batch }) => Buffer.from(batch).toString('base64')).sort()
    expect(bodies).toEqual(sent.map((bytes) => bytes.toString('base64')).sort())
    expect(got.map(({ count }) => count).sort()).toEqual([1, 3, 50])
  })

  it('resumes at an offset; a batch that straddles it comes whole', async (bus) => {
    const first = await bus.publish(batchOf(numbered(0, 10)), 10)
    const from = new Map([...fromStart(bus), [first.partition, first.offset + 4]])
    const got = await readRecords(bus, from, 6)
    expect(got.filter(({ offset }) => offset >= first.offset + 4).map(({ line }) => line)).toEqual(numbered(4, 6))
  })

  it('every subscriber gets everything, in memory it may transfer', async (bus) => {
    const read = async () => {
      const lines: string[] = []
      const stop = new AbortController()
      for await (const { batch } of bus.subscribe(fromStart(bus), stop.signal)) {
        lines.push(...linesOf(batch))
        structuredClone(batch, { transfer: [batch.buffer] }) // as if sent to a worker: detaches it
        if (lines.length >= 40) stop.abort()
      }
      return lines
    }
    const readers = [read(), read(), read()]
    for (let i = 0; i < 40; i += 4) await bus.publish(batchOf(numbered(i, 4)), 4)
    for (const lines of await Promise.all(readers)) expect(lines.toSorted()).toEqual(numbered(0, 40).toSorted())
  })

  it('the publisher may use its batch again once publish has resolved', async (bus) => {
    const stop = new AbortController()
    const got: string[] = []
    const reading = (async () => {
      for await (const { batch } of bus.subscribe(fromStart(bus), stop.signal)) {
        got.push(...linesOf(batch))
        if (got.length === 20) stop.abort()
      }
    })()
    for (let i = 0; i < 20; i++) {
      const batch = batchOf([`line ${i}`])
      await bus.publish(batch, 1)
      batch.fill(0xff)
    }
    await reading
    expect(got.toSorted()).toEqual(numbered(0, 20).toSorted())
  })

  it('keeps records, offsets and commits across close and open', async (bus, reopen) => {
    const { partition, offset } = await bus.publish(batchOf(numbered(0, 7)), 7)
    await bus.commit('store', partition, offset + 5)
    const again = await reopen()
    expect((await again.committed('store')).get(partition)).toBe(offset + 5)
    expect((await readRecords(again, fromStart(again), 7)).map(({ line }) => line)).toEqual(numbered(0, 7))
    const later = await again.publish(batchOf(['later']), 1)
    if (later.partition === partition) expect(later.offset).toBe(offset + 7)
  })

  const { shorten } = harness
  if (shorten)
    it('who was away while retention took records is told which, once a reader, and given the rest', async (bus, reopen) => {
      for (let i = 0; i < 24; i++) await bus.publish(batchOf(numbered(i * 5, 5)), 5)
      const before = bus.bounds()
      const again = await reopen((place) => shorten(place, before))
      const bounds = new Map(again.bounds())
      expect([...bounds.values()].some(({ oldest, next }) => oldest > 0 && oldest < next)).toBe(true)
      for (let reader = 0; reader < 2; reader++) {
        const gaps: Gap[] = []
        const left = new Map([...bounds].map(([partition, { next }]) => [partition, next]))
        for (const [partition, { next, oldest }] of bounds) if (next === oldest) left.delete(partition)
        const stop = new AbortController()
        const start = new Map([...bounds.keys()].map((partition) => [partition, 0]))
        for await (const { partition, offset, count } of again.subscribe(start, stop.signal, (gap) => gaps.push(gap))) {
          expect(offset + count).toBeGreaterThan(bounds.get(partition)?.oldest ?? 0)
          if (offset + count === left.get(partition)) left.delete(partition)
          if (left.size === 0) stop.abort()
        }
        for (const [partition, { oldest, next }] of bounds) {
          if (oldest === next) continue
          const mine = gaps.filter((gap) => gap.partition === partition)
          expect(mine).toMatchObject(oldest > 0 ? [{ from: 0, to: oldest }] : [])
        }
      }
    })

  it('whoever reads on from its oldest record is told of no gap', async (bus) => {
    await bus.publish(batchOf(numbered(0, 9)), 9)
    const stop = new AbortController()
    for await (const _ of bus.subscribe(fromStart(bus), stop.signal, () => expect.unreachable())) stop.abort()
  })

  it('gives a place before every record received at a time or later', async (bus, reopen) => {
    const times = Array.from({ length: 12 }, (_, i) => Date.now() - 12_000 + i * 1000)
    const places: { partition: number; offset: number }[] = []
    for (const time of times) {
      const writer = new RawBatchWriter()
      writer.append(origin, time, Buffer.from('line'))
      places.push(await bus.publish(writer.finish(), 1))
    }
    for (const one of [bus, await reopen()]) {
      for (const [i, { partition, offset }] of places.entries()) {
        expect(one.firstSince(times[i] as number).get(partition)).toBeLessThanOrEqual(offset)
      }
      for (const ms of [0, times[6] as number, Date.now() + 1e9]) {
        for (const [partition, { oldest, next }] of one.bounds()) {
          const first = one.firstSince(ms).get(partition) ?? 0
          expect(first).toBeLessThanOrEqual(next)
          if (ms === 0) expect(first).toBeLessThanOrEqual(oldest)
        }
      }
    }
  })

  it('groups commit apart from each other; an unknown group has nothing', async (bus) => {
    const { partition, offset } = await bus.publish(batchOf(numbered(0, 7)), 7)
    await Promise.all([bus.commit('a', partition, offset + 2), bus.commit('b', partition, offset + 7)])
    await bus.commit('a', partition, offset + 2)
    expect((await bus.committed('a')).get(partition)).toBe(offset + 2)
    expect((await bus.committed('b')).get(partition)).toBe(offset + 7)
    expect((await bus.committed('c')).size).toBe(0)
  })

  it('an aborted subscription ends, also while it waits', async (bus) => {
    const stop = new AbortController()
    const ended = (async () => {
      for await (const _ of bus.subscribe(fromStart(bus), stop.signal)) expect.unreachable()
    })()
    setImmediate(() => stop.abort())
    await ended
    for await (const _ of bus.subscribe(fromStart(bus), AbortSignal.abort())) expect.unreachable()
  })

  it('closing ends subscribers, keeps what was accepted, refuses what comes later, twice the same', async (bus) => {
    const ended = (async () => {
      for await (const _ of bus.subscribe(fromStart(bus), new AbortController().signal)) {
        // reads whatever comes
      }
    })()
    const accepted = Promise.all([0, 1, 2].map((i) => bus.publish(batchOf([`line ${i}`]), 1)))
    await Promise.all([bus.close(), bus.close()])
    expect(await accepted).toHaveLength(3)
    await ended
    await expect(bus.publish(batchOf(['late']), 1)).rejects.toSatisfy((error) => isPipelineError(error, 'BUS_CLOSED'))
  })

  it('refuses what is not a batch of that many records', async (bus) => {
    await expect(bus.publish(batchOf(['a', 'b']), 3)).rejects.toThrow(RangeError)
    await expect(bus.publish(batchOf([]), 0)).rejects.toThrow(RangeError)
    await expect(bus.publish(new Uint8Array(40), 1)).rejects.toThrow(RangeError)
    await expect(bus.publish(new Uint8Array(0), 1)).rejects.toThrow(RangeError)
  })
}
