// What the tail does with the lines of a file: one record each (PlainLines), or joined first (containers/).

import type { Origin } from '../../core/raw-batch.ts'
import { mayBeSplit, splitLine } from './split-line.ts'

export interface Emission {
  readonly origin: Origin
  readonly bytes: Uint8Array
  /** Where its first byte is: together the record's key. */
  readonly fileId: string
  readonly offset: number
  readonly truncated: boolean
  /** Number of the record in its line, from 1; absent for the first and for lines that are one record. */
  readonly part?: number
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
  /**
   * The header that the lines after those taken so far stand under, of a file that has such lines. It is saved with the
   * offset and set again when reading goes on from there: so a line has the same header however often it is read.
   */
  header?: string | undefined
  /** Where the first line of that file is that has been taken, but not been emitted: it must be read again after a crash. */
  heldFrom(fileId: string): number | undefined
}

const HASH = 0x23
const FIELDS = '#Fields:'
/** Some hundred columns; a longer header is no header. */
const MAX_HEADER_BYTES = 4096
/** Headers remembered per file: a server writes the same one at every start. */
const MAX_ORIGINS = 16

/**
 * One record a line, or those of a document that holds many. Lines below a `#Fields:` line (W3C extended logs) say in their origin what
 * their columns are.
 */
export class PlainLines implements LineSink {
  readonly #plain: Origin
  readonly #origins = new Map<string, Origin>()
  readonly #onLeftOut: (count: number) => void
  #origin: Origin

  /** @param onLeftOut told what splitting a document leaves out */
  constructor(origin: Origin, onLeftOut: (count: number) => void = () => {}) {
    this.#onLeftOut = onLeftOut
    this.#plain = this.#origin = origin
  }

  get header(): string | undefined {
    return this.#origin.header
  }

  set header(header: string | undefined) {
    if (header === undefined) {
      this.#origin = this.#plain
      return
    }
    let origin = this.#origins.get(header)
    if (!origin) {
      if (this.#origins.size >= MAX_ORIGINS) this.#origins.clear()
      this.#origins.set(header, (origin = { ...this.#plain, header }))
    }
    this.#origin = origin
  }

  take(line: Buffer, fileId: string, offset: number, truncated: boolean, _nowMs: number, out: Emission[]): void {
    const split = !truncated && mayBeSplit(line) ? splitLine(line) : undefined
    if (split) {
      const origin = this.#origin
      for (const [part, bytes] of split.records.entries())
        out.push({ origin, bytes, fileId, offset, truncated, ...(part > 0 && { part }) })
      if (split.leftOut > 0) this.#onLeftOut(split.leftOut)
    } else out.push({ origin: this.#origin, bytes: line, fileId, offset, truncated })
    if (line[0] === HASH && line.length > FIELDS.length && line.toString('latin1', 0, FIELDS.length) === FIELDS)
      this.header = line.length <= MAX_HEADER_BYTES ? line.toString('utf8') : undefined
  }

  idle(): void {}

  heldFrom(): undefined {
    return undefined
  }
}
