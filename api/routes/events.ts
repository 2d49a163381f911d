import type { FastifyRequest } from 'fastify'
import type { AroundOutput, WireHit } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Hit } from '../../core/store.ts'
import { auditEntry } from '../audit.ts'
import { withDeadline } from '../deadline.ts'
import { neighbours } from '../neighbours.ts'
import type { RouteContext } from '../options.ts'
import { notFound } from '../problem.ts'
import { AroundQuery, EventParams } from '../schemas.ts'
import type { Api, SearchLines } from '../search-line.ts'
import { getVisible } from '../visible.ts'
import { toWireHit } from '../wire.ts'

const MAX_AROUND = 200

export function eventRoutes(app: Api, { store, now, audit, limits }: RouteContext, lines: SearchLines): void {
  const find = async (request: FastifyRequest, id: string): Promise<Hit> => {
    const hit = await getVisible(store, lines, request, id)
    if (!hit) throw notFound(`event ${id}`)
    return hit
  }

  app.get(
    '/v1/events/:id',
    { schema: { tags: ['events'], summary: 'One event', params: EventParams } },
    async (request): Promise<WireHit> => {
      const hit = await find(request, request.params.id)
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
      const hit = await find(request, request.params.id)
      const [older, newer] = await withDeadline(reply, limits.searchMs, (signal) =>
        Promise.all([
          neighbours(store, hit, before, 'desc', signal, lines.restrictionOf(request)),
          neighbours(store, hit, after, 'asc', signal, lines.restrictionOf(request)),
        ]),
      )
      const rows = older.length + 1 + newer.length
      await audit(auditEntry(request, now(), 'around', { detail: hit.id, rows }))
      return { before: older.reverse().map(toWireHit), event: toWireHit(hit), after: newer.map(toWireHit) }
    },
  )
}
