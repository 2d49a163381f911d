// The words on the wire between the API, the web UI and the command line. Times are ISO 8601 in, ms since 1970 out.
// All paths under /v1 want a session cookie or `Authorization: Bearer`, except the inputs and /v1/session.

import type { Alert, AlertChange } from './detect.ts'
import type { EcsEvent, Scalar } from './event.ts'

/** `2026-11-22T10:00:00Z`, `now`, `now-15m`, `15m` (= now-15m), `today`; units s m h d w. */
export type TimeText = string

export interface RangeInput {
  /** The search line; empty matches everything. */
  query?: string
  /** Default `now-15m`. */
  since?: TimeText
  /** Default `now`. */
  until?: TimeText
}

/** POST /v1/search */
export interface SearchInput extends RangeInput {
  /** 1..1000, default 100. */
  limit?: number
  cursor?: string
  order?: 'desc' | 'asc'
}
export interface WireHit {
  id: string
  timestamp: number
  event: EcsEvent
}
export interface SearchOutput {
  /** Empty when stages made a table. */
  hits: WireHit[]
  /** Absent on the last page, and after stages: there is one page then. */
  cursor?: string
  table?: WireTable
  /** Stages made more than `limit` events, or more rows than a table shows: those were left out. */
  more?: boolean
  since: number
  until: number
  stats: { segments: number; pruned: number; rows: number; tookMs: number }
}

/** What stages make of events. Cells are as in an event: times ISO 8601, null for no value. */
export interface WireTable {
  columns: string[]
  rows: WireCell[][]
}
export type WireCell = Scalar | null | readonly Scalar[]

/** POST /v1/explain {query, since, until}: runs it and tells how. */
export interface ExplainOutput {
  /** The query in its one way of writing, without and with what the role adds. */
  query: string
  filter: string
  since: number
  until: number
  steps: {
    /** The stages of this step; the first is the filter alone or with what the store gathers. */
    text: string
    where: 'store' | 'api'
    /** Rows it gave. */
    rows: number
  }[]
  /** Looked at, and of them never read because they cannot match; rows the filter saw. */
  segments: number
  pruned: number
  rows: number
  tookMs: number
}

/**
 * GET /v1/export?query=&since=&until=&format=csv|ndjson&columns=a,b&bom=1 streams the file; its id is in X-Haetae-Export.
 * GET /v1/exports lists manifests, GET /v1/exports/:id gives one. A file whose manifest is not `complete`, or whose SHA-256
 * is another, is not whole.
 */
export interface ExportManifest {
  id: string
  state: 'running' | 'complete' | 'failed'
  /** As the formatter writes it. */
  query: string
  /** The requester may not see everything: the file holds what they may. */
  restricted?: boolean
  /** ISO 8601; since <= @timestamp < until. */
  since: string
  until: string
  /** Of every time in the file. */
  zone: 'UTC'
  format: 'csv' | 'ndjson'
  /** Of a CSV or a table. */
  columns?: string[]
  /** Fields of events that have no column, by the limit of columns. */
  columnsLeftOut?: number
  rows: number
  bytes: number
  /** Values of fields without a column. */
  cellsLeftOut: number
  /** Of the file's bytes, hex. */
  sha256?: string
  requester: string
  /** ms since 1970. */
  at: number
  finishedAt?: number
  problem?: string
}
export interface ExportsOutput {
  exports: ExportManifest[]
}

/** GET /v1/saved; POST /v1/saved makes or replaces the one of this name; DELETE /v1/saved/:id. */
export interface SavedSearch {
  id: string
  name: string
  query: string
  since: TimeText
  until: TimeText
  owner: string
  /** ms since 1970. */
  at: number
}
export interface SavedOutput {
  saved: SavedSearch[]
}
/** GET /v1/history: what the asking user searched, newest first, each once. */
export interface HistoryOutput {
  searches: { query: string; at: number }[]
}
/** POST /v1/shares {query, since, until}: the range is kept as it is now. GET /v1/shares/:id */
export interface ShareOutput {
  id: string
  query: string
  since: number
  until: number
}

/**
 * POST /v1/searches as POST /v1/search: a search that goes on by itself. GET /v1/searches/:id tells; DELETE stops it. Kept
 * in memory for ten minutes after its end.
 */
export interface JobOutput {
  id: string
  state: 'running' | 'done' | 'failed' | 'cancelled'
  /** 0..1 of the time range looked through. */
  progress: number
  /** What is found so far: exact for events from `partialSince` on. */
  result?: SearchOutput
  partialSince?: number
  problem?: Problem
}

/** POST /v1/session/link (command line only): a link that signs in once. */
export interface LinkOutput {
  link: string
}

/** POST /v1/histogram: about `bars` (default 60) bars of a round interval. */
export interface HistogramInput extends RangeInput {
  bars?: number
  by?: string
}
export interface HistogramOutput {
  since: number
  until: number
  intervalMs: number
  total: number
  buckets: { start: number; count: number; by?: Record<string, number> }[]
}

/** POST /v1/values: the most frequent values of a field. */
export interface ValuesInput extends RangeInput {
  field: string
  size?: number
}
export interface ValuesOutput {
  total: number
  missing: number
  values: { value: Scalar; count: number }[]
}

/** POST /v1/fields: which fields the matching events have; with `values` more about each, in the same pass. */
export interface FieldsInput extends RangeInput {
  values?: boolean
}
export interface FieldsOutput {
  total: number
  /** Events whose values were looked at: the newest ones. */
  looked?: number
  fields: WireField[]
}
export interface WireField {
  name: string
  type: string
  /** Events that have it. */
  count: number
  /** The most frequent of the events looked at; absent for long text and for fields of very many values. */
  values?: readonly { value: Scalar; count: number }[]
  distinct?: number
  /** Of numbers and dates. */
  min?: Scalar
  max?: Scalar
}

/** GET /v1/events/:id -> WireHit; GET /v1/events/:id/around?before=20&after=20 */
export interface AroundOutput {
  before: WireHit[]
  event: WireHit
  after: WireHit[]
}

/** GET /v1/tail?query=&resume= : server-sent events named `batch` with this as data, `ping` every 15 s. */
export interface TailOutput {
  hits: WireHit[]
  /** Rules that matched these events, or ones sent shortly before: detection ends a moment after the event is stored. */
  marks?: WireMark[]
  skipped: number
  resume: string
}

export interface WireMark {
  eventId: string
  ruleId: string
  title: string
  level: string
}

/** GET /v1/alerts?limit=&after=&status= */
export interface AlertsOutput {
  alerts: WireAlert[]
  /** Id to pass as `after` for the next page. */
  after?: string
}
/** GET /v1/alerts/:id adds `events`. POST /v1/alerts/:id/status {status, reason?} changes the triage. */
export interface WireAlert extends Alert {
  /** From the newest AlertChange. */
  state: AlertChange['state']
  revision: number
  supersedes: readonly string[]
  status: 'open' | 'acknowledged' | 'closed'
  /** ms when the newest revision was written. */
  updatedAt: number
  events?: WireHit[]
  history: { at: number; who: string; change: string }[]
}

/** GET /v1/sources */
export interface SourcesOutput {
  sources: WireSource[]
}
export interface WireSource {
  source: string
  kind: string
  where: string
  state: 'running' | 'waiting' | 'failed'
  detail?: string
  lastSeen?: number
  /** received = stored + unparsed + duplicates + inFlight, exactly. `unparsed` are kept and searchable too. */
  received: number
  stored: number
  unparsed: number
  duplicates: number
  inFlight: number
  /** Why unparsed, by reason. */
  unparsedBy: Record<string, number>
  /** Never accepted, by reason: not part of `received`. */
  refused: Record<string, number>
}

/** GET /v1/unparsed: lines no pack could read, as templates, and how packs and their patterns do, since the node started. */
export interface UnparsedOutput {
  /** ms: counting began then. */
  since: number
  /** Most frequent first, 200 at most. */
  templates: WireTemplate[]
  /** Lines of templates that are not listed. */
  other: number
  /** Those that took most time first. */
  patterns: WirePattern[]
}
export interface WireTemplate {
  source: string
  /** As `haetae.unparsed`, or `body_unread`: the sender is known, the body is not. */
  reason: string
  dataset?: string
  program?: string
  /** Words, `*` where lines differ. */
  template: string
  count: number
  /** The first line of it, 2048 characters at most. */
  sample: string
  firstSeen: number
  lastSeen: number
  /** Where the pattern that read furthest stopped in the sample; only when a pack was named for the line. */
  stopped?: { pack: string; place: string; pattern: string; column: number; wanted: string; found: string }
}
export interface WirePattern {
  pack: string
  /** file:line of a grok step and its first pattern; absent for the pack as a whole. */
  place?: string
  pattern?: string
  tried: number
  hits: number
  misses: number
  /** Estimated from every 256th try; 0 before the first of these. */
  ms: number
}

/** POST /v1/reload, GET /v1/reload: the last time packs and rules were taken anew. */
export interface ReloadState {
  /** ms since 1970. */
  at: number
  /** refused: nothing has changed, the packs and rules of before go on. */
  outcome: 'applied' | 'refused'
  /** Each with file and line. */
  problems: string[]
  /** Loaded now, ours included; absent when refused. */
  rules?: number
  correlations?: number
}

/** POST /v1/reparse: reads again what the ledger received between the times, with the packs as they are on disk now. */
export interface ReparseInput {
  since: TimeText
  /** Default `now`. */
  until?: TimeText
  source?: string
  /** Not only what was unparsed: every event that would come out otherwise. */
  all?: boolean
}
/**
 * The answer is text/event-stream: `progress` now and then, `done` at the end, both with this as data; `problem` with a
 * Problem instead of `done`. A client that goes away stops nothing: GET /v1/reparse tells on.
 */
export interface ReparseOutput {
  /** Looked at. */
  records: number
  /** Unparsed before, parsed now. */
  repaired: number
  stillUnparsed: number
  /** Stored as they would come out now, or parsed before and left alone. */
  unchanged: number
  /** Got a newer version; `repaired` are among them. */
  replaced: number
  /** Not in the store: retention took them, or they are copies of a stored event. */
  notStored: number
  /** Raised, changed or withdrawn. */
  alerts: number
}
/** GET /v1/reparse: the running one or the last one since the start. */
export interface ReparseState extends ReparseOutput {
  running: boolean
  /** Why it ended early; what was replaced until then stays so. */
  problem?: string
}

/** GET /v1/rules */
export interface RulesOutput {
  rules: {
    id: string
    title: string
    level: string
    tags: string[]
    kind: 'event' | 'correlation'
    matches: number
    file: string
  }[]
  refused: { file: string; reason: string }[]
}

/** GET /v1/exceptions: newest end first. */
export interface ExceptionsOutput {
  exceptions: WireException[]
  refused: { file: string; reason: string }[]
  /** ms: `matches` are counted from then on. */
  since: number
}
export interface WireException {
  id: string
  title: string
  /** Ids of rules and correlations; titles where they are loaded. */
  rules: { id: string; title?: string }[]
  owner: string
  reason: string
  /** Event time, ms; absent: all of the past. */
  from?: number
  until: number
  /** expired: its end has passed. idle: no such rule is loaded. */
  state: 'active' | 'expired' | 'idle'
  file: string
  /** Matches it held for, and the last of them. */
  matches: number
  lastEventId?: string
  lastAt?: number
}
/**
 * POST /v1/alerts/:id/exception -> WireException: what the alert's rule shall not alert on any more, from now on. POST
 * /v1/exceptions/:id/end ends one now.
 */
export interface ExceptionInput {
  /** Field -> value or values, as they stand in events; all of them must agree. */
  fields: Record<string, Scalar | Scalar[]>
  reason: string
  /** Event time it ends at. */
  until: TimeText
}

/** GET /v1/session; POST /v1/session {token} signs in with the one-time link's token. */
export interface SessionOutput {
  user: string
  version: string
}

/** RFC 9457, `application/problem+json`; `code` from core/errors.ts, `column` for query errors (1-based). */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: string
  column?: number
  hint?: string
}
