// The segment in memory: fed from batch bytes, searchable at once, sealed to a file as it stands.

import { FieldTag, IN_ARRAY } from '../../core/event-batch.ts'
import { fieldType } from '../../core/fields.ts'
import type { BatchCursor } from './batch-cursor.ts'
import { Encoding, encodeDeltas, type Ids, pack, unpack } from './block-codec.ts'
import type { Dictionary } from './dictionary.ts'
import { HeadColumn } from './head-column.ts'
import { KeyTable } from './key-table.ts'
import type { Lru } from './lru.ts'
import { ShapeTable } from './shapes.ts'
import { BlockReader, FieldIndex, type MemoryEntry, OFFSETS, PARTITIONS, SHAPES, TIMESTAMPS } from './stored-columns.ts'
import { Templates } from './templated.ts'
import { hasToken, TokenSet } from './tokens.ts'
import {
  BLOCK_ROWS,
  type BlockInfo,
  ColumnKind,
  type ColumnRef,
  type FieldColumns,
  MAX_BLOCKS,
  type SegmentView,
  type StringBlock,
} from './view.ts'

/** A block is closed early when its events are this large together, so that a flood of large events stays bounded. */
const BLOCK_BYTES = 8 * 1024 * 1024
const MAX_COLUMNS = 8192

/** One event by its bytes. `names` is the same array for events whose `name` numbers mean the same. */
export type RowSource = Pick<
  BatchCursor,
  'bytes' | 'names' | 'partition' | 'offset' | 'timestampMs' | 'keyAt' | 'fields' | 'name' | 'tag' | 'start' | 'end'
>

export interface HeadOptions {
  readonly sequence: number
  readonly sealRows: number
  readonly blockRows: number
  readonly cache: Lru
  /** Fields whose values were mostly distinct in the segment before: they start without a dictionary. */
  readonly plainFields: ReadonlySet<string>
}

export class Head implements SegmentView {
  readonly key: string
  readonly sequence: number
  readonly order: number
  readonly shapes = new ShapeTable()
  readonly columns: HeadColumn[] = []
  readonly positions = new Map<number, { min: number; max: number }>()
  readonly keys = new KeyTable()
  /** Ascending word hashes of each closed block. */
  readonly blockWords: Uint32Array[] = []
  rows = 0
  minTime = Number.POSITIVE_INFINITY
  maxTime = Number.NEGATIVE_INFINITY
  hasText = false
  readonly #options: HeadOptions
  readonly #fields = new FieldIndex()
  readonly #reader: BlockReader
  readonly #blocks: { rows: number; minTime: number; maxTime: number }[] = []
  readonly #words = new TokenSet()
  #openBytes = 0
  #packedBytes = 0
  #closed = 0
  #scratch = new Uint32Array(256)
  #mappedNames: readonly string[] | undefined
  #columnOf = new Int32Array(0)

  constructor(options: HeadOptions) {
    this.#options = options
    this.key = `h${options.sequence}`
    this.sequence = options.sequence
    this.order = options.sequence
    for (const { index, kind } of [TIMESTAMPS, PARTITIONS, OFFSETS, SHAPES]) {
      this.columns.push(new HeadColumn(index, '', kind, false, false))
    }
    this.#reader = new BlockReader(this.key, options.cache, (column, block) => {
      const { packed } = this.#entry(column, block) as MemoryEntry
      return unpack(packed.stored, packed.rawBytes, packed.crc, 'a block in memory')
    })
  }

  get blockCount(): number {
    return this.#blocks.length
  }

  get full(): boolean {
    return (
      this.rows >= this.#options.sealRows ||
      (this.#closed === MAX_BLOCKS && this.#closed === this.#blocks.length) ||
      this.columns.length > MAX_COLUMNS
    )
  }

  /** Where the next row will be. */
  get nextAddress(): number {
    return this.#closed * BLOCK_ROWS + (this.#blocks[this.#closed]?.rows ?? 0)
  }

  /** Bytes held, about: packed blocks, the open block, dictionaries. */
  get heldBytes(): number {
    let bytes = this.#packedBytes + this.#openBytes * 2 + this.shapes.heldBytes + this.keys.heldBytes
    for (const column of this.columns) bytes += column.dictionary.heldBytes
    return bytes
  }

  /** Adds the event the cursor stands on. The caller has seen to duplicates and to `full`. */
  add(cursor: RowSource): void {
    const { bytes, fields } = cursor
    if (this.#mappedNames !== cursor.names) this.#map(cursor.names)
    if (fields > this.#scratch.length) this.#scratch = new Uint32Array(fields * 2)
    const open = this.#openBlock()
    const scratch = this.#scratch
    for (let i = 0; i < fields; i++) {
      const tag = cursor.tag[i] as number
      const kind = tag & ~IN_ARRAY
      const slot = (cursor.name[i] as number) * 3 + kind
      let index = this.#columnOf[slot] as number
      if (index < 0) {
        index = this.#column(cursor.names[cursor.name[i] as number] as string, kind as ColumnKind).index
        this.#columnOf[slot] = index
      }
      const column = this.columns[index] as HeadColumn
      scratch[i] = (index << 1) | (tag >>> 7)
      if (kind === FieldTag.string) column.addString(bytes, cursor.start[i] as number, cursor.end[i] as number)
      else if (kind === FieldTag.number) column.addNumber(bytes.readDoubleLE(cursor.start[i] as number))
      else column.addFlag(bytes[cursor.start[i] as number] === 1 ? 1 : 0)
    }
    const { timestampMs, partition, offset } = cursor
    this.columns[TIMESTAMPS.index]?.addNumber(timestampMs)
    this.columns[PARTITIONS.index]?.addId(partition)
    this.columns[OFFSETS.index]?.addNumber(offset)
    this.columns[SHAPES.index]?.addId(this.shapes.idOf(scratch, fields))
    if (cursor.keyAt >= 0) this.keys.add(bytes, cursor.keyAt, this.#closed * BLOCK_ROWS + open.rows)
    open.rows++
    this.rows++
    if (timestampMs < open.minTime) open.minTime = timestampMs
    if (timestampMs > open.maxTime) open.maxTime = timestampMs
    if (timestampMs < this.minTime) this.minTime = timestampMs
    if (timestampMs > this.maxTime) this.maxTime = timestampMs
    const range = this.positions.get(partition)
    if (!range) this.positions.set(partition, { min: offset, max: offset })
    else if (offset > range.max) range.max = offset
    else if (offset < range.min) range.min = offset
    this.#openBytes += fields > 0 ? (cursor.end[fields - 1] as number) - (cursor.start[0] as number) : 0
    if (open.rows >= this.#options.blockRows || this.#openBytes > BLOCK_BYTES) this.closeBlock()
  }

  /** Packs the open block, if it has rows. */
  closeBlock(): void {
    const block = this.#closed
    if (this.#blocks.length === block) return
    for (const column of this.columns) {
      if (column.index === TIMESTAMPS.index) this.#closeDeltas(column, block, 1000)
      else if (column.index === OFFSETS.index) this.#closeDeltas(column, block, 1)
      else column.close(block, this.#words)
      this.#packedBytes += column.entries[block]?.storedBytes ?? 0
    }
    this.blockWords.push(this.#words.take())
    this.#openBytes = 0
    this.#closed++
  }

  /** Names of fields that gave up their dictionary: a hint for the next head. */
  plainFields(): Set<string> {
    return new Set(this.columns.filter((c) => c.kind === ColumnKind.string && c.plain).map((c) => c.name))
  }

  block(block: number): BlockInfo {
    return this.#blocks[block] as BlockInfo
  }

  field(name: string): FieldColumns | undefined {
    return this.#fields.get(name)
  }

  numberBounds(column: ColumnRef, block: number): { min: number; max: number } | undefined {
    if (block < this.#closed) return this.#entry(column, block)
    return { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY }
  }

  timestamps(block: number): Float64Array {
    return this.#deltas(TIMESTAMPS, block, 1000)
  }

  partitions(block: number): Ids {
    return this.#ids(PARTITIONS, block)
  }

  offsets(block: number): Float64Array {
    return this.#deltas(OFFSETS, block, 1)
  }

  shapeIds(block: number): Ids {
    return this.#ids(SHAPES, block)
  }

  strings(column: ColumnRef, block: number): StringBlock | undefined {
    if (block >= this.#closed) {
      const open = this.columns[column.index] as HeadColumn
      if (open.count === 0) return undefined
      return open.plain
        ? { count: open.count, plain: { bytes: open.bytes, starts: open.starts } }
        : { count: open.count, ids: open.ids }
    }
    const entry = this.#entry(column, block)
    const parts = this.#fields.split.get(column.name)
    const ids = parts?.templates && this.#entry(parts.templates, block)
    if (entry?.encoding !== Encoding.templates || !parts?.templates || !ids) {
      return entry && this.#reader.strings(column, block, entry)
    }
    const variables = parts.variables && this.#entry(parts.variables, block)
    return this.#reader.templated(
      entry.count,
      this.templates(column) as Templates,
      [parts.templates, ids],
      parts.variables && variables && [parts.variables, variables],
      block,
    )
  }

  numbers(column: ColumnRef, block: number): Float64Array | undefined {
    if (block >= this.#closed) {
      const open = this.columns[column.index] as HeadColumn
      return open.count > 0 ? open.numbers : undefined
    }
    const entry = this.#entry(column, block)
    return entry && this.#reader.numbers(column, block, entry)
  }

  booleans(column: ColumnRef, block: number): Uint8Array | undefined {
    if (block >= this.#closed) {
      const open = this.columns[column.index] as HeadColumn
      return open.count > 0 ? open.flags : undefined
    }
    const entry = this.#entry(column, block)
    return entry && this.#reader.booleans(column, block, entry)
  }

  dictionary(column: ColumnRef): Dictionary {
    return (this.columns[column.index] as HeadColumn).dictionary
  }

  hasPlain(column: ColumnRef): boolean {
    const { everPlain, entries, count, plain } = this.columns[column.index] as HeadColumn
    if (!everPlain) return false
    return (plain && count > 0) || entries.some((entry) => entry?.encoding === Encoding.plain)
  }

  templates(column: ColumnRef): Templates | undefined {
    const splitter = (this.columns[column.index] as HeadColumn).splitter
    return splitter && new Templates(splitter.dictionary, splitter.trigrams, splitter.slots)
  }

  blocksWithWords(words: readonly number[]): number {
    // The open block has no filter yet; blocks after it do not exist.
    let blocks = this.#closed >= MAX_BLOCKS ? 0 : 1 << this.#closed
    for (let block = 0; block < this.#closed; block++) {
      const known = this.blockWords[block] as Uint32Array
      if (words.every((word) => hasToken(known, word))) blocks |= 1 << block
    }
    return blocks >>> 0
  }

  keyOf(block: number, row: number): Buffer | undefined {
    return this.keys.at(block * BLOCK_ROWS + row)
  }

  findKey(hash: Buffer): number | undefined {
    const address = this.keys.find(hash, 0)
    return address < 0 ? undefined : address
  }

  #openBlock(): { rows: number; minTime: number; maxTime: number } {
    let open = this.#blocks[this.#closed]
    if (!open) {
      open = { rows: 0, minTime: Number.POSITIVE_INFINITY, maxTime: Number.NEGATIVE_INFINITY }
      this.#blocks.push(open)
    }
    return open
  }

  #map(names: readonly string[]): void {
    this.#mappedNames = names
    this.#columnOf = new Int32Array(names.length * 3).fill(-1)
  }

  #column(name: string, kind: ColumnKind): HeadColumn {
    const found = this.#fields.get(name)?.[kind as 0]
    if (found) return this.columns[found.index] as HeadColumn
    const isText = fieldType(name) === 'text'
    const plain = kind === ColumnKind.string && this.#options.plainFields.has(name)
    if (isText) this.hasText = true
    return this.#addColumn(name, kind, isText && kind === ColumnKind.string, plain)
  }

  #addColumn(name: string, kind: ColumnKind, isText: boolean, plain: boolean): HeadColumn {
    const part = (its: ColumnKind) => this.#addColumn(name, its, false, false)
    const column = new HeadColumn(this.columns.length, name, kind, isText, plain, part)
    this.columns.push(column)
    this.#fields.add(column)
    return column
  }

  #closeDeltas(column: HeadColumn, block: number, scale: number): void {
    const { count } = column
    const encoded: { encoding: Encoding; raw: Buffer } = encodeDeltas(column.numbers.subarray(0, count), scale)
    const packed = pack(encoded.raw)
    const { rawBytes, crc } = packed
    let min = Number.POSITIVE_INFINITY
    let max = Number.NEGATIVE_INFINITY
    for (let i = 0; i < count; i++) {
      min = Math.min(min, column.numbers[i] as number)
      max = Math.max(max, column.numbers[i] as number)
    }
    column.entries[block] = {
      encoding: encoded.encoding,
      count,
      packed,
      rawBytes,
      storedBytes: packed.stored.length,
      crc,
      min,
      max,
    }
    column.count = 0
    column.numbers = new Float64Array(0)
  }

  #deltas(column: ColumnRef, block: number, scale: number): Float64Array {
    if (block >= this.#closed) return (this.columns[column.index] as HeadColumn).numbers
    return this.#reader.deltas(column, block, this.#entry(column, block) as MemoryEntry, scale)
  }

  #ids(column: ColumnRef, block: number): Ids {
    if (block >= this.#closed) return (this.columns[column.index] as HeadColumn).ids
    return this.#reader.ids(column, block, this.#entry(column, block) as MemoryEntry)
  }

  #entry(column: ColumnRef, block: number): MemoryEntry | undefined {
    return this.columns[column.index]?.entries[block]
  }
}
