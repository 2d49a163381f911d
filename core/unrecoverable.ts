// What the store has lost and the bus cannot give again: counted and said, never settled in silence.

import type { Counters } from './counters.ts'
import type { LostRange } from './store.ts'

/** Takes ranges the bus does not have, and counts what of them the store wanted. A range must be told once. */
export function tellUnrecoverable(
  lost: readonly LostRange[],
  counters: Counters,
  say: (line: string) => void = () => {},
): (gone: LostRange) => void {
  return ({ partition, from, to }) => {
    for (const range of lost) {
      if (range.partition !== partition) continue
      const first = Math.max(from, range.from)
      const end = Math.min(to, range.to)
      if (first >= end) continue
      counters.add('store_unrecoverable_records_total', end - first)
      say(
        `records ${first} to ${end - 1} of partition ${partition} were in a damaged segment and the bus has them no more: lost`,
      )
    }
  }
}
