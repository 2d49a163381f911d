// What is too old, or too much, is deleted a segment at a time. Events under legal hold stay: a segment that has any is
// written again with those alone.

import type { Filter } from '../../core/query.ts'
import type { RetireOptions } from '../../core/store.ts'
import { type Catalog, isReplacement } from './catalog.ts'
import { joinCovers } from './compaction.ts'
import { RowCopier } from './copy-row.ts'
import { SegmentFilter } from './evaluate.ts'
import { compileFilter } from './filter.ts'
import type { Head } from './head.ts'
import { clearHidden, deletable } from './hidden.ts'
import type { Turns } from './plan.ts'
import { writeRetired } from './retired.ts'
import type { Sealed } from './sealed.ts'
import type { CrashPoint } from './segment-writer.ts'
import { type Writing, writeMerged } from './write-merged.ts'

export interface RetentionTools {
  readonly turns: Turns
  readonly writing: Writing
  readonly crash?: CrashPoint
  readonly head: () => Head
}

export interface Retirement {
  readonly segments: number
  readonly events: number
  /** Events that stay in what would have been deleted. */
  readonly held: number
}

/** The catalog must not be changed by others meanwhile but by new segments. */
export async function retire(
  catalog: Catalog,
  beforeMs: number,
  { maxBytes = Number.POSITIVE_INFINITY, hold = [] }: RetireOptions,
  tools: RetentionTools,
): Promise<Retirement> {
  const expired = catalog.sealed.filter(({ maxTime }) => maxTime < beforeMs)
  for (const segment of overflow(catalog.sealed, maxBytes)) if (!expired.includes(segment)) expired.push(segment)
  const heldRows = new Map<Sealed, Uint8Array[]>()
  let held = 0
  for (const segment of hold.length > 0 ? expired : []) {
    const { rows, count } = await rowsUnderHold(catalog, segment, hold, tools.turns)
    if (count > 0) heldRows.set(segment, rows)
    held += count
  }
  // Newer versions stay as a whole: what they hide is bound to them.
  const mayGo = expired.filter((segment) => !(heldRows.has(segment) && isReplacement(segment)))
  const old = deletable(catalog.sealed, mayGo, catalog.hidden.bornBy())
  const whole = old.filter((segment) => !heldRows.has(segment))
  let events = 0
  let segments = 0
  // First those that stay in part: a row of theirs that is hidden must be gone before the newer version that hides it.
  for (const segment of old) {
    const rows = heldRows.get(segment)
    if (!rows) continue
    const before = catalog.visibleRows(segment)
    const kept = rows.reduce((sum, block) => sum + sumOf(block), 0)
    if (kept === segment.rows) continue
    if (!(await keepOnly(catalog, segment, rows, tools))) continue
    segments++
    events += before - kept
  }
  segments += whole.length
  events += await deleteWhole(catalog, whole, tools.crash)
  catalog.counters.add('store_retired_events_total', events)
  return { segments, events, held }
}

/** The oldest, as many as the rest needs to be no larger than this. */
function overflow(segments: readonly Sealed[], maxBytes: number): Sealed[] {
  let bytes = segments.reduce((sum, { fileBytes }) => sum + fileBytes, 0)
  const out: Sealed[] = []
  for (const segment of [...segments].sort((a, b) => a.maxTime - b.maxTime)) {
    if (bytes <= maxBytes) break
    bytes -= segment.fileBytes
    out.push(segment)
  }
  return out
}

async function deleteWhole(catalog: Catalog, old: readonly Sealed[], crash?: CrashPoint): Promise<number> {
  if (old.length === 0) return 0
  const sequences = old.map(({ sequence }) => sequence)
  catalog.retired = await writeRetired(
    catalog.disk,
    catalog.dir,
    catalog.retired,
    joinCovers(old),
    sequences,
    catalog.nextSequence,
  )
  crash?.('retire-intent')
  const events = old.reduce((sum, segment) => sum + catalog.visibleRows(segment), 0)
  catalog.swap(old, [])
  crash?.('retire-unlinked')
  return events
}

/** Per block a byte a row, 1 for those that are seen and that any of the filters wants. */
async function rowsUnderHold(catalog: Catalog, segment: Sealed, hold: readonly Filter[], turns: Turns) {
  const check = { check: () => {} }
  const filter = new SegmentFilter(compileFilter({ kind: 'or', of: hold }), segment, check)
  const candidates = filter.candidates()
  const hidden = catalog.hidden.of(segment.sequence)
  const rows: Uint8Array[] = []
  let count = 0
  for (let block = 0; block < segment.blockCount; block++) {
    if (turns.due) await turns.take()
    const n = segment.block(block).rows
    const mine = new Uint8Array(n)
    if ((candidates >>> block) & 1) {
      mine.fill(1)
      if (hidden) clearHidden(hidden, block, mine)
      filter.refine(block, mine, n)
    }
    rows.push(mine)
    count += sumOf(mine)
  }
  return { rows, count }
}

async function keepOnly(
  catalog: Catalog,
  segment: Sealed,
  rows: readonly Uint8Array[],
  { turns, writing, head: newHead }: RetentionTools,
): Promise<boolean> {
  const head = newHead()
  const copier = new RowCopier(segment)
  const keptBefore: number[] = []
  for (let block = 0; block < rows.length; block++) {
    const wanted = rows[block] as Uint8Array
    for (let row = 0; row < wanted.length; row++) {
      keptBefore.push(head.rows)
      if (wanted[row] !== 1) continue
      if (turns.due) await turns.take()
      head.add(copier.read(block, row))
    }
  }
  const facts = {
    covers: joinCovers([segment]),
    base: catalog.coverage.base(),
    replaces: [segment.sequence],
    order: segment.order,
    supersedes: segment
      .supersedes()
      .filter((one) => one.in !== segment.sequence && catalog.sealed.some(({ sequence }) => sequence === one.in))
      .map((one) => ({ ...one, by: head.sequence })),
  }
  const moves = new Map([[segment, (row: number) => keptBefore[row] ?? head.rows]])
  return writeMerged(catalog, head, facts, [segment], moves, writing)
}

function sumOf(bytes: Uint8Array): number {
  let sum = 0
  for (const byte of bytes) sum += byte
  return sum
}
