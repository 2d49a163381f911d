// Every error a person may see: a stable code for programs, and words that name the place and the next step.
// docs/errors.md is tested against this table, both ways. Add a row here and a line there.

const messages = {
  CONFIG_INVALID: (p: { place: string; problem: string; hint?: string }) =>
    `${p.place}: ${p.problem}${p.hint ? `; ${p.hint}` : ''}`,
  USAGE: (p: { problem: string; command?: string }) =>
    `${p.problem}; see 'haetae ${p.command ? `${p.command} ` : ''}--help'`,
  FRAME_TOO_LONG: (p: { peer: string; bytes: number; maxBytes: number }) =>
    `${p.peer} announced ${p.bytes} bytes, limit ${p.maxBytes}; raise ingest.maxBytes or fix the sender`,
  FRAME_BAD_LENGTH: (p: { peer: string; found: string }) =>
    `${p.peer} sent ${p.found} where an octet count belongs (RFC 6587 section 3.4.1); the connection was closed`,
  BATCH_CORRUPT: (p: { place: string; problem: string }) =>
    `${p.place}: ${p.problem}; run 'haetae bus fsck' on the data folder`,
  BUS_FULL: (p: { path: string; problem: string }) =>
    `${p.path}: cannot write (${p.problem}); senders that can wait are held until there is room: free disk space or lower bus.retention`,
  BUS_CLOSED: (p: { path: string }) => `${p.path}: the ledger is closed; nothing was accepted`,
  BUS_LOCKED: (p: { path: string; pid: number }) =>
    `${p.path}: process ${p.pid} holds this data folder; stop it or pass another --data`,
  TOPIC_UNFIT: (p: { topic: string; problem: string; hint: string }) =>
    `Kafka topic ${p.topic}: ${p.problem}; ${p.hint}`,
  STORE_REFUSED: (p: { request: string; problem: string }) =>
    `Elasticsearch refused ${p.request} (${p.problem}); docs/elasticsearch.md says what it has to allow`,
  INTAKE_FULL: (p: { heldBytes: number; maxBytes: number }) =>
    `${p.heldBytes} bytes wait for the disk, limit ${p.maxBytes}; try again later`,
  SEGMENT_CORRUPT: (p: { path: string; problem: string }) =>
    `${p.path}: ${p.problem}; the file was set aside and its events are rebuilt from the ledger`,
  GROK_INVALID: (p: { place: string; column: number; problem: string }) => `${p.place}:${p.column}: ${p.problem}`,
  GROK_UNKNOWN_PATTERN: (p: { place: string; name: string; near?: string }) =>
    `${p.place}: no grok pattern named ${p.name}; ` +
    (p.near ? `did you mean ${p.near}?` : 'define it in the pack or pass --patterns DIR'),
  GROK_UNSAFE: (p: { place: string; problem: string }) =>
    `${p.place}: the pattern can backtrack without bound (${p.problem}); give the repetition one way to match`,
  PACK_INVALID: (p: { place: string; problem: string }) => `${p.place}: ${p.problem}`,
  RULE_INVALID: (p: { place: string; problem: string }) => `${p.place}: ${p.problem}`,
  QUERY_INVALID: (p: { column: number; problem: string; hint?: string }) =>
    `column ${p.column}: ${p.problem}${p.hint ? `; ${p.hint}` : ''}`,
  DOCUMENT_CONFLICT: (p: { collection: string; id: string }) =>
    `${p.collection}/${p.id} was changed by somebody else; read it again and repeat the change`,
  NOT_FOUND: (p: { what: string }) => `${p.what} does not exist`,
  AUTH_REQUIRED: (p: { hint: string }) => `sign in first: ${p.hint}`,
  AUTH_REFUSED: (p: { reason: string }) => `refused: ${p.reason}`,
  REQUEST_INVALID: (p: { problem: string }) => p.problem,
  INTERNAL: (p: { incident: string }) => `something failed inside; the node's log has it under ${p.incident}`,
  NODE_UNREACHABLE: (p: { address: string; problem: string }) =>
    `no Haetae node answers at ${p.address} (${p.problem}); start one with 'npm start' or pass --address`,
} as const

export type ErrorCode = keyof typeof messages
type Params<C extends ErrorCode> = Parameters<(typeof messages)[C]>[0]

/** Thrown for anything a person can act on. Callers branch on `.code`, never on `.message`. */
export class PipelineError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C
  readonly params: Params<C>

  constructor(code: C, params: Params<C>, options?: ErrorOptions) {
    super((messages[code] as (p: Params<C>) => string)(params), options)
    this.name = 'PipelineError'
    this.code = code
    this.params = params
  }
}

export const errorCodes = Object.keys(messages) as ErrorCode[]

export function isPipelineError<C extends ErrorCode>(error: unknown, code?: C): error is PipelineError<C> {
  return error instanceof PipelineError && (code === undefined || error.code === code)
}

/** The words of anything thrown, for a log line. */
export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
