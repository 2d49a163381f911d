// The segment being written: appends whole groups of frames, and takes a group back when the disk refuses it.

import { basename, join } from 'node:path'
import type { Context } from './context.ts'
import { errorCode, type LedgerFile, unlinkIfThere, writeAll } from './files.ts'
import { encodeSign, FRAME_HEADER, FrameKind } from './frame.ts'
import { Segment, segmentName } from './segment.ts'

export class SegmentWriter {
  readonly segment: Segment
  readonly salt: Buffer
  readonly createdMs: number
  readonly #ctx: Context
  readonly #file: LedgerFile
  /** False after a failure that leaves the file's state in doubt: write no more, open another segment. */
  #usable = true
  /** Whether the last durable frame is a mark. */
  #marked: boolean

  constructor(
    ctx: Context,
    file: LedgerFile,
    segment: Segment,
    state: { salt: Buffer; createdMs: number; marked: boolean },
  ) {
    this.#ctx = ctx
    this.#file = file
    this.segment = segment
    this.salt = state.salt
    this.createdMs = state.createdMs
    this.#marked = state.marked
  }

  /** Makes the file with its head frame; durable, also in the folder, when it resolves. */
  static async create(ctx: Context, first: number, chain: Buffer, salt: Buffer): Promise<SegmentWriter> {
    const path = join(ctx.dir, segmentName(first))
    await unlinkIfThere(ctx.files, path) // holds no durable record: otherwise `first` would lie behind it
    const file = await ctx.files.open(path, 'create')
    const appendedMs = ctx.now()
    try {
      await ctx.at('segment.created')
      const head = encodeSign(FrameKind.head, {
        partition: ctx.partition,
        salt,
        first,
        writeStart: 0,
        appendedMs,
        chain,
      })
      await writeAll(file, [head], 0)
      await ctx.at('segment.headed')
      await file.datasync()
      await ctx.files.syncDir(ctx.dir)
      ctx.counters.add('bus_fsync_total', 2)
    } catch (error) {
      await file.close().catch(() => undefined) // the first error is the one to tell
      await unlinkIfThere(ctx.files, path).catch(() => undefined) // a leftover head is removed at the next open
      throw error
    }
    const segment = new Segment(ctx.dir, first, FRAME_HEADER, first)
    segment.newestMs = appendedMs
    return new SegmentWriter(ctx, file, segment, { salt, createdMs: appendedMs, marked: false })
  }

  get usable(): boolean {
    return this.#usable
  }

  /** Whether it holds a durable record. */
  get hasRecords(): boolean {
    return (this.segment.end ?? 0) > this.segment.first
  }

  /**
   * One write and one fdatasync for all of it. When it rejects, nothing of it was kept; look at `usable`.
   * @param frames whole frames, headers carrying `segment.bytes` as writeStart
   */
  async append(frames: readonly Uint8Array[], bytes: number, end: number, appendedMs: number): Promise<void> {
    const start = this.segment.bytes
    let synced = false
    try {
      await writeAll(this.#file, frames, start)
      await this.#ctx.at('append.written')
      synced = true
      await this.#file.datasync()
      this.#ctx.counters.add('bus_fsync_total')
      await this.#ctx.at('append.synced')
    } catch (error) {
      // After a failed fdatasync the kernel may have marked the lost pages clean: a second one would succeed for
      // nothing. EIO on a write says the same of the file. Only "no room" leaves it trustworthy.
      const code = errorCode(error)
      if (synced || (code !== 'ENOSPC' && code !== 'EDQUOT')) this.#usable = false
      await this.#file.truncate(start).catch(() => {
        this.#usable = false
      })
      throw error
    }
    this.segment.bytes = start + bytes
    this.segment.end = end
    this.segment.newestMs = appendedMs
    this.#marked = false
  }

  /** Writes the mark that lets the next open trust the file without reading it. Does nothing after a mark. */
  async mark(chain: Buffer): Promise<void> {
    if (this.#marked || !this.#usable) return
    const appendedMs = this.segment.newestMs // retention by age goes by records, not by when the file was sealed
    const end = this.segment.end as number
    const mark = encodeSign(FrameKind.mark, {
      partition: this.#ctx.partition,
      salt: this.salt,
      first: end,
      writeStart: this.segment.bytes,
      appendedMs,
      chain,
    })
    await this.append([mark], mark.length, end, appendedMs)
    this.#marked = true
    await this.#ctx.at('segment.marked')
  }

  async close(): Promise<void> {
    this.#usable = false
    await this.#file.close()
  }

  get name(): string {
    return basename(this.segment.path)
  }
}
