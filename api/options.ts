// What the composition root gives the server, and what routes see of it.

import type { FastifyInstance } from 'fastify'
import type {
  ExceptionsOutput,
  ReloadState,
  ReparseState,
  RulesOutput,
  UnparsedOutput,
  WireAlert,
  WireException,
  WireSource,
} from '../core/api.ts'
import type { Counters } from '../core/counters.ts'
import type { Alert } from '../core/detect.ts'
import type { Documents } from '../core/documents.ts'
import type { Scalar } from '../core/event.ts'
import type { Filter } from '../core/query.ts'
import type { EventStore } from '../core/store.ts'
import type { Audit } from './audit.ts'
import type { MarkBook } from './marks.ts'

/** The part of the alert book (store/documents/alert-book.ts) that the API reads and triages. */
export interface AlertDesk {
  list(options: {
    limit?: number
    after?: string
    status?: WireAlert['status']
  }): Promise<{ alerts: WireAlert[]; after?: string }>
  get(id: string): Promise<WireAlert | undefined>
  setStatus(id: string, status: WireAlert['status'], who: string, nowMs: number, reason?: string): Promise<WireAlert>
}

/** The part of the reparse runner (reparse.ts) that the API starts and watches. */
export interface ReparseDesk {
  state(): ReparseState | undefined
  /** @throws REQUEST_INVALID while one runs */
  start(request: { sinceMs: number; untilMs: number; source?: string; all: boolean }): {
    readonly done: Promise<ReparseState>
  }
}

/** The part of the reloader (reload.ts) that the API starts and tells of. */
export interface ReloadDesk {
  /** Never rejects for a mistake in a pack or rule: that is an outcome. */
  reload(): Promise<ReloadState>
  /** Undefined before the first. */
  state(): ReloadState | undefined
}

/** The part of the exceptions of a node (exceptions-desk.ts) that the API tells, makes and ends. */
export interface ExceptionDesk {
  list(): ExceptionsOutput
  /** @throws REQUEST_INVALID with the reason it cannot be */
  create(request: {
    alert: Alert
    fields: Readonly<Record<string, Scalar | readonly Scalar[]>>
    owner: string
    reason: string
    untilMs: number
  }): WireException
  /** @throws NOT_FOUND */
  end(id: string): WireException
}

export interface ServerOptions {
  readonly store: EventStore
  readonly documents: Documents
  readonly alerts: AlertDesk
  readonly counters: Counters
  readonly sources: () => WireSource[]
  readonly rules: () => RulesOutput
  /** Absent where nothing is detected. */
  readonly exceptions?: ExceptionDesk
  /** Which rules matched recent events, for tails; absent where nothing is detected. */
  readonly marks?: MarkBook
  /** Absent where nothing is parsed. */
  readonly unparsed?: () => Promise<UnparsedOutput>
  /** Absent where nothing is parsed. */
  readonly reparse?: ReparseDesk
  /** Absent where nothing is parsed. */
  readonly reload?: ReloadDesk
  readonly now: () => number
  readonly version: string
  /** The built UI (`web/dist`); a page that says how to build it stands in when the folder is missing. */
  readonly webDir: string
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  /** Host names, without port, that browsers and senders may use beside localhost: others are refused (DNS rebinding). */
  readonly names?: readonly string[]
  /** Serves HTTPS, with `__Host-` cookies and HSTS. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Bearer token of the command line. */
  readonly cliToken?: string
  /** Bearer token for /metrics from other machines. */
  readonly metricsToken?: string
  /** For /readyz. */
  readonly ready?: () => boolean
  /** Inputs that speak HTTP. They get the host check, problem answers and timeouts, but no session: they have tokens. */
  readonly routes?: (app: FastifyInstance) => void | Promise<void>
  /** Where who-searched-what goes, before the answer does; default: the `audit` collection of `documents`. */
  readonly audit?: Audit
  /** Audit entries older than this are deleted, once an hour, and that is an entry itself. Default limits.auditKeepMs. */
  readonly auditKeepMs?: number
  /** What a user may see at all: ANDed into every question last. Undefined: everything. */
  readonly restrict?: (user: string) => Filter | undefined
  /** Our own log: one line a call, for people. Default stderr. */
  readonly log?: (message: string) => void
  readonly limits?: Partial<ServerLimits>
}

export interface ServerLimits {
  /** A session ends this long after its last request, in ms. */
  readonly sessionIdleMs: number
  /** A session ends this long after its sign-in, whatever happens. */
  readonly sessionMaxMs: number
  readonly signInLinkMs: number
  /** Sign-in attempts a minute and address. */
  readonly signInsPerMinute: number
  /** JSON bodies of /v1; inputs set their own. */
  readonly bodyBytes: number
  /** A search that takes longer is cancelled. */
  readonly searchMs: number
  readonly maxTails: number
  readonly tailPingMs: number
  /** A tail whose client reads nothing for so long is closed; it can resume. */
  readonly tailStallMs: number
  /** Hits and bytes that wait for a slow tail; older ones are left out and counted. */
  readonly tailHits: number
  readonly tailBytes: number
  /** Events a second a tail shows unless it asks for another rate; more are left out and counted. */
  readonly tailPerSecond: number
  readonly auditKeepMs: number
}

export const defaultLimits: ServerLimits = {
  sessionIdleMs: 24 * 3_600_000,
  sessionMaxMs: 7 * 24 * 3_600_000,
  signInLinkMs: 30 * 60_000,
  signInsPerMinute: 10,
  bodyBytes: 64 * 1024,
  searchMs: 30_000,
  maxTails: 100,
  tailPingMs: 15_000,
  tailStallMs: 60_000,
  tailHits: 500,
  tailBytes: 2 * 1024 * 1024,
  tailPerSecond: 1000,
  auditKeepMs: 730 * 24 * 3_600_000, // two years: the longest that Korean law asks of access records
}

/** What every route file gets. */
export interface RouteContext extends Omit<ServerOptions, 'limits' | 'audit' | 'log'> {
  readonly limits: ServerLimits
  readonly audit: Audit
  readonly log: (message: string) => void
}
