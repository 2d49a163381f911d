// What a damaged segment held comes back from the ledger while the node runs; a start does the same (pump.ts).

import type { Bus, Delivery } from './bus.ts'
import type { Counters } from './counters.ts'
import type { Processed } from './pump.ts'
import type { EventStore } from './store.ts'

export interface RebuildOptions {
  readonly bus: Bus
  readonly store: EventStore
  /** Parsed as at first; nobody correlates it again. */
  readonly process: (delivery: Delivery) => Promise<Processed>
  readonly counters: Counters
  readonly signal: AbortSignal
}

/**
 * Replays every range that the store has lost and the ledger still has. What the ledger has no more is counted.
 * @returns events that are there again
 */
export async function rebuildLost({ bus, store, process, counters, signal }: RebuildOptions): Promise<number> {
  let stored = 0
  for (const { partition, from, to } of store.lost()) {
    const oldest = bus.bounds().get(partition)?.oldest ?? Number.POSITIVE_INFINITY
    const start = Math.max(from, oldest)
    if (start >= to) continue
    counters.add('store_unrecoverable_records_total', start - from)
    for await (const delivery of bus.subscribe(new Map([[partition, start]]), signal)) {
      const next = delivery.offset + delivery.count
      if (delivery.offset < to) {
        const { events } = await process(delivery)
        if (events) stored += (await store.append(events, partition, next)).stored
      }
      if (next >= to) break
    }
  }
  counters.add('store_rebuilt_events_total', stored)
  return stored
}
