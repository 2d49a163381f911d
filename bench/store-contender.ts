// What the store benchmark asks of a store. Another engine joins by implementing this and standing in the list of
// store-compare.ts.

import type { EcsEvent } from '../core/event.ts'
import type { Question } from './store-queries.ts'

export interface Numbered {
  /** Its number, which makes its id and its time. */
  readonly number: number
  readonly timestampMs: number
  readonly event: EcsEvent
}

export interface Contender {
  readonly name: string
  /** What it is: version, settings. */
  readonly about: string
  /** Resolves when the store has taken the events, as its clients count it. Up to `writers` at one time. */
  ingest(events: readonly Numbered[]): Promise<void>
  readonly writers: number
  /** Everything on disk and searchable. */
  flush(): Promise<void>
  /** CPU used up to now, without the making of events; on disk; most ever resident. */
  usage(): Promise<{ readonly cpuMs: number; readonly diskBytes: number; readonly peakRssBytes: number }>
  /** @returns the figure both sides have to agree on; undefined where it has no way to ask */
  ask(question: Question): Promise<number | undefined>
  /** Closes and opens again, so that nothing of its own is cached. @returns how long opening took, ms */
  reopen(): Promise<number>
  close(): Promise<void>
}
