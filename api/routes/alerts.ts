import type { AlertsOutput, WireAlert, WireHit } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import { auditEntry } from '../audit.ts'
import type { RouteContext } from '../options.ts'
import { notFound } from '../problem.ts'
import { AlertStatusBody, AlertsQuery, EventParams } from '../schemas.ts'
import type { Api, SearchLines } from '../search-line.ts'
import { getVisible } from '../visible.ts'
import { toWireHit } from '../wire.ts'

const MAX_PAGE = 500

export function alertRoutes(app: Api, { store, alerts, now, audit }: RouteContext, lines: SearchLines): void {
  app.get(
    '/v1/alerts',
    { schema: { tags: ['alerts'], summary: 'Alerts, newest first', querystring: AlertsQuery } },
    async (request): Promise<AlertsOutput> => {
      const { after, status } = request.query
      const limit = Number(request.query.limit ?? 50)
      if (limit < 1 || limit > MAX_PAGE) {
        throw new PipelineError('REQUEST_INVALID', { problem: `limit goes from 1 to ${MAX_PAGE}` })
      }
      return alerts.list({ limit, after, status })
    },
  )

  app.get(
    '/v1/alerts/:id',
    { schema: { tags: ['alerts'], summary: 'One alert with its events', params: EventParams } },
    async (request): Promise<WireAlert> => {
      const { id } = request.params
      const alert = await alerts.get(id)
      if (!alert) throw notFound(`alert ${id}`)
      const events: WireHit[] = []
      for (const eventId of alert.eventIds) {
        const hit = await getVisible(store, lines, request, eventId)
        if (hit) events.push(toWireHit(hit)) // what retention has removed stays listed in eventIds
      }
      await audit(auditEntry(request, now(), 'alert', { detail: id, rows: events.length }))
      return { ...alert, events }
    },
  )

  app.post(
    '/v1/alerts/:id/status',
    { schema: { tags: ['alerts'], summary: 'Triage', params: EventParams, body: AlertStatusBody } },
    async (request): Promise<WireAlert> => {
      const { id } = request.params
      const { status, reason } = request.body
      const who = request.actor?.user ?? 'nobody'
      const changed = await alerts.setStatus(id, status, who, now(), reason)
      await audit(auditEntry(request, now(), 'alert-status', { detail: `${id} ${status}` }))
      return changed
    },
  )
}
