// The embedded event store: one head in memory, heads being sealed, sealed segments on disk. Runs on one thread; appends
// and queries take turns. segment-store.ts puts it on a thread of its own.

import { renameSync, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Counters } from '../../core/counters.ts'
import { isPipelineError, type PipelineError } from '../../core/errors.ts'
import type { Filter, TimeRange } from '../../core/query.ts'
import type {
  AggregateRequest,
  AggregateResult,
  AppendResult,
  EventStore,
  Hit,
  LostRange,
  ReplaceOptions,
  ReplaceResult,
  SearchPage,
  SearchRequest,
  TailBatch,
} from '../../core/store.ts'
import { runAggregate } from './aggregate.ts'
import { BatchCursor } from './batch-cursor.ts'
import { Coverage } from './coverage.ts'
import { queryBudget } from './evaluate.ts'
import { compileFilter } from './filter.ts'
import { Head } from './head.ts'
import { deletable, Hidden, hasBit, type Supersede } from './hidden.ts'
import { readHits } from './hits.ts'
import { invalid } from './leaf.ts'
import { findRow, type RowId, type RowPlace, rowId } from './locate.ts'
import { Lru } from './lru.ts'
import { openSegments, quarantinePath } from './open-segments.ts'
import { nextTurn, type QueryContext, snapshotOf, Turns } from './plan.ts'
import { planReplacement, writeReplacement } from './replace.ts'
import { type Retired, readRetired, writeRetired } from './retired.ts'
import { FileCache, readSummary, Sealed } from './sealed.ts'
import { runSearch } from './search.ts'
import { segmentName, TEMPORARY_SUFFIX } from './segment-format.ts'
import { type CrashPoint, writeSegment } from './segment-writer.ts'
import { parseResume, Tail } from './tail.ts'
import { BLOCK_ROWS, MAX_BLOCKS, type SegmentView } from './view.ts'

export interface EngineOptions {
  readonly dir: string
  readonly counters: Counters
  /** Milliseconds since 1970; for durations and ages only. */
  readonly now?: () => number
  /** Rows of a segment, 131,072 at most (and by default): 32 blocks of 4,096. */
  readonly sealRows?: number
  /** Rows of a block, 4,096 at most (and by default); smaller in tests. */
  readonly blockRows?: number
  /** Oldest row a head may hold before it is sealed though not full, so that the bus can let go. Default 30 s. */
  readonly sealAfterMs?: number
  /** Decoded blocks kept. Default 192 MiB. */
  readonly cacheBytes?: number
  /** A query that runs longer is refused. Default 120 s. */
  readonly queryBudgetMs?: number
  /** Wait before a failed seal is tried again; below 0: not at all, the store then refuses appends. Default 1 s. */
  readonly sealRetryMs?: number
  /** Test seam. */
  readonly crash?: CrashPoint
}

export interface SegmentStore extends EventStore {
  /** Segments set aside since the start, by what was wrong. */
  problems(): readonly string[]
}

interface Sealing {
  readonly head: Head
  readonly covers: readonly (readonly [number, number, number])[]
  readonly done: Promise<void>
}

const DEFAULTS = { sealRows: BLOCK_ROWS * MAX_BLOCKS, sealAfterMs: 30_000, cacheBytes: 192 * 1024 * 1024 }
/** Heads waiting for the disk beside the open one: appends wait beyond, so memory stays bounded. */
const MAX_SEALING = 2

export class SegmentEngine implements SegmentStore {
  readonly #dir: string
  readonly #counters: Counters
  readonly #now: () => number
  readonly #options: EngineOptions
  readonly #cache: Lru
  readonly #files = new FileCache()
  readonly #coverage = new Coverage()
  readonly #problems: string[] = []
  readonly #durableListeners: ((partition: number, next: number) => void)[] = []
  readonly #arrivals = new Set<() => void>()
  readonly #hidden = new Hidden()
  #retired: Retired
  /** Replacements and retirements take turns. */
  #turn: Promise<unknown> = Promise.resolve()
  #sealed: Sealed[]
  #sealing: Sealing[] = []
  #head: Head
  #headCovers: [number, number, number][] = []
  #headSince = 0
  #nextSequence: number
  #timer: NodeJS.Timeout
  #broken: unknown
  #closed = false

  constructor(options: EngineOptions) {
    this.#options = options
    this.#dir = options.dir
    this.#counters = options.counters
    this.#now = options.now ?? Date.now
    this.#cache = new Lru(options.cacheBytes ?? DEFAULTS.cacheBytes)
    this.#retired = readRetired(options.dir)
    const opened = openSegments(options.dir, this.#retired, this.#cache, this.#files)
    this.#sealed = opened.segments
    this.#nextSequence = opened.nextSequence
    for (const [partition, runs] of this.#retired.runs) {
      for (const [from, to] of runs.list) this.#coverage.addDurable(partition, from, to)
    }
    for (const { summary } of this.#sealed) {
      for (const [partition, from, to] of summary.covers) this.#coverage.addDurable(partition, from, to)
      for (const [partition, base] of summary.base) this.#coverage.setBase(partition, base)
    }
    this.#hidden.rebuild(this.#sealed)
    for (const error of opened.corrupt) this.#count(error)
    this.#head = this.#newHead(new Set())
    const sealAfterMs = options.sealAfterMs ?? DEFAULTS.sealAfterMs
    this.#timer = setInterval(
      () => {
        if (this.#head.rows > 0 && this.#now() - this.#headSince >= sealAfterMs) this.#rotate()
      },
      Math.max(10, Math.min(1000, sealAfterMs / 2)),
    )
    this.#timer.unref()
  }

  async append(batch: Uint8Array<ArrayBuffer>, partition: number, next: number): Promise<AppendResult> {
    while (this.#sealing.length >= MAX_SEALING && !this.#broken) await this.#sealing[0]?.done.catch(() => {})
    this.#refuseIfUnable()
    const cursor = new BatchCursor(batch)
    // Between deliveries if it can be, so that a segment holds deliveries whole.
    if (this.#head.rows > 0 && this.#head.rows + cursor.count > this.#maxRows()) this.#rotate()
    let stored = 0
    let replayed = 0
    let repeated = 0
    let first: number | undefined
    const bySource = new Map<string, number>()
    while (cursor.next()) {
      if (cursor.partition === partition) first ??= cursor.offset
      const isReplay = this.#coverage.isStored(cursor.partition, cursor.offset)
      if (isReplay || (cursor.keyAt >= 0 && this.#hasKey(cursor.bytes, cursor.keyAt))) {
        if (isReplay) replayed++
        else {
          repeated++
          const source = cursor.source()
          if (source !== undefined) bySource.set(source, (bySource.get(source) ?? 0) + 1)
        }
        continue
      }
      if (this.#head.full) {
        // The row itself is not stored yet: its position must not be settled with the ones before.
        this.#coverage.forget(cursor.partition, cursor.offset)
        this.#rotate()
        this.#coverage.isStored(cursor.partition, cursor.offset)
      }
      if (this.#head.rows === 0) this.#headSince = this.#now()
      const newer = this.#newerVersions(cursor)
      if (newer.length > 0) {
        // A lost first version comes back from the bus; its newer one is still here.
        this.#hidden.bear(this.#head.sequence, this.#head.nextAddress, newer)
        replayed++
      } else stored++
      this.#head.add(cursor)
    }
    for (const [from, to] of this.#coverage.deliver(partition, first, next))
      this.#headCovers.push([partition, from, to])
    if (this.#head.rows === 0) this.#announce(this.#coverage.sealed(this.#headCovers))
    else if (this.#head.rows >= this.#maxRows() || this.#head.full) this.#rotate()
    this.#counters.add('store_stored_events_total', stored)
    this.#counters.add('store_duplicate_events_total', repeated)
    this.#counters.add('store_replayed_events_total', replayed)
    if (stored > 0) for (const wake of [...this.#arrivals]) wake()
    return { stored, duplicates: repeated, replayed, duplicatesBySource: Object.fromEntries(bySource) }
  }

  replace(batch: Uint8Array<ArrayBuffer>, options: ReplaceOptions = {}): Promise<ReplaceResult> {
    return this.#inTurn(() => this.#replace(batch, options))
  }

  durable(): ReadonlyMap<number, number> {
    return this.#coverage.durable()
  }

  onDurable(listener: (partition: number, next: number) => void): void {
    this.#durableListeners.push(listener)
  }

  lost(): readonly LostRange[] {
    return this.#coverage.lost()
  }

  problems(): readonly string[] {
    return this.#problems
  }

  search(request: SearchRequest, signal?: AbortSignal): Promise<SearchPage> {
    return this.#query(request.filter, request.range, signal, (context) => runSearch(context, request))
  }

  aggregate(request: AggregateRequest, signal?: AbortSignal): Promise<AggregateResult> {
    return this.#query(request.filter, request.range, signal, (context) => runAggregate(context, request))
  }

  async get(text: string): Promise<Hit | undefined> {
    this.#refuseIfClosed()
    return this.#guard(async () => {
      const id = readId(text)
      const place = id && this.#newest(id)
      return place && readHits(place.segment, place.block, [place.row])[0]
    })
  }

  tail(
    filter: Filter,
    options: { readonly resume?: string; readonly maxPerSecond?: number },
    signal: AbortSignal,
  ): AsyncIterable<TailBatch> {
    this.#refuseIfClosed()
    const resume = options.resume === undefined ? undefined : parseResume(options.resume)
    if (options.resume !== undefined && !resume) throw invalid('the resume position of the tail is none')
    const { maxPerSecond } = options
    const tail = new Tail(
      compileFilter(filter),
      {
        segments: () => this.#segments().filter((segment) => !isReplacement(segment)),
        hidden: (sequence) => this.#hidden.of(sequence),
        newest: (segment, block, row) => this.#newest(rowId(segment, block, row)),
      },
      this.#coverage.ends(),
      { resume, maxPerSecond },
      this.#now,
    )
    return this.#tailBatches(tail, signal)
  }

  async stats() {
    const segments = this.#segments()
    const headEvents = segments.reduce((sum, s) => sum + (s instanceof Head ? s.rows : 0), 0)
    return {
      events: segments.reduce((sum, segment) => sum + this.#visibleRows(segment), 0),
      bytes: segments.reduce(
        (sum, s) => sum + (s instanceof Sealed ? s.fileBytes : s instanceof Head ? s.heldBytes : 0),
        0,
      ),
      segments: this.#sealed.length,
      headEvents,
    }
  }

  async flush(): Promise<void> {
    this.#refuseIfUnable()
    this.#rotate()
    await Promise.all(this.#sealing.map(({ done }) => done))
  }

  retire(beforeMs: number): Promise<{ segments: number; events: number }> {
    return this.#inTurn(() => this.#retire(beforeMs))
  }

  async #retire(beforeMs: number): Promise<{ segments: number; events: number }> {
    this.#refuseIfUnable()
    const expired = this.#sealed.filter((segment) => segment.maxTime < beforeMs)
    const old = deletable(this.#sealed, expired, this.#hidden.bornBy())
    if (old.length === 0) return { segments: 0, events: 0 }
    const covers = old.flatMap(({ summary }) => summary.covers)
    this.#retired = await writeRetired(
      this.#dir,
      this.#retired,
      covers,
      old.map(({ sequence }) => sequence),
    )
    this.#options.crash?.('retire-intent')
    const events = old.reduce((sum, segment) => sum + this.#visibleRows(segment), 0)
    this.#sealed = this.#sealed.filter((segment) => !old.includes(segment))
    for (const { sequence } of old) this.#hidden.forget(sequence)
    for (const segment of old) {
      if (segment.pins > 0) this.#doomed.add(segment)
      else this.#unlink(segment)
    }
    this.#options.crash?.('retire-unlinked')
    this.#counters.add('store_retired_events_total', events)
    return { segments: old.length, events }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    try {
      await this.#turn
      if (!this.#broken) await this.flush()
    } finally {
      this.#stop()
    }
  }

  /** As a crash would leave it: nothing is written any more. For tests. */
  abandon(): void {
    this.#broken = new Error('abandoned')
    this.#stop()
  }

  async #replace(batch: Uint8Array<ArrayBuffer>, options: ReplaceOptions): Promise<ReplaceResult> {
    const when = options.when && compileFilter(options.when)
    for (;;) {
      this.#refuseIfUnable()
      const segments = this.#segments()
      const ask = { ...options, when, segments, hidden: this.#hidden, check: () => this.#refuseIfUnable() }
      const plan = await this.#pinned(segments, () => this.#guard(() => planReplacement(batch, ask)))
      // What is in memory goes to disk first: the newer version must not be durable before the first one.
      if (plan.touches.some((sequence) => !this.#sealed.some((segment) => segment.sequence === sequence))) {
        await this.flush()
        continue
      }
      if (plan.ids.length > 0) await this.#writeReplacement(batch, plan)
      this.#counters.add('store_replaced_events_total', plan.ids.length)
      const { unknown, skipped, unchanged, ids, moved } = plan
      return { replaced: ids.length, unknown, skipped, unchanged, ids, moved }
    }
  }

  async #writeReplacement(
    batch: Uint8Array<ArrayBuffer>,
    plan: Awaited<ReturnType<typeof planReplacement>>,
  ): Promise<void> {
    const heads = () => this.#newHead(new Set())
    const write = async (head: Head, supersedes: readonly Supersede[]) => {
      const facts = { covers: [], base: this.#coverage.base(), replaces: [], replacement: true as const, supersedes }
      try {
        const { path } = await writeSegment(this.#dir, head, facts, this.#options.crash)
        const { summary, fileBytes } = readSummary(path)
        const segment = new Sealed(path, summary, fileBytes, this.#cache, this.#files)
        if (this.#broken) throw this.#broken
        // In one step for whoever looks: the old versions go, the newer ones come.
        this.#sealed = [...this.#sealed, segment]
        this.#hidden.add(supersedes)
      } catch (error) {
        this.#counters.add('store_seal_failures_total')
        this.#discard(head.sequence)
        throw error
      }
    }
    await writeReplacement(batch, plan, new Turns({ check: () => this.#refuseIfUnable() }), { heads, write })
  }

  /** A replacement that failed must not come into force at the next start, when other ones may stand beside it. */
  #discard(sequence: number): void {
    if (this.#broken) return // as good as crashed: the next start decides
    const path = join(this.#dir, segmentName(sequence))
    try {
      rmSync(path, { force: true })
      rmSync(path.replace(/\.seg$/, TEMPORARY_SUFFIX), { force: true })
    } catch (error) {
      this.#broken = error
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run)
    this.#turn = turn.catch(() => {}) // whoever asked for the turn is told
    return turn
  }

  #visibleRows(segment: SegmentView): number {
    return segment.rows - this.#hidden.count(segment.sequence)
  }

  /** The newest version of an event: of all rows with its id the one that is not hidden. */
  #newest(id: RowId): RowPlace | undefined {
    for (const segment of this.#segments().reverse()) {
      const place = findRow(segment, id)
      if (place && !hasBit(this.#hidden.of(segment.sequence), place.block * BLOCK_ROWS + place.row)) return place
    }
    return undefined
  }

  /** Segments with newer versions of the event, which comes from the bus again. */
  #newerVersions(cursor: BatchCursor): number[] {
    const { partition, offset, keyAt, bytes } = cursor
    const key = keyAt < 0 ? undefined : bytes.subarray(keyAt, keyAt + 16)
    return this.#sealed
      .filter((segment) => isReplacement(segment) && findRow(segment, { partition, offset, key }))
      .map(({ sequence }) => sequence)
  }

  readonly #doomed = new Set<Sealed>()

  #stop(): void {
    this.#closed = true
    clearInterval(this.#timer)
    for (const wake of [...this.#arrivals]) wake()
    this.#files.close()
  }

  #maxRows(): number {
    return Math.min(this.#options.sealRows ?? DEFAULTS.sealRows, DEFAULTS.sealRows)
  }

  #newHead(plainFields: ReadonlySet<string>): Head {
    return new Head({
      sequence: this.#nextSequence++,
      sealRows: this.#maxRows(),
      blockRows: Math.min(this.#options.blockRows ?? BLOCK_ROWS, BLOCK_ROWS),
      cache: this.#cache,
      plainFields,
    })
  }

  /** Arrival order, the head last. */
  #segments(): SegmentView[] {
    return [...this.#sealed, ...this.#sealing.map(({ head }) => head), this.#head].sort(
      (a, b) => a.sequence - b.sequence,
    )
  }

  #hasKey(source: Buffer, at: number): boolean {
    if (this.#head.keys.find(source, at) >= 0) return true
    for (const { head } of this.#sealing) if (head.keys.find(source, at) >= 0) return true
    for (let i = this.#sealed.length - 1; i >= 0; i--) {
      const segment = this.#sealed[i] as Sealed
      if (isReplacement(segment)) continue // whether the event itself is here is asked
      if (segment.mayHaveKey(source, at) && segment.findKey(source.subarray(at, at + 16)) !== undefined) return true
    }
    return false
  }

  /** Puts the head to disk in the background and opens a new one. */
  #rotate(): void {
    const head = this.#head
    if (head.rows === 0) return
    this.#headCovers.push(...this.#coverage.settle())
    const covers = this.#headCovers
    // Now and then a segment starts without the hint, in case a field's values have changed their nature.
    this.#head = this.#newHead(head.sequence % 16 === 0 ? new Set() : head.plainFields())
    this.#headCovers = []
    head.closeBlock()
    const before = this.#sealing.at(-1)?.done ?? Promise.resolve()
    const done = before.then(() => this.#seal(head, covers))
    done.catch((error) => {
      this.#broken ??= error
    })
    this.#sealing.push({ head, covers, done })
  }

  async #seal(head: Head, covers: readonly (readonly [number, number, number])[]): Promise<void> {
    const supersedes = this.#hidden.bornIn(head.sequence)
    const facts = { covers, base: this.#coverage.base(), replaces: [], supersedes }
    const retryMs = this.#options.sealRetryMs ?? 1000
    for (let wait = retryMs; ; wait = Math.min(wait * 2, 30_000)) {
      try {
        if (this.#broken) throw this.#broken
        const { path } = await writeSegment(this.#dir, head, facts, this.#options.crash)
        const { summary, fileBytes } = readSummary(path)
        const segment = new Sealed(path, summary, fileBytes, this.#cache, this.#files)
        // In one step for whoever looks: the head goes, the file comes.
        this.#sealing = this.#sealing.filter((sealing) => sealing.head !== head)
        this.#sealed = [...this.#sealed, segment]
        this.#hidden.sealed(head.sequence)
        this.#counters.add('store_segments_sealed_total')
        this.#announce(this.#coverage.sealed(covers))
        return
      } catch (error) {
        this.#counters.add('store_seal_failures_total')
        if (retryMs < 0 || this.#closed || this.#broken) throw error
        await sleep(wait, undefined, { ref: false })
      }
    }
  }

  #announce(moved: ReadonlyMap<number, number>): void {
    for (const [partition, next] of moved) for (const listener of this.#durableListeners) listener(partition, next)
  }

  async #query<T>(
    filter: Filter,
    range: TimeRange,
    signal: AbortSignal | undefined,
    run: (context: QueryContext) => Promise<T>,
  ): Promise<T> {
    this.#refuseIfClosed()
    signal?.throwIfAborted()
    const node = compileFilter(filter)
    const budget = queryBudget(this.#now() + (this.#options.queryBudgetMs ?? 120_000), this.#now, signal)
    const snapshots = this.#segments().map((segment) => snapshotOf(segment, this.#hidden.of(segment.sequence)))
    const stats = { segments: 0, pruned: 0, rows: 0 }
    const context = { node, range, snapshots, budget, cache: this.#cache, now: this.#now, stats }
    return this.#pinned(
      snapshots.map(({ segment }) => segment),
      async () => {
        await nextTurn() // a queue of short queries must not hold up the append behind it
        budget.check()
        return this.#guard(() => run(context))
      },
    )
  }

  async *#tailBatches(tail: Tail, signal: AbortSignal): AsyncGenerator<TailBatch> {
    while (!signal.aborted && !this.#closed) {
      const arrival = Promise.withResolvers<void>()
      const wake = () => arrival.resolve()
      this.#arrivals.add(wake)
      signal.addEventListener('abort', wake, { once: true })
      try {
        const segments = this.#segments()
        const budget = { check: () => signal.throwIfAborted() }
        const batch = await this.#pinned(segments, () => this.#guard(() => tail.next(budget)))
        if (batch) yield batch
        else await arrival.promise
      } catch (error) {
        if (signal.aborted) return
        throw error
      } finally {
        this.#arrivals.delete(wake)
        signal.removeEventListener('abort', wake)
      }
    }
  }

  async #pinned<T>(segments: readonly SegmentView[], run: () => Promise<T>): Promise<T> {
    const sealed = segments.filter((segment) => segment instanceof Sealed)
    for (const segment of sealed) segment.pin()
    try {
      return await run()
    } finally {
      for (const segment of sealed) {
        segment.unpin()
        if (segment.pins === 0 && this.#doomed.delete(segment)) this.#unlink(segment)
      }
    }
  }

  /** A damaged segment is set aside; the query that met it fails rather than answer without it. */
  async #guard<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      if (isPipelineError(error, 'SEGMENT_CORRUPT')) this.#quarantine(error)
      throw error
    }
  }

  #quarantine(error: PipelineError<'SEGMENT_CORRUPT'>): void {
    const segment = this.#sealed.find(({ path }) => path === error.params.path)
    if (!segment) return
    this.#sealed = this.#sealed.filter((other) => other !== segment)
    this.#files.forget(segment.path)
    renameSync(segment.path, quarantinePath(segment.path))
    for (const [partition, from, to] of segment.summary.covers) this.#coverage.addLost(partition, from, to)
    this.#count(error)
    try {
      this.#hidden.rebuild(this.#sealed)
    } catch (next) {
      if (!isPipelineError(next, 'SEGMENT_CORRUPT')) throw next
      this.#quarantine(next)
    }
  }

  #count(error: PipelineError<'SEGMENT_CORRUPT'>): void {
    this.#counters.add('store_segments_corrupt_total')
    this.#problems.push(error.message)
  }

  #unlink(segment: Sealed): void {
    this.#files.forget(segment.path)
    unlinkSync(segment.path)
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new Error(`${this.#dir}: the event store is closed`)
  }

  #refuseIfUnable(): void {
    this.#refuseIfClosed()
    if (this.#broken) throw this.#broken
  }
}

const isReplacement = (segment: SegmentView) => segment instanceof Sealed && segment.summary.replacement === true

function readId(text: string): RowId | undefined {
  if (/^k[\w-]{22}$/.test(text)) return { key: Buffer.from(text.slice(1), 'base64url') }
  const found = /^(\d{1,10})-(\d{1,16})$/.exec(text)
  if (!found || `${Number(found[1])}-${Number(found[2])}` !== text) return undefined
  return { partition: Number(found[1]), offset: Number(found[2]) }
}
