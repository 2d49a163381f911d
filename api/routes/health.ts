import { PipelineError } from '../../core/errors.ts'
import { bearerToken, isLoopback } from '../auth/guard.ts'
import { sameToken } from '../auth/tokens.ts'
import type { RouteContext } from '../options.ts'
import type { Api } from '../search-line.ts'

/** For probes and scrapers: no session. They tell whether we work, and nothing about what is in the logs. */
export function healthRoutes(app: Api, { counters, ready, cliToken, metricsToken }: RouteContext): void {
  const hide = { schema: { hide: true } }
  app.get('/livez', hide, async (_request, reply) => reply.type('text/plain').send('ok\n'))
  app.get('/readyz', hide, async (_request, reply) => {
    const isReady = ready?.() ?? true
    return reply
      .code(isReady ? 200 : 503)
      .type('text/plain')
      .send(isReady ? 'ok\n' : 'starting\n')
  })
  app.get('/metrics', hide, async (request, reply) => {
    const given = bearerToken(request)
    const known = [metricsToken, cliToken].filter((token) => token !== undefined)
    // Both ends: behind a proxy on this machine everybody comes from 127.0.0.1.
    const host = (request.headers.host ?? '').replace(/:\d*$/, '').replace(/^\[|\]$/g, '')
    const local = given === undefined && isLoopback(request.ip) && isLoopback(host)
    if (!local && !(given !== undefined && known.some((token) => sameToken(given, token)))) {
      throw new PipelineError('AUTH_REQUIRED', { hint: 'metrics are open on this machine only; send a bearer token' })
    }
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(counters.expose())
  })
}
