// The seam of the parse stage: a raw record in, an ECS event out. Always one for one.

import type { EcsEvent } from './event.ts'
import type { Origin } from './raw-batch.ts'

export interface ParseInput {
  /** The line as it came; a view that is valid during the call only. */
  readonly bytes: Buffer
  readonly origin: Origin
  readonly receivedAtMs: number
  readonly flags: number
}

export interface Parsed {
  /** Nested ECS. Has at least `@timestamp`, `event.original`, `event.dataset`, `event.kind`, `ecs.version`. */
  readonly event: EcsEvent
  /** Event time, ms since 1970; equals `@timestamp`. */
  readonly timestamp: number
  /** Why no pack knew the line (a closed set, see docs/packs.md); the event is kept, `event.kind: pipeline_error`. */
  readonly unparsed?: string
}

/** Never throws for any bytes; what cannot be parsed is kept with its reason. */
export interface Parser {
  parse(input: ParseInput): Parsed
}
