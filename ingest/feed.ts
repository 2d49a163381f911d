// How a source that awaits no acknowledgement hands records over: never throws, and counts what the intake gave back.

import { isPipelineError } from '../core/errors.ts'
import type { AddOptions, Intake } from '../core/intake.ts'
import { type Origin, RecordFlags } from '../core/raw-batch.ts'
import type { Meter } from './meter.ts'

const TRUNCATED: AddOptions = { flags: RecordFlags.truncated }

export class Feed {
  readonly #intake: Intake
  readonly #meter: Meter
  /** The promise of the batch being filled, and how many of our records are in it. */
  #batch: Promise<void> | undefined
  #inBatch = { records: 0 }

  constructor(intake: Intake, meter: Meter) {
    this.#intake = intake
    this.#meter = meter
  }

  get full(): boolean {
    return this.#intake.full
  }

  /** @returns false when the record was not taken; it is counted then */
  add(origin: Origin, nowMs: number, bytes: Uint8Array, truncated = false): boolean {
    let durable: Promise<void>
    try {
      durable = truncated ? this.#intake.add(origin, nowMs, bytes, TRUNCATED) : this.#intake.add(origin, nowMs, bytes)
    } catch (error) {
      this.#meter.refused(isPipelineError(error, 'INTAKE_FULL') ? 'intake_full' : 'intake_failed')
      return false
    }
    if (durable !== this.#batch) this.#watch(durable)
    this.#inBatch.records++
    this.#meter.taken(bytes.length)
    if (truncated) this.#meter.truncated()
    return true
  }

  /** One handler a batch, not one a record: all records of a batch share one promise. */
  #watch(durable: Promise<void>): void {
    const inBatch = { records: 0 }
    this.#batch = durable
    this.#inBatch = inBatch
    durable.catch(() => this.#meter.refused('intake_closed', inBatch.records))
  }
}
