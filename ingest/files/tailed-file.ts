// One file being followed: where we are in it, and how we notice that it is not the same any more.
//
//   [.............already handed over..............|.....unread.....]
//                                    [last 256 bytes|               ]  one read: the bytes before the offset come along,
//                                                                      and must be those we remember
//
// A file that shrank below the offset was truncated. One that was truncated and has grown past the offset again has other
// bytes before it. What a writer truncates between our last read and the truncation is gone: with `copytruncate` that
// window cannot be closed from the original alone, but when the copy is matched too, it is read on from the same offset.

import type { FileHandle } from 'node:fs/promises'
import { HEAD_BYTES, type KnownFile, print, TAIL_BYTES } from './file-state.ts'
import type { LineSink } from './line-sink.ts'

const LF = 0x0a
const CR = 0x0d

interface Checkpoint {
  readonly offset: number
  readonly skipping: boolean
  readonly last: Buffer
  readonly header: string | undefined
  durable: boolean
}

/** What a read found. `lines`: there may be more at once. */
export type ReadOutcome = 'lines' | 'end' | 'partial' | 'replaced'

export type TakeLine = (line: Buffer, offset: number, truncated: boolean) => Promise<void>

export class TailedFile {
  known: KnownFile
  readonly sink: LineSink
  /** Files of one lane are read one after the other, oldest first. */
  readonly lane: string
  handle: FileHandle | undefined
  /** Next byte to read. */
  offset: number
  skipping: boolean
  /** Size at the last look. */
  size = 0
  /** ms when it was no longer at any matched path; undefined while it is. */
  orphanSince: number | undefined
  /** ms of the last read that found something. */
  activeAt: number
  #last: Buffer
  /** What is being split: bytes of the file from `start` on. */
  #window: { readonly bytes: Buffer; readonly start: number } | undefined
  #partialAt = -1
  /** Time of change of the file at the last look; undefined when that was too fresh to mean anything. */
  #seenAt: number | undefined
  #checkpoints: Checkpoint[] = []
  #checkpointed: number
  #waits: Promise<void>[] = []

  constructor(known: KnownFile, sink: LineSink, lane: string, handle: FileHandle, last: Buffer, nowMs: number) {
    this.known = known
    this.sink = sink
    this.lane = lane
    this.handle = handle
    this.offset = this.#checkpointed = known.offset
    this.skipping = known.skipping
    sink.header = known.header
    this.activeAt = nowMs
    this.#last = last
  }

  /** Starts again at 0 under another identity. */
  startOver(known: KnownFile): void {
    this.known = known
    this.offset = this.#checkpointed = 0
    this.skipping = false
    this.sink.header = undefined
    this.size = 0
    this.#last = Buffer.alloc(0)
    this.#partialAt = -1
    this.#checkpoints = []
    this.#waits = []
  }

  /** Reads at most one buffer. @param flush hand over a last line that has no newline: the file is finished */
  async read(
    buffer: Buffer,
    maxLineBytes: number,
    flush: boolean,
    nowMs: number,
    take: TakeLine,
  ): Promise<ReadOutcome> {
    const handle = this.handle as FileHandle
    const { size, mtimeMs } = await handle.stat()
    if (size < this.offset) return 'replaced'
    this.size = size
    const waiting = size === this.offset || (size === this.#partialAt && !flush)
    if (waiting && mtimeMs === this.#seenAt) return size === this.offset ? 'end' : 'partial'
    // The clock of the file system ticks every 4 ms or so: a time that fresh may still stand for another change.
    this.#seenAt = nowMs - mtimeMs > 100 ? mtimeMs : undefined
    const back = this.#last.length
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, this.offset - back)
    if (bytesRead < back || this.#last.compare(buffer, 0, back) !== 0) return 'replaced'
    if (bytesRead === back) return 'end'
    await this.#learnHead(handle) // now: nothing is handed over of a file that could not be told from another later
    const from = this.offset
    this.#window = { bytes: buffer.subarray(0, bytesRead), start: from - back }
    try {
      await this.#split(buffer.subarray(back, bytesRead), maxLineBytes, flush && from + bytesRead - back >= size, take)
    } finally {
      // Also when take() was interrupted by close(): the offset and the bytes before it must agree in the saved state.
      this.#last = this.#bytesSoFar()
      this.#window = undefined
    }
    if (this.offset === from) {
      this.#partialAt = size
      return 'partial'
    }
    return 'lines'
  }

  /** The file is not the one we have been reading: shorter than the offset, or with other bytes before it. */
  async isReplaced(): Promise<boolean> {
    const handle = this.handle as FileHandle
    const { size } = await handle.stat()
    if (size < this.offset) return true
    const last = this.#bytesSoFar()
    const before = Buffer.alloc(last.length)
    await handle.read(before, 0, before.length, this.offset - before.length)
    return !before.equals(last)
  }

  /** A record of this file was handed over; its promise goes into the next checkpoint. */
  given(durable: Promise<void>): void {
    if (this.#waits.at(-1) !== durable) this.#waits.push(durable)
  }

  /** From here on a crash need not go back further, once everything given so far is durable. */
  async checkpoint(changed: () => void): Promise<void> {
    const offset = this.sink.heldFrom(this.known.id) ?? this.offset
    if (offset === this.#checkpointed && this.#waits.length === 0) return
    const last = offset === this.offset ? this.#last : await this.#bytesBefore(offset)
    const checkpoint: Checkpoint = {
      offset,
      skipping: offset === this.offset && this.skipping,
      last: Buffer.from(last),
      header: this.sink.header,
      durable: false,
    }
    this.#checkpointed = offset
    this.#checkpoints.push(checkpoint)
    const { known } = this
    const waits = this.#waits
    this.#waits = []
    Promise.all(waits).then(
      () => {
        checkpoint.durable = true
        if (known === this.known) this.#advance()
        changed()
      },
      () => {}, // the intake closed: the offset stays, and these lines are read again
    )
  }

  /** Nothing that was handed over is waiting for the disk. */
  get settled(): boolean {
    return this.#checkpoints.length === 0 && this.#waits.length === 0
  }

  /** Learns the beginning of the file until that is long enough to know it by. */
  async #learnHead(handle: FileHandle): Promise<void> {
    const { known } = this
    const bytes = Math.min(HEAD_BYTES, this.size)
    if (known.headBytes >= bytes) return
    const head = Buffer.alloc(bytes)
    const { bytesRead } = await handle.read(head, 0, bytes, 0)
    if (bytesRead < bytes) return
    known.head = print(head)
    known.headBytes = bytes
  }

  /** The bytes before the offset. */
  #bytesSoFar(): Buffer {
    if (!this.#window) return this.#last
    const used = this.offset - this.#window.start
    return Buffer.from(this.#window.bytes.subarray(Math.max(0, used - TAIL_BYTES), used))
  }

  #advance(): void {
    while (this.#checkpoints[0]?.durable) {
      const { offset, skipping, last, header } = this.#checkpoints.shift() as Checkpoint
      Object.assign(this.known, { offset, skipping, tail: print(last), tailBytes: last.length, header })
    }
  }

  async #bytesBefore(offset: number): Promise<Buffer> {
    const bytes = Math.min(TAIL_BYTES, offset)
    const before = Buffer.alloc(bytes)
    if (this.handle) await this.handle.read(before, 0, bytes, offset - bytes)
    return before
  }

  async #split(data: Buffer, maxLineBytes: number, flush: boolean, take: TakeLine): Promise<void> {
    let at = 0
    while (at < data.length) {
      const lf = data.indexOf(LF, at)
      const end = lf === -1 ? data.length : lf
      const next = lf === -1 ? data.length : lf + 1
      const over = end - at > maxLineBytes + 1
      // No end in sight: wait for it, unless it never comes or the line is over the limit already.
      if (lf === -1 && !this.skipping && !over && !flush) return
      if (!this.skipping) await this.#takeLine(data.subarray(at, end), maxLineBytes, take)
      this.skipping = lf === -1 && !flush
      this.offset += next - at
      at = next
    }
  }

  async #takeLine(line: Buffer, maxLineBytes: number, take: TakeLine): Promise<void> {
    const end = line.length > 0 && line[line.length - 1] === CR ? line.length - 1 : line.length
    if (end === 0) return
    if (end > maxLineBytes) await take(line.subarray(0, maxLineBytes), this.offset, true)
    else await take(line.subarray(0, end), this.offset, false)
  }
}
