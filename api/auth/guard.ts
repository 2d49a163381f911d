// Who may ask: host check for everything, identity and same-origin check for what wants a session.

import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { PipelineError } from '../../core/errors.ts'
import { withStatus } from '../problem.ts'
import type { Sessions } from './sessions.ts'
import { hashToken, sameToken } from './tokens.ts'

export interface Actor {
  readonly user: string
  /** Names the session in the audit trail. */
  readonly session?: string
}

declare module 'fastify' {
  interface FastifyRequest {
    actor?: Actor
  }
}

const SIGN_IN_HINT = 'open the one-time link the node printed when it started, or send the token in data/cli-token'

export function isLoopback(address: string): boolean {
  return /^(?:::ffff:)?127\./.test(address) || address === '::1' || address === 'localhost'
}

/**
 * Refuses requests that name another host: a page of the attacker's domain whose name was pointed here (DNS rebinding).
 * Addresses are names nobody can rebind, so a server that listens to the network takes any.
 * @throws AUTH_REFUSED (421)
 */
export function hostCheck(host: string, names: readonly string[]): (request: FastifyRequest) => void {
  const allowed = new Set(['localhost', '127.0.0.1', '::1', host.toLowerCase(), ...names.map((n) => n.toLowerCase())])
  const anyAddress = !isLoopback(host)
  return (request) => {
    const name = hostName(request.headers.host ?? '')
    if (allowed.has(name) || (anyAddress && isIP(name) !== 0)) return
    const reason = `this node does not answer to the host name '${name.slice(0, 100)}'; add it to http.names`
    throw withStatus(421, new PipelineError('AUTH_REFUSED', { reason }))
  }
}

function hostName(header: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(header)
  return (bracketed?.[1] ?? header.replace(/:\d*$/, '')).toLowerCase().replace(/\.$/, '')
}

/**
 * A browser's request from another site is refused, whatever it asks for; a change needs proof that it came from our own
 * page. Clients that are no browser send neither header and have no cookie.
 * @throws AUTH_REFUSED
 */
export function checkOrigin(request: FastifyRequest, byCookie: boolean): void {
  const site = request.headers['sec-fetch-site']
  const origin = request.headers.origin
  const refuse = (): never => {
    throw new PipelineError('AUTH_REFUSED', { reason: 'the request came from another site' })
  }
  const changes = request.method !== 'GET' && request.method !== 'HEAD' && request.method !== 'OPTIONS'
  if (site !== undefined) {
    if (site === 'same-origin' || (site === 'none' && !changes)) return
    refuse()
  }
  if (origin !== undefined) {
    if (sameHost(origin, request.headers.host ?? '')) return
    refuse()
  }
  if (changes && byCookie) refuse()
}

function sameHost(origin: string, host: string): boolean {
  try {
    return new URL(origin).host === host.toLowerCase()
  } catch {
    return false // `null`, from a sandboxed frame
  }
}

/**
 * Finds who asks, by bearer token or session cookie, and remembers it as `request.actor`.
 * @throws AUTH_REQUIRED, AUTH_REFUSED
 */
export function openGuard(options: { sessions: Sessions; cookieName: string; cliToken?: string }) {
  const { sessions, cookieName, cliToken } = options
  return async (request: FastifyRequest): Promise<void> => {
    const bearer = bearerToken(request)
    if (bearer !== undefined) {
      if (!cliToken || !sameToken(bearer, cliToken)) {
        throw withStatus(401, new PipelineError('AUTH_REFUSED', { reason: 'this bearer token is not known' }))
      }
      checkOrigin(request, false)
      request.actor = { user: 'cli' }
      return
    }
    const token = request.cookies[cookieName]
    const session = token && token.length <= 100 ? await sessions.find(token) : undefined
    if (!token || !session) throw new PipelineError('AUTH_REQUIRED', { hint: SIGN_IN_HINT })
    checkOrigin(request, true)
    request.actor = { user: session.user, session: hashToken(token).slice(0, 12) }
  }
}

export function bearerToken(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization
  if (header === undefined) return undefined
  return /^Bearer +([\w.~+/-]{1,200}=*) *$/i.exec(header)?.[1] ?? ''
}
