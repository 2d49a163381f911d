// Who asked what: one entry for every search, tail, sign-in and triage, written before the answer leaves.

import { setImmediate } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import type { Documents, DocumentWrite } from '../core/documents.ts'
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
    | 'exception'
    | 'exception-end'
    | 'reload'
    | 'reparse'
    | 'sign-in'
    | 'sign-out'
    | 'link'
    | 'export'
    | 'saved'
    | 'share'
    | 'audit-expired'
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

const AUDIT = 'audit'
/** Entries are written together this often at most: many searches at once cost a few fsyncs, one alone waits for none. */
const WRITE_EVERY_MS = 50

/** Entries in the collection `audit`, ids in time order. */
export function auditToDocuments(documents: Documents): Audit {
  let lastMs = 0
  let inMs = 0
  const process = Math.random().toString(36).slice(2, 8) // two processes may write in the same millisecond
  let waiting: DocumentWrite[] = []
  let writing: Promise<void> | undefined
  let notBefore = 0
  const write = async () => {
    const wait = notBefore - performance.now()
    await (wait > 0 ? new Promise((resolve) => setTimeout(resolve, wait)) : setImmediate())
    const batch = waiting
    waiting = []
    writing = undefined
    notBefore = performance.now() + WRITE_EVERY_MS
    await documents.putAll(batch)
  }
  return async (entry) => {
    inMs = entry.at === lastMs ? inMs + 1 : 0
    lastMs = entry.at
    const id = `${placeOf(entry.at)}-${String(inMs).padStart(6, '0')}-${process}`
    waiting.push({ collection: AUDIT, id, value: entry })
    writing ??= write()
    await writing
  }
}

const placeOf = (ms: number) => String(Math.max(0, Math.floor(ms))).padStart(16, '0')

/** Deletes entries older than `keepMs`, and says so in the trail. @returns how many */
export async function expireAudit(documents: Documents, nowMs: number, keepMs: number, audit: Audit): Promise<number> {
  const before = placeOf(nowMs - keepMs)
  let removed = 0
  for (;;) {
    const oldest = await documents.list(AUDIT, { limit: 1000 })
    const old = oldest.filter(({ id }) => id < before)
    await documents.putAll(old.map(({ id }) => ({ collection: AUDIT, id, deleted: true })))
    removed += old.length
    if (old.length < 1000) break
    await setImmediate() // a long trail must not hold up searches
  }
  if (removed > 0) {
    const detail = `${removed} entries before ${new Date(nowMs - keepMs).toISOString()}`
    await audit({ at: nowMs, action: 'audit-expired', actor: 'node', ip: '', outcome: 'ok', rows: removed, detail })
  }
  return removed
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
