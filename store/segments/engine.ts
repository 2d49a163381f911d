// The embedded event store: one head in memory, heads being sealed, sealed segments on disk. Runs on one thread; appends
// and queries take turns. segment-store.ts puts it on a thread of its own.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Counters } from '../../core/counters.ts'
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
  RetireOptions,
  SearchPage,
  SearchRequest,
  TailBatch,
} from '../../core/store.ts'
import { runAggregate } from './aggregate.ts'
import { applyReplacement } from './apply-replacement.ts'
import { BatchCursor } from './batch-cursor.ts'
import { Catalog, isReplacement } from './catalog.ts'
import { chooseRun, mergeRun } from './compaction.ts'
import { type Disk, nodeDisk } from './disk.ts'
import { queryBudget } from './evaluate.ts'
import { compileFilter } from './filter.ts'
import { Head } from './head.ts'
import { readHits } from './hits.ts'
import { invalid } from './leaf.ts'
import { findRow, type RowId, rowId } from './locate.ts'
import { Lru } from './lru.ts'
import { nextTurn, type QueryContext, snapshotOf, Turns } from './plan.ts'
import { type Retirement, retire } from './retention.ts'
import { Sealed } from './sealed.ts'
import { runSearch } from './search.ts'
import { type CrashPoint, writeSegment } from './segment-writer.ts'
import { parseResume, Tail } from './tail.ts'
import { BLOCK_ROWS, MAX_BLOCKS, type SegmentView } from './view.ts'
import { repeat, type Writing, writeMerged } from './write-merged.ts'

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
  /** Small segments are merged this often; 0: never. Default 10 s. */
  readonly compactEveryMs?: number
  /** Test seam. */
  readonly disk?: Disk
  /** Test seam. */
  readonly crash?: CrashPoint
}

export interface SegmentStore extends EventStore {
  /** Segments set aside since the start, by what was wrong. */
  problems(): readonly string[]
  /** Merges small segments now, until there is nothing worth it. @returns how many merged segments were written */
  compact(): Promise<number>
}

interface Sealing {
  readonly head: Head
  readonly covers: readonly (readonly [number, number, number])[]
  readonly done: Promise<void>
}

const DEFAULTS = {
  sealRows: BLOCK_ROWS * MAX_BLOCKS,
  sealAfterMs: 30_000,
  cacheBytes: 192 * 1024 * 1024,
  compactEveryMs: 10_000,
}
/** Heads waiting for the disk beside the open one: appends wait beyond, so memory stays bounded. */
const MAX_SEALING = 2

export class SegmentEngine implements SegmentStore {
  readonly #catalog: Catalog
  readonly #counters: Counters
  readonly #now: () => number
  readonly #options: EngineOptions
  readonly #cache: Lru
  readonly #durableListeners: ((partition: number, next: number) => void)[] = []
  readonly #arrivals = new Set<() => void>()
  readonly #unmergeable = new Set<number>()
  /** Replacements, retirements and compactions take turns: each finds the sealed segments as the one before left them. */
  #turn: Promise<unknown> = Promise.resolve()
  #sealing: Sealing[] = []
  #head: Head
  #headCovers: [number, number, number][] = []
  #headSince = 0
  readonly #timers: NodeJS.Timeout[]
  #compacting: Promise<unknown> | undefined
  #broken: unknown
  #closing = false
  #closed = false

  constructor(options: EngineOptions) {
    this.#options = options
    this.#counters = options.counters
    this.#now = options.now ?? Date.now
    this.#cache = new Lru(options.cacheBytes ?? DEFAULTS.cacheBytes)
    this.#catalog = new Catalog({
      dir: options.dir,
      counters: options.counters,
      cache: this.#cache,
      disk: options.disk ?? nodeDisk,
    })
    this.#head = this.#newHead(new Set())
    const sealAfterMs = options.sealAfterMs ?? DEFAULTS.sealAfterMs
    const sealDue = () => {
      if (this.#head.rows > 0 && this.#now() - this.#headSince >= sealAfterMs) this.#rotate()
    }
    const compactEveryMs = options.compactEveryMs ?? DEFAULTS.compactEveryMs
    const compactDue = () => {
      this.#compacting ??= this.compact()
        .catch(() => this.#counters.add('store_compaction_failures_total')) // tried again; the sources are still there
        .finally(() => {
          this.#compacting = undefined
        })
    }
    this.#timers = [setInterval(sealDue, Math.max(10, Math.min(1000, sealAfterMs / 2)))]
    if (compactEveryMs > 0) this.#timers.push(setInterval(compactDue, compactEveryMs))
    for (const timer of this.#timers) timer.unref()
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
      const isReplay = this.#catalog.coverage.isStored(cursor.partition, cursor.offset)
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
        this.#catalog.coverage.forget(cursor.partition, cursor.offset)
        this.#rotate()
        this.#catalog.coverage.isStored(cursor.partition, cursor.offset)
      }
      if (this.#head.rows === 0) this.#headSince = this.#now()
      const newer = this.#newerVersions(cursor)
      if (newer.length > 0) {
        // A lost first version comes back from the bus; its newer one is still here.
        this.#catalog.hidden.bear(this.#head.sequence, this.#head.nextAddress, newer)
        replayed++
      } else stored++
      this.#head.add(cursor)
    }
    for (const [from, to] of this.#catalog.coverage.deliver(partition, first, next))
      this.#headCovers.push([partition, from, to])
    if (this.#head.rows === 0) this.#announce(this.#catalog.coverage.sealed(this.#headCovers))
    else if (this.#head.rows >= this.#maxRows() || this.#head.full) this.#rotate()
    this.#counters.add('store_stored_events_total', stored)
    this.#counters.add('store_duplicate_events_total', repeated)
    this.#counters.add('store_replayed_events_total', replayed)
    if (stored > 0) for (const wake of [...this.#arrivals]) wake()
    return { stored, duplicates: repeated, replayed, duplicatesBySource: Object.fromEntries(bySource) }
  }

  replace(batch: Uint8Array<ArrayBuffer>, options: ReplaceOptions = {}): Promise<ReplaceResult> {
    const tools = {
      segments: () => this.#segments(),
      flush: () => this.flush(),
      head: () => this.#newHead(new Set()),
      writing: this.#writing(),
    }
    return this.#inTurn(() => applyReplacement(this.#catalog, batch, options, tools))
  }

  durable(): ReadonlyMap<number, number> {
    return this.#catalog.coverage.durable()
  }

  onDurable(listener: (partition: number, next: number) => void): void {
    this.#durableListeners.push(listener)
  }

  lost(): readonly LostRange[] {
    return this.#catalog.coverage.lost()
  }

  problems(): readonly string[] {
    return this.#catalog.problems
  }

  search(request: SearchRequest, signal?: AbortSignal): Promise<SearchPage> {
    return this.#query(request.filter, request.range, signal, (context) => runSearch(context, request))
  }

  aggregate(request: AggregateRequest, signal?: AbortSignal): Promise<AggregateResult> {
    return this.#query(request.filter, request.range, signal, (context) => runAggregate(context, request))
  }

  async get(text: string): Promise<Hit | undefined> {
    this.#refuseIfClosed()
    return this.#catalog.guard(async () => {
      const id = readId(text)
      const place = id && this.#catalog.newest(this.#segments(), id)
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
        hidden: (sequence) => this.#catalog.hidden.of(sequence),
        newest: (segment, block, row) => this.#catalog.newest(this.#segments(), rowId(segment, block, row)),
        moved: (sequence) => this.#catalog.moves.get(sequence),
      },
      this.#catalog.coverage.ends(),
      { resume, maxPerSecond },
      this.#now,
    )
    return this.#tailBatches(tail, signal)
  }

  async stats() {
    const segments = this.#segments()
    const headEvents = segments.reduce((sum, s) => sum + (s instanceof Head ? s.rows : 0), 0)
    return {
      events: segments.reduce((sum, segment) => sum + this.#catalog.visibleRows(segment), 0),
      bytes: segments.reduce(
        (sum, s) => sum + (s instanceof Sealed ? s.fileBytes : s instanceof Head ? s.heldBytes : 0),
        0,
      ),
      segments: this.#catalog.sealed.length,
      headEvents,
    }
  }

  async flush(): Promise<void> {
    this.#refuseIfUnable()
    this.#rotate()
    await Promise.all(this.#sealing.map(({ done }) => done))
  }

  retire(beforeMs: number, options: RetireOptions = {}): Promise<Retirement> {
    return this.#inTurn(async () => {
      this.#refuseIfUnable()
      const tools = {
        turns: new Turns({ check: () => this.#refuseIfUnable() }),
        writing: this.#writing(),
        crash: this.#options.crash,
        head: () => this.#newHead(new Set()),
      }
      return this.#catalog.guard(() => retire(this.#catalog, beforeMs, options, tools))
    })
  }

  compact(): Promise<number> {
    return repeat(() => this.#inTurn(() => this.#compactOnce()))
  }

  async #compactOnce(): Promise<boolean> {
    if (this.#closing || this.#broken) return false
    const run = chooseRun(this.#catalog, this.#maxRows(), this.#unmergeable)
    if (run.length === 0) return false
    const writing = this.#writing()
    const head = this.#newHead(new Set())
    const merge = () => mergeRun(this.#catalog, run, head, new Turns(writing))
    const merged = await this.#catalog.pinned(run, () => this.#catalog.guard(merge))
    let before = 0
    const moves = new Map(
      run.map((segment) => {
        const first = before
        before += segment.rows
        return [segment, (row: number) => first + row]
      }),
    )
    if (merged && (await writeMerged(this.#catalog, head, merged.facts, merged.old, moves, writing))) {
      this.#counters.add('store_compacted_segments_total', run.length)
      return true
    }
    // They are too large together, or one has gone: the next choice is another.
    for (const { sequence } of run) this.#unmergeable.add(sequence)
    return true
  }

  async close(): Promise<void> {
    if (this.#closed) return
    try {
      this.#closing = true
      this.#stopTimers()
      await this.#turn
      if (!this.#broken) await this.flush()
    } finally {
      this.#stop()
    }
  }

  /** As a crash would leave it: nothing is written any more. For tests. */
  abandon(): void {
    this.#broken = new Error('abandoned')
    this.#closing = true
    this.#stop()
  }

  #writing(): Writing {
    return {
      check: () => this.#refuseIfUnable(),
      crash: this.#options.crash,
      broken: (error) => {
        this.#broken ??= error
      },
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run)
    this.#turn = turn.catch(() => {}) // whoever asked for the turn is told
    return turn
  }

  /** Segments with newer versions of the event, which comes from the bus again. */
  #newerVersions(cursor: BatchCursor): number[] {
    const { partition, offset, keyAt, bytes } = cursor
    const key = keyAt < 0 ? undefined : bytes.subarray(keyAt, keyAt + 16)
    return this.#catalog.sealed
      .filter((segment) => isReplacement(segment) && findRow(segment, { partition, offset, key }))
      .map(({ sequence }) => sequence)
  }

  #stop(): void {
    this.#closed = true
    this.#stopTimers()
    for (const wake of [...this.#arrivals]) wake()
    this.#catalog.close()
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  #maxRows(): number {
    return Math.min(this.#options.sealRows ?? DEFAULTS.sealRows, DEFAULTS.sealRows)
  }

  #newHead(plainFields: ReadonlySet<string>): Head {
    return new Head({
      sequence: this.#catalog.takeSequence(),
      sealRows: this.#maxRows(),
      blockRows: Math.min(this.#options.blockRows ?? BLOCK_ROWS, BLOCK_ROWS),
      cache: this.#cache,
      plainFields,
    })
  }

  /** Arrival order, the head last. */
  #segments(): SegmentView[] {
    return [...this.#catalog.sealed, ...this.#sealing.map(({ head }) => head), this.#head].sort(
      (a, b) => a.order - b.order,
    )
  }

  #hasKey(source: Buffer, at: number): boolean {
    if (this.#head.keys.find(source, at) >= 0) return true
    for (const { head } of this.#sealing) if (head.keys.find(source, at) >= 0) return true
    for (let i = this.#catalog.sealed.length - 1; i >= 0; i--) {
      const segment = this.#catalog.sealed[i] as Sealed
      if (isReplacement(segment)) continue // whether the event itself is here is asked
      if (segment.mayHaveKey(source, at) && segment.findKey(source.subarray(at, at + 16)) !== undefined) return true
    }
    return false
  }

  /** Puts the head to disk in the background and opens a new one. */
  #rotate(): void {
    const head = this.#head
    if (head.rows === 0) return
    this.#headCovers.push(...this.#catalog.coverage.settle())
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
    const supersedes = this.#catalog.hidden.bornIn(head.sequence)
    const facts = { covers, base: this.#catalog.coverage.base(), replaces: [], supersedes }
    const retryMs = this.#options.sealRetryMs ?? 1000
    for (let wait = retryMs; ; wait = Math.min(wait * 2, 30_000)) {
      try {
        if (this.#broken) throw this.#broken
        const { path } = await writeSegment(this.#catalog.disk, this.#options.dir, head, facts, this.#options.crash)
        const segment = this.#catalog.open(path)
        // In one step for whoever looks: the head goes, the file comes.
        this.#sealing = this.#sealing.filter((sealing) => sealing.head !== head)
        this.#catalog.swap([], [segment])
        this.#catalog.hidden.sealed(head.sequence)
        this.#counters.add('store_segments_sealed_total')
        this.#announce(this.#catalog.coverage.sealed(covers))
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
    const snapshots = this.#segments().map((segment) => snapshotOf(segment, this.#catalog.hidden.of(segment.sequence)))
    const stats = { segments: 0, pruned: 0, rows: 0 }
    const context = { node, range, snapshots, budget, cache: this.#cache, now: this.#now, stats }
    return this.#catalog.pinned(
      snapshots.map(({ segment }) => segment),
      async () => {
        await nextTurn() // a queue of short queries must not hold up the append behind it
        budget.check()
        return this.#catalog.guard(() => run(context))
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
        const batch = await this.#catalog.pinned(segments, () => this.#catalog.guard(() => tail.next(budget)))
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

  #refuseIfClosed(): void {
    if (this.#closed) throw new Error(`${this.#options.dir}: the event store is closed`)
  }

  #refuseIfUnable(): void {
    this.#refuseIfClosed()
    if (this.#broken) throw this.#broken
  }
}

function readId(text: string): RowId | undefined {
  if (/^k[\w-]{22}$/.test(text)) return { key: Buffer.from(text.slice(1), 'base64url') }
  const found = /^(\d{1,10})-(\d{1,16})$/.exec(text)
  if (!found || `${Number(found[1])}-${Number(found[2])}` !== text) return undefined
  return { partition: Number(found[1]), offset: Number(found[2]) }
}
