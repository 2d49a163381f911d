// A reader's place in the ledger: gives the next batch still compressed, or the next gap, across segments and damage.

import type { Gap as BusGap } from '../../core/bus.ts'
import { describe, isPipelineError } from '../../core/errors.ts'
import type { Context } from './context.ts'
import { errorCode, type LedgerFile } from './files.ts'
import { type FrameHeader, isBatch } from './frame.ts'
import type { Quarantine } from './quarantine.ts'
import type { Segment, SegmentList } from './segment.ts'
import { type ScannedFrame, SegmentScanner } from './segment-scan.ts'

export const gapReasons = ['deleted', 'damaged', 'missing'] as const
export type GapReason = (typeof gapReasons)[number]

/** `deleted`: retention took them. */
export interface Gap extends BusGap {
  readonly reason: GapReason
}

export interface StoredBatch {
  readonly header: FrameHeader
  /** A copy. */
  readonly payload: Buffer
  readonly segment: Segment
  readonly position: number
}

export type CursorItem = { readonly batch: StoredBatch } | { readonly gap: Gap }

export interface CursorSource {
  readonly ctx: Context
  readonly list: SegmentList
  readonly quarantine: Quarantine
  /** The next offset to be given: what is before and cannot be found is a gap. */
  next(): number
  /** Offsets below were deleted by retention. */
  deletedBelow(): number
}

export class Cursor {
  /** The next offset wanted. */
  expected: number
  readonly #source: CursorSource
  #segment: Segment | undefined
  #file: LedgerFile | undefined
  #scanner: SegmentScanner | undefined
  /** A frame read already, waiting for the gap before it to be told. */
  #held: StoredBatch | undefined
  #damaged = false

  constructor(source: CursorSource, from: number) {
    this.#source = source
    this.expected = from
  }

  /** @returns undefined at the head: nothing more is durable now */
  async next(): Promise<CursorItem | undefined> {
    if (this.#held) {
      const batch = this.#held
      const gap = this.#gapTo(batch.header.first)
      if (gap) return gap
      this.#held = undefined
      return this.#give(batch)
    }
    for (;;) {
      // Read before looking: what becomes durable meanwhile is then found, or asked for again, never taken for a gap.
      const next = this.#source.next()
      if (!(await this.#open())) return this.#gapTo(next)
      const segment = this.#segment as Segment
      const following = this.#source.list.after(segment.first)
      const frame = await this.#nextFrame(segment, following?.first ?? Number.POSITIVE_INFINITY)
      if (typeof frame === 'number') return this.#gapTo(frame)
      if (frame) {
        const { header } = frame
        // A copy: the scanner's memory is used again while the thread pool decompresses.
        const payload = Buffer.from(frame.payload as Buffer)
        const batch = { header, payload, segment, position: frame.position }
        const gap = header.first > this.expected ? this.#gapTo(header.first) : undefined
        if (!gap) return this.#give(batch)
        this.#held = batch
        return gap
      }
      if (!following) return this.#source.list.has(segment) ? this.#gapTo(next) : this.#moved()
      await this.close()
      if (following.first > this.expected) {
        const gap = this.#gapTo(following.first)
        if (gap) return gap
      }
    }
  }

  /** The caller got [expected, offset) elsewhere (the tail cache); reading goes on after it. */
  skipTo(offset: number, segment: Segment | undefined, position: number): void {
    this.expected = offset
    this.#held = undefined
    if (segment && segment === this.#segment && this.#scanner) this.#scanner.position = position
    else if (segment !== this.#segment) this.#drop()
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    this.#scanner = undefined
    this.#segment = undefined
    await file?.close()
  }

  #drop(): void {
    void this.close().catch((error) => {
      this.#source.ctx.counters.add('bus_read_failures_total', 1, { reason: errorCode(error) })
    })
  }

  #give(batch: StoredBatch): CursorItem {
    this.expected = batch.header.first + batch.header.count
    return { batch }
  }

  /** The gap from `expected` to `to`, once; undefined when there is none. */
  #gapTo(to: number): CursorItem | undefined {
    const from = this.expected
    if (to <= from) return undefined
    const deleted = this.#source.deletedBelow()
    // What retention took and what damage took are two gaps, told one after the other.
    const end = from < deleted ? Math.min(to, deleted) : to
    const reason = from < deleted ? 'deleted' : this.#damaged ? 'damaged' : 'missing'
    if (end === to) this.#damaged = false
    this.expected = end
    return { gap: { partition: this.#source.ctx.partition, from, to: end, reason } }
  }

  /** The segment was deleted while it was the newest this reader knew: look again. */
  async #moved(): Promise<CursorItem | undefined> {
    await this.close()
    return this.next()
  }

  /** @returns false when there is no segment at all */
  async #open(): Promise<boolean> {
    while (!this.#scanner) {
      const segment = this.#source.list.holding(this.expected)
      if (!segment) return false
      try {
        this.#file = await this.#source.ctx.files.open(segment.path, 'read')
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error
        // Deleted by retention a moment ago, or by somebody else: then it is gone for every reader.
        this.#source.list.remove(segment)
        continue
      }
      this.#segment = segment
      this.#scanner = new SegmentScanner(this.#file, segment.path, segment.bytes, segment.seek(this.expected))
    }
    return true
  }

  /**
   * @param limit frames at or beyond belong to a write that was refused; the next segment holds what was accepted
   * @returns a frame that reaches `expected`; an offset to which everything is lost; undefined at the segment's end
   */
  async #nextFrame(segment: Segment, limit: number): Promise<ScannedFrame | number | undefined> {
    const scanner = this.#scanner as SegmentScanner
    const wanted = ({ first, count }: FrameHeader) => first + count > this.expected && first + count <= limit
    for (;;) {
      scanner.end = segment.bytes
      const before = scanner.position
      try {
        const item = await scanner.next(wanted)
        if (!item) return undefined
        if (item.kind === 'frame') {
          if (isBatch(item.header)) segment.note(item.header.first, item.position)
          if (item.payload) return item
          continue
        }
        const lost = item.next === undefined || (item.next > this.expected && item.next <= limit)
        if (lost) {
          this.#damaged = true
          await this.#source.quarantine.add(segment, item)
          if (item.next !== undefined) return item.next
        }
      } catch (error) {
        if (isPipelineError(error)) throw error
        // The disk does not give these bytes back. The rest of this segment is lost to us; the next one may be fine.
        const { ctx, quarantine } = this.#source
        ctx.counters.add('bus_read_failures_total', 1, { reason: errorCode(error) })
        this.#damaged = true
        const problem = `cannot be read: ${describe(error)}`
        await quarantine.add(segment, { position: before, bytes: segment.bytes - before, problem })
        scanner.position = segment.bytes
        return undefined
      }
    }
  }
}
