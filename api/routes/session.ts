import type { FastifyReply } from 'fastify'
import type { LinkOutput, SessionOutput } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import { auditEntry } from '../audit.ts'
import { checkOrigin } from '../auth/guard.ts'
import type { Sessions } from '../auth/sessions.ts'
import { hashToken, type SignInLinks } from '../auth/tokens.ts'
import type { RouteContext } from '../options.ts'
import { withStatus } from '../problem.ts'
import { SignInBody } from '../schemas.ts'
import type { Api } from '../search-line.ts'

/** There is one person as yet: whoever could read the link the node printed. */
const LOCAL_USER = 'local'

export interface SessionParts {
  readonly sessions: Sessions
  readonly links: SignInLinks
  readonly cookieName: string
}

/** Signing in: the one path under /v1 that needs no session. */
export function signInRoutes(app: Api, context: RouteContext, { sessions, links, cookieName }: SessionParts): void {
  const { now, audit, version, limits, tls, counters } = context
  app.post(
    '/v1/session',
    {
      config: { rateLimit: { max: limits.signInsPerMinute, timeWindow: 60_000 } },
      schema: { tags: ['session'], summary: 'Sign in with the token of a one-time link', body: SignInBody },
    },
    async (request, reply): Promise<SessionOutput> => {
      checkOrigin(request, false)
      if (!links.redeem(request.body.token)) {
        counters.add('api_sign_ins_refused_total')
        await audit({ at: now(), action: 'sign-in', actor: 'nobody', ip: request.ip, outcome: 'refused' })
        const reason = 'this sign-in link was used or has expired; ask the node for a new one'
        throw withStatus(401, new PipelineError('AUTH_REFUSED', { reason }))
      }
      // A new id for every sign-in; what the browser held before is over.
      const held = request.cookies[cookieName]
      if (held) await sessions.end(held)
      const token = await sessions.start(LOCAL_USER)
      request.actor = { user: LOCAL_USER, session: hashToken(token).slice(0, 12) }
      await audit(auditEntry(request, now(), 'sign-in'))
      setCookie(reply, cookieName, token, tls !== undefined, limits.sessionMaxMs)
      return { user: LOCAL_USER, version }
    },
  )
}

export function sessionRoutes(app: Api, context: RouteContext, { sessions, cookieName }: SessionParts): void {
  const { now, audit, version, tls } = context
  app.get(
    '/v1/session',
    { schema: { tags: ['session'], summary: 'Who is signed in' } },
    async (request): Promise<SessionOutput> => ({ user: request.actor?.user ?? '', version }),
  )
  app.delete(
    '/v1/session',
    { schema: { tags: ['session'], summary: 'Sign out' } },
    async (request, reply): Promise<void> => {
      const token = request.cookies[cookieName]
      if (token) await sessions.end(token)
      await audit(auditEntry(request, now(), 'sign-out'))
      setCookie(reply, cookieName, '', tls !== undefined, 0)
      reply.code(204)
    },
  )
}

/** Who can read the data folder may let somebody in: a fresh link without a restart. Not for a browser's session. */
export function linkRoutes(app: Api, { now, audit }: RouteContext, signInLink: () => string): void {
  app.post(
    '/v1/session/link',
    { schema: { tags: ['session'], summary: 'A link that signs in once; for the command line only' } },
    async (request): Promise<LinkOutput> => {
      if (request.actor?.session !== undefined) {
        throw new PipelineError('AUTH_REFUSED', { reason: "links are made with the command line's token: haetae link" })
      }
      await audit(auditEntry(request, now(), 'link'))
      return { link: signInLink() }
    },
  )
}

function setCookie(reply: FastifyReply, name: string, value: string, secure: boolean, maxAgeMs: number): void {
  reply.setCookie(name, value, {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure,
    maxAge: Math.floor(maxAgeMs / 1000),
  })
}
