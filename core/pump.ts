// The two things that travel backwards, acknowledgement and backpressure, live here: from the bus to the inputs
// (openIntake), and from the store and the correlator to the bus (runPump).

import type { Accounting, SourceCounts } from './accounting.ts'
import type { Bus, Delivery } from './bus.ts'
import type { Counters } from './counters.ts'
import type { RuleMatch } from './detect.ts'
import { describe, PipelineError } from './errors.ts'
import type { AddOptions, Intake } from './intake.ts'
import { MAX_ORIGINS, type Origin, RawBatchWriter } from './raw-batch.ts'
import type { EventStore } from './store.ts'
import { tellUnrecoverable } from './unrecoverable.ts'

export interface IntakeOptions {
  readonly bus: Pick<Bus, 'publish'>
  readonly counters: Counters
  /** Told once per durable batch how many records of each source it held. */
  readonly onDurable?: (perSource: ReadonlyMap<string, number>) => void
  readonly onError?: (error: unknown) => void
  /** Bytes that may wait for the bus before senders are held or refused. Default 32 MiB. */
  readonly maxHeldBytes?: number
  /** A batch goes out when it has this many bytes or its first record is this old. Defaults 1 MiB, 4 ms. */
  readonly maxBatchBytes?: number
  readonly lingerMs?: number
}

interface Pending {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * One writer for all inputs. One publish is under way at a time and what arrives meanwhile forms the next batch, so a
 * busy pipeline fsyncs large batches, an idle one small batches soon, and order is kept without bookkeeping.
 */
export function openIntake(options: IntakeOptions): Intake & { close(): Promise<void>; readonly heldBytes: number } {
  const { bus, counters, onDurable, onError } = options
  const maxHeldBytes = options.maxHeldBytes ?? 32 * 1024 * 1024
  const maxBatchBytes = options.maxBatchBytes ?? 1024 * 1024
  const lingerMs = options.lingerMs ?? 4
  const writer = new RawBatchWriter()
  let pending = newPending()
  let perSource = new Map<string, number>()
  let publishingBytes = 0
  let publishing: Promise<void> | undefined
  let linger: NodeJS.Timeout | undefined
  let closed = false
  let endRetryDelay: (() => void) | undefined
  let waiters: Pending[] = []

  const held = () => publishingBytes + (writer.count > 0 ? writer.byteLength : 0)
  const isFull = () => closed || held() >= maxHeldBytes || writer.originCount >= MAX_ORIGINS

  function start(): void {
    if (publishing || writer.count === 0) return
    clearTimeout(linger)
    linger = undefined
    publishing = publishOne().finally(() => {
      publishing = undefined
      if (writer.byteLength >= maxBatchBytes || closed) start()
      else if (writer.count > 0 && !linger) linger = setTimeout(start, lingerMs)
    })
  }

  async function publishOne(): Promise<void> {
    const mine = pending
    const counts = perSource
    const count = writer.count
    const batch = writer.finish()
    pending = newPending()
    perSource = new Map()
    publishingBytes = batch.length
    for (let attempt = 0; ; attempt++) {
      try {
        await bus.publish(batch, count)
        break
      } catch (error) {
        counters.add('intake_publish_retries_total')
        if (attempt === 0) onError?.(error)
        if (closed) {
          publishingBytes = 0
          return mine.reject(error)
        }
        await new Promise<void>((resolve) => {
          setTimeout(resolve, Math.min(100 * 2 ** Math.min(attempt, 5), 2000))
          endRetryDelay = resolve
        })
      }
    }
    publishingBytes = 0
    onDurable?.(counts)
    mine.resolve()
    if (held() < maxHeldBytes / 2) {
      const woken = waiters
      waiters = []
      for (const waiter of woken) waiter.resolve()
    }
  }

  return {
    get heldBytes() {
      return held()
    },
    get full() {
      return isFull()
    },
    add(origin: Origin, receivedAtMs: number, bytes: Uint8Array, extra?: AddOptions): Promise<void> {
      if (isFull()) {
        throw new PipelineError('INTAKE_FULL', { heldBytes: held(), maxBytes: maxHeldBytes })
      }
      writer.append(origin, receivedAtMs, bytes, extra?.key, extra?.flags)
      perSource.set(origin.source, (perSource.get(origin.source) ?? 0) + 1)
      const { promise } = pending
      if (writer.byteLength >= maxBatchBytes || writer.originCount >= MAX_ORIGINS) start()
      else if (!publishing && !linger) linger = setTimeout(start, lingerMs)
      return promise
    },
    async room(signal?: AbortSignal): Promise<void> {
      while (!closed && isFull()) {
        signal?.throwIfAborted()
        const waiter = newPending()
        waiters.push(waiter)
        const abort = () => waiter.reject(signal?.reason)
        signal?.addEventListener('abort', abort, { once: true })
        await waiter.promise.finally(() => signal?.removeEventListener('abort', abort))
      }
    },
    async close(): Promise<void> {
      if (!closed) {
        closed = true
        endRetryDelay?.()
        start()
      }
      while (publishing) await publishing
      for (const waiter of waiters) waiter.resolve()
      waiters = []
    },
  }
}

function newPending(): Pending {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  promise.catch(() => {}) // senders that are not acknowledged do not look; the loss itself is counted by its cause
  return { promise, resolve, reject }
}

/** What a worker made of one delivery. */
export interface Processed {
  /** EventBatch, or undefined when the delivery held no record. */
  readonly events: Uint8Array<ArrayBuffer> | undefined
  readonly matches: readonly RuleMatch[]
  /** Greatest event time seen, ms since 1970, never far ahead of receive time; -Infinity when there was none. */
  readonly maxTimestamp: number
  readonly perSource: Readonly<Record<string, SourceCounts>>
}

export interface PumpOptions {
  readonly bus: Bus
  readonly process: (delivery: Delivery) => Promise<Processed>
  readonly store: EventStore
  /** In order, once per delivery; `next` is the offset after it. Resolves to the number of alert changes when they are durable. */
  readonly correlate: (
    matches: readonly RuleMatch[],
    watermark: number,
    partition: number,
    next: number,
  ) => Promise<number>
  /** Where correlation has to go on from, per partition; records before it are not correlated again. */
  readonly correlatedUpTo: ReadonlyMap<number, number>
  readonly accounting: Accounting
  readonly counters: Counters
  readonly signal: AbortSignal
  /** Deliveries between the bus and the store at one time. Default 4. */
  readonly maxInFlight?: number
  /** Told what the store has lost for good. */
  readonly say?: (line: string) => void
}

/**
 * Moves deliveries from the bus through the workers into the store and the correlator, in bus order, until the signal
 * aborts. Workers run ahead of each other; what follows them does not.
 * @throws what the store or the correlator threw: the caller stops the process, and a restart replays.
 */
export async function runPump(options: PumpOptions): Promise<void> {
  const { bus, store, correlate, accounting, counters, signal } = options
  const maxInFlight = options.maxInFlight ?? 4
  const stored = new Map(store.durable())
  const correlated = new Map(options.correlatedUpTo)
  const lost = store.lost()
  const gone = tellUnrecoverable(lost, counters, options.say)
  const isLost = (partition: number, offset: number, next: number) =>
    lost.some((range) => range.partition === partition && range.from < next && range.to > offset)
  const from = new Map<number, number>()
  for (const [partition, { oldest }] of bus.bounds()) {
    const needed = [stored.get(partition), correlated.get(partition), accounting.upTo(partition)]
    for (const range of lost) if (range.partition === partition) needed.push(range.from)
    gone({ partition, from: 0, to: oldest })
    from.set(partition, Math.max(oldest, Math.min(...needed.map((offset) => offset ?? 0))))
  }
  const watermark = new Map<number, number>()
  let inOrder: Promise<void> = Promise.resolve()
  let failure: { error: unknown } | undefined
  let inFlight = 0
  let freed = Promise.withResolvers<void>()

  for await (const delivery of bus.subscribe(from, signal, gone)) {
    if (failure) break
    const { partition, offset, count } = delivery
    const next = offset + count
    const processed = options.process(delivery)
    processed.catch(() => {}) // awaited below; this keeps a failure from being reported as unhandled before its turn
    inFlight++
    counters.add('pump_deliveries_total')
    inOrder = inOrder
      .then(async () => {
        if (failure) return
        const { events, matches, maxTimestamp, perSource } = await processed
        let duplicates: Readonly<Record<string, number>> = {}
        const storedUpTo = stored.get(partition) ?? 0
        if (events && (next > storedUpTo || isLost(partition, offset, next))) {
          duplicates = (await store.append(events, partition, next)).duplicatesBySource ?? {}
          stored.set(partition, Math.max(next, storedUpTo))
        }
        accounting.record(partition, offset, next, perSource, duplicates)
        if (next > (correlated.get(partition) ?? 0)) {
          const floor = correlated.get(partition) ?? 0
          const fresh = offset >= floor ? matches : matches.filter((match) => match.offset >= floor)
          watermark.set(partition, Math.max(watermark.get(partition) ?? -Infinity, maxTimestamp))
          const changes = await correlate(fresh, Math.min(...watermark.values()), partition, next)
          counters.add('pump_alert_changes_total', changes)
          correlated.set(partition, next)
        }
        counters.add('pump_records_total', count)
      })
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => {
        inFlight--
        freed.resolve()
        freed = Promise.withResolvers<void>()
      })
    while (inFlight >= maxInFlight) await freed.promise
  }
  await inOrder
  if (failure) throw new Error(`the pump stopped: ${describe(failure.error)}`, { cause: failure.error })
}
