import type { ExceptionsOutput, WireException } from '../../core/api.ts'
import { auditEntry } from '../audit.ts'
import type { RouteContext } from '../options.ts'
import { notFound } from '../problem.ts'
import { EventParams, ExceptionBody } from '../schemas.ts'
import type { Api } from '../search-line.ts'
import { parseTime } from '../time.ts'

export function exceptionRoutes(app: Api, { alerts, exceptions, now, audit }: RouteContext): void {
  if (!exceptions) return
  app.get(
    '/v1/exceptions',
    { schema: { tags: ['rules'], summary: 'Exceptions: whose, why, until when, and what they kept from alerting' } },
    async (): Promise<ExceptionsOutput> => exceptions.list(),
  )

  app.post(
    '/v1/alerts/:id/exception',
    { schema: { tags: ['alerts'], summary: 'An exception from this alert', params: EventParams, body: ExceptionBody } },
    async (request): Promise<WireException> => {
      const { id } = request.params
      const { fields, reason, until } = request.body
      const alert = await alerts.get(id)
      if (!alert) throw notFound(`alert ${id}`)
      const untilMs = parseTime(until, now(), 'until')
      const owner = request.actor?.user ?? 'nobody'
      const made = exceptions.create({ alert, fields, owner, reason, untilMs })
      await audit(auditEntry(request, now(), 'exception', { detail: `${made.id} for ${alert.ruleId}: ${reason}` }))
      return made
    },
  )

  app.post(
    '/v1/exceptions/:id/end',
    { schema: { tags: ['rules'], summary: 'Ends an exception now', params: EventParams } },
    async (request): Promise<WireException> => {
      const ended = exceptions.end(request.params.id)
      await audit(auditEntry(request, now(), 'exception-end', { detail: ended.id }))
      return ended
    },
  )
}
