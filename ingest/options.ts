// What every input is given.

import type { Counters } from '../core/counters.ts'
import type { Intake } from '../core/intake.ts'

export interface InputOptions {
  readonly intake: Intake
  readonly counters: Counters
  /** ms since 1970. */
  readonly now: () => number
  /** One line for the operator's log. Default: stays silent (counters and status tell the same). */
  readonly warn?: (message: string) => void
}
