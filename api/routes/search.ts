import type { SearchOutput } from '../../core/api.ts'
import { auditEntry } from '../audit.ts'
import { withDeadline } from '../deadline.ts'
import type { RouteContext } from '../options.ts'
import { SearchBody } from '../schemas.ts'
import type { Api, SearchLines } from '../search-line.ts'
import { readCursor, toWireHit, writeCursor } from '../wire.ts'

export function searchRoutes(app: Api, { store, now, audit, limits }: RouteContext, lines: SearchLines): void {
  app.post(
    '/v1/search',
    {
      schema: { tags: ['search'], summary: 'Matching events, newest first, page by page', body: SearchBody },
    },
    async (request, reply): Promise<SearchOutput> => {
      const { query = '', limit = 100, order = 'desc' } = request.body
      const page = request.body.cursor === undefined ? undefined : readCursor(request.body.cursor, query, order)
      const { range, found } = await withDeadline(reply, limits.searchMs, async (signal) => {
        const read = await lines.read(page ? { query, ...isoRange(page.range) } : request.body, signal)
        const range = page?.range ?? read.range
        return {
          range,
          found: await store.search({ filter: read.filter, range, limit, order, cursor: page?.cursor }, signal),
        }
      })
      await audit(auditEntry(request, now(), 'search', { query, range, rows: found.hits.length }))
      return {
        hits: found.hits.map(toWireHit),
        ...(found.cursor !== undefined && { cursor: writeCursor(found.cursor, range, query, order) }),
        ...range,
        stats: found.stats,
      }
    },
  )
}

function isoRange(range: { since: number; until: number }) {
  return { since: new Date(range.since).toISOString(), until: new Date(range.until).toISOString() }
}
