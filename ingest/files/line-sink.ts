// What the tail does with the lines of a file: one record each (PlainLines), or joined first (containers/).

import type { Origin } from '../../core/raw-batch.ts'

export interface Emission {
  readonly origin: Origin
  readonly bytes: Uint8Array
  /** Where its first byte is: together the record's key. */
  readonly fileId: string
  readonly offset: number
  readonly truncated: boolean
}

export interface LineSink {
  /**
   * One line, without LF or CRLF. Records that are complete now are pushed to `out`.
   * @param line valid until everything in `out` has been handed over
   * @param fileId with `offset` (of the line's first byte) the identity of the line
   */
  take(line: Buffer, fileId: string, offset: number, truncated: boolean, nowMs: number, out: Emission[]): void
  /** Called when there is nothing more to read for now: what has waited too long for its rest goes to `out`. */
  idle(nowMs: number, out: Emission[]): void
  /** Where the first line of that file is that has been taken, but not been emitted: it must be read again after a crash. */
  heldFrom(fileId: string): number | undefined
}

export class PlainLines implements LineSink {
  readonly #origin: Origin

  constructor(origin: Origin) {
    this.#origin = origin
  }

  take(line: Buffer, fileId: string, offset: number, truncated: boolean, _nowMs: number, out: Emission[]): void {
    out.push({ origin: this.#origin, bytes: line, fileId, offset, truncated })
  }

  idle(): void {}

  heldFrom(): undefined {
    return undefined
  }
}
