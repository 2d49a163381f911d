// How far event time has come with a batch: the same for the node's workers and for backtests.

import type { SourceCounts } from '../core/accounting.ts'

/** A clock in the future must not make everybody else late: event time may run ahead of receive time by this much. */
const MAX_SKEW_MS = 5 * 60_000

/** @param maxTimestamp greatest event time of the batch's events, -Infinity when there is none */
export function eventClock(maxTimestamp: number, perSource: Readonly<Record<string, SourceCounts>>): number {
  const received = Math.max(...Object.values(perSource).map(({ lastSeen }) => lastSeen))
  return Math.min(maxTimestamp, received + MAX_SKEW_MS)
}
