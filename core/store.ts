// The seam to where events are kept and searched: store/segments on one machine, store/elasticsearch at scale.

import type { EcsEvent, Scalar } from './event.ts'
import type { Filter, GroupKey, Measure, TimeRange } from './query.ts'

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
  /**
   * Names and how many events have them, per field. With `values`, more about the newest events that match, that many at
   * most: the most frequent values (ties by value ascending), smallest and largest.
   */
  | { readonly kind: 'fields'; readonly values?: { readonly top: number; readonly events: number } }
  /** Figures a group: the `stats` of core/query.ts. */
  | {
      readonly kind: 'stats'
      readonly of: readonly Measure[]
      readonly by: readonly GroupKey[]
      /** First by these (key or figure by its place, null last), then by the keys ascending. */
      readonly sort?: readonly { readonly column: number; readonly descending: boolean }[]
      /** Groups in the answer. */
      readonly limit: number
      /** Leaves out the groups that lack a key. */
      readonly whole?: boolean
    }

export interface AggregateRequest {
  readonly filter: Filter
  readonly range: TimeRange
  readonly aggregation: Aggregation
}

export interface FieldCount {
  readonly name: string
  readonly type: string
  readonly count: number
  /** Of the events looked at, absent where the field's values are too many or too long to count. */
  readonly values?: readonly { readonly value: Scalar; readonly count: number }[]
  readonly distinct?: number
  readonly min?: Scalar
  readonly max?: Scalar
}

export interface AggregateResult {
  /** Events that matched. */
  readonly total: number
  readonly buckets?: readonly { readonly start: number; readonly count: number; readonly by?: Record<string, number> }[]
  readonly values?: readonly { readonly value: Scalar; readonly count: number }[]
  /** terms: events that matched and lack the field. */
  readonly missing?: number
  readonly fields?: readonly FieldCount[]
  /** fields with values: how many events the values are of. */
  readonly looked?: number
  /** stats: keys, then figures. Without keys one row, whatever matched. */
  readonly rows?: readonly (readonly (Scalar | null)[])[]
  /** stats: groups there are. */
  readonly groups?: number
  readonly tookMs: number
  /** Work done, where the store tells. */
  readonly stats?: { readonly segments: number; readonly pruned: number; readonly rows: number }
}

export interface AppendResult {
  readonly stored: number
  /** Events whose key is in the store already, from another bus position: counted, not shown twice. */
  readonly duplicates: number
  /** The same per `haetae.source` field of the duplicates, for the completeness ledger. */
  readonly duplicatesBySource?: Readonly<Record<string, number>>
  /** Events whose bus position is in the store already: a restart brought them again, nobody sent them twice. */
  readonly replayed: number
}

export interface ReplaceOptions {
  /** Only stored events that match change. */
  readonly when?: Filter
  /** Fields whose change alone is no change: clocks, nonces. */
  readonly ignore?: readonly string[]
}

export interface ReplaceResult {
  readonly replaced: number
  /** Ids that are not in the store, and keys that are from another bus position (copies); they are not added. */
  readonly unknown: number
  /** Stored events that `when` leaves alone. */
  readonly skipped: number
  /** Stored events that say the same already. */
  readonly unchanged: number
  /** Of the replaced. */
  readonly ids: readonly string[]
  /** Source -> reason (`haetae.unparsed`, '' where parsed) -> how many more or fewer there are now; sums to 0 a source. */
  readonly moved: ReadonlyMap<string, ReadonlyMap<string, number>>
}

export interface RetireOptions {
  /** Beyond this the oldest goes too, whatever its age. */
  readonly maxBytes?: number
  /** Events that any of these wants stay, whatever their age, until they are asked for no more. */
  readonly hold?: readonly Filter[]
}

/** Offsets that were stored once and are not any more. */
export interface LostRange {
  readonly partition: number
  readonly from: number
  readonly to: number
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
  /** What `append` wants again from the bus although it was durable once: `durable()` stands before it. */
  lost(): readonly LostRange[]

  /**
   * Events of the batch take the place of stored ones with the same id (of several with one id, the last). Resolves when
   * that is durable; after a crash before, each id has its old version or its new one, never both or none. Searches,
   * counts, `get` and tails see the newest version alone; a tail that has shown an event does not show it again. Leaves
   * `durable()` and replay alone: a replayed event does not bring its old version back.
   * @param batch as for append, the store takes ownership; events should be near each other in bus order and time
   */
  replace(batch: Uint8Array<ArrayBuffer>, options?: ReplaceOptions): Promise<ReplaceResult>

  /** Deletes what is older as a whole; may keep an event longer, never shorter. Neither lost nor replayed. */
  retire(
    beforeMs: number,
    options?: RetireOptions,
  ): Promise<{ readonly segments: number; readonly events: number; readonly held?: number }>

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
