// The alerts people see, kept in Documents. Written by whoever correlates, read and triaged by the API.
//
//   alerts             id -> Entry                 every revision ever raised, with its triage
//   alerts-by-time     <lastSeen, 16 digits>-<id>  the listing, newest last; only alerts that nothing supersedes
//   alerts-superseded  id -> { by }                written together with the alert that supersedes it, even when the
//                                                  older one has not come yet; { by: '' } when it was raised again later
//   alerts-hidden      as alerts-by-time           the superseded ones
//   alerts-told        'upTo' -> { partition: next }

import type { WireAlert } from '../../core/api.ts'
import type { Alert, AlertChange } from '../../core/detect.ts'
import type { Document, Documents, DocumentWrite } from '../../core/documents.ts'
import { PipelineError } from '../../core/errors.ts'

export type AlertStatus = WireAlert['status']

export interface AlertBook {
  /**
   * Keeps what the correlator said. The same change again is a no-op; a higher revision of the same id replaces the
   * alert and keeps its triage; ids that it supersedes leave the list, their triage goes over to it. All or nothing.
   * @param upTo per partition, how far on the bus whoever tells them has come; kept with them
   */
  save(changes: readonly AlertChange[], nowMs: number, upTo?: ReadonlyMap<number, number>): Promise<void>
  /** Per partition, the furthest any `upTo` came: alerts may have been told of everything before. */
  toldUpTo(): Promise<ReadonlyMap<number, number>>
  /** All with this `lastSeen` or a later one, superseded and withdrawn ones too, newest first, in pages. */
  since(lastSeen: number): AsyncIterable<readonly Pick<AlertChange, 'alert' | 'state' | 'revision'>[]>
  /** Newest `lastSeen` first, without superseded ones. `after` in the answer is there when there may be more. */
  list(options?: {
    limit?: number
    after?: string
    status?: AlertStatus
  }): Promise<{ alerts: WireAlert[]; after?: string }>
  /** Superseded alerts are found too: a link to one stays good. */
  get(id: string): Promise<WireAlert | undefined>
  /**
   * Triage; of a superseded alert it goes to the newest that continues it, which is returned.
   * @throws NOT_FOUND
   */
  setStatus(id: string, status: AlertStatus, who: string, nowMs: number, reason?: string): Promise<WireAlert>
}

interface Entry extends Omit<WireAlert, 'events'> {
  /** Its id in `alerts-by-time`. */
  readonly key: string
}

const ALERTS = 'alerts'
const BY_TIME = 'alerts-by-time'
const SUPERSEDED = 'alerts-superseded'
const HIDDEN = 'alerts-hidden'
const TOLD = 'alerts-told'
const PAGE = 200
/** Entries looked at for one page of a filtered list; the caller goes on from `after`. */
const MAX_SCAN = 5000
const MAX_HISTORY = 1000
const MAX_NOTES = 200

/** One book per Documents: its writes wait for each other, so that a triage never gets lost under a new revision. */
export function openAlertBook(documents: Documents): AlertBook {
  let queue: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(run: () => Promise<T>): Promise<T> => {
    const turn = queue.then(run)
    queue = turn.catch(() => {})
    return turn
  }
  const entryOf = async (id: string) => (await documents.get<Entry>(ALERTS, id))?.value
  const supersededBy = async (id: string) =>
    (await documents.get<{ by: string }>(SUPERSEDED, id))?.value.by || undefined

  const toldUpTo = async () => {
    const saved = (await documents.get<Record<string, number>>(TOLD, 'upTo'))?.value ?? {}
    return new Map(Object.entries(saved).map(([partition, next]) => [Number(partition), next]))
  }

  async function* since(lastSeen: number): AsyncGenerator<ReturnType<typeof toChange>[]> {
    const from = timeDigits(lastSeen)
    for (const collection of [BY_TIME, HIDDEN])
      for (let after: string | undefined; ; ) {
        const page: Document<{ id: string }>[] = await documents.list(collection, {
          limit: PAGE,
          after,
          descending: true,
        })
        const found: ReturnType<typeof toChange>[] = []
        for (const { id: key, value } of page) {
          if (key < from) break
          const entry = await entryOf(value.id)
          if (entry?.key === key) found.push(toChange(entry))
        }
        if (found.length > 0) yield found
        after = page.at(-1)?.id
        if (page.length < PAGE || (after as string) < from) break
      }
  }

  async function save(
    changes: readonly AlertChange[],
    nowMs: number,
    upTo: ReadonlyMap<number, number> = new Map(),
  ): Promise<void> {
    // What this call has written so far, in front of what is stored: it becomes one transaction at the end.
    const entries = new Map<string, Entry>()
    const superseded = new Map<string, string>()
    const hidden = new Set<string>()
    const revived = new Set<string>()
    const moved = new Map<string, string>() // key before -> id
    const current = async (id: string) => entries.get(id) ?? (await entryOf(id))

    for (const { alert, state, revision, supersedes } of changes) {
      const known = await current(alert.id)
      if (known && known.revision >= revision) continue
      let triage: Pick<Entry, 'status' | 'history'> = known ?? { status: 'open', history: [] }
      for (const id of supersedes) {
        if (id === alert.id) continue
        superseded.set(id, alert.id)
        const older = await current(id)
        if (!older) continue
        hidden.add(older.key)
        if (older.history.length > triage.history.length) triage = older
      }
      // Withdrawn in favour of another one, and true after all: it must not stay hidden.
      if (known?.state === 'withdrawn' && state !== 'withdrawn') {
        superseded.set(alert.id, '')
        revived.add(known.key)
      }
      const key = timeKey(alert)
      if (known && known.key !== key) moved.set(known.key, alert.id)
      const words = `revision ${revision} ${state}: ${alert.count} events`
      const history = triage.history.length > 0 ? addHistory(triage.history, nowMs, 'haetae', words) : triage.history
      const { status } = triage
      entries.set(alert.id, { ...alert, state, revision, supersedes, status, history, updatedAt: nowMs, key })
    }

    const writes: DocumentWrite[] = []
    // First, for a store that cannot write all or nothing: never less far than the alerts.
    if (upTo.size > 0) {
      const told = new Map(await toldUpTo())
      for (const [partition, next] of upTo) told.set(partition, Math.max(next, told.get(partition) ?? 0))
      writes.push({ collection: TOLD, id: 'upTo', value: Object.fromEntries(told) })
    }
    for (const [id, by] of superseded) writes.push({ collection: SUPERSEDED, id, value: { by } })
    for (const [id, entry] of entries) {
      writes.push({ collection: ALERTS, id, value: entry })
      if (superseded.get(id) ?? (await supersededBy(id))) hidden.add(entry.key)
      else {
        hidden.delete(entry.key)
        writes.push({ collection: BY_TIME, id: entry.key, value: { id } })
      }
    }
    for (const key of revived) writes.push({ collection: HIDDEN, id: key, deleted: true })
    for (const key of hidden) {
      writes.push({ collection: BY_TIME, id: key, deleted: true })
      writes.push({ collection: HIDDEN, id: key, value: { id: idOfKey(key) } })
    }
    for (const [key, id] of moved) {
      if (entries.get(id)?.key === key) continue // and back again
      writes.push({ collection: BY_TIME, id: key, deleted: true })
      if (hidden.has(entries.get(id)?.key ?? '')) writes.push({ collection: HIDDEN, id: key, deleted: true })
    }
    await documents.putAll(writes)
  }

  return {
    save: (changes, nowMs, upTo) => inTurn(() => save(changes, nowMs, upTo)),
    toldUpTo,
    since,

    async list({ limit = 50, after, status } = {}) {
      const found: WireAlert[] = []
      let key: string | undefined
      if (after !== undefined) {
        key = (await entryOf(after))?.key
        if (key === undefined) throw new PipelineError('NOT_FOUND', { what: `alert ${after.slice(0, 100)}` })
      }
      for (let scanned = 0; scanned < MAX_SCAN; ) {
        const page: Document<{ id: string }>[] = await documents.list(BY_TIME, {
          limit: PAGE,
          after: key,
          descending: true,
        })
        for (const { id: listing, value } of page) {
          key = listing
          const entry = await entryOf(value.id)
          if (entry?.key !== listing || (await supersededBy(value.id)) !== undefined) continue
          if (status !== undefined && entry.status !== status) continue
          if (found.length === limit) return { alerts: found, after: found.at(-1)?.id }
          found.push(toWire(entry))
        }
        scanned += page.length
        if (page.length < PAGE) return { alerts: found }
      }
      // Only a listing whose alert exists can be gone on from.
      const last = key === undefined ? undefined : idOfKey(key)
      return last !== undefined && (await entryOf(last)) ? { alerts: found, after: last } : { alerts: found }
    },

    async get(id) {
      const entry = await entryOf(id)
      return entry && toWire(entry)
    },

    setStatus: (id, status, who, nowMs, reason) =>
      inTurn(async () => {
        let target = id
        const seen = new Set<string>()
        for (let next = await supersededBy(target); next !== undefined; next = await supersededBy(target)) {
          if (seen.has(next)) break
          seen.add(next)
          if (!(await entryOf(next))) break
          target = next
        }
        const entry = await entryOf(target)
        if (!entry) throw new PipelineError('NOT_FOUND', { what: `alert ${id.slice(0, 100)}` })
        const change = `${entry.status} -> ${status}${reason ? `: ${reason}` : ''}`
        const changed = { ...entry, status, updatedAt: nowMs, history: addHistory(entry.history, nowMs, who, change) }
        await documents.put(ALERTS, target, changed)
        return toWire(changed)
      }),
  }
}

function toWire({ key: _key, ...alert }: Entry): WireAlert {
  return alert
}

/** The alert alone, as it was told: the same bytes. */
function toChange({
  key: _key,
  status: _status,
  history: _history,
  updatedAt: _at,
  supersedes: _ids,
  ...entry
}: Entry) {
  const { state, revision, ...alert } = entry
  return { alert: alert as Alert, state, revision }
}

function timeKey(alert: Alert): string {
  return `${timeDigits(alert.lastSeen)}-${alert.id}`
}

function timeDigits(time: number): string {
  const ms = Number.isFinite(time) ? Math.max(0, Math.floor(time)) : 0
  return String(ms).padStart(16, '0')
}

function idOfKey(key: string): string {
  return key.slice(17)
}

/** Our own notes stop when a history is full, people's changes are refused then: nothing of theirs is ever dropped. */
function addHistory(history: Entry['history'], at: number, who: string, change: string): Entry['history'] {
  if (history.length < (who === 'haetae' ? MAX_NOTES : MAX_HISTORY)) return [...history, { at, who, change }]
  if (who === 'haetae') return history
  throw new PipelineError('REQUEST_INVALID', { problem: `an alert keeps ${MAX_HISTORY} changes, this one is full` })
}
