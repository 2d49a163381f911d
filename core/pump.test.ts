import { expect, test } from 'vitest'
import { Accounting, type SourceCounts } from './accounting.ts'
import type { Bus, Delivery, Gap, Position } from './bus.ts'
import { Counters } from './counters.ts'
import { PipelineError } from './errors.ts'
import { openIntake, type Processed, runPump } from './pump.ts'
import { type Origin, RawBatchReader } from './raw-batch.ts'
import type { EventStore, LostRange } from './store.ts'

const origin: Origin = { source: 'test', kind: 'http', peer: '127.0.0.1' }
const bytes = (n: number) => Buffer.from(String(n))

/** A bus that keeps what it was given and fails when told to. */
function fakeBus() {
  const lines: string[] = []
  const bus = {
    failures: 0,
    batches: 0,
    lines,
    async publish(batch: Uint8Array<ArrayBuffer>): Promise<Position> {
      await new Promise((resolve) => setTimeout(resolve, 1))
      if (bus.failures > 0) {
        bus.failures--
        throw new PipelineError('BUS_FULL', { path: '/data', problem: 'ENOSPC' })
      }
      const reader = new RawBatchReader(batch)
      const offset = lines.length
      while (reader.next()) lines.push(reader.bytes.toString())
      bus.batches++
      return { partition: 0, offset }
    },
  }
  return bus
}

test('records become durable in the order they were added, many to a batch', async () => {
  const bus = fakeBus()
  const intake = openIntake({ bus, counters: new Counters() })
  const acks: Promise<void>[] = []
  for (let i = 0; i < 1000; i++) acks.push(intake.add(origin, 0, bytes(i)))
  await Promise.all(acks)
  expect(bus.lines).toEqual(Array.from({ length: 1000 }, (_, i) => String(i)))
  expect(bus.batches).toBeLessThan(10)
  await intake.close()
})

test('a disk that refuses delays the acknowledgement; nothing is lost or doubled', async () => {
  const bus = fakeBus()
  bus.failures = 2
  const errors: unknown[] = []
  const intake = openIntake({ bus, counters: new Counters(), onError: (error) => errors.push(error) })
  const first = intake.add(origin, 0, bytes(1))
  await new Promise((resolve) => setTimeout(resolve, 20))
  const second = intake.add(origin, 0, bytes(2))
  await Promise.all([first, second])
  expect(bus.lines).toEqual(['1', '2'])
  expect(errors).toHaveLength(1)
  await intake.close()
})

test('over the limit add throws INTAKE_FULL, and room() resolves once the disk took the backlog', async () => {
  const bus = fakeBus()
  bus.failures = 1
  const intake = openIntake({ bus, counters: new Counters(), maxHeldBytes: 200 })
  while (!intake.full) intake.add(origin, 0, bytes(7))
  expect(() => intake.add(origin, 0, bytes(8))).toThrow(expect.objectContaining({ code: 'INTAKE_FULL' }))
  await intake.room()
  expect(intake.full).toBe(false)
  await intake.close()
})

test('closing while the disk refuses rejects what was not written', async () => {
  const bus = fakeBus()
  bus.failures = Infinity
  const intake = openIntake({ bus, counters: new Counters() })
  const ack = intake.add(origin, 0, bytes(1))
  await new Promise((resolve) => setTimeout(resolve, 20))
  await Promise.all([expect(ack).rejects.toMatchObject({ code: 'BUS_FULL' }), intake.close()])
})

function pumpWith(
  deliveries: Delivery[],
  process: (delivery: Delivery) => Promise<Processed>,
  kept: { durable?: number; lost?: LostRange[]; oldest?: number; gaps?: Gap[] } = {},
) {
  const counters = new Counters()
  const said: string[] = []
  const appended: number[] = []
  const correlated: number[] = []
  const store = {
    durable: () => new Map(kept.durable === undefined ? [] : [[0, kept.durable]]),
    lost: () => kept.lost ?? [],
    append: async (_events: unknown, _partition: number, next: number) => {
      appended.push(next)
      return { stored: 1, duplicates: 0, replayed: 0 }
    },
  } as unknown as EventStore
  const bus = {
    bounds: () => new Map([[0, { oldest: kept.oldest ?? 0, next: 99 }]]),
    async *subscribe(from: ReadonlyMap<number, number>, _signal: AbortSignal, onGap?: (gap: Gap) => void) {
      for (const gap of kept.gaps ?? []) onGap?.(gap)
      yield* deliveries.filter(({ offset, count }) => offset + count > (from.get(0) ?? 0))
    },
  } as unknown as Bus
  const run = (correlatedUpTo = new Map<number, number>(), accounting = new Accounting(new Map())) =>
    runPump({
      bus,
      store,
      process,
      correlate: async (_matches, _watermark, _partition, next) => {
        correlated.push(next)
        return 0
      },
      correlatedUpTo,
      accounting,
      counters,
      say: (line) => void said.push(line),
      signal: new AbortController().signal,
    })
  return { run, appended, correlated, counters, said }
}

const delivery = (offset: number): Delivery => ({ partition: 0, offset, count: 1, batch: new Uint8Array() })
const done: Processed = { events: new Uint8Array(), matches: [], maxTimestamp: 0, perSource: {} }

test('workers may finish in any order; the store sees bus order', async () => {
  const { run, appended } = pumpWith([0, 1, 2, 3, 4].map(delivery), async ({ offset }) => {
    await new Promise((resolve) => setTimeout(resolve, (5 - offset) * 4))
    return done
  })
  await run()
  expect(appended).toEqual([1, 2, 3, 4, 5])
})

test('a worker that fails stops the pump with its cause, and nothing after it is stored', async () => {
  const { run, appended } = pumpWith([0, 1, 2].map(delivery), async ({ offset }) => {
    if (offset === 1) throw new Error('boom')
    return done
  })
  await expect(run()).rejects.toThrow('boom')
  expect(appended).toEqual([1])
})

test('what was correlated before a restart is stored again if needed but not correlated again', async () => {
  const { run, appended, correlated } = pumpWith([0, 1, 2].map(delivery), async () => done)
  await run(new Map([[0, 2]]))
  expect(appended).toEqual([1, 2, 3])
  expect(correlated).toEqual([3])
})

test('a range that the store has lost is stored again, and nothing else that is durable', async () => {
  const lost = [{ partition: 0, from: 2, to: 4 }]
  const kept = { durable: 6, lost }
  const { run, appended, correlated } = pumpWith([0, 1, 2, 3, 4, 5, 6].map(delivery), async () => done, kept)
  const accounting = new Accounting(new Map(), { upTo: { 0: 6 }, sources: {} })
  await run(new Map([[0, 6]]), accounting)
  expect(appended).toEqual([3, 4, 7])
  expect(correlated).toEqual([7])
})

test('of a lost range, what the bus has no more is counted and said at the start, the rest is stored again', async () => {
  const lost = [
    { partition: 0, from: 0, to: 1 },
    { partition: 0, from: 2, to: 6 },
    { partition: 1, from: 0, to: 9 }, // of a partition that another process reads
  ]
  const gaps = [{ partition: 0, from: 5, to: 20, reason: 'damaged' }]
  const deliveries = [0, 1, 2, 3, 4, 20].map(delivery)
  const kept = { durable: 6, lost, oldest: 4, gaps }
  const { run, appended, counters, said } = pumpWith(deliveries, async () => done, kept)
  await run(new Map([[0, 6]]), new Accounting(new Map(), { upTo: { 0: 6 }, sources: {} }))
  expect(appended).toEqual([5, 21])
  expect(counters.get('store_unrecoverable_records_total')).toBe(1 + 2 + 1)
  expect(said.map((line) => /records \d+ to \d+/.exec(line)?.[0])).toEqual([
    'records 0 to 0',
    'records 2 to 3',
    'records 5 to 5',
  ])
})

test('accounting: what is repaired moves from unparsed to stored, the sum stays', () => {
  const accounting = new Accounting(new Map())
  accounting.accepted(new Map([['s', 10]]))
  accounting.record(0, 0, 10, { s: { parsed: 4, unparsed: { no_pack: 5, empty: 1 }, lastSeen: 1 } }, {})
  const moves = (reason: string, n: number) => new Map([['s', new Map([[reason, -n], ['', n]])]]) // biome-ignore format: one line
  accounting.durable(0, 10)
  accounting.moved(moves('no_pack', 3))
  expect(accounting.view().get('s')).toMatchObject({ stored: 7, unparsedBy: { no_pack: 2, empty: 1 }, inFlight: 0 })
  accounting.moved(moves('no_pack', 2))
  expect(accounting.view().get('s')).toMatchObject({ stored: 9, unparsedBy: { empty: 1 } })
  expect(new Accounting(new Map(), structuredClone(accounting.state)).view().get('s')).toMatchObject({ stored: 9 })
})

test('accounting: a replay after a crash counts nothing twice', () => {
  const counts = (parsed: number, unparsed = 0): Record<string, SourceCounts> => ({
    s: { parsed, unparsed: unparsed > 0 ? { no_pack: unparsed } : {}, lastSeen: 5 },
  })
  const first = new Accounting(new Map([[0, 0]]))
  first.accepted(new Map([['s', 30]]))
  first.record(0, 0, 10, counts(9, 1), {})
  const saved = structuredClone(first.durable(0, 10))
  first.record(0, 10, 20, counts(10), { s: 2 })
  expect(first.view().get('s')).toMatchObject({ stored: 17, duplicates: 2, unparsedBy: { no_pack: 1 }, inFlight: 10 })

  const second = new Accounting(new Map([[0, 30]]), saved)
  expect(second.upTo(0)).toBe(10)
  for (const at of [0, 10, 20]) second.record(0, at, at + 10, counts(10), at === 10 ? { s: 2 } : {})
  expect(second.view().get('s')).toMatchObject({ stored: 27, duplicates: 2, unparsedBy: { no_pack: 1 }, inFlight: 0 })
})

test('counters expose Prometheus text with quoted labels', () => {
  const counters = new Counters()
  counters.add('ingest_records_total', 2, { source: 'a"b\\c\n' })
  counters.gauge('bus_bytes', () => 7)
  expect(counters.expose()).toBe(
    '# TYPE haetae_ingest_records_total counter\nhaetae_ingest_records_total{source="a\\"b\\\\c\\n"} 2\n' +
      '# TYPE haetae_bus_bytes gauge\nhaetae_bus_bytes 7\n',
  )
})
