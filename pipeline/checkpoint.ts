// What has to be remembered together so that a restart goes on exactly where it stopped: how far the store is durable,
// how far correlation has come and in what state, and the accounting up to there. The bus is told last: it keeps every
// record until all three are past it.

import type { Accounting, AccountingState } from '../core/accounting.ts'
import type { Bus } from '../core/bus.ts'
import type { Counters } from '../core/counters.ts'
import type { Documents } from '../core/documents.ts'

const COLLECTION = 'pipeline'
const GROUP = 'process'

/** Refused records per source and reason, from earlier lives of the process. */
type Refused = Record<string, Record<string, number>>

interface SavedCorrelation {
  readonly upTo: Record<string, number>
  readonly state: unknown
}

export interface Restored {
  readonly accounting: AccountingState | undefined
  readonly refused: Refused
  readonly correlatedUpTo: ReadonlyMap<number, number>
  readonly correlatorState: unknown
}

export async function restoreCheckpoint(documents: Documents): Promise<Restored> {
  const accounting = await documents.get<AccountingState>(COLLECTION, 'accounting')
  const refused = await documents.get<Refused>(COLLECTION, 'refused')
  const correlation = await documents.get<SavedCorrelation>(COLLECTION, 'correlation')
  return {
    accounting: accounting?.value,
    refused: refused?.value ?? {},
    correlatedUpTo: offsets(correlation?.value.upTo ?? {}),
    correlatorState: correlation?.value.state,
  }
}

export interface CheckpointOptions {
  readonly bus: Bus
  readonly documents: Documents
  readonly accounting: Accounting
  readonly counters: Counters
  readonly restored: Restored
  /** State of the correlator and how far it has come, read at one moment. */
  readonly correlation: () => { readonly upTo: ReadonlyMap<number, number>; readonly state: unknown }
}

export interface Checkpoint {
  /** The store is durable before `next`. */
  storeDurable(partition: number, next: number): void
  /** Saves now what changed; concurrent calls share one save. */
  save(): Promise<void>
  refused(): Refused
}

export function openCheckpoint(options: CheckpointOptions): Checkpoint {
  const { bus, documents, accounting, counters, restored } = options
  const durable = new Map<number, number>()
  let saving: Promise<void> | undefined
  let again = false

  function refused(): Refused {
    const totals: Refused = structuredClone(restored.refused)
    for (const { labels, value } of counters.list('ingest_refused_total')) {
      const bySource = (totals[labels['source'] ?? ''] ??= {})
      const reason = labels['reason'] ?? ''
      bySource[reason] = (bySource[reason] ?? 0) + value
    }
    return totals
  }

  async function saveOnce(): Promise<void> {
    const stored = new Map(durable)
    let { state } = accounting
    for (const [partition, next] of stored) state = accounting.durable(partition, next)
    const correlation = options.correlation()
    await documents.putAll([
      { collection: COLLECTION, id: 'accounting', value: state },
      { collection: COLLECTION, id: 'refused', value: refused() },
      {
        collection: COLLECTION,
        id: 'correlation',
        value: { upTo: Object.fromEntries(correlation.upTo), state: correlation.state } satisfies SavedCorrelation,
      },
    ])
    for (const [partition, next] of stored) {
      await bus.commit(GROUP, partition, Math.min(next, correlation.upTo.get(partition) ?? 0))
    }
  }

  const checkpoint: Checkpoint = {
    storeDurable(partition, next) {
      durable.set(partition, next)
    },
    async save() {
      if (saving) {
        again = true
        return saving
      }
      saving = (async () => {
        do {
          again = false
          await saveOnce()
        } while (again)
      })().finally(() => {
        saving = undefined
      })
      return saving
    },
    refused,
  }
  return checkpoint
}

function offsets(saved: Readonly<Record<string, number>>): Map<number, number> {
  return new Map(Object.entries(saved).map(([partition, next]) => [Number(partition), next]))
}
