// The seam every input writes to. Acknowledgement and backpressure travel back through here, and only here.

import type { Origin } from './raw-batch.ts'

export interface AddOptions {
  /** The source's own identity of this record; see RawBatchWriter.append. */
  readonly key?: string
  /** RecordFlags. */
  readonly flags?: number
}

export interface Intake {
  /**
   * Takes one record; the bytes are copied before the call returns.
   * @returns settles when the record is durable on the bus. Everything added to one batch shares one promise, so keep
   *   only the last. It stays pending while the disk refuses (the intake retries for ever); it rejects only when the
   *   intake closes before the record was written. Senders that are acknowledged await it; others may ignore it.
   * @throws INTAKE_FULL while `full`: the record was not taken. Look at `full` first; who cannot wait counts the drop.
   */
  add(origin: Origin, receivedAtMs: number, bytes: Uint8Array, options?: AddOptions): Promise<void>

  /** True while more bytes wait for the bus than the limit: senders that can wait are paused, others are refused. */
  readonly full: boolean

  /** Resolves when there is room; at once if there is. Rejects when the signal aborts. */
  room(signal?: AbortSignal): Promise<void>
}
