// What a query sees of a segment, in memory or on disk.

import type { Ids, PlainValues } from './block-codec.ts'
import type { Dictionary } from './dictionary.ts'
import type { ShapeTable } from './shapes.ts'
import type { TemplatedBlock, Templates } from './templated.ts'

/** Physical columns: a field that came as text and as number has two. */
export const ColumnKind = {
  string: 0,
  number: 1,
  boolean: 2,
  /** Of the text column of the same name: template ids, and the variables. No row has them of itself. */
  templates: 8,
  variables: 9,
  timestamps: 16,
  partitions: 17,
  offsets: 18,
  shapes: 19,
} as const
export type ColumnKind = (typeof ColumnKind)[keyof typeof ColumnKind]

export interface ColumnRef {
  /** The number that shapes use. */
  readonly index: number
  readonly name: string
  readonly kind: ColumnKind
}

/** The physical columns of one field name, by FieldTag. */
export type FieldColumns = readonly [string?: ColumnRef, number?: ColumnRef, boolean?: ColumnRef]

/** Ids into the column's dictionary, or the values themselves; where they are kept as templates, both ways to see them. */
export interface StringBlock {
  readonly count: number
  readonly ids?: Ids
  readonly plain?: PlainValues
  readonly templated?: TemplatedBlock
}

export interface BlockInfo {
  readonly rows: number
  readonly minTime: number
  readonly maxTime: number
}

/**
 * Rows are only ever added, at the end; arrays returned cover at least the rows that were there when asked. A block that
 * is closed, or a head that is sealed, answers the same for rows it had before. Methods with a block throw
 * SEGMENT_CORRUPT where a checksum fails.
 */
export interface SegmentView {
  /** Unique within a run of the store; part of cache keys. */
  readonly key: string
  readonly sequence: number
  /** Segments with a smaller one came before. */
  readonly order: number
  readonly rows: number
  readonly minTime: number
  readonly maxTime: number
  readonly blockCount: number
  readonly shapes: ShapeTable
  readonly columns: readonly ColumnRef[]
  block(block: number): BlockInfo
  field(name: string): FieldColumns | undefined
  /** Smallest and largest number of the column in the block; undefined when the block has none. */
  numberBounds(column: ColumnRef, block: number): { min: number; max: number } | undefined
  timestamps(block: number): Float64Array
  partitions(block: number): Ids
  offsets(block: number): Float64Array
  shapeIds(block: number): Ids
  /** Undefined where no row of the block has a value. */
  strings(column: ColumnRef, block: number): StringBlock | undefined
  numbers(column: ColumnRef, block: number): Float64Array | undefined
  booleans(column: ColumnRef, block: number): Uint8Array | undefined
  dictionary(column: ColumnRef): Dictionary
  /** Whether any block holds values outside of dictionary and templates. */
  hasPlain(column: ColumnRef): boolean
  /** Undefined where no block of the column has templates. */
  templates(column: ColumnRef): Templates | undefined
  /** Bit b clear: no text field of block b holds all these words. @param words hashes */
  blocksWithWords(words: readonly number[]): number
  /** The 16 bytes of the row's key; undefined for a row without. */
  keyOf(block: number, row: number): Buffer | undefined
  /** Where the row with this key is: block * 4096 + row. */
  findKey(hash: Buffer): number | undefined
  /** Smallest and largest offset per partition. */
  readonly positions: ReadonlyMap<number, { min: number; max: number }>
}

/** Rows addressed in a segment: a block holds 4,096 rows at most, a segment 32 blocks. */
export const BLOCK_ROWS = 4096
export const MAX_BLOCKS = 32
