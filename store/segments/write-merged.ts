// A segment written in place of others: compaction and legal hold share the step and its care.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Catalog } from './catalog.ts'
import type { Head } from './head.ts'
import type { Sealed } from './sealed.ts'
import { type CrashPoint, type SealFacts, writeSegment } from './segment-writer.ts'

export interface Writing {
  /** Throws when the store has ended meanwhile. */
  readonly check: () => void
  readonly crash?: CrashPoint
  /** The disk neither takes the file nor lets go of it: nothing may be written any more. */
  readonly broken: (error: unknown) => void
}

/** Where each row of a segment is now, for tails that stand in it. */
export type RowMove = (row: number) => number

/**
 * Writes the head and swaps it for `old`, unless one of those was set aside meanwhile.
 * @returns whether it did; false also where a source has gone
 */
export async function writeMerged(
  catalog: Catalog,
  head: Head,
  facts: SealFacts,
  old: readonly Sealed[],
  moves: ReadonlyMap<Sealed, RowMove>,
  { check, crash, broken }: Writing,
): Promise<boolean> {
  const isThere = () => old.every((segment) => catalog.sealed.includes(segment))
  const needed = () => (facts.supersedes ?? []).every((one) => catalog.sealed.some((s) => s.sequence === one.in))
  if (!isThere() || !needed()) return false
  const discard = () => {
    try {
      catalog.discard(head.sequence)
    } catch (error) {
      broken(error)
    }
  }
  try {
    const { path } = await writeSegment(catalog.disk, catalog.dir, head, facts, (point) =>
      crash?.(point.replace('seal', 'compact') as Parameters<CrashPoint>[0]),
    )
    check()
    if (!isThere() || !needed()) {
      discard()
      return false
    }
    const segment = catalog.open(path)
    for (const [from, rowOf] of moves) {
      catalog.moves.set(from.sequence, { sequence: segment.sequence, order: segment.order, rowOf })
    }
    catalog.swap(old, [segment])
    crash?.('compact-unlinked')
    return true
  } catch (error) {
    check() // as good as crashed: the next start decides
    discard()
    throw error
  }
}

/** Runs `step` again and again while it says that there was something to do. */
export async function repeat(step: () => Promise<boolean>): Promise<number> {
  let times = 0
  while (await step()) {
    times++
    await sleep(0)
  }
  return times
}
