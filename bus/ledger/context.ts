// What every part of the ledger is handed: the disk, the clock, the counters and where to stop in crash tests.

import type { Counters } from '../../core/counters.ts'
import type { LedgerFs } from './files.ts'

export interface Context {
  readonly files: LedgerFs
  /** The data folder as the user named it, for messages. */
  readonly root: string
  /** Where segments and journals lie: one folder a partition. */
  readonly dir: string
  readonly partition: number
  readonly now: () => number
  readonly counters: Counters
  /** Crash points by name; tests kill the process (or the simulated disk) here. */
  readonly at: (point: string) => void | Promise<void>
}
