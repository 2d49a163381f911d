// The embedded bus: an append-only ledger of segment files. This file puts the parts together.
//
//   DIR/lock                      who holds the folder
//   DIR/p0/<first offset>.seg     segments (frame.ts draws their inside)
//   DIR/p0/groups.json            how far each group has come
//   DIR/p0/deleted.jsonl          what retention deleted: offsets and chain values
//   DIR/p0/quarantine.jsonl       what is known to be damaged

import { join } from 'node:path'
import type { Bus, Delivery, Position } from '../../core/bus.ts'
import { Counters } from '../../core/counters.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Context } from './context.ts'
import type { Gap } from './cursor.ts'
import { errorCode, type LedgerFs, nodeFs } from './files.ts'
import { GroupCommit } from './group-commit.ts'
import { Journal } from './journal.ts'
import { PARTITION, PARTITION_DIR } from './layout.ts'
import { Offsets } from './offsets.ts'
import { Quarantine } from './quarantine.ts'
import { type RecoveryInfo, recover } from './recovery.ts'
import { DELETED_FILE, type DeletedStub, Retention, type RetentionOptions } from './retention.ts'
import type { SegmentList } from './segment.ts'
import { deliver, MAX_BATCH_BYTES, type SubscriptionSource } from './subscription.ts'
import { TailCache } from './tail-cache.ts'
import { Wake } from './wake.ts'

const RAW_BATCH_MAGIC = 0x31_42_52_48 // "HRB1", core/raw-batch.ts
const DAY_MS = 86_400_000
/** Leaves room to count on: an offset is a double, exact up to 2^53. */
const MAX_OFFSET = 2 ** 52

export interface LedgerOptions {
  readonly dir: string
  readonly counters?: Counters
  /** A segment is sealed when it would grow beyond. Default 64 MiB. */
  readonly segmentBytes?: number
  readonly retention?: RetentionOptions & { readonly checkEveryMs?: number }
  /** Publishing is refused with BUS_FULL rather than growing beyond. Default: the disk decides. */
  readonly capacityBytes?: number
  /** Offsets below are known to have been given out before (the store knows them): never give them again. */
  readonly minOffset?: number
  /** Uncompressed bytes kept for subscribers at the head. Default 16 MiB. */
  readonly tailCacheBytes?: number
  readonly zstdLevel?: number
  /** Every gap a subscriber comes across; `subscribe` takes one of its own too. */
  readonly onGap?: (gap: Gap) => void
  readonly now?: () => number
  readonly files?: LedgerFs
  /** Crash points by name, for tests. */
  readonly at?: (point: string) => void | Promise<void>
}

export interface LedgerExtras {
  /** What opening found and did. */
  readonly recovery: Readonly<RecoveryInfo>
  /** Deletes what the retention options allow, now. @returns segments deleted */
  enforceRetention(): Promise<number>
  /** A group that is gone must not hold back retention for ever. */
  forgetGroup(group: string): Promise<void>
  /** The chain value (hex) after the last durable record, for signed checkpoints. */
  head(): { readonly next: number; readonly chain: string }
}

export type Ledger = Bus & LedgerExtras

/** @throws BUS_LOCKED, BATCH_CORRUPT when a newer version wrote the folder, or what the file system says */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const files = options.files ?? nodeFs
  await files.makeDir(join(options.dir, PARTITION_DIR))
  const unlock = await files.lock(options.dir)
  try {
    return await LedgerBus.open(options, files, unlock)
  } catch (error) {
    await unlock()
    throw error
  }
}

class LedgerBus implements Bus, LedgerExtras {
  readonly recovery: Readonly<RecoveryInfo>
  readonly #ctx: Context
  readonly #list: SegmentList
  readonly #commits: GroupCommit
  readonly #offsets: Offsets
  readonly #retention: Retention
  readonly #source: SubscriptionSource
  readonly #onGap: ((gap: Gap) => void) | undefined
  readonly #unlock: () => Promise<void>
  readonly #timer: NodeJS.Timeout | undefined
  readonly #laggingGroups = new Set<string>()
  /** Right edges of the gaps counted: each is counted once, however many subscribers meet it. */
  readonly #countedGaps = new Set<number>()
  #subscribers = 0
  #closing: Promise<void> | undefined

  private constructor(
    ctx: Context,
    options: LedgerOptions,
    unlock: () => Promise<void>,
    parts: {
      quarantine: Quarantine
      deleted: Journal<DeletedStub>
      offsets: Offsets
      recovery: RecoveryInfo
      list: SegmentList
      state: Awaited<ReturnType<typeof recover>>['state']
    },
  ) {
    const { retention = {}, segmentBytes = 64 * 1024 * 1024 } = options
    const { list, offsets, deleted, quarantine } = parts
    const wake = new Wake()
    const cache = new TailCache(options.tailCacheBytes ?? 16 * 1024 * 1024)
    this.#ctx = ctx
    this.#list = list
    this.#offsets = offsets
    this.#unlock = unlock
    this.#onGap = options.onGap
    this.recovery = parts.recovery
    this.#retention = new Retention(ctx, retention, list, deleted, () => offsets.lowest())
    const retain = async () => {
      try {
        await this.#retention.enforce()
      } catch (error) {
        ctx.counters.add('bus_retention_failures_total', 1, { reason: errorCode(error) })
      }
    }
    this.#commits = new GroupCommit(
      ctx,
      {
        segmentBytes,
        // An eighth of the age: what is kept too long because it shares a segment with newer records stays small.
        segmentMs: Math.min(DAY_MS, (retention.maxAgeMs ?? Number.POSITIVE_INFINITY) / 8),
        capacityBytes: options.capacityBytes ?? Number.POSITIVE_INFINITY,
        zstdLevel: options.zstdLevel ?? 1,
      },
      list,
      parts.state,
      {
        onAppended: (batch) => {
          if (this.#subscribers > 0) cache.add(batch)
        },
        onGroup: () => wake.notify(),
        onSealed: retain,
      },
    )
    this.#source = {
      ctx,
      list,
      quarantine,
      cache,
      wake,
      next: () => this.#commits.durableNext,
      deletedBelow: () => deleted.lines[deleted.lines.length - 1]?.next ?? 0,
      closed: () => this.#closing !== undefined,
      alone: () => this.#subscribers === 1,
    }
    if (retention.maxAgeMs !== undefined || retention.maxBytes !== undefined) {
      this.#timer = setInterval(retain, retention.checkEveryMs ?? 60_000)
      this.#timer.unref()
    }
    this.#registerGauges(ctx.counters)
  }

  static async open(options: LedgerOptions, files: LedgerFs, unlock: () => Promise<void>): Promise<LedgerBus> {
    const started = performance.now()
    const ctx: Context = {
      files,
      root: options.dir,
      dir: join(options.dir, PARTITION_DIR),
      partition: PARTITION,
      now: options.now ?? Date.now,
      counters: options.counters ?? new Counters(),
      at: options.at ?? (() => undefined),
    }
    const quarantine = await Quarantine.open(ctx)
    const deleted = await Journal.open<DeletedStub>(ctx, DELETED_FILE)
    const offsets = await Offsets.open(ctx)
    const recovery: RecoveryInfo = {
      segments: 0,
      scannedBytes: 0,
      tornBytes: 0,
      damaged: [],
      missing: [],
      leftovers: [],
      groupsLost: offsets.lost,
      tookMs: 0,
    }
    const floor = Math.max(options.minOffset ?? 0, offsets.highest())
    const { list, state } = await recover(ctx, quarantine, deleted.lines, floor, recovery)
    recovery.tookMs = performance.now() - started
    return new LedgerBus(ctx, options, unlock, { quarantine, deleted, offsets, recovery, list, state })
  }

  async publish(batch: Uint8Array<ArrayBuffer>, count: number): Promise<Position> {
    if (this.#closing) throw new PipelineError('BUS_CLOSED', { path: this.#ctx.root })
    const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
    if (batch.length < 12 || batch.length > MAX_BATCH_BYTES || view.getUint32(0, true) !== RAW_BATCH_MAGIC)
      throw new RangeError(`publish takes a batch of raw records of at most ${MAX_BATCH_BYTES} bytes`)
    if (count < 1 || view.getUint32(4, true) !== count) throw new RangeError(`the batch does not hold ${count} records`)
    return { partition: PARTITION, offset: await this.#commits.publish(batch, count) }
  }

  subscribe(
    from: ReadonlyMap<number, number>,
    signal: AbortSignal,
    onGap?: (gap: Gap) => void,
  ): AsyncIterable<Delivery> {
    const start = from.get(PARTITION) ?? this.#oldest()
    checkOffset(start)
    // Who asks for more than was ever given has seen records that this folder lost: their offsets stay taken.
    this.#commits.raiseNext(start)
    return this.#subscribe(start, signal, (gap) => {
      this.#countGap(gap)
      this.#onGap?.(gap)
      onGap?.(gap)
    })
  }

  async *#subscribe(start: number, signal: AbortSignal, onGap: (gap: Gap) => void): AsyncGenerator<Delivery> {
    this.#subscribers++
    try {
      yield* deliver(this.#source, start, signal, onGap)
    } finally {
      this.#subscribers--
      if (this.#subscribers === 0) this.#source.cache.clear()
    }
  }

  async commit(group: string, partition: number, offset: number): Promise<void> {
    if (partition !== PARTITION) throw new RangeError(`the ledger has no partition ${partition}`)
    checkOffset(offset)
    this.#commits.raiseNext(offset)
    await this.#offsets.commit(group, offset)
    this.#watchLag(group)
  }

  async committed(group: string): Promise<ReadonlyMap<number, number>> {
    const offset = this.#offsets.get(group)
    return new Map(offset === undefined ? [] : [[PARTITION, offset]])
  }

  async forgetGroup(group: string): Promise<void> {
    await this.#offsets.forget(group)
  }

  bounds(): ReadonlyMap<number, { readonly oldest: number; readonly next: number }> {
    return new Map([[PARTITION, { oldest: this.#oldest(), next: this.#commits.next }]])
  }

  firstSince(ms: number): ReadonlyMap<number, number> {
    // A record is appended after it is received, so a segment whose newest one was appended before holds none.
    const segment = this.#list.items.find(({ newestMs }) => newestMs === 0 || newestMs >= ms)
    return new Map([[PARTITION, segment?.first ?? this.#commits.next]])
  }

  enforceRetention(): Promise<number> {
    return this.#retention.enforce()
  }

  head(): { readonly next: number; readonly chain: string } {
    return { next: this.#commits.durableNext, chain: this.#commits.chain.toString('hex') }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer)
    try {
      await this.#commits.close()
      await this.#offsets.settled()
    } finally {
      this.#source.wake.notify()
      await this.#unlock()
    }
  }

  #oldest(): number {
    return this.#list.items[0]?.first ?? this.#commits.next
  }

  #countGap({ from, to, reason }: Gap): void {
    if (reason !== 'deleted') {
      if (this.#countedGaps.has(to)) return
      this.#countedGaps.add(to)
    }
    this.#ctx.counters.add('bus_gap_records_total', to - from, { reason })
  }

  #registerGauges(counters: Counters): void {
    counters.gauge('bus_segments', () => this.#list.items.length)
    counters.gauge('bus_bytes', () => this.#list.bytes)
    counters.gauge('bus_next_offset', () => this.#commits.next)
    counters.gauge('bus_oldest_offset', () => this.#oldest())
    counters.gauge('bus_subscribers', () => this.#subscribers)
    counters.gauge('bus_tail_cache_bytes', () => this.#source.cache.bytes)
    for (const [group] of this.#offsets.entries()) this.#watchLag(group)
  }

  #watchLag(group: string): void {
    if (this.#laggingGroups.has(group)) return
    this.#laggingGroups.add(group)
    const lag = () => this.#commits.next - (this.#offsets.get(group) ?? this.#commits.next)
    this.#ctx.counters.gauge('bus_lag_records', lag, { group })
  }
}

function checkOffset(offset: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > MAX_OFFSET)
    throw new RangeError(`${offset} is not an offset`)
}
