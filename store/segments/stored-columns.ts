// Reading packed blocks through the cache: common to a head (packed blocks in memory) and a sealed segment (on disk).

import {
  decodeDeltas,
  decodeIds,
  decodeNumbers,
  decodePlain,
  Encoding,
  type Ids,
  type Packed,
  type PlainValues,
} from './block-codec.ts'
import type { Lru } from './lru.ts'
import { TemplatedBlock, type Templates } from './templated.ts'
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

  /** The columns of templates and variables of a text column. */
  readonly split = new Map<string, { templates?: ColumnRef; variables?: ColumnRef }>()

  add(column: ColumnRef): void {
    if (column.kind === ColumnKind.templates || column.kind === ColumnKind.variables) {
      const pair = this.split.get(column.name) ?? {}
      this.split.set(column.name, pair)
      pair[column.kind === ColumnKind.templates ? 'templates' : 'variables'] = column
      return
    }
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

  /** The values that a text column keeps in the two columns of its templates. */
  templated(
    count: number,
    templates: Templates,
    ids: readonly [ColumnRef, Entry],
    variables: readonly [ColumnRef, Entry] | undefined,
    block: number,
  ): StringBlock {
    const none: PlainValues = { bytes: Buffer.alloc(0), starts: new Uint32Array(1) }
    const templated = new TemplatedBlock(this.ids(ids[0], block, ids[1]), count, templates, () =>
      variables ? (this.strings(variables[0], block, variables[1]).plain as PlainValues) : none,
    )
    const weigh = ({ bytes, starts }: PlainValues) => bytes.buffer.byteLength + starts.byteLength
    const plain = () => this.#cache.get(`${this.#key}/${ids[0].index}/${block}/text`, () => templated.plain(), weigh)
    return {
      count,
      templated,
      get plain() {
        return plain()
      },
    }
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
