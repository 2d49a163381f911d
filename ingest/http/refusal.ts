// A request we do not take: the status for the sender, the reason for the counters, the words for people (RFC 9457).

import type { ErrorCode } from '../../core/errors.ts'
import type { Refusal } from '../reasons.ts'

const table = {
  content_type: [415, 'Unsupported media type', 'REQUEST_INVALID'],
  body_too_large: [413, 'Body too large', 'REQUEST_INVALID'],
  decompressed_too_large: [413, 'Body too large', 'REQUEST_INVALID'],
  record_too_large: [413, 'Record too large', 'REQUEST_INVALID'],
  too_many_records: [413, 'Too many records', 'REQUEST_INVALID'],
  bad_encoding: [400, 'Damaged body', 'REQUEST_INVALID'],
  bad_body: [400, 'Malformed body', 'REQUEST_INVALID'],
  bad_parameter: [400, 'Malformed parameter', 'REQUEST_INVALID'],
  body_cut: [400, 'Body cut short', 'REQUEST_INVALID'],
  body_timeout: [408, 'Body too slow', 'REQUEST_INVALID'],
  key_reused: [422, 'Idempotency-Key reused', 'REQUEST_INVALID'],
  too_many_sources: [429, 'Too many sources', 'REQUEST_INVALID'],
  unauthorized: [401, 'Token required', 'AUTH_REQUIRED'],
  cross_site: [403, 'Cross-site post', 'AUTH_REFUSED'],
  intake_full: [503, 'No room', 'INTAKE_FULL'],
  busy: [503, 'No room', 'INTAKE_FULL'],
  durable_timeout: [503, 'Not durable yet', 'INTAKE_FULL'],
  intake_closed: [503, 'Closing', 'BUS_CLOSED'],
} as const satisfies Partial<Record<Refusal, readonly [number, string, ErrorCode]>>

export type HttpReason = keyof typeof table

const RETRY_AFTER_SECONDS = 5

/** Thrown anywhere in a request, answered in one place (`input-scope.ts`). */
export class HttpRefusal extends Error {
  readonly reason: HttpReason

  constructor(reason: HttpReason, detail: string) {
    super(detail)
    this.name = 'HttpRefusal'
    this.reason = reason
  }

  get status(): number {
    return table[this.reason][0]
  }

  /** Seconds; for what may succeed when tried again. */
  get retryAfter(): number | undefined {
    return this.status === 503 || this.status === 429 ? RETRY_AFTER_SECONDS : undefined
  }

  /** core/api.ts Problem */
  toProblem(): Record<string, unknown> {
    const [status, title, code] = table[this.reason]
    return { type: `urn:haetae:refused:${this.reason}`, title, status, detail: this.message, code }
  }
}
