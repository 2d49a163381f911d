// A search with stages, gathered to one answer: for POST /v1/search and for searches that go on by themselves.

import type { SearchInput, SearchOutput } from '../core/api.ts'
import type { EventStore } from '../core/store.ts'
import { planPipes } from './pipes/plan.ts'
import type { Row } from './pipes/row.ts'
import { runPlan, takeRows } from './pipes/run.ts'
import type { SearchLine } from './search-line.ts'
import { toWireHit } from './wire.ts'

/** Rows of a table in an answer; an export has them all. */
export const MAX_TABLE_ROWS = 10_000

export interface Work {
  segments: number
  pruned: number
  rows: number
}

/** @param tell what is found so far, for whoever looks meanwhile */
export async function answerPiped(
  store: EventStore,
  { filter, range, pipes, restriction }: SearchLine,
  { limit = 100, order }: SearchInput,
  signal: AbortSignal,
  tell?: (partial: () => SearchOutput) => void,
): Promise<SearchOutput> {
  const started = performance.now()
  const plan = planPipes(pipes, range, filter)
  const { columns } = plan
  const wanted = columns ? MAX_TABLE_ROWS : limit
  const stats: Work = { segments: 0, pruned: 0, rows: 0 }
  const rows: Row[] = []
  const made = (): SearchOutput => {
    const more = rows.length > wanted
    const shown = more ? rows.slice(0, wanted) : rows
    return {
      hits: columns ? [] : shown.map((row) => toWireHit(row.toHit())),
      ...(columns && {
        table: { columns: [...columns], rows: shown.map((row) => columns.map((column) => row.get(column))) },
      }),
      ...(more && { more }),
      ...range,
      stats: { ...stats, tookMs: performance.now() - started },
    }
  }
  const worked = (work: Work) => addWork(stats, work)
  const run = runPlan({ store, range, plan, signal, limit: wanted + 1, order, restriction, worked })
  for await (const page of takeRows(run, wanted + 1)) {
    for (const row of page) rows.push(row)
    tell?.(made)
    signal.throwIfAborted()
  }
  return made()
}

/** A stream of pages looks at the same segments again and again: the most of one page counts, rows add up. */
export function addWork(into: Work, work: Work): void {
  if (work.segments > into.segments) {
    into.segments = work.segments
    into.pruned = work.pruned
  }
  into.rows += work.rows
}
