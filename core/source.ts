// The seam of an input that runs by itself (listeners, tails). HTTP inputs are routes of the one HTTP server instead.

export interface SourceStatus {
  /** As in Origin.source. */
  readonly source: string
  readonly kind: string
  /** Where it listens or what it reads, for people. */
  readonly where: string
  readonly state: 'running' | 'waiting' | 'failed'
  readonly detail?: string
}

export interface Source {
  status(): SourceStatus[]
  /** Stops taking; records taken already are with the intake. Idempotent. */
  close(): Promise<void>
}

// Counters every input keeps, with label `source`:
//   ingest_records_total            records handed to the intake
//   ingest_bytes_total              their bytes
//   ingest_refused_total{reason}    what we did not take: whole records or connections, by a closed set of reasons
//                                   (docs/metrics.md lists them)
