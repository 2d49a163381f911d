// Who asked what: one entry for every search, tail, sign-in and triage, written before the answer leaves.

import type { FastifyRequest } from 'fastify'
import type { Documents } from '../core/documents.ts'
import type { TimeRange } from '../core/query.ts'

export interface AuditEntry {
  /** ms since 1970. */
  readonly at: number
  readonly action:
    | 'search'
    | 'histogram'
    | 'values'
    | 'fields'
    | 'event'
    | 'around'
    | 'tail'
    | 'alert'
    | 'alert-status'
    | 'reparse'
    | 'sign-in'
    | 'sign-out'
  readonly actor: string
  /** Names the session without being able to use it; absent for tokens. */
  readonly session?: string
  readonly ip: string
  readonly outcome: 'ok' | 'refused'
  /** The search line as typed, or what was looked at. */
  readonly query?: string
  readonly since?: number
  readonly until?: number
  /** Rows or buckets that were shown. */
  readonly rows?: number
  readonly detail?: string
}

/** Resolves when the entry is durable; when it rejects, the request fails: nothing is shown that was not recorded. */
export type Audit = (entry: AuditEntry) => Promise<void>

/** Entries in the collection `audit`, ids in time order. */
export function auditToDocuments(documents: Documents): Audit {
  let lastMs = 0
  let inMs = 0
  const process = Math.random().toString(36).slice(2, 8) // two processes may write in the same millisecond
  return async (entry) => {
    inMs = entry.at === lastMs ? inMs + 1 : 0
    lastMs = entry.at
    const id = `${String(entry.at).padStart(16, '0')}-${String(inMs).padStart(6, '0')}-${process}`
    await documents.put('audit', id, entry)
  }
}

/** The entry of a signed-in request. */
export function auditEntry(
  request: FastifyRequest,
  at: number,
  action: AuditEntry['action'],
  more: { query?: string; range?: TimeRange; rows?: number; detail?: string } = {},
): AuditEntry {
  const { range, ...rest } = more
  const { user = 'nobody', session } = request.actor ?? {}
  return { at, action, actor: user, session, ip: request.ip, outcome: 'ok', ...rest, ...range }
}
