// Rows that a newer version of their event has replaced: a bit a row address (block * 4096 + row), a bitmap a segment.
// Said by the segment that holds the newer versions, or, for a first version that came back by replay, by the segment of
// that one: so what is said goes when what it is about goes.

import type { Sealed } from './sealed.ts'
import { BLOCK_ROWS, MAX_BLOCKS } from './view.ts'

export type Bits = Uint8Array

/** Rows of segment `in` are void while segment `by` is there. */
export interface Supersede {
  readonly in: number
  readonly by: number
  readonly rows: Bits
}

const BLOCK_BYTES = BLOCK_ROWS / 8

export const newBits = (): Bits => new Uint8Array(BLOCK_BYTES * MAX_BLOCKS)

export function setBit(bits: Bits, address: number): void {
  bits[address >>> 3]! |= 1 << (address & 7)
}

export function hasBit(bits: Bits | undefined, address: number): boolean {
  return bits !== undefined && (((bits[address >>> 3] ?? 0) >>> (address & 7)) & 1) === 1
}

export function countBits(bits: Bits | undefined): number {
  let count = 0
  if (bits) for (let byte of bits) for (; byte !== 0; byte &= byte - 1) count++
  return count
}

/** Clears in `rows` (one byte a row of the block) those that are hidden. */
export function clearHidden(bits: Bits, block: number, rows: Uint8Array): void {
  const first = block * BLOCK_BYTES
  for (let i = 0; i < rows.length; i += 8) {
    const byte = bits[first + (i >>> 3)] ?? 0
    if (byte === 0) continue
    for (let k = 0; k < 8; k++) if ((byte >>> k) & 1 && i + k < rows.length) rows[i + k] = 0
  }
}

/** The bitmaps in force. They are copied before they change, so that a running query keeps the ones it began with. */
export class Hidden {
  #bits = new Map<number, Bits>()
  /** By segment in memory: rows that came back by replay, and the segments of their newer versions. */
  readonly #born = new Map<number, Map<number, Bits>>()

  of(sequence: number): Bits | undefined {
    return this.#bits.get(sequence)
  }

  count(sequence: number): number {
    return countBits(this.#bits.get(sequence))
  }

  add(all: readonly Supersede[]): void {
    const grown = new Map(this.#bits)
    for (const { in: sequence, rows } of all) {
      const bits = newBits()
      const old = this.#bits.get(sequence)
      for (let i = 0; i < bits.length; i++) bits[i] = (old?.[i] ?? 0) | (rows[i] ?? 0)
      grown.set(sequence, bits)
      this.#bits = grown
    }
  }

  /** The row about to be added to a head is an old version. A query that runs has not seen the row: no copy is needed. */
  bear(sequence: number, address: number, by: readonly number[]): void {
    const born = this.#born.get(sequence) ?? new Map<number, Bits>()
    this.#born.set(sequence, born)
    for (const one of by) {
      const bits = born.get(one) ?? newBits()
      born.set(one, bits)
      setBit(bits, address)
    }
    const bits = this.#bits.get(sequence) ?? newBits()
    this.#bits.set(sequence, bits)
    setBit(bits, address)
  }

  /** What the file of this head has to say. */
  bornIn(sequence: number): Supersede[] {
    return [...(this.#born.get(sequence) ?? [])].map(([by, rows]) => ({ in: sequence, by, rows }))
  }

  /** Segments whose rows are the newer versions of rows in memory. */
  bornBy(): Set<number> {
    return new Set([...this.#born.values()].flatMap((byOne) => [...byOne.keys()]))
  }

  /** Its file says it now. */
  sealed(sequence: number): void {
    this.#born.delete(sequence)
  }

  /** The segment is gone. */
  forget(sequence: number): void {
    this.#bits.delete(sequence)
  }

  /** From what the segments say that are there now. @throws SEGMENT_CORRUPT, having changed nothing */
  rebuild(segments: readonly Sealed[]): void {
    const there = new Set(segments.map(({ sequence }) => sequence))
    const said = segments.flatMap((segment) => segment.supersedes())
    for (const sequence of this.#born.keys()) {
      there.add(sequence)
      said.push(...this.bornIn(sequence))
    }
    this.#bits = new Map()
    this.add(said.filter((one) => there.has(one.in) && there.has(one.by)))
  }
}

/**
 * Segments that may be deleted: of the old ones, those that hide no row of one that stays. A newer version goes no sooner
 * than the version it replaced, or that one would be seen again.
 * @param needed by what is in memory
 */
export function deletable(segments: readonly Sealed[], old: readonly Sealed[], needed: ReadonlySet<number>): Sealed[] {
  const pairs = segments.flatMap(({ summary }) => summary.supersedes ?? [])
  const staying = new Set(segments.filter((segment) => !old.includes(segment)).map(({ sequence }) => sequence))
  for (const sequence of needed) staying.add(sequence)
  for (let before = -1; before !== staying.size; ) {
    before = staying.size
    for (const pair of pairs) if (staying.has(pair.in)) staying.add(pair.by)
  }
  return old.filter(({ sequence }) => !staying.has(sequence))
}
