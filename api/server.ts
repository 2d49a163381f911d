// The HTTP server: API, live tail, UI, and the inputs that speak HTTP. Routes are in routes/, one idea a file.

import type { AddressInfo } from 'node:net'
import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { describe, PipelineError } from '../core/errors.ts'
import { auditToDocuments, expireAudit } from './audit.ts'
import { hostCheck, openGuard } from './auth/guard.ts'
import { openSessions } from './auth/sessions.ts'
import { openSignInLinks } from './auth/tokens.ts'
import { defaultLimits, type RouteContext, type ServerOptions } from './options.ts'
import { problemHandler, withStatus } from './problem.ts'
import { fieldsRoutes, histogramRoutes, valuesRoutes } from './routes/aggregations.ts'
import { alertRoutes } from './routes/alerts.ts'
import { eventRoutes } from './routes/events.ts'
import { exceptionRoutes } from './routes/exceptions.ts'
import { exportRoutes } from './routes/export.ts'
import { healthRoutes } from './routes/health.ts'
import { jobRoutes } from './routes/jobs.ts'
import { ruleRoutes, sourceRoutes } from './routes/overview.ts'
import { reloadRoutes } from './routes/reload.ts'
import { reparseRoutes } from './routes/reparse.ts'
import { savedRoutes } from './routes/saved.ts'
import { explainRoutes, searchRoutes } from './routes/search.ts'
import { linkRoutes, sessionRoutes, signInRoutes } from './routes/session.ts'
import { tailRoutes } from './routes/tail.ts'
import { unparsedRoutes } from './routes/unparsed.ts'
import { openSearchLines } from './search-line.ts'
import { securityHeaders } from './security-headers.ts'
import { serveWebFiles } from './web-files.ts'

const EXPIRE_EVERY_MS = 3_600_000

export interface Server {
  readonly app: FastifyInstance
  /** Binds. @returns the address for people and browsers, such as `http://127.0.0.1:8514` */
  listen(): Promise<string>
  /** A fresh link that signs in once; call after `listen`. */
  signInLink(): string
  /** Ends tails and idle connections, lets requests finish. Idempotent. */
  close(): Promise<void>
}

/** Ready to `listen`, or for tests to inject into. */
export async function createServer(options: ServerOptions): Promise<Server> {
  const log = options.log ?? ((message: string) => console.error(message))
  const limits = { ...defaultLimits, ...options.limits }
  const { documents, now, tls, host } = options
  const audit = options.audit ?? auditToDocuments(documents)
  const context: RouteContext = { ...options, limits, log, audit }
  const expire = () =>
    expireAudit(documents, now(), options.auditKeepMs ?? limits.auditKeepMs, audit).then(
      (removed) => options.counters.add('api_audit_expired_total', removed),
      (error: unknown) => log(`old audit entries not deleted: ${describe(error)}`),
    )
  const expiry = setInterval(expire, EXPIRE_EVERY_MS)
  expiry.unref()
  const cookieName = tls ? '__Host-haetae' : 'haetae'
  const sessions = openSessions({ documents, now, idleMs: limits.sessionIdleMs, maxMs: limits.sessionMaxMs })
  const links = openSignInLinks({ now, lifeMs: limits.signInLinkMs })
  const guard = openGuard({ sessions, cookieName, cliToken: options.cliToken })
  let address = ''
  const signInLink = () => `${address}/#/sign-in?token=${links.issue()}`
  const lines = openSearchLines(options.store, now, options.restrict)

  const app = openFastify(limits.bodyBytes, tls, log)
  app.setErrorHandler(problemHandler(log))
  app.addHook('onRequest', async (request) => checkHost(request))
  const checkHost = hostCheck(host, options.names ?? [])
  app.addHook('onResponse', async (request, reply) => {
    // The route's pattern, not its path: label values come from a closed set.
    const route = request.routeOptions.url ?? 'none'
    options.counters.add('api_requests_total', 1, { route, status: `${Math.floor(reply.statusCode / 100)}xx` })
  })
  await app.register(helmet, securityHeaders(tls !== undefined))
  await app.register(cookie)
  await app.register(rateLimit, {
    global: false,
    errorResponseBuilder: (_request, { after, statusCode }) =>
      withStatus(statusCode, new PipelineError('AUTH_REFUSED', { reason: `too many attempts, try again in ${after}` })),
  })
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Haetae', version: options.version } },
  })
  await app.register(async (scope) => {
    scope.addHook('onRequest', guard)
    await scope.register(swaggerUi, { routePrefix: '/docs' })
  })

  // Without a session: probes, signing in, and the inputs.
  await app.register(async (scope) => {
    const api = scope.withTypeProvider<TypeBoxTypeProvider>()
    noStore(scope)
    onlyJson(scope)
    healthRoutes(api, context)
    signInRoutes(api, context, { sessions, links, cookieName })
  })
  if (options.routes) await app.register(async (scope) => options.routes?.(scope))

  // With a session: everything that tells or changes something.
  await app.register(async (scope) => {
    const api = scope.withTypeProvider<TypeBoxTypeProvider>()
    noStore(scope)
    scope.addHook('onRequest', guard)
    onlyJson(scope)
    sessionRoutes(api, context, { sessions, links, cookieName })
    linkRoutes(api, context, () => signInLink())
    searchRoutes(api, context, lines)
    explainRoutes(api, context, lines)
    exportRoutes(api, context, lines)
    savedRoutes(api, context)
    jobRoutes(api, context, lines)
    histogramRoutes(api, context, lines)
    valuesRoutes(api, context, lines)
    fieldsRoutes(api, context, lines)
    eventRoutes(api, context, lines)
    tailRoutes(api, context, lines, async (request) => {
      const token = request.cookies[cookieName]
      return request.actor?.session === undefined || (token !== undefined && (await sessions.isOpen(token)))
    })
    alertRoutes(api, context, lines)
    sourceRoutes(api, context)
    ruleRoutes(api, context)
    exceptionRoutes(api, context)
    unparsedRoutes(api, context)
    reparseRoutes(api, context)
    reloadRoutes(api, context)
  })
  await serveWebFiles(app, options.webDir)
  await app.ready()

  return {
    app,
    async listen() {
      await app.listen({ host, port: options.port })
      const { port } = app.server.address() as AddressInfo
      // 0.0.0.0 is no address a browser can go to.
      const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
      address = `${tls ? 'https' : 'http'}://${name}:${port}`
      return address
    },
    signInLink,
    async close() {
      clearInterval(expiry)
      await app.close()
    },
  }
}

function openFastify(bodyLimit: number, tls: ServerOptions['tls'], log: (message: string) => void): FastifyInstance {
  const options = {
    bodyLimit,
    // All of these are 0, for ever, unless set. A tail stays below connectionTimeout by its pings.
    connectionTimeout: 60_000,
    requestTimeout: 60_000,
    keepAliveTimeout: 30_000,
    return503OnClosing: true,
    forceCloseConnections: 'idle' as const,
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: problemHandler(log),
    logger: false,
  }
  const http = { headersTimeout: 20_000, maxHeaderSize: 16 * 1024 }
  const app = (
    tls ? Fastify({ ...options, https: { ...http, ...tls, minVersion: 'TLSv1.2' } }) : Fastify({ ...options, http })
  ) as FastifyInstance
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  return app
}

/** Answers hold log data: no cache keeps them. */
function noStore(scope: FastifyInstance): void {
  scope.addHook('onRequest', async (_request: FastifyRequest, reply) => {
    reply.header('cache-control', 'no-store')
  })
}

/** A form or a plain text cannot be sent to us from another site without a preflight question. */
function onlyJson(scope: FastifyInstance): void {
  scope.removeContentTypeParser('text/plain')
}
