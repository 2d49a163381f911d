// One segment file as the ledger remembers it, and the short list of them, oldest first.

import { join } from 'node:path'

/** Where a frame begins, noted about every INDEX_EVERY_BYTES, so that a subscriber need not walk a segment's headers. */
export interface IndexEntry {
  readonly first: number
  readonly position: number
}

export const INDEX_EVERY_BYTES = 1024 * 1024

export class Segment {
  /** Offset its first record has, and its name. */
  readonly first: number
  readonly path: string
  /** Durable bytes: readers never look beyond. */
  bytes: number
  /** Offset after its last record, where known. */
  end: number | undefined
  /** Append time of its newest frame, ms since 1970; 0 where unknown. */
  newestMs = 0
  readonly index: IndexEntry[] = []

  constructor(dir: string, first: number, bytes: number, end?: number) {
    this.first = first
    this.path = join(dir, segmentName(first))
    this.bytes = bytes
    this.end = end
  }

  note(first: number, position: number): void {
    const last = this.index[this.index.length - 1]
    if (!last || position >= last.position + INDEX_EVERY_BYTES) this.index.push({ first, position })
  }

  /** A place at or before the frame that holds `offset`. */
  seek(offset: number): number {
    let position = 0
    for (const entry of this.index) {
      if (entry.first > offset) break
      position = entry.position
    }
    return position
  }
}

/** `00000000000000065536.seg`: zero padded, so that names sort as offsets do. */
export function segmentName(first: number): string {
  return `${String(first).padStart(20, '0')}.seg`
}

export function parseSegmentName(name: string): number | undefined {
  if (!/^\d{20}\.seg$/.test(name)) return undefined
  const first = Number(name.slice(0, 20))
  return Number.isSafeInteger(first) ? first : undefined
}

export class SegmentList {
  readonly items: Segment[] = []

  /** Bytes on disk of all segments. */
  get bytes(): number {
    let total = 0
    for (const segment of this.items) total += segment.bytes
    return total
  }

  /** The one that holds `offset`, or the oldest when `offset` is before it. */
  holding(offset: number): Segment | undefined {
    let low = 0
    let high = this.items.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.items[middle] as Segment).first <= offset) low = middle
      else high = middle - 1
    }
    return this.items[low]
  }

  after(first: number): Segment | undefined {
    for (let i = this.items.length - 1; i >= 0; i--) {
      const segment = this.items[i] as Segment
      if (segment.first <= first) return this.items[i + 1]
    }
    return this.items[0]
  }

  has(segment: Segment): boolean {
    return this.items.includes(segment)
  }

  remove(segment: Segment): void {
    const at = this.items.indexOf(segment)
    if (at >= 0) this.items.splice(at, 1)
  }
}
