// Reading again after a pack was mended: starts it, and says how far it has come as server-sent events, because it may
// take longer than a request may be silent. It runs on when the client goes.

import type { FastifyReply } from 'fastify'
import type { ReparseState } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import { auditEntry } from '../audit.ts'
import type { RouteContext } from '../options.ts'
import { toProblem, withStatus } from '../problem.ts'
import { ReparseBody } from '../schemas.ts'
import type { Api } from '../search-line.ts'
import { parseRange } from '../time.ts'

const TELL_EVERY_MS = 1000

export function reparseRoutes(app: Api, { reparse, now, audit }: RouteContext): void {
  const desk = () => {
    if (reparse) return reparse
    throw new PipelineError('NOT_FOUND', { what: 'a parser on this node' })
  }
  const refuseWhileRunning = () => {
    if (!desk().state()?.running) return
    const problem = 'a reparse runs already; GET /v1/reparse tells how far it is'
    throw withStatus(409, new PipelineError('REQUEST_INVALID', { problem }))
  }

  app.get(
    '/v1/reparse',
    { schema: { tags: ['overview'], summary: 'The reparse that runs, or the last one' } },
    async (): Promise<ReparseState> => {
      const state = desk().state()
      if (!state) throw new PipelineError('NOT_FOUND', { what: 'a reparse since the start' })
      return state
    },
  )

  app.post(
    '/v1/reparse',
    {
      schema: {
        tags: ['overview'],
        summary: 'Read stored events again from the ledger with the packs as they are now (text/event-stream)',
        body: ReparseBody,
      },
    },
    async (request, reply): Promise<FastifyReply> => {
      const { source, all = false, ...times } = request.body
      const range = parseRange(times, now())
      refuseWhileRunning()
      const detail = [all ? 'all' : 'unparsed', ...(source === undefined ? [] : [`source ${source}`])].join(', ')
      await audit(auditEntry(request, now(), 'reparse', { range, detail }))
      refuseWhileRunning()
      const { done } = desk().start({ sinceMs: range.since, untilMs: range.until, source, all })
      reply.hijack()
      const out = reply.raw
      out.on('error', () => {}) // the client is gone: what runs, runs on
      out.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream; charset=utf-8',
        'x-accel-buffering': 'no',
      })
      const tell = (event: string, data: unknown) => {
        if (!out.destroyed) out.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
      }
      const timer = setInterval(() => tell('progress', desk().state()), TELL_EVERY_MS)
      const state = await done.finally(() => clearInterval(timer))
      if (state.problem === undefined) tell('done', state)
      else tell('problem', toProblem(new PipelineError('REQUEST_INVALID', { problem: state.problem }), 'reparse'))
      out.end()
      return reply
    },
  )
}
