// The shape of a row: which columns it has values in, in the order of the event, and which of them stand in an array.
// Rows of one log format share few shapes, so presence, order, types and arrays cost a row one small id.
//
//   shape    u32 a value: column << 1 | inArray        e.g. [host.name, tags[], tags[], message]
//   block    row r -> shape id; column c's values in the block lie densely one after the other, so the place of row r's
//            first value is the sum of countsFor(c) over the rows before it

import { growUint32 } from './dictionary.ts'

export class ShapeTable {
  /** Shape s is entries[starts[s] .. starts[s + 1]). */
  entries: Uint32Array
  starts: Uint32Array
  count: number
  #table = new Int32Array(64).fill(-1)
  #hashes = new Int32Array(32)
  readonly #once = new Map<number, { upTo: number; once: boolean }>()
  readonly #counts = new Map<number, { upTo: number; counts: Uint32Array }>()

  constructor(entries: Uint32Array = new Uint32Array(256), starts: Uint32Array = new Uint32Array(16), count = 0) {
    this.entries = entries
    this.starts = starts
    this.count = count
  }

  get heldBytes(): number {
    let bytes = this.entries.byteLength + this.starts.byteLength + this.#table.byteLength + this.#hashes.byteLength
    for (const { counts } of this.#counts.values()) bytes += counts.byteLength
    return bytes
  }

  /** The id of this sequence of values, new or old. Only for a table that started empty. */
  idOf(sequence: Uint32Array, length: number): number {
    let hash = length
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ (sequence[i] as number), 0x01000193)
    hash ^= hash >>> 15
    const mask = this.#table.length - 1
    let at = hash & mask
    for (let id = this.#table[at] as number; id >= 0; id = this.#table[at] as number) {
      if (this.#hashes[id] === hash && this.#equals(id, sequence, length)) return id
      at = (at + 1) & mask
    }
    const id = this.count
    const start = this.starts[id] as number
    if (start + length > this.entries.length) this.entries = growUint32(this.entries, start + length)
    for (let i = 0; i < length; i++) this.entries[start + i] = sequence[i] as number
    if (id + 2 > this.starts.length) this.starts = growUint32(this.starts, id + 2)
    this.starts[id + 1] = start + length
    if (id >= this.#hashes.length) {
      const hashes = new Int32Array(this.#hashes.length * 2)
      hashes.set(this.#hashes)
      this.#hashes = hashes
    }
    this.#hashes[id] = hash
    this.count = id + 1
    this.#table[at] = id
    if (this.count * 2 > this.#table.length) this.#rehash()
    return id
  }

  /** How many values of the column a row of each shape has. Grows with the table; do not keep it over a yield. */
  countsFor(column: number): Uint32Array {
    let known = this.#counts.get(column)
    if (known && known.upTo === this.count) return known.counts
    if (!known || known.counts.length < this.count) {
      const counts = new Uint32Array(Math.max(this.count, known ? known.counts.length * 2 : 0))
      if (known) counts.set(known.counts)
      known = { upTo: known?.upTo ?? 0, counts }
      // A hostile mix of many shapes and many fields must not keep an array for each: start over now and then.
      if (this.#counts.size * this.count > 16_000_000) this.#counts.clear()
      this.#counts.set(column, known)
    }
    const { entries, starts } = this
    for (let shape = known.upTo; shape < this.count; shape++) {
      let count = 0
      for (let i = starts[shape] as number; i < (starts[shape + 1] as number); i++) {
        if ((entries[i] as number) >>> 1 === column) count++
      }
      known.counts[shape] = count
    }
    known.upTo = this.count
    return known.counts
  }

  /** Every row has one value of the column: value i is row i's. */
  isOnceInAll(column: number): boolean {
    const counts = this.countsFor(column)
    const known = this.#once.get(column)
    if (known && known.upTo === this.count) return known.once
    let once = this.count > 0
    for (let shape = 0; shape < this.count && once; shape++) once = counts[shape] === 1
    if (this.#once.size > 1000) this.#once.clear()
    this.#once.set(column, { upTo: this.count, once })
    return once
  }

  #equals(id: number, sequence: Uint32Array, length: number): boolean {
    const from = this.starts[id] as number
    if ((this.starts[id + 1] as number) - from !== length) return false
    for (let i = 0; i < length; i++) if (this.entries[from + i] !== sequence[i]) return false
    return true
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2).fill(-1)
    const mask = table.length - 1
    for (let id = 0; id < this.count; id++) {
      let at = (this.#hashes[id] as number) & mask
      while ((table[at] as number) >= 0) at = (at + 1) & mask
      table[at] = id
    }
    this.#table = table
  }
}
