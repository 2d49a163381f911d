// Requests to Elasticsearch: what may be tried again is tried again, what may not is told.

import { Client, type ClientOptions } from '@elastic/elasticsearch'
import { PipelineError } from '../../core/errors.ts'

export interface ElasticsearchConnection {
  /** `https://host:9200`, any of the cluster's nodes. Without it: `cloudId`. */
  readonly nodes?: readonly string[]
  readonly cloudId?: string
  readonly auth?: { readonly apiKey: string } | { readonly username: string; readonly password: string }
  /** PEM of the CA to trust, or the SHA-256 fingerprint of its certificate. */
  readonly tls?: { readonly ca?: string; readonly fingerprint?: string; readonly cert?: string; readonly key?: string }
}

export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean>>
  readonly body?: unknown
  /** NDJSON. */
  readonly bulk?: string
  readonly signal?: AbortSignal
}

export interface Answer<T> {
  readonly status: number
  readonly body: T
}

const REQUEST_TIMEOUT_MS = 60_000
/** Too busy, starting, out of disk, out of reach: all of it passes. */
const passing = new Set([0, 408, 429, 502, 503, 504])
const RETRY_AFTER_MS = 250
const RETRY_AFTER_AT_MOST_MS = 30_000
const READ_ATTEMPTS = 4

export class Requests {
  readonly #client: Client

  constructor({ nodes, cloudId, auth, tls }: ElasticsearchConnection) {
    const options: ClientOptions = {
      ...(cloudId ? { cloud: { id: cloudId } } : { nodes: [...(nodes ?? [])] }),
      ...(auth && { auth }),
      ...(tls && { tls: { ca: tls.ca, cert: tls.cert, key: tls.key } }),
      ...(tls?.fingerprint && { caFingerprint: tls.fingerprint }),
      maxRetries: 0,
      requestTimeout: REQUEST_TIMEOUT_MS,
      compression: false,
    }
    this.#client = new Client(options)
  }

  /** One attempt. Status 0: no answer came. */
  async once<T>({ method, path, query, body, bulk, signal }: Ask): Promise<Answer<T>> {
    try {
      const { statusCode, body: answer } = await this.#client.transport.request<T>(
        {
          method,
          path,
          querystring: { ...query },
          ...(bulk === undefined ? { body: body as object } : { bulkBody: bulk }),
        },
        { meta: true, signal, ignore: [400, 401, 403, 404, 405, 408, 409, 413, 429, 500, 502, 503, 504] },
      )
      return { status: statusCode, body: answer }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      const { statusCode, body: answer } = error as { statusCode?: number; body?: T }
      return { status: statusCode ?? 0, body: (answer ?? { error: (error as Error).message }) as T }
    }
  }

  /** For questions: a few attempts. @throws STORE_REFUSED unless the status is below 300 or one of `also` */
  async ask<T>(ask: Ask, also: readonly number[] = []): Promise<Answer<T>> {
    for (let attempt = 0; ; attempt++) {
      const answer = await this.once<T>(ask)
      if ((answer.status >= 200 && answer.status < 300) || also.includes(answer.status)) return answer
      if (!passing.has(answer.status) || attempt >= READ_ATTEMPTS) throw refused(ask, answer)
      await pause(attempt, ask.signal)
    }
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}

export const isPassing = (status: number) => passing.has(status)

/** Exponential, with jitter, so that many writers do not come back together. */
export async function pause(attempt: number, signal?: AbortSignal): Promise<void> {
  const longest = Math.min(RETRY_AFTER_MS * 2 ** Math.min(attempt, 10), RETRY_AFTER_AT_MOST_MS)
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, longest / 2 + (Math.random() * longest) / 2)
    function done() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    signal?.addEventListener('abort', done, { once: true })
  })
}

export function refused(ask: Ask, { status, body }: Answer<unknown>): PipelineError<'STORE_REFUSED'> {
  return new PipelineError('STORE_REFUSED', {
    request: `${ask.method} ${ask.path}`,
    problem: `${status} ${reasonOf(body)}`,
  })
}

export function reasonOf(body: unknown): string {
  const { error } = (body ?? {}) as {
    error?: string | { type?: string; reason?: string; caused_by?: { reason?: string } }
  }
  if (typeof error === 'string') return error
  return [error?.type, error?.reason, error?.caused_by?.reason].filter(Boolean).join(': ').slice(0, 500)
}
