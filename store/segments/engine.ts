// The embedded event store: heads in memory (heads.ts), sealed segments on disk (catalog.ts), and who may work on them
// when. Runs on one thread; appends and queries take turns. segment-store.ts puts it on a thread of its own.

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
import { Catalog, isReplacement } from './catalog.ts'
import { chooseRun, mergeRun } from './compaction.ts'
import { type Disk, nodeDisk } from './disk.ts'
import { queryBudget } from './evaluate.ts'
import { compileFilter } from './filter.ts'
import { Head } from './head.ts'
import { Heads } from './heads.ts'
import { Health } from './health.ts'
import { readHits } from './hits.ts'
import { invalid } from './leaf.ts'
import { type RowId, rowId } from './locate.ts'
import { Lru } from './lru.ts'
import { nextTurn, type QueryContext, snapshotOf, Turns } from './plan.ts'
import { type Retirement, retire } from './retention.ts'
import { Sealed } from './sealed.ts'
import { runSearch } from './search.ts'
import type { CrashPoint } from './segment-writer.ts'
import { parseResume, Tail } from './tail.ts'
import type { SegmentView } from './view.ts'
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

const DEFAULTS = { sealAfterMs: 30_000, cacheBytes: 192 * 1024 * 1024, compactEveryMs: 10_000 }

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
  readonly #heads: Heads
  readonly #health: Health
  readonly #timers: NodeJS.Timeout[]
  #compacting: Promise<unknown> | undefined
  #closing = false

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
    this.#health = new Health(options.dir)
    this.#heads = new Heads(options, {
      catalog: this.#catalog,
      cache: this.#cache,
      health: this.#health,
      now: this.#now,
      onDurable: (moved) => {
        for (const [partition, next] of moved) for (const listener of this.#durableListeners) listener(partition, next)
      },
      onArrival: () => {
        for (const wake of [...this.#arrivals]) wake()
      },
    })
    const sealAfterMs = options.sealAfterMs ?? DEFAULTS.sealAfterMs
    const sealDue = () => this.#heads.sealIfOlderThan(sealAfterMs)
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

  append(batch: Uint8Array<ArrayBuffer>, partition: number, next: number): Promise<AppendResult> {
    return this.#heads.append(batch, partition, next)
  }

  replace(batch: Uint8Array<ArrayBuffer>, options: ReplaceOptions = {}): Promise<ReplaceResult> {
    const tools = {
      segments: () => this.#segments(),
      flush: () => this.flush(),
      head: () => this.#heads.make(new Set()),
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
    this.#health.refuseIfClosed()
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
    this.#health.refuseIfClosed()
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
    this.#health.refuseIfUnable()
    await this.#heads.flush()
  }

  retire(beforeMs: number, options: RetireOptions = {}): Promise<Retirement> {
    return this.#inTurn(async () => {
      this.#health.refuseIfUnable()
      const tools = {
        turns: new Turns({ check: () => this.#health.refuseIfUnable() }),
        writing: this.#writing(),
        crash: this.#options.crash,
        head: () => this.#heads.make(new Set()),
      }
      return this.#catalog.guard(() => retire(this.#catalog, beforeMs, options, tools))
    })
  }

  compact(): Promise<number> {
    return repeat(() => this.#inTurn(() => this.#compactOnce()))
  }

  async #compactOnce(): Promise<boolean> {
    if (this.#closing || this.#health.broken) return false
    const run = chooseRun(this.#catalog, this.#heads.maxRows, this.#unmergeable)
    if (run.length === 0) return false
    const writing = this.#writing()
    const head = this.#heads.make(new Set())
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
    if (this.#health.closed) return
    try {
      this.#closing = true
      this.#stopTimers()
      await this.#turn
      if (!this.#health.broken) await this.flush()
    } finally {
      this.#stop()
    }
  }

  /** As a crash would leave it: nothing is written any more. For tests. */
  abandon(): void {
    this.#health.fail(new Error('abandoned'))
    this.#closing = true
    this.#stop()
  }

  #writing(): Writing {
    return {
      check: () => this.#health.refuseIfUnable(),
      crash: this.#options.crash,
      broken: (error) => this.#health.fail(error),
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run)
    this.#turn = turn.catch(() => {}) // whoever asked for the turn is told
    return turn
  }

  /** Arrival order, the head last. */
  #segments(): SegmentView[] {
    return [...this.#catalog.sealed, ...this.#heads.views].sort((a, b) => a.order - b.order)
  }

  #stop(): void {
    this.#health.closed = true
    this.#stopTimers()
    for (const wake of [...this.#arrivals]) wake()
    this.#catalog.close()
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  async #query<T>(
    filter: Filter,
    range: TimeRange,
    signal: AbortSignal | undefined,
    run: (context: QueryContext) => Promise<T>,
  ): Promise<T> {
    this.#health.refuseIfClosed()
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
    while (!signal.aborted && !this.#health.closed) {
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
}

function readId(text: string): RowId | undefined {
  if (/^k[\w-]{22}$/.test(text)) return { key: Buffer.from(text.slice(1), 'base64url') }
  const found = /^(\d{1,10})-(\d{1,16})$/.exec(text)
  if (!found || `${Number(found[1])}-${Number(found[2])}` !== text) return undefined
  return { partition: Number(found[1]), offset: Number(found[2]) }
}
