// What a damaged segment held comes back from the ledger while the node runs; a start does the same (pump.ts).

import type { Bus, Delivery, Gap } from './bus.ts'
import type { Counters } from './counters.ts'
import { EventBatchWriter } from './event-batch.ts'
import type { Processed } from './pump.ts'
import type { EventStore } from './store.ts'
import { tellUnrecoverable } from './unrecoverable.ts'

export interface RebuildOptions {
  readonly bus: Bus
  readonly store: EventStore
  /** Parsed as at first; nobody correlates it again. */
  readonly process: (delivery: Delivery) => Promise<Processed>
  readonly counters: Counters
  readonly signal: AbortSignal
  readonly say?: (line: string) => void
}

/**
 * Replays every range that the store has lost and the bus still has. What the bus has no more is counted and said, and the
 * store told to want it no longer.
 * @returns events that are there again
 */
export async function rebuildLost({ bus, store, process, counters, signal, say }: RebuildOptions): Promise<number> {
  let stored = 0
  for (const range of store.lost()) {
    const { partition, from, to } = range
    const oldest = bus.bounds().get(partition)?.oldest
    if (oldest === undefined) continue // another process reads that partition
    const gone = tellUnrecoverable([range], counters, say)
    const start = Math.max(from, oldest)
    gone({ partition, from, to: start })
    const ended = new AbortController()
    const onGap = (gap: Gap) => {
      gone(gap)
      if (gap.to >= to) ended.abort() // nothing follows that we would wait for
    }
    if (start >= to) ended.abort()
    const both = AbortSignal.any([signal, ended.signal])
    for await (const delivery of bus.subscribe(new Map([[partition, start]]), both, onGap)) {
      const next = delivery.offset + delivery.count
      if (delivery.offset < to) {
        const { events } = await process(delivery)
        if (events) stored += (await store.append(events, partition, next)).stored
      }
      if (next >= to) break
    }
    if (ended.signal.aborted) await store.append(new EventBatchWriter().finish(), partition, to)
  }
  counters.add('store_rebuilt_events_total', stored)
  return stored
}
