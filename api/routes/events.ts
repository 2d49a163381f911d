import type { AroundOutput, WireHit } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import { type EcsValue, getPath } from '../../core/event.ts'
import type { Filter, TimeRange } from '../../core/query.ts'
import type { EventStore, Hit } from '../../core/store.ts'
import { auditEntry } from '../audit.ts'
import { withDeadline } from '../deadline.ts'
import type { RouteContext } from '../options.ts'
import { notFound } from '../problem.ts'
import { allOf } from '../query/build.ts'
import { AroundQuery, EventParams } from '../schemas.ts'
import type { Api } from '../search-line.ts'
import { toWireHit } from '../wire.ts'

/** How far from the event its surroundings may lie: beyond, a quiet host would cost a scan of everything. */
const AROUND_MS = 7 * 24 * 3_600_000
const MAX_AROUND = 200
/** Pages read to get past events of the same millisecond. */
const MAX_PAGES = 20

export function eventRoutes(app: Api, { store, now, audit, limits }: RouteContext): void {
  const find = async (id: string): Promise<Hit> => {
    const hit = await store.get(id)
    if (!hit) throw notFound(`event ${id}`)
    return hit
  }

  app.get(
    '/v1/events/:id',
    { schema: { tags: ['events'], summary: 'One event', params: EventParams } },
    async (request): Promise<WireHit> => {
      const hit = await find(request.params.id)
      await audit(auditEntry(request, now(), 'event', { detail: hit.id, rows: 1 }))
      return toWireHit(hit)
    },
  )

  app.get(
    '/v1/events/:id/around',
    {
      schema: {
        tags: ['events'],
        summary: 'Events of the same host and source just before and after one',
        params: EventParams,
        querystring: AroundQuery,
      },
    },
    async (request, reply): Promise<AroundOutput> => {
      const counts = [request.query.before, request.query.after].map((text) => Number(text ?? 20))
      const [before, after] = counts as [number, number]
      if (before > MAX_AROUND || after > MAX_AROUND) {
        throw new PipelineError('REQUEST_INVALID', { problem: `before and after go up to ${MAX_AROUND}` })
      }
      const hit = await find(request.params.id)
      const [older, newer] = await withDeadline(reply, limits.searchMs, (signal) =>
        Promise.all([neighbours(store, hit, before, 'desc', signal), neighbours(store, hit, after, 'asc', signal)]),
      )
      const rows = older.length + 1 + newer.length
      await audit(auditEntry(request, now(), 'around', { detail: hit.id, rows }))
      return { before: older.reverse().map(toWireHit), event: toWireHit(hit), after: newer.map(toWireHit) }
    },
  )
}

/** The nearest `count` events on one side, nearest first. */
async function neighbours(
  store: EventStore,
  hit: Hit,
  count: number,
  order: 'desc' | 'asc',
  signal: AbortSignal,
): Promise<Hit[]> {
  const found: Hit[] = []
  // The event's own millisecond is in both ranges: the place on the bus tells before from after there.
  const start = Math.floor(hit.timestamp)
  const range: TimeRange =
    order === 'desc' ? { since: start - AROUND_MS, until: start + 1 } : { since: start, until: start + AROUND_MS }
  const sign = order === 'desc' ? -1 : 1
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES && found.length < count; page++) {
    const request = { filter: sameStream(hit), range, limit: count + 50, order, cursor }
    const result = await store.search(request, signal)
    for (const other of result.hits) {
      if (found.length < count && Math.sign(compareHits(other, hit)) === sign) found.push(other)
    }
    cursor = result.cursor
    if (cursor === undefined) break
  }
  return found
}

/** The order of a store: time, then place on the bus. */
function compareHits(a: Hit, b: Hit): number {
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
