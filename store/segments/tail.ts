// A tail reads the store behind the appends: it keeps no queue of its own, so a slow reader costs no memory. It lags, and
// when it lags too far what it jumps over is counted, not read.

import type { Hit, TailBatch } from '../../core/store.ts'
import { type Budget, SegmentFilter } from './evaluate.ts'
import type { Node } from './filter.ts'
import { type Bits, hasBit } from './hidden.ts'
import { readHits } from './hits.ts'
import type { RowPlace } from './locate.ts'
import { Turns } from './plan.ts'
import { BLOCK_ROWS, type SegmentView } from './view.ts'

const PAGE_HITS = 500
/** Rows a live tail may lag before it jumps. A resume reads everything: that is what it is for. */
const MAX_LAG_ROWS = 200_000

/** What a tail sees of the store: first versions in the order they came, and where the newest version of one is. */
export interface TailSource {
  /** Without those that hold newer versions; in arrival order, the head last. */
  segments(): readonly SegmentView[]
  hidden(sequence: number): Bits | undefined
  newest(segment: SegmentView, block: number, row: number): RowPlace | undefined
  /** Where the rows of a segment are that was merged into another. */
  moved(sequence: number): { sequence: number; order: number; rowOf(row: number): number } | undefined
}

export interface TailOptions {
  readonly resume?: ReadonlyMap<number, number>
  readonly maxPerSecond?: number
}

export class Tail {
  readonly #node: Node
  readonly #source: TailSource
  readonly #maxPerSecond: number
  readonly #now: () => number
  readonly #resume: Map<number, number>
  /** Positions below these are not shown: what the reader had before, or what was there when it began. */
  readonly #floor: ReadonlyMap<number, number>
  /** Rows up to here are read back without skipping: the segment, its place among the others, and the row in it. */
  #sequence: number
  #order: number
  #row = 0
  #catchingUp: boolean
  #allowance: number
  #allowanceAt: number

  constructor(
    node: Node,
    source: TailSource,
    ends: ReadonlyMap<number, number>,
    options: TailOptions,
    now: () => number,
  ) {
    this.#node = node
    this.#source = source
    this.#now = now
    this.#maxPerSecond = options.maxPerSecond ?? Number.POSITIVE_INFINITY
    this.#allowance = this.#maxPerSecond
    this.#allowanceAt = now()
    this.#catchingUp = options.resume !== undefined
    this.#floor = new Map(options.resume ?? ends)
    this.#resume = new Map(this.#floor)
    const head = source.segments().at(-1)
    this.#sequence = options.resume ? -1 : (head?.sequence ?? 0)
    this.#order = options.resume ? -1 : (head?.order ?? 0)
    this.#row = options.resume ? 0 : (head?.rows ?? 0)
  }

  /** What has matched since the last call; undefined when nothing has, or was skipped. */
  async next(budget: Budget): Promise<TailBatch | undefined> {
    const hits: TailBatch['hits'][number][] = []
    let skipped = 0
    this.#refill()
    for (let at = this.#source.moved(this.#sequence); at; at = this.#source.moved(this.#sequence)) {
      this.#row = at.rowOf(this.#row)
      this.#sequence = at.sequence
      this.#order = at.order
    }
    const turns = new Turns(budget)
    const jump = !this.#catchingUp && this.#lag() > MAX_LAG_ROWS
    for (const segment of this.#source.segments()) {
      if (segment.order < this.#order) continue
      if (segment.order > this.#order) {
        this.#sequence = segment.sequence
        this.#order = segment.order
        this.#row = 0
      }
      if (this.#row === 0 && this.#isKnown(segment)) {
        this.#row = segment.rows
        continue
      }
      const filter = new SegmentFilter(this.#node, segment, budget)
      let first = 0
      for (let block = 0; block < segment.blockCount; block++) {
        const { rows } = segment.block(block)
        const from = this.#row - first
        first += rows
        if (from >= rows) continue
        await turns.take()
        const newer = new Map<number, RowPlace>()
        const matched = this.#match(segment, filter, block, Math.max(0, from), rows, newer, budget)
        const room = jump ? 0 : Math.min(PAGE_HITS - hits.length, matched.length)
        const take = Math.min(room, Math.floor(this.#allowance))
        if (take > 0) hits.push(...readNewest(segment, block, matched.slice(0, take), newer))
        this.#allowance -= take
        const capped = jump || take < room
        if (!capped && matched.length > room) {
          // The page is full: the rest waits for the next call.
          const upTo = matched[room] as number
          this.#advance(segment, block, Math.max(0, from), upTo)
          this.#row = first - rows + upTo
          return { hits, skipped, resume: formatResume(this.#resume) }
        }
        if (capped) skipped += matched.length - take
        this.#advance(segment, block, Math.max(0, from), rows)
        this.#row = first
      }
    }
    this.#catchingUp = false
    return hits.length > 0 || skipped > 0 ? { hits, skipped, resume: formatResume(this.#resume) } : undefined
  }

  #lag(): number {
    let rows = 0
    for (const segment of this.#source.segments()) {
      if (segment.order > this.#order) rows += segment.rows
      else if (segment.order === this.#order) rows += segment.rows - this.#row
    }
    return rows
  }

  /** Whether the reader had all of this segment before. */
  #isKnown(segment: SegmentView): boolean {
    if (!segment.key.startsWith('s')) return false
    for (const [partition, { max }] of segment.positions) if (max >= (this.#floor.get(partition) ?? 0)) return false
    return true
  }

  /** @param newer gets the rows of the block that were replaced, and by what */
  #match(
    segment: SegmentView,
    filter: SegmentFilter,
    block: number,
    from: number,
    n: number,
    newer: Map<number, RowPlace>,
    budget: Budget,
  ): number[] {
    const rows = new Uint8Array(n)
    const partitions = segment.partitions(block)
    const offsets = segment.offsets(block)
    for (let i = from; i < n; i++) {
      if ((offsets[i] as number) >= (this.#floor.get(partitions[i] as number) ?? 0)) rows[i] = 1
    }
    const hidden = this.#source.hidden(segment.sequence)
    if (hidden) {
      for (let i = from; i < n; i++) {
        if (rows[i] !== 1 || !hasBit(hidden, block * BLOCK_ROWS + i)) continue
        rows[i] = 0
        const place = this.#source.newest(segment, block, i)
        if (place) newer.set(i, place)
      }
    }
    if (rows.includes(1)) filter.refine(block, rows, n)
    for (const [i, place] of newer) if (matchesAt(this.#node, place, budget)) rows[i] = 1
    const matched: number[] = []
    for (let i = from; i < n; i++) if (rows[i] === 1) matched.push(i)
    return matched
  }

  #advance(segment: SegmentView, block: number, from: number, to: number): void {
    const partitions = segment.partitions(block)
    const offsets = segment.offsets(block)
    for (let i = from; i < to; i++) {
      const partition = partitions[i] as number
      const next = (offsets[i] as number) + 1
      if (next > (this.#resume.get(partition) ?? 0)) this.#resume.set(partition, next)
    }
  }

  #refill(): void {
    const now = this.#now()
    const grown = this.#allowance + ((now - this.#allowanceAt) / 1000) * this.#maxPerSecond
    // Infinity times 0 is NaN: a tail without a cap keeps its infinite allowance.
    this.#allowance = Number.isFinite(this.#maxPerSecond) ? Math.min(this.#maxPerSecond, grown) : this.#maxPerSecond
    this.#allowanceAt = now
  }
}

function matchesAt(node: Node, { segment, block, row }: RowPlace, budget: Budget): boolean {
  const rows = new Uint8Array(row + 1)
  rows[row] = 1
  new SegmentFilter(node, segment, budget).refine(block, rows, rows.length)
  return rows[row] === 1
}

/** Hits in the order of `rows`, each from where its newest version is. */
function readNewest(segment: SegmentView, block: number, rows: readonly number[], newer: Map<number, RowPlace>): Hit[] {
  if (newer.size === 0) return readHits(segment, block, rows)
  const own = rows.filter((row) => !newer.has(row))
  const hits = new Map(readHits(segment, block, own).map((hit, i) => [own[i] as number, hit]))
  return rows.flatMap((row) => {
    const place = newer.get(row)
    return place ? readHits(place.segment, place.block, [place.row]) : (hits.get(row) ?? [])
  })
}

/** `partition-offset` of the next event, comma-separated. */
export function formatResume(next: ReadonlyMap<number, number>): string {
  return [...next].map(([partition, offset]) => `${partition}-${offset}`).join(',')
}

/** Undefined where the text is none. */
export function parseResume(text: string): Map<number, number> | undefined {
  const out = new Map<number, number>()
  for (const part of text.split(',').filter(Boolean)) {
    const found = /^(\d{1,10})-(\d{1,16})$/.exec(part)
    if (!found) return undefined
    out.set(Number(found[1]), Number(found[2]))
  }
  return out
}
