// What every HTTP input shares: raw bodies, the guard, memory for requests in progress, and one way to refuse.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Origin } from '../../core/raw-batch.ts'
import { Meter } from '../meter.ts'
import type { InputOptions } from '../options.ts'
import { normalizeAddress, PeerOrigins } from '../peer-origins.ts'
import { type Body, type BodyLimits, readBody } from './body.ts'
import { makeGuard } from './guard.ts'
import { Gate, MemoryBudget } from './memory-budget.ts'
import { HttpRefusal } from './refusal.ts'

export interface HttpLimits extends BodyLimits {
  /** Longest record. */
  readonly maxRecordBytes: number
  /** Records in one request. */
  readonly maxRecords: number
  /** What all requests in progress may hold. */
  readonly maxInProgressBytes: number
  /** How long a request waits for the disk before it is told to come again. */
  readonly durableTimeoutMs: number
  /** Names of sources (or clusters) that may appear until a restart: each has its own counters. */
  readonly maxSources: number
}

export interface HttpInputOptions extends InputOptions {
  readonly limits?: Partial<HttpLimits>
  /** Asked for as `Authorization: Bearer`, when set. */
  readonly token?: string
}

/** How long we go on reading (and throwing away) a body we have refused, so that its sender can read why. */
const LINGER_MS = 5000
/** The same for who was too slow already. */
const LINGER_SLOW_MS = 200

/** The source of requests that never got as far as naming one. */
type RequestSource = { inputSource?: InputSource }

/** One source that posts here: its counters and its origins. */
export class InputSource {
  readonly meter: Meter
  readonly #origins: PeerOrigins

  constructor(meter: Meter, make: (peer: string) => Origin) {
    this.meter = meter
    this.#origins = new PeerOrigins(make, 1024)
  }

  originOf(request: FastifyRequest): Origin {
    return this.#origins.of(normalizeAddress(request.ip))
  }
}

export class InputScope {
  readonly limits: HttpLimits
  readonly #options: HttpInputOptions
  readonly #guard: ReturnType<typeof makeGuard>
  readonly #budget: MemoryBudget
  /** Four at a time would take every thread that file access needs too. */
  readonly #gate = new Gate(2)
  readonly #sources = new Map<string, InputSource>()
  readonly #anonymous: Meter

  /** @param name source of what is refused before the sender named one */
  constructor(name: string, options: HttpInputOptions, limits: HttpLimits) {
    this.#options = options
    this.limits = { ...limits, ...options.limits }
    this.#guard = makeGuard(options.token)
    this.#budget = new MemoryBudget(this.limits.maxInProgressBytes)
    this.#anonymous = new Meter(options.counters, name)
    this.#anonymous.gauge('ingest_http_in_progress_bytes', () => this.#budget.heldBytes)
  }

  /** Registers `POST path`; content type parsers and error answers are those of this route only. */
  async post(app: FastifyInstance, path: string, take: (request: FastifyRequest) => Promise<number>): Promise<void> {
    await app.register(async (scope) => {
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', (_request, _payload, done) => done(null)) // take() reads request.raw itself
      scope.setErrorHandler((error, request, reply) => this.#refuse(error as Error, request, reply))
      scope.post(path, { bodyLimit: this.limits.maxBodyBytes }, async (request) => {
        this.#guard(request.headers)
        return { accepted: await take(request) }
      })
    })
  }

  /** @throws HttpRefusal too_many_sources */
  source(request: FastifyRequest, name: string, kind: string, make: (peer: string) => Origin): InputSource {
    const id = `${name}\0${kind}`
    let source = this.#sources.get(id)
    if (!source) {
      if (this.#sources.size >= this.limits.maxSources) {
        throw new HttpRefusal('too_many_sources', `over ${this.limits.maxSources} source names since the start`)
      }
      this.#sources.set(id, (source = new InputSource(new Meter(this.#options.counters, name), make)))
    }
    ;(request as RequestSource).inputSource = source
    return source
  }

  /** @throws HttpRefusal */
  readBody(request: FastifyRequest): Promise<Body> {
    return readBody(request.raw, request.headers, this.limits, this.#budget, this.#gate)
  }

  #refuse(error: Error, request: FastifyRequest, reply: FastifyReply): void {
    const refusal = error instanceof HttpRefusal ? error : fromFastify(error)
    const meter = (request as RequestSource).inputSource?.meter ?? this.#anonymous
    meter.refused(refusal?.reason ?? 'intake_failed')
    if (!refusal) this.#options.warn?.(`${meter.source}: ${error.stack ?? error.message}`)
    linger(request, refusal?.reason === 'body_timeout' ? LINGER_SLOW_MS : LINGER_MS)
    if (refusal?.retryAfter !== undefined) reply.header('retry-after', String(refusal.retryAfter))
    if (refusal?.status === 401) reply.header('www-authenticate', 'Bearer')
    const problem = refusal?.toProblem() ?? {
      type: 'about:blank',
      title: 'Internal error',
      status: 500,
      detail: 'the request could not be handled; see the log of the node',
      code: 'REQUEST_INVALID',
    }
    reply
      .code(problem['status'] as number)
      .type('application/problem+json')
      .send(JSON.stringify(problem))
  }
}

/** What Fastify itself refuses before our handler: nothing but content types it cannot read, and bodies too large. */
function fromFastify(error: Error): HttpRefusal | undefined {
  const { code } = error as { code?: string }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new HttpRefusal('body_too_large', error.message)
  if (code?.startsWith('FST_ERR_CTP_')) return new HttpRefusal('content_type', error.message)
  return undefined
}

/**
 * Answering and closing while the body still comes resets the connection, and the sender never reads the answer. So the
 * rest is read and thrown away, for a while.
 */
function linger(request: FastifyRequest, lingerMs: number): void {
  const { raw } = request
  if (raw.readableEnded || raw.destroyed) return
  raw.on('error', () => {}) // refused and counted already
  raw.resume()
  setTimeout(() => raw.readableEnded || raw.destroy(), lingerMs).unref()
}
