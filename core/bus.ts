// The seam between accept and process: durable, ordered, replayable. bus/ledger on one machine, bus/kafka at scale.

/** A place on the bus. Offsets count records, not batches, and never go back within a partition. */
export interface Position {
  readonly partition: number
  readonly offset: number
}

/** A run of consecutive records of one partition, as they were published. */
export interface Delivery {
  readonly partition: number
  /** Offset of the first record. */
  readonly offset: number
  readonly count: number
  /** The RawBatch (core/raw-batch.ts), in memory of its own: the receiver may transfer it to a worker. */
  readonly batch: Uint8Array<ArrayBuffer>
}

/** Offsets that will never come, half-open. */
export interface Gap {
  readonly partition: number
  readonly from: number
  readonly to: number
  /** A word of the bus's own: retention took them, the disk did. */
  readonly reason: string
}

export interface Bus {
  /**
   * Resolves once the batch survives a crash of this process and a loss of power, with the position of its first
   * record. Concurrent calls share one fsync (group commit) and keep call order. While the disk refuses, it rejects
   * with BUS_FULL and has kept nothing: the caller decides to wait or to refuse its sender.
   * @param batch a RawBatch; owned by the bus until the promise settles
   * @param count records in it
   */
  publish(batch: Uint8Array<ArrayBuffer>, count: number): Promise<Position>

  /**
   * Publish order within a partition, from `from[partition]` (default: the oldest record kept), then live. Slow
   * consumers are read from disk: nothing queues in memory. A batch that straddles the start comes whole: consumers skip
   * what lies before their offset. Ends when the signal aborts or the bus closes.
   * @param onGap told, in its place among the deliveries, what cannot be given any more
   */
  subscribe(from: ReadonlyMap<number, number>, signal: AbortSignal, onGap?: (gap: Gap) => void): AsyncIterable<Delivery>

  /** Per partition an offset before every record that was received at `ms` or later; not far before, where the bus can tell. */
  firstSince(ms: number): ReadonlyMap<number, number>

  /** Remembers that `group` needs nothing before `offset`. Retention never deletes what a group still needs. Idempotent. */
  commit(group: string, partition: number, offset: number): Promise<void>
  committed(group: string): Promise<ReadonlyMap<number, number>>

  /** Per partition: the oldest offset kept and the next one to be given. */
  bounds(): ReadonlyMap<number, { readonly oldest: number; readonly next: number }>

  /** Waits for accepted batches to be durable, ends subscribers. Idempotent. */
  close(): Promise<void>
}
