// A row of a segment as a head takes it: values by their bytes, no object a row.

import { IN_ARRAY } from '../../core/event-batch.ts'
import type { RowSource } from './head.ts'
import { ColumnKind, type ColumnRef, type SegmentView } from './view.ts'

export class RowCopier implements RowSource {
  readonly names: readonly string[]
  bytes = Buffer.allocUnsafeSlow(64 * 1024)
  partition = 0
  offset = 0
  timestampMs = 0
  keyAt = -1
  fields = 0
  name: Uint32Array = new Uint32Array(256)
  tag: Uint8Array = new Uint8Array(256)
  start: Uint32Array = new Uint32Array(256)
  end: Uint32Array = new Uint32Array(256)
  readonly #segment: SegmentView
  readonly #columns: readonly ColumnRef[]
  #block = -1
  #row = 0
  /** Where each column stands: values lie densely, so every row moves it on. */
  #at = new Uint32Array(0)
  #used = new Uint32Array(0)
  #readers: (((value: number) => void) | undefined)[] = []
  #length = 0

  constructor(segment: SegmentView) {
    this.#segment = segment
    this.#columns = segment.columns
    this.names = this.#columns.map(({ name }) => name)
  }

  /** Stands on this row. Rows of one block are best asked in their order. */
  read(block: number, row: number): this {
    const segment = this.#segment
    const { entries, starts } = segment.shapes
    const shapeIds = segment.shapeIds(block)
    if (block !== this.#block || row < this.#row) {
      this.#block = block
      this.#row = 0
      this.#at = new Uint32Array(this.#columns.length)
      this.#readers = []
    }
    for (; this.#row < row; this.#row++) {
      const shape = shapeIds[this.#row] as number
      const end = starts[shape + 1] as number
      for (let e = starts[shape] as number; e < end; e++) this.#at[(entries[e] as number) >>> 1]!++
    }
    this.#used = this.#at.slice()
    this.partition = segment.partitions(block)[row] as number
    this.offset = segment.offsets(block)[row] as number
    this.timestampMs = segment.timestamps(block)[row] as number
    this.#length = 0
    const key = segment.keyOf(block, row)
    this.keyAt = key ? this.#put(key, 0, 16) : -1
    const shape = shapeIds[row] as number
    const from = starts[shape] as number
    this.fields = (starts[shape + 1] as number) - from
    if (this.fields > this.name.length) this.#grow(this.fields)
    for (let i = 0; i < this.fields; i++) {
      const entry = entries[from + i] as number
      const index = entry >>> 1
      const { kind } = this.#columns[index] as ColumnRef
      this.name[i] = index
      this.tag[i] = (entry & 1) === 1 ? kind | IN_ARRAY : kind
      this.start[i] = this.#length
      const read = (this.#readers[index] ??= this.#reader(index, block))
      read(this.#used[index]!++)
      this.end[i] = this.#length
    }
    return this
  }

  #reader(index: number, block: number): (value: number) => void {
    const segment = this.#segment
    const column = this.#columns[index] as ColumnRef
    if (column.kind === ColumnKind.number) {
      const values = segment.numbers(column, block) as Float64Array
      const eight = Buffer.alloc(8)
      return (value) => {
        eight.writeDoubleLE(values[value] as number)
        this.#put(eight, 0, 8)
      }
    }
    if (column.kind === ColumnKind.boolean) {
      const values = segment.booleans(column, block) as Buffer
      return (value) => void this.#put(values, value, value + 1)
    }
    const strings = segment.strings(column, block)
    if (strings?.ids) {
      const { ids } = strings
      const { bytes, starts } = segment.dictionary(column)
      return (value) => {
        const id = ids[value] as number
        this.#put(bytes, starts[id] as number, starts[id + 1] as number)
      }
    }
    const plain = strings?.plain
    if (!plain) throw new RangeError(`${column.name} has no values`)
    return (value) =>
      void this.#put(plain.bytes, plain.starts[value] as number, (plain.starts[value + 1] as number) - 1)
  }

  #put(source: Uint8Array, from: number, to: number): number {
    const at = this.#length
    const next = at + to - from
    if (next > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(next, this.bytes.length * 2))
      this.bytes.copy(grown, 0, 0, at)
      this.bytes = grown
    }
    for (let i = from, o = at; i < to; i++, o++) this.bytes[o] = source[i] as number
    this.#length = next
    return at
  }

  #grow(fields: number): void {
    this.name = new Uint32Array(fields * 2)
    this.tag = new Uint8Array(fields * 2)
    this.start = new Uint32Array(fields * 2)
    this.end = new Uint32Array(fields * 2)
  }
}
