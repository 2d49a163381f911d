// Which records of a batch are read again, in the worker: by receive time and source, and whether the result counts.

import type { SourceCounts } from '../core/accounting.ts'
import { type EcsEvent, getPath } from '../core/event.ts'
import { EventBatchWriter } from '../core/event-batch.ts'
import { RawBatchReader } from '../core/raw-batch.ts'

export interface Selection {
  /** Receive time, ms since 1970, half-open. */
  readonly sinceMs: number
  readonly untilMs: number
  /** As in Origin.source. */
  readonly source?: string
  /** Events that are still unparsed count too. */
  readonly all: boolean
}

/** Writes the events of selected records and counts them; drops the others. */
export class SelectingWriter extends EventBatchWriter {
  readonly #selection: Selection
  #wanted = new Uint8Array(0)
  #first = 0
  #counts = new Map<string, { parsed: number; unparsed: Record<string, number>; lastSeen: number }>()
  /** Whether the last event was written. */
  took = false

  constructor(selection: Selection) {
    super()
    this.#selection = selection
  }

  /** @returns numbers of records that nobody wants: they need not be parsed */
  begin(batch: Uint8Array, offset: number): number[] {
    const { sinceMs, untilMs, source } = this.#selection
    const unwanted: number[] = []
    const reader = new RawBatchReader(batch)
    this.#first = offset
    this.#wanted = new Uint8Array(reader.count)
    this.#counts = new Map()
    while (reader.next()) {
      const { receivedAtMs, origin, index } = reader
      const inTime = receivedAtMs >= sinceMs && receivedAtMs < untilMs
      if (inTime && (source === undefined || origin.source === source)) this.#wanted[index] = 1
      else unwanted.push(index)
    }
    return unwanted
  }

  override write(
    event: EcsEvent,
    timestampMs: number,
    partition: number,
    offset: number,
    source?: string,
    key?: string,
  ): void {
    this.took = false
    if (this.#wanted[offset - this.#first] !== 1) return
    const reason = getPath(event, 'haetae.unparsed')
    const counts = this.#counts.get(source ?? '') ?? { parsed: 0, unparsed: {}, lastSeen: 0 }
    this.#counts.set(source ?? '', counts)
    if (typeof reason === 'string') counts.unparsed[reason] = (counts.unparsed[reason] ?? 0) + 1
    else counts.parsed++
    if (typeof reason === 'string' && !this.#selection.all) return
    this.took = true
    super.write(event, timestampMs, partition, offset, source, key)
  }

  counts(): Record<string, SourceCounts> {
    return Object.fromEntries(this.#counts)
  }
}
