// What happened around an event: the nearest of the same host and source.

import { type EcsValue, getPath } from '../core/event.ts'
import type { Filter, TimeRange } from '../core/query.ts'
import type { EventStore, Hit } from '../core/store.ts'
import { allOf } from './query/build.ts'

/** How far from the event its surroundings may lie: beyond, a quiet host would cost a scan of everything. */
const AROUND_MS = 7 * 24 * 3_600_000
/** Pages read to get past events of the same millisecond. */
const MAX_PAGES = 20

/** The nearest `count` events on one side, nearest first. @param restriction what the asking user may see */
export async function neighbours(
  store: EventStore,
  hit: Hit,
  count: number,
  order: 'desc' | 'asc',
  signal: AbortSignal,
  restriction?: Filter,
): Promise<Hit[]> {
  const found: Hit[] = []
  // The event's own millisecond is in both ranges: the place on the bus tells before from after there.
  const start = Math.floor(hit.timestamp)
  const range: TimeRange =
    order === 'desc' ? { since: start - AROUND_MS, until: start + 1 } : { since: start, until: start + AROUND_MS }
  const sign = order === 'desc' ? -1 : 1
  const filter = restriction ? allOf([sameStream(hit), restriction]) : sameStream(hit)
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES && found.length < count; page++) {
    const result = await store.search({ filter, range, limit: count + 50, order, cursor }, signal)
    for (const other of result.hits) {
      if (found.length < count && Math.sign(compareHits(other, hit)) === sign) found.push(other)
    }
    cursor = result.cursor
    if (cursor === undefined) break
  }
  return found
}

/** The order of a store: time, then place on the bus. */
export function compareHits(a: Hit, b: Hit): number {
  return a.timestamp - b.timestamp || a.partition - b.partition || a.offset - b.offset
}

function sameStream(hit: Hit): Filter {
  const filters: Filter[] = []
  for (const field of ['host.name', 'haetae.source']) {
    const value: EcsValue = getPath(hit.event, field)
    if (typeof value === 'string') filters.push({ kind: 'equals', field, value })
  }
  return filters.length === 0 ? { kind: 'all' } : allOf(filters)
}
