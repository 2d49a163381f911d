// Small neighbours become one segment, and newer versions take the place of the rows they hide. Row for row: the merged
// segment has each row of its sources in their order, each as its event is now, so ids, order and counts stay as they are.
//
//   segments 4 5 6, replacement 9 hides a row of 5   ->   12 replaces 4 5 6 (and 9, when all of 9 is in 12 now)
//
// Writing 12 is the one atomic step; a start deletes what it replaces. Rows of 9 that are in 12 are void while 12 is there.

import type { Catalog } from './catalog.ts'
import { isReplacement } from './catalog.ts'
import { RowCopier } from './copy-row.ts'
import type { Run } from './coverage.ts'
import { Runs } from './coverage.ts'
import type { Head } from './head.ts'
import { type Bits, countBits, hasBit, newBits, type Supersede, setBit } from './hidden.ts'
import { findRow, rowId } from './locate.ts'
import type { Turns } from './plan.ts'
import type { Sealed } from './sealed.ts'
import type { SealFacts } from './segment-writer.ts'
import { BLOCK_ROWS, MAX_BLOCKS } from './view.ts'

/** Fewer neighbours are not worth a write. */
const FEWEST = 4
/** A merged segment must not keep old events alive for much longer: retention deletes whole segments. */
const LONGEST_SPAN_MS = 24 * 3_600_000
/** A segment with more hidden rows than this is rewritten by itself. */
const HIDDEN_SHARE = 0.25

/** In arrival order; empty where nothing is worth it. @param skip sequences that were tried and did not fit */
export function chooseRun(catalog: Catalog, sealRows: number, skip: ReadonlySet<number>): Sealed[] {
  const segments = catalog.sealed.filter((one) => !isReplacement(one)).sort((a, b) => a.order - b.order)
  for (const segment of segments) {
    if (skip.has(segment.sequence)) continue
    if (catalog.hidden.count(segment.sequence) > segment.rows * HIDDEN_SHARE) return [segment]
  }
  let best: Sealed[] = []
  for (let from = 0; from < segments.length; from++) {
    let rows = 0
    let blocks = 0
    let largest = 0
    let minTime = Number.POSITIVE_INFINITY
    let maxTime = Number.NEGATIVE_INFINITY
    for (let to = from; to < segments.length; to++) {
      const segment = segments[to] as Sealed
      rows += segment.rows
      blocks += Math.ceil(segment.rows / BLOCK_ROWS)
      largest = Math.max(largest, segment.rows)
      minTime = Math.min(minTime, segment.minTime)
      maxTime = Math.max(maxTime, segment.maxTime)
      const fits = rows <= sealRows && blocks <= MAX_BLOCKS && !skip.has(segment.sequence)
      if (!fits || maxTime - minTime > LONGEST_SPAN_MS) break
      // Each row is written again at most each time its segment doubles.
      const count = to - from + 1
      if (count >= FEWEST && largest * 2 <= rows && count > best.length) best = segments.slice(from, to + 1)
    }
  }
  return best
}

export interface Merged {
  readonly head: Head
  readonly facts: SealFacts
  /** Sources, and replacements that nothing is left of. */
  readonly old: readonly Sealed[]
}

/**
 * Builds the merged segment in memory: as much as one head holds. The catalog must not change meanwhile but by new
 * segments.
 * @returns undefined where the rows do not fit in one segment
 */
export async function mergeRun(
  catalog: Catalog,
  run: readonly Sealed[],
  head: Head,
  turns: Turns,
): Promise<Merged | undefined> {
  const { hidden } = catalog
  const replacements = catalog.sealed.filter(isReplacement)
  const copiers = new Map<Sealed, RowCopier>()
  const copierOf = (segment: Sealed) => {
    const known = copiers.get(segment) ?? new RowCopier(segment)
    copiers.set(segment, known)
    return known
  }
  const taken = new Map<Sealed, Bits>()
  // What the sources say of replacements goes on holding: their rows were moved into the sources before.
  for (const { in: sequence, rows } of run.flatMap((segment) => segment.supersedes())) {
    const replacement = replacements.find((one) => one.sequence === sequence)
    if (replacement) taken.set(replacement, orBits(taken.get(replacement), rows))
  }
  for (const segment of run) {
    const bits = hidden.of(segment.sequence)
    for (let block = 0; block < segment.blockCount; block++) {
      const { rows } = segment.block(block)
      for (let row = 0; row < rows; row++) {
        if (turns.due) await turns.take()
        if (head.full) return undefined
        if (!hasBit(bits, block * BLOCK_ROWS + row)) {
          head.add(copierOf(segment).read(block, row))
          continue
        }
        const id = rowId(segment, block, row)
        let newest: RowCopier | undefined
        for (const replacement of replacements) {
          const place = findRow(replacement, id)
          if (!place) continue
          const address = place.block * BLOCK_ROWS + place.row
          const mine = taken.get(replacement) ?? newBits()
          taken.set(replacement, mine)
          setBit(mine, address)
          if (!hasBit(hidden.of(replacement.sequence), address)) {
            newest = copierOf(replacement).read(place.block, place.row)
          }
        }
        if (!newest) return undefined // hidden by what is damaged: left as it is
        head.add(newest)
      }
    }
  }
  const spent: Sealed[] = []
  const supersedes: Supersede[] = []
  for (const [segment, bits] of taken) {
    if (countBits(orBits(hidden.of(segment.sequence), bits)) === segment.rows) spent.push(segment)
    else supersedes.push({ in: segment.sequence, by: head.sequence, rows: bits })
  }
  const old = [...run, ...spent]
  const facts: SealFacts = {
    covers: joinCovers(run),
    base: catalog.coverage.base(),
    replaces: old.map(({ sequence }) => sequence),
    order: run.at(-1)?.order as number,
    supersedes,
  }
  return { head, facts, old }
}

function orBits(a: Bits | undefined, b: Bits): Bits {
  const out = newBits()
  for (let i = 0; i < out.length; i++) out[i] = (a?.[i] ?? 0) | (b[i] ?? 0)
  return out
}

export function joinCovers(segments: readonly Sealed[]): [number, number, number][] {
  const runs = new Map<number, Runs>()
  for (const { summary } of segments) {
    for (const [partition, from, to] of summary.covers) {
      const mine = runs.get(partition) ?? new Runs()
      mine.add(from, to)
      runs.set(partition, mine)
    }
  }
  return [...runs].flatMap(([partition, { list }]) =>
    list.map(([from, to]: Run) => [partition, from, to] as const),
  ) as [number, number, number][]
}
