// Puts the pieces of split lines together again, per stream, across rotated files of one container.
//
//   piece, piece, last piece  ->  one line in the same format: the first piece's line with all contents joined in its place
//
// A line that was never split is handed on as it is, byte for byte.

import type { Origin } from '../../core/raw-batch.ts'
import type { Emission, LineSink } from '../files/line-sink.ts'
import type { Meter } from '../meter.ts'
import { type ContainerLine, readContainerLine } from './container-line.ts'

export interface JoinOptions {
  /** Longest joined line; of a longer one the first part is kept, marked, and the rest skipped. */
  readonly maxBytes: number
  /** How long a first piece waits for its last one. */
  readonly waitMs: number
}

export interface ContainerOrigins {
  readonly cri: Origin
  readonly docker: Origin
  /** For lines of neither format. */
  readonly other: Origin
}

interface Pending {
  readonly fileId: string
  readonly offset: number
  readonly format: 'cri' | 'docker'
  /** The first line up to its content, and what follows it. */
  readonly before: Buffer
  readonly after: Buffer
  readonly contents: Buffer[]
  bytes: number
  /** Given out already, cut at the limit: what still comes is skipped. */
  given: boolean
  at: number
}

const TAG_P = 0x50
const TAG_F = 0x46

export class JoinLines implements LineSink {
  readonly #origins: ContainerOrigins
  readonly #options: JoinOptions
  readonly #meter: Meter
  readonly #pending = new Map<string, Pending>()

  constructor(origins: ContainerOrigins, options: JoinOptions, meter: Meter) {
    this.#origins = origins
    this.#options = options
    this.#meter = meter
  }

  take(line: Buffer, fileId: string, offset: number, truncated: boolean, nowMs: number, out: Emission[]): void {
    const read = truncated ? undefined : readContainerLine(line)
    if (!read) {
      if (!truncated) this.#meter.count('ingest_container_unreadable_total')
      out.push({ origin: this.#originOf(line), bytes: line, fileId, offset, truncated })
      return
    }
    const pending = this.#pending.get(read.stream)
    if (!pending) {
      if (read.partial) this.#pending.set(read.stream, begin(line, read, fileId, offset, nowMs))
      else out.push({ origin: this.#origins[read.format], bytes: line, fileId, offset, truncated: false })
      return
    }
    this.#append(pending, line.subarray(read.contentStart, read.contentEnd), nowMs, out)
    if (read.partial) return
    this.#pending.delete(read.stream)
    if (!pending.given) this.#give(pending, false, out)
  }

  idle(nowMs: number, out: Emission[]): void {
    for (const [stream, pending] of this.#pending) {
      if (nowMs - pending.at < this.#options.waitMs) continue
      this.#pending.delete(stream)
      if (pending.given) continue
      this.#meter.refused('piece_cut')
      this.#give(pending, false, out)
    }
  }

  heldFrom(fileId: string): number | undefined {
    let from: number | undefined
    for (const pending of this.#pending.values()) {
      if (pending.fileId === fileId && !pending.given) from = Math.min(from ?? pending.offset, pending.offset)
    }
    return from
  }

  #append(pending: Pending, content: Buffer, nowMs: number, out: Emission[]): void {
    pending.at = nowMs
    if (pending.given || content.length === 0) return
    pending.contents.push(Buffer.from(content))
    pending.bytes += content.length
    if (pending.bytes <= this.#options.maxBytes) return
    this.#give(pending, true, out)
    pending.given = true
    pending.contents.length = 0
  }

  #give(pending: Pending, truncated: boolean, out: Emission[]): void {
    const { format, before, after, contents, fileId, offset } = pending
    const content = Buffer.concat(contents)
    const kept = truncated ? content.subarray(0, cutAt(content, this.#options.maxBytes, format)) : content
    const bytes = Buffer.concat([before, kept, after])
    out.push({ origin: this.#origins[format], bytes, fileId, offset, truncated })
  }

  #originOf(line: Buffer): Origin {
    if (line[0] === 0x7b) return this.#origins.docker
    return this.#origins.other
  }
}

function begin(line: Buffer, read: ContainerLine, fileId: string, offset: number, nowMs: number): Pending {
  const before = Buffer.from(line.subarray(0, read.contentStart))
  const after = Buffer.from(line.subarray(read.contentEnd))
  // The joined line is a full one: `P` becomes `F`.
  if (read.format === 'cri') before[before.lastIndexOf(TAG_P)] = TAG_F
  const contents = [Buffer.from(line.subarray(read.contentStart, read.contentEnd))]
  const bytes = contents[0]?.length ?? 0
  return { fileId, offset, format: read.format, before, after, contents, bytes, given: false, at: nowMs }
}

/** Where to cut so that an escape of a JSON string is not cut in two. */
function cutAt(content: Buffer, maxBytes: number, format: 'cri' | 'docker'): number {
  if (format === 'cri' || content.length <= maxBytes) return Math.min(content.length, maxBytes)
  let at = 0
  while (at < maxBytes) {
    const step = content[at] !== 0x5c ? 1 : content[at + 1] === 0x75 ? 6 : 2
    if (at + step > maxBytes) break
    at += step
  }
  return at
}
