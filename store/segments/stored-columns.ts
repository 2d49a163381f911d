// Reading packed blocks through the cache: common to a head (packed blocks in memory) and a sealed segment (on disk).

import { decodeDeltas, decodeIds, decodeNumbers, decodePlain, Encoding, type Ids, type Packed } from './block-codec.ts'
import type { Lru } from './lru.ts'
import { ColumnKind, type ColumnRef, type FieldColumns, type StringBlock } from './view.ts'

/** One column's part of one block. */
export interface Entry {
  readonly encoding: Encoding
  readonly count: number
  readonly rawBytes: number
  readonly storedBytes: number
  readonly crc: number
  readonly min: number
  readonly max: number
}

export interface MemoryEntry extends Entry {
  readonly packed: Packed
}

/** Columns every segment has; their numbers are fixed. */
export const systemColumns: readonly ColumnRef[] = [
  { index: 0, name: '', kind: ColumnKind.timestamps },
  { index: 1, name: '', kind: ColumnKind.partitions },
  { index: 2, name: '', kind: ColumnKind.offsets },
  { index: 3, name: '', kind: ColumnKind.shapes },
]
export const [TIMESTAMPS, PARTITIONS, OFFSETS, SHAPES] = systemColumns as [ColumnRef, ColumnRef, ColumnRef, ColumnRef]

/** Field name -> physical columns. A Map: names are hostile. */
export class FieldIndex {
  readonly #fields = new Map<string, (ColumnRef | undefined)[]>()

  add(column: ColumnRef): void {
    if (column.kind > ColumnKind.boolean) return
    const found = this.#fields.get(column.name)
    if (found) found[column.kind] = column
    else {
      const columns: (ColumnRef | undefined)[] = [undefined, undefined, undefined]
      columns[column.kind] = column
      this.#fields.set(column.name, columns)
    }
  }

  get(name: string): FieldColumns | undefined {
    return this.#fields.get(name) as FieldColumns | undefined
  }
}

export function decodeStrings(entry: Entry, raw: Buffer): StringBlock {
  if (entry.encoding === Encoding.plain) return { count: entry.count, plain: decodePlain(raw, entry.count) }
  return { count: entry.count, ids: decodeIds(entry.encoding, raw, entry.count) }
}

export function weighStrings(block: StringBlock): number {
  return block.plain
    ? block.plain.bytes.buffer.byteLength + block.plain.starts.byteLength
    : (block.ids?.byteLength ?? 0)
}

/** Cached decoding; `read` gives the payload, checked and unpacked. */
export class BlockReader {
  readonly #key: string
  readonly #cache: Lru
  readonly #read: (column: ColumnRef, block: number, entry: Entry) => Buffer

  constructor(key: string, cache: Lru, read: (column: ColumnRef, block: number, entry: Entry) => Buffer) {
    this.#key = key
    this.#cache = cache
    this.#read = read
  }

  strings(column: ColumnRef, block: number, entry: Entry): StringBlock {
    return this.#get(column, block, () => decodeStrings(entry, this.#read(column, block, entry)), weighStrings)
  }

  ids(column: ColumnRef, block: number, entry: Entry): Ids {
    const decode = () => decodeIds(entry.encoding, this.#read(column, block, entry), entry.count)
    return this.#get(column, block, decode, (ids) => ids.byteLength)
  }

  numbers(column: ColumnRef, block: number, entry: Entry): Float64Array {
    const decode = () => decodeNumbers(entry.encoding, this.#read(column, block, entry), entry.count)
    return this.#get(column, block, decode, (values) => values.byteLength)
  }

  deltas(column: ColumnRef, block: number, entry: Entry, scale: number): Float64Array {
    const decode = () => decodeDeltas(entry.encoding, this.#read(column, block, entry), entry.count, scale)
    return this.#get(column, block, decode, (values) => values.byteLength)
  }

  booleans(column: ColumnRef, block: number, entry: Entry): Uint8Array {
    return this.#get(
      column,
      block,
      () => this.#read(column, block, entry),
      (bytes) => bytes.byteLength,
    )
  }

  #get<T>(column: ColumnRef, block: number, make: () => T, weigh: (value: T) => number): T {
    return this.#cache.get(`${this.#key}/${column.index}/${block}`, make, weigh)
  }
}
