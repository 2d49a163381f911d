// All records of one request into the intake, answered only when they are durable.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { isPipelineError } from '../../core/errors.ts'
import type { AddOptions, Intake } from '../../core/intake.ts'
import type { Origin } from '../../core/raw-batch.ts'
import type { Meter } from '../meter.ts'
import { HttpRefusal } from './refusal.ts'

export interface RequestRecord {
  readonly bytes: Uint8Array
  readonly options?: AddOptions
}

/** About 2 ms of work, so that other inputs are heard in between. */
const RECORDS_PER_TURN = 1000

/**
 * Refuses before the first record when there is no room. When room runs out on the way it waits, up to the deadline.
 * @throws HttpRefusal intake_full: nothing was taken. durable_timeout or intake_closed: some or all may be stored yet;
 *   a sender that repeats the request with the same Idempotency-Key has each record once, one without may have it twice
 */
export async function handOver(
  intake: Intake,
  meter: Meter,
  origin: Origin,
  nowMs: number,
  records: readonly RequestRecord[],
  timeoutMs: number,
): Promise<void> {
  if (intake.full) throw new HttpRefusal('intake_full', 'the disk is behind; nothing was taken, try again')
  const abort = new AbortController()
  const deadline = Promise.withResolvers<never>()
  deadline.promise.catch(() => {}) // looked at below, or not needed any more
  const timer = setTimeout(() => {
    deadline.reject(new HttpRefusal('durable_timeout', `not durable within ${timeoutMs} ms; try again`))
    abort.abort()
  }, timeoutMs)
  try {
    const durable = addAll(intake, meter, origin, nowMs, records, abort.signal)
    durable.catch(() => {}) // the deadline may have been answered first
    await Promise.race([durable, deadline.promise])
  } catch (error) {
    if (isPipelineError(error)) throw new HttpRefusal('intake_closed', 'the node is closing; try again')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function addAll(
  intake: Intake,
  meter: Meter,
  origin: Origin,
  nowMs: number,
  records: readonly RequestRecord[],
  signal: AbortSignal,
): Promise<void> {
  const batches: Promise<void>[] = []
  for (let i = 0; i < records.length; i++) {
    if (i % RECORDS_PER_TURN === RECORDS_PER_TURN - 1) await nextTurn()
    while (intake.full) await intake.room(signal)
    if (signal.aborted) return
    const { bytes, options } = records[i] as RequestRecord
    const durable = intake.add(origin, nowMs, bytes, options)
    if (durable !== batches.at(-1)) {
      durable.catch(() => {}) // awaited below, together with the others
      batches.push(durable)
    }
    meter.taken(bytes.length)
  }
  await Promise.all(batches)
}
