// One event by its id, as far as the asking user may see it.

import type { FastifyRequest } from 'fastify'
import type { EventStore, Hit } from '../core/store.ts'
import type { SearchLines } from './search-line.ts'

/** Events of one millisecond that are looked through for it. */
const MAX_PAGES = 50

/** Undefined for an event that is not there, and for one the user may not see: an answer does not tell which. */
export async function getVisible(
  store: EventStore,
  lines: SearchLines,
  request: FastifyRequest,
  id: string,
): Promise<Hit | undefined> {
  const hit = await store.get(id)
  const filter = lines.restrictionOf(request)
  if (!hit || !filter) return hit
  // The store decides what matches, here as everywhere.
  const since = Math.floor(hit.timestamp)
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const found = await store.search({ filter, range: { since, until: since + 1 }, limit: 1000, cursor })
    if (found.hits.some((other) => other.id === hit.id)) return hit
    cursor = found.cursor
    if (cursor === undefined) break
  }
  return undefined
}
