// Reads again from the ledger what was stored, with the packs as they are on disk now, and repairs the events in place.
//
//   ledger -> groups of records -> a worker of its own -> store.replace -> matches of the replaced -> correlate stage
//                                                                       -> accounting
//
// One at a time, one group at a time, behind live traffic. What a crash may interrupt is the alerting about events that
// are replaced already: their matches are kept in `reparse/pending` from before the replacement until the correlator's
// state that holds them is saved.

import type { Accounting } from '../core/accounting.ts'
import type { ReparseOutput, ReparseState } from '../core/api.ts'
import type { Bus, Delivery } from '../core/bus.ts'
import { Counters } from '../core/counters.ts'
import type { RuleMatch } from '../core/detect.ts'
import type { Documents } from '../core/documents.ts'
import { describe, PipelineError } from '../core/errors.ts'
import { getPath } from '../core/event.ts'
import type { Processed } from '../core/pump.ts'
import type { Filter } from '../core/query.ts'
import { type Origin, RawBatchReader, RawBatchWriter } from '../core/raw-batch.ts'
import type { EventStore } from '../core/store.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { CorrelateStage } from './correlate-stage.ts'
import { openProcessPool, type ProcessSetup } from './process-pool.ts'

/** Records of one group: a segment of the store takes a few of them, and a worker has it in memory three times. */
const GROUP_RECORDS = 32_768
const GROUP_BYTES = 8 * 1024 * 1024
/** Live records that may wait before a reparse waits too, and how long it does so at most between two groups. */
const LIVE_LAG = 8192
const YIELD_MS = 5_000
/** A record may have waited for the disk between its receipt and the ledger. */
const SLACK_MS = 10 * 60_000

/** No pack read it, or one knew the sender and not the body. */
const notRead: Filter = {
  kind: 'or',
  of: [
    { kind: 'exists', field: 'haetae.unparsed' },
    { kind: 'equals', field: 'tags', value: 'body_unread' },
  ],
}
/** These say when and how an event was made, not what it says. */
const IGNORED = ['event.ingested', 'haetae.sealed']
const COLLECTION = 'reparse'
const PENDING = 'pending'

interface Pending {
  /** ms since 1970: events stored by this reparse were made after. */
  readonly startedAt: number
  readonly matches: readonly RuleMatch[]
}

export interface ReparseRequest {
  /** Receive time, ms since 1970, half-open. */
  readonly sinceMs: number
  readonly untilMs: number
  readonly source?: string
  readonly all: boolean
}

export interface ReparseOptions {
  readonly bus: Pick<Bus, 'bounds' | 'firstSince' | 'subscribe'>
  readonly store: Pick<EventStore, 'replace' | 'get'>
  readonly correlation: Pick<CorrelateStage, 'late' | 'upTo' | 'between'>
  readonly accounting: Pick<Accounting, 'moved'>
  readonly checkpoint: Pick<Checkpoint, 'save'>
  readonly documents: Documents
  readonly counters: Counters
  readonly setup: ProcessSetup
  readonly now: () => number
}

export interface Reparse {
  /** The running one, or the last one. */
  state(): ReparseState | undefined
  /** Returns at once; `state()` tells, `done` resolves when it has ended, well or not. @throws REQUEST_INVALID while one runs */
  start(request: ReparseRequest): { readonly done: Promise<ReparseState> }
  /** Finishes what a crash left of the one before. Call once, before the first start. */
  recover(): Promise<void>
  /** Stops after the group at hand. */
  close(): Promise<void>
}

export function openReparse(options: ReparseOptions): Reparse {
  const { bus, store, correlation, accounting, checkpoint, documents, counters, now } = options
  const stop = new AbortController()
  let last: ReparseState | undefined
  let running: Promise<ReparseState> | undefined

  async function run(request: ReparseRequest, totals: ReparseOutput): Promise<void> {
    const startedAt = now()
    const pool = await openPool(options.setup, request)
    try {
      for await (const group of groupsBetween(bus, request, stop.signal)) {
        await behindLive(group.offset + group.count, group.partition)
        if (stop.signal.aborted) throw new Error('the node stopped before the end')
        await repair(await pool.process(group), request, totals, startedAt)
      }
      if (stop.signal.aborted) throw new Error('the node stopped before the end')
    } finally {
      await pool.close()
    }
  }

  /** Nothing is read again before it was stored and correlated, and live traffic goes first. */
  async function behindLive(next: number, partition: number): Promise<void> {
    const end = performance.now() + YIELD_MS
    const upTo = () => correlation.upTo.get(partition) ?? 0
    const lags = () => (bus.bounds().get(partition)?.next ?? 0) - upTo() > LIVE_LAG && performance.now() < end
    while (!stop.signal.aborted && (upTo() < next || lags())) await new Promise((resolve) => setTimeout(resolve, 20))
  }

  async function repair(
    { events, matches, perSource }: Processed,
    { all }: ReparseRequest,
    totals: ReparseOutput,
    startedAt: number,
  ): Promise<void> {
    const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0)
    for (const { parsed, unparsed } of Object.values(perSource)) {
      totals.records += parsed + sum(unparsed)
      totals.stillUnparsed += sum(unparsed)
    }
    if (!events) return
    if (matches.length > 0) await documents.put(COLLECTION, PENDING, { startedAt, matches } satisfies Pending)
    const result = await store.replace(events, { ...(!all && { when: notRead }), ignore: IGNORED })
    accounting.moved(result.moved)
    const repaired = all ? lessUnparsed(result.moved) : result.replaced
    const replaced = new Set(result.ids)
    const late = matches.filter(({ eventId }) => replaced.has(eventId))
    const alerts = late.length > 0 ? await correlation.late(late) : 0
    if (result.replaced > 0) await correlation.between(() => checkpoint.save())
    if (matches.length > 0) await documents.delete(COLLECTION, PENDING)
    totals.replaced += result.replaced
    totals.repaired += repaired
    totals.unchanged += result.unchanged + result.skipped
    totals.notStored += result.unknown
    totals.alerts += alerts
    counters.add('reparse_replaced_events_total', result.replaced)
    counters.add('reparse_late_matches_total', late.length)
  }

  return {
    state: () => last,
    start(request) {
      if (running) throw new PipelineError('REQUEST_INVALID', { problem: 'a reparse runs already; wait for its end' })
      const totals: ReparseOutput = {
        records: 0,
        repaired: 0,
        stillUnparsed: 0,
        unchanged: 0,
        replaced: 0,
        notStored: 0,
        alerts: 0,
      }
      const state = (more: Partial<ReparseState>): ReparseState => ({ running: false, ...totals, ...more })
      last = state({ running: true })
      const watch = setInterval(() => {
        last = state({ running: true })
      }, 200)
      running = run(request, totals)
        .then(
          () => state({}),
          (error: unknown) => state({ problem: describe(error) }),
        )
        .then((ended) => {
          clearInterval(watch)
          running = undefined
          last = ended
          return ended
        })
      return { done: running }
    },
    async recover() {
      const pending = (await documents.get<Pending>(COLLECTION, PENDING))?.value
      if (!pending) return
      const late: RuleMatch[] = []
      for (const match of pending.matches) {
        const made = getPath((await store.get(match.eventId))?.event ?? {}, 'event.ingested')
        // Made by that reparse: it was replaced, and its matches may not have been told. Telling twice changes nothing.
        if (typeof made === 'string' && Date.parse(made) >= pending.startedAt) late.push(match)
      }
      if (late.length > 0) await correlation.late(late)
      await correlation.between(() => checkpoint.save())
      await documents.delete(COLLECTION, PENDING)
    },
    async close() {
      stop.abort()
      await running
    },
  }
}

/** Compiles packs and rules anew from disk. @throws REQUEST_INVALID with the words of the mistake in a pack */
async function openPool(setup: ProcessSetup, selection: ReparseRequest) {
  try {
    return await openProcessPool({ ...setup, workers: 1, counters: new Counters(), selection })
  } catch (error) {
    throw new PipelineError('REQUEST_INVALID', { problem: describe(error) }, { cause: error })
  }
}

const lessUnparsed = (moved: ReadonlyMap<string, ReadonlyMap<string, number>>): number =>
  [...moved.values()].reduce((sum, reasons) => sum + (reasons.get('') ?? 0), 0)

/**
 * What the ledger holds between the times, up to what it held at the start; small deliveries that follow each other come
 * as one. May hold records before and after: the worker looks at each.
 */
async function* groupsBetween(
  bus: ReparseOptions['bus'],
  { sinceMs, untilMs }: ReparseRequest,
  signal: AbortSignal,
): AsyncGenerator<Delivery> {
  const from = bus.firstSince(sinceMs)
  for (const [partition, end] of [...bus.bounds()].map(([p, { next }]) => [p, next] as const)) {
    const start = from.get(partition) ?? 0
    if (start >= end) continue
    const ended = new AbortController()
    const both = AbortSignal.any([signal, ended.signal])
    const onGap = ({ to }: { to: number }) => {
      if (to >= end) ended.abort() // nothing follows that we would wait for
    }
    const group = new Group()
    for await (const delivery of bus.subscribe(new Map([[partition, start]]), both, onGap)) {
      const reader = new RawBatchReader(delivery.batch)
      if (delivery.offset >= end || (reader.next() && reader.receivedAtMs >= untilMs + SLACK_MS)) break
      if (!group.takes(delivery)) yield* group.finish()
      yield* group.add(delivery)
      if (delivery.offset + delivery.count >= end) break
    }
    yield* group.finish()
  }
}

/** Joins deliveries that follow each other. */
class Group {
  #writer = new RawBatchWriter()
  readonly #origins = new Map<string, Origin>()
  #first: Delivery | undefined
  #next = 0

  takes({ offset, count, batch }: Delivery): boolean {
    if (!this.#first) return true
    const { count: held, byteLength } = this.#writer
    return offset === this.#next && held + count <= GROUP_RECORDS && byteLength + batch.length <= GROUP_BYTES
  }

  /** A delivery that cannot be joined comes back as it is. */
  *add(delivery: Delivery): Generator<Delivery> {
    if (delivery.count >= GROUP_RECORDS / 2 || delivery.batch.length >= GROUP_BYTES / 2 || !isIntact(delivery)) {
      yield* this.finish()
      yield delivery
      return
    }
    const reader = new RawBatchReader(delivery.batch)
    const origins = reader.origins.map((origin) => this.#same(origin))
    while (reader.next()) {
      const { originIndex, receivedAtMs, bytes, key, flags } = reader
      this.#writer.append(origins[originIndex] as Origin, receivedAtMs, bytes, key, flags)
    }
    this.#first ??= delivery
    this.#next = delivery.offset + delivery.count
  }

  *finish(): Generator<Delivery> {
    if (!this.#first) return
    const { partition, offset } = this.#first
    const { count } = this.#writer
    this.#first = undefined
    this.#origins.clear()
    yield { partition, offset, count, batch: this.#writer.finish() }
  }

  /** Origins are told apart by identity, and every delivery brings its own. */
  #same(origin: Origin): Origin {
    const text = JSON.stringify(origin)
    const known = this.#origins.get(text)
    if (known) return known
    this.#origins.set(text, origin)
    return origin
  }
}

/** A damaged record must stay one: writing it anew would give it a good checksum. */
function isIntact({ batch }: Delivery): boolean {
  const reader = new RawBatchReader(batch)
  while (reader.next()) if (!reader.intact) return false
  return true
}
