// What is in memory: the head that takes events, and heads on their way to disk. Searchable from the first row on.

import { setTimeout as sleep } from 'node:timers/promises'
import type { AppendResult } from '../../core/store.ts'
import { BatchCursor } from './batch-cursor.ts'
import { type Catalog, isReplacement } from './catalog.ts'
import type { EngineOptions } from './engine.ts'
import { Head } from './head.ts'
import type { Health } from './health.ts'
import { findRow } from './locate.ts'
import type { Lru } from './lru.ts'
import type { Sealed } from './sealed.ts'
import { writeSegment } from './segment-writer.ts'
import { BLOCK_ROWS, MAX_BLOCKS, type SegmentView } from './view.ts'

interface Sealing {
  readonly head: Head
  readonly covers: readonly (readonly [number, number, number])[]
  readonly done: Promise<void>
}

/** Heads waiting for the disk beside the open one: appends wait beyond, so memory stays bounded. */
const MAX_SEALING = 2

export interface HeadsTools {
  readonly catalog: Catalog
  readonly cache: Lru
  readonly health: Health
  readonly now: () => number
  /** Called with what became durable, and after rows have come. */
  readonly onDurable: (moved: ReadonlyMap<number, number>) => void
  readonly onArrival: () => void
}

export class Heads {
  readonly #options: EngineOptions
  readonly #catalog: Catalog
  readonly #cache: Lru
  readonly #health: Health
  readonly #now: () => number
  readonly #onDurable: HeadsTools['onDurable']
  readonly #onArrival: () => void
  /** Rows of a full segment. */
  readonly maxRows: number
  #sealing: Sealing[] = []
  #head: Head
  #covers: [number, number, number][] = []
  #since = 0

  constructor(options: EngineOptions, { catalog, cache, health, now, onDurable, onArrival }: HeadsTools) {
    this.#options = options
    this.#catalog = catalog
    this.#cache = cache
    this.#health = health
    this.#now = now
    this.#onDurable = onDurable
    this.#onArrival = onArrival
    this.maxRows = Math.min(options.sealRows ?? BLOCK_ROWS * MAX_BLOCKS, BLOCK_ROWS * MAX_BLOCKS)
    this.#head = this.make(new Set())
  }

  async append(batch: Uint8Array<ArrayBuffer>, partition: number, next: number): Promise<AppendResult> {
    while (this.#sealing.length >= MAX_SEALING && !this.#health.broken) await this.#sealing[0]?.done.catch(() => {})
    this.#health.refuseIfUnable()
    const cursor = new BatchCursor(batch)
    // Between deliveries if it can be, so that a segment holds deliveries whole.
    if (this.#head.rows > 0 && this.#head.rows + cursor.count > this.maxRows) this.rotate()
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
        this.rotate()
        this.#catalog.coverage.isStored(cursor.partition, cursor.offset)
      }
      if (this.#head.rows === 0) this.#since = this.#now()
      const newer = this.#newerVersions(cursor)
      if (newer.length > 0) {
        // A lost first version comes back from the bus; its newer one is still here.
        this.#catalog.hidden.bear(this.#head.sequence, this.#head.nextAddress, newer)
        replayed++
      } else stored++
      this.#head.add(cursor)
    }
    for (const [from, to] of this.#catalog.coverage.deliver(partition, first, next))
      this.#covers.push([partition, from, to])
    if (this.#head.rows === 0) this.#onDurable(this.#catalog.coverage.sealed(this.#covers))
    else if (this.#head.rows >= this.maxRows || this.#head.full) this.rotate()
    this.#catalog.counters.add('store_stored_events_total', stored)
    this.#catalog.counters.add('store_duplicate_events_total', repeated)
    this.#catalog.counters.add('store_replayed_events_total', replayed)
    if (stored > 0) this.#onArrival()
    return { stored, duplicates: repeated, replayed, duplicatesBySource: Object.fromEntries(bySource) }
  }

  /** By age. */
  get views(): SegmentView[] {
    return [...this.#sealing.map(({ head }) => head), this.#head]
  }

  /** Puts all of it to disk. Resolves when it is durable. */
  async flush(): Promise<void> {
    this.rotate()
    await Promise.all(this.#sealing.map(({ done }) => done))
  }

  sealIfOlderThan(ageMs: number): void {
    if (this.#head.rows > 0 && this.#now() - this.#since >= ageMs) this.rotate()
  }

  /** Puts the head to disk in the background and opens a new one. */
  rotate(): void {
    const head = this.#head
    if (head.rows === 0) return
    this.#covers.push(...this.#catalog.coverage.settle())
    const covers = this.#covers
    // Now and then a segment starts without the hint, in case a field's values have changed their nature.
    this.#head = this.make(head.sequence % 16 === 0 ? new Set() : head.plainFields())
    this.#covers = []
    head.closeBlock()
    const before = this.#sealing.at(-1)?.done ?? Promise.resolve()
    const done = before.then(() => this.#seal(head, covers))
    done.catch((error) => {
      this.#health.fail(error)
    })
    this.#sealing.push({ head, covers, done })
  }

  async #seal(head: Head, covers: readonly (readonly [number, number, number])[]): Promise<void> {
    const supersedes = this.#catalog.hidden.bornIn(head.sequence)
    const facts = { covers, base: this.#catalog.coverage.base(), replaces: [], supersedes }
    const retryMs = this.#options.sealRetryMs ?? 1000
    for (let wait = retryMs; ; wait = Math.min(wait * 2, 30_000)) {
      try {
        if (this.#health.broken) throw this.#health.broken
        const { path } = await writeSegment(this.#catalog.disk, this.#catalog.dir, head, facts, this.#options.crash)
        const segment = this.#catalog.open(path)
        // In one step for whoever looks: the head goes, the file comes.
        this.#sealing = this.#sealing.filter((sealing) => sealing.head !== head)
        this.#catalog.swap([], [segment])
        this.#catalog.hidden.sealed(head.sequence)
        this.#catalog.counters.add('store_segments_sealed_total')
        this.#onDurable(this.#catalog.coverage.sealed(covers))
        return
      } catch (error) {
        this.#catalog.counters.add('store_seal_failures_total')
        if (retryMs < 0 || this.#health.closed || this.#health.broken) throw error
        await sleep(wait, undefined, { ref: false })
      }
    }
  }

  /** An empty head with a number of its own. @param plainFields as in HeadOptions */
  make(plainFields: ReadonlySet<string>): Head {
    return new Head({
      sequence: this.#catalog.takeSequence(),
      sealRows: this.maxRows,
      blockRows: Math.min(this.#options.blockRows ?? BLOCK_ROWS, BLOCK_ROWS),
      cache: this.#cache,
      plainFields,
    })
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

  /** Segments with newer versions of the event, which comes from the bus again. */
  #newerVersions(cursor: BatchCursor): number[] {
    const { partition, offset, keyAt, bytes } = cursor
    const key = keyAt < 0 ? undefined : bytes.subarray(keyAt, keyAt + 16)
    return this.#catalog.sealed
      .filter((segment) => isReplacement(segment) && findRow(segment, { partition, offset, key }))
      .map(({ sequence }) => sequence)
  }
}
