// The seam to where events are kept and searched: store/segments on one machine, store/elasticsearch at scale.

import type { EcsEvent, Scalar } from './event.ts'
import type { Filter, TimeRange } from './query.ts'

export interface Hit {
  readonly id: string
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly partition: number
  readonly offset: number
  /** Nested ECS; `@timestamp` included as ISO 8601. */
  readonly event: EcsEvent
}

/** Opaque to callers; newest first by (timestamp, partition, offset). */
export type Cursor = string

export interface SearchRequest {
  readonly filter: Filter
  readonly range: TimeRange
  readonly limit: number
  /** Continue after this page. */
  readonly cursor?: Cursor
  /** Default newest first. */
  readonly order?: 'desc' | 'asc'
}

export interface SearchPage {
  readonly hits: readonly Hit[]
  /** Absent on the last page. */
  readonly cursor?: Cursor
  /** Work done: for `query explain` and the UI's foot line. */
  readonly stats: { readonly segments: number; readonly pruned: number; readonly rows: number; readonly tookMs: number }
}

export type Aggregation =
  | { readonly kind: 'count' }
  /** Bars of `intervalMs`, aligned to the epoch, empty bars left out; `by` splits each bar by the field's top 6 values. */
  | { readonly kind: 'histogram'; readonly intervalMs: number; readonly by?: string }
  /** The `size` most frequent values, ties by value ascending. */
  | { readonly kind: 'terms'; readonly field: string; readonly size: number }
  /** Names, share of events that have them, distinct values (capped), per field. */
  | { readonly kind: 'fields' }

export interface AggregateRequest {
  readonly filter: Filter
  readonly range: TimeRange
  readonly aggregation: Aggregation
}

export interface AggregateResult {
  /** Events that matched. */
  readonly total: number
  readonly buckets?: readonly { readonly start: number; readonly count: number; readonly by?: Record<string, number> }[]
  readonly values?: readonly { readonly value: Scalar; readonly count: number }[]
  /** terms: events that matched and lack the field. */
  readonly missing?: number
  readonly fields?: readonly { readonly name: string; readonly type: string; readonly count: number }[]
  readonly tookMs: number
}

export interface AppendResult {
  readonly stored: number
  /** Events whose id is in the store already: counted, not shown twice. */
  readonly duplicates: number
  /** The same per `haetae.source` field of the duplicates, for the completeness ledger. */
  readonly duplicatesBySource?: Readonly<Record<string, number>>
}

export interface TailBatch {
  readonly hits: readonly Hit[]
  /** Matched but left out because the reader was too slow or over the rate cap. Said, never silent. */
  readonly skipped: number
  /** Where to resume: `partition-offset` of the next event per partition. */
  readonly resume: string
}

export interface EventStore {
  /**
   * Makes the events of one delivery searchable; resolves when they are. Called in bus order per partition. Not durable
   * by itself: the bus is the write-ahead log, and `onDurable` tells when it is no longer needed. A second append of the
   * same positions or keys adds nothing.
   * @param batch an EventBatch (core/event-batch.ts); the store takes ownership (it may be transferred)
   * @param next bus offset after the delivery these events came from
   */
  append(batch: Uint8Array<ArrayBuffer>, partition: number, next: number): Promise<AppendResult>

  /** Per partition the offset before which everything is durable here; a restart replays from it. */
  durable(): ReadonlyMap<number, number>
  onDurable(listener: (partition: number, next: number) => void): void

  search(request: SearchRequest, signal?: AbortSignal): Promise<SearchPage>
  aggregate(request: AggregateRequest, signal?: AbortSignal): Promise<AggregateResult>
  get(id: string): Promise<Hit | undefined>
  /** Matching events in arrival order from now on, or from a `resume` of an earlier tail without gap. */
  tail(
    filter: Filter,
    options: { readonly resume?: string; readonly maxPerSecond?: number },
    signal: AbortSignal,
  ): AsyncIterable<TailBatch>

  stats(): Promise<{
    readonly events: number
    readonly bytes: number
    readonly segments: number
    readonly headEvents: number
  }>
  /** Writes what is in memory to disk, now. */
  flush(): Promise<void>
  close(): Promise<void>
}
