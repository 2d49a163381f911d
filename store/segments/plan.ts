// A query's view of the store at one moment: which segments and blocks, how many rows, and turns taken with appends.

import { setImmediate } from 'node:timers/promises'
import type { TimeRange } from '../../core/query.ts'
import { type Budget, SegmentFilter } from './evaluate.ts'
import type { Node } from './filter.ts'
import { type Bits, clearHidden } from './hidden.ts'
import type { Lru } from './lru.ts'
import type { SegmentView } from './view.ts'

/** A segment as it was when the query began: a head grows on meanwhile. */
export interface Snapshot {
  readonly segment: SegmentView
  readonly rows: number
  readonly blockCount: number
  /** Rows of its last block. */
  readonly lastRows: number
  /** Rows whose events have newer versions. */
  readonly hidden: Bits | undefined
}

export function snapshotOf(segment: SegmentView, hidden: Bits | undefined): Snapshot {
  const { rows, blockCount } = segment
  return {
    segment,
    rows,
    blockCount,
    lastRows: blockCount > 0 && segment.key.startsWith('h') ? segment.block(blockCount - 1).rows : -1,
    hidden,
  }
}

export function rowsOf(snapshot: Snapshot, block: number): number {
  return block === snapshot.blockCount - 1 && snapshot.lastRows >= 0
    ? snapshot.lastRows
    : snapshot.segment.block(block).rows
}

export interface QueryContext {
  readonly node: Node
  readonly range: TimeRange
  readonly snapshots: readonly Snapshot[]
  readonly budget: Budget
  readonly cache: Lru
  readonly now: () => number
  readonly stats: { segments: number; pruned: number; rows: number }
}

/** Longest stretch without letting appends and cancellations in. */
const TURN_MS = 8

let lastTurn: Promise<void> = Promise.resolve()

/** One query at a time per round of the event loop, so that an append waits for one turn however many queries run. */
export function nextTurn(): Promise<void> {
  lastTurn = lastTurn.then(() => setImmediate())
  return lastTurn
}

/** Gives way every few milliseconds; throws when the caller has gone. */
export class Turns {
  readonly #budget: Budget
  #until = performance.now() + TURN_MS

  constructor(budget: Budget) {
    this.#budget = budget
  }

  get due(): boolean {
    return performance.now() >= this.#until
  }

  async take(): Promise<void> {
    this.#budget.check()
    if (!this.due) return
    await nextTurn()
    this.#until = performance.now() + TURN_MS
    this.#budget.check()
  }
}

/**
 * The block's rows that match filter and range, 1 each; undefined where there are none. `wanted` narrows them further
 * before the filter runs.
 */
export function selectRows(
  context: QueryContext,
  snapshot: Snapshot,
  filter: SegmentFilter,
  block: number,
  wanted?: (timestampMs: number, row: number) => boolean,
): { rows: Uint8Array; n: number } | undefined {
  const { range } = context
  const info = snapshot.segment.block(block)
  if (!(info.maxTime >= range.since && info.minTime < range.until)) return undefined
  const n = rowsOf(snapshot, block)
  const rows = new Uint8Array(n).fill(1)
  const inside = info.minTime >= range.since && info.maxTime < range.until
  if (!inside || wanted) {
    const times = snapshot.segment.timestamps(block)
    for (let i = 0; i < n; i++) {
      const time = times[i] as number
      if (!(time >= range.since && time < range.until) || (wanted && !wanted(time, i))) rows[i] = 0
    }
  }
  if (snapshot.hidden) clearHidden(snapshot.hidden, block, rows)
  context.stats.rows += n
  filter.refine(block, rows, n)
  return { rows, n }
}

/** Segments whose time overlaps the range, with their filter and the blocks worth reading. */
export function openSegment(
  context: QueryContext,
  snapshot: Snapshot,
): { filter: SegmentFilter; candidates: number } | undefined {
  const { segment } = snapshot
  context.stats.segments++
  const overlaps = segment.maxTime >= context.range.since && segment.minTime < context.range.until
  if (!overlaps || snapshot.rows === 0) {
    context.stats.pruned++
    return undefined
  }
  const filter = new SegmentFilter(context.node, segment, context.budget, context.cache)
  const candidates = filter.candidates()
  if (candidates !== 0) return { filter, candidates }
  context.stats.pruned++
  return undefined
}
