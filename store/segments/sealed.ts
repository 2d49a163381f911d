// A segment on disk. Opening reads its summary; the directory, dictionaries and blocks come through the cache.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { PipelineError } from '../../core/errors.ts'
import { asUint32, Encoding, type Ids, unpack } from './block-codec.ts'
import type { Dictionary } from './dictionary.ts'
import type { Supersede } from './hidden.ts'
import { bloomHas, searchKeys } from './key-index.ts'
import type { Lru } from './lru.ts'
import { decodeSummary, type SectionRef, type SegmentSummary } from './segment-format.ts'
import { ShapeTable } from './shapes.ts'
import { BlockReader, type Entry, FieldIndex, OFFSETS, PARTITIONS, SHAPES, TIMESTAMPS } from './stored-columns.ts'
import { TRIGRAM_BYTES } from './template-split.ts'
import { Templates } from './templated.ts'
import { FILTER_PAGE, pageIsSound, probeTokenFilter } from './token-filter.ts'
import {
  BLOCK_ROWS,
  type BlockInfo,
  type ColumnKind,
  type ColumnRef,
  type FieldColumns,
  type SegmentView,
  type StringBlock,
} from './view.ts'

interface FileEntry extends Entry {
  readonly offset: number
}

interface FileColumn extends ColumnRef {
  readonly dictionary: SectionRef & { readonly count: number }
  readonly entries: readonly (FileEntry | undefined)[]
}

interface Directory {
  readonly blocks: readonly BlockInfo[]
  readonly columns: readonly FileColumn[]
  readonly fields: FieldIndex
  readonly bytes: number
}

const TAIL_READ = 4096

/** Reads the summary alone. @throws SEGMENT_CORRUPT, CONFIG_INVALID */
export function readSummary(path: string): { summary: SegmentSummary; fileBytes: number } {
  const fd = openSync(path, 'r')
  try {
    const fileBytes = fstatSync(fd).size
    const read = (offset: number, bytes: number) => readExactly(fd, path, offset, bytes)
    const tail = read(Math.max(0, fileBytes - TAIL_READ), Math.min(fileBytes, TAIL_READ))
    return { summary: decodeSummary(path, fileBytes, tail, read), fileBytes }
  } finally {
    closeSync(fd)
  }
}

function readExactly(fd: number, path: string, offset: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(bytes)
  let done = 0
  while (done < bytes) {
    const read = readSync(fd, buffer, done, bytes - done, offset + done)
    if (read === 0) throw new PipelineError('SEGMENT_CORRUPT', { path, problem: 'it ends too early' })
    done += read
  }
  return buffer
}

/** Open files, so that a query over a thousand segments does not hold a thousand descriptors. */
export class FileCache {
  readonly #most: number
  readonly #open = new Map<string, number>()

  constructor(most = 128) {
    this.#most = most
  }

  fd(path: string): number {
    let fd = this.#open.get(path)
    if (fd === undefined) {
      fd = openSync(path, 'r')
      if (this.#open.size >= this.#most) {
        const [oldest, stale] = this.#open.entries().next().value as [string, number]
        this.#open.delete(oldest)
        closeSync(stale)
      }
    } else this.#open.delete(path)
    this.#open.set(path, fd)
    return fd
  }

  forget(path: string): void {
    const fd = this.#open.get(path)
    if (fd === undefined) return
    this.#open.delete(path)
    closeSync(fd)
  }

  close(): void {
    for (const path of [...this.#open.keys()]) this.forget(path)
  }
}

export class Sealed implements SegmentView {
  readonly key: string
  readonly sequence: number
  readonly order: number
  readonly rows: number
  readonly minTime: number
  readonly maxTime: number
  readonly blockCount: number
  readonly positions: ReadonlyMap<number, { min: number; max: number }>
  readonly path: string
  readonly fileBytes: number
  readonly summary: SegmentSummary
  readonly #cache: Lru
  readonly #files: FileCache
  readonly #reader: BlockReader
  #pins = 0
  #held: { directory?: Directory; shapes?: ShapeTable } = {}
  #bloom: Buffer | undefined
  #hashesChecked = false

  constructor(path: string, summary: SegmentSummary, fileBytes: number, cache: Lru, files: FileCache) {
    this.path = path
    this.summary = summary
    this.fileBytes = fileBytes
    this.key = `s${summary.sequence}`
    this.sequence = summary.sequence
    this.order = summary.order ?? summary.sequence
    this.rows = summary.rows
    this.minTime = summary.minTime
    this.maxTime = summary.maxTime
    this.blockCount = summary.blocks
    this.positions = new Map(summary.positions.map(([partition, min, max]) => [partition, { min, max }]))
    this.#cache = cache
    this.#files = files
    this.#reader = new BlockReader(this.key, cache, (_column, _block, entry) => {
      const { offset, storedBytes, rawBytes, crc } = entry as FileEntry
      return unpack(this.#readAt(offset, storedBytes), rawBytes, crc, path)
    })
  }

  /** Queries that read it now: a retired file goes when this is 0. */
  get pins(): number {
    return this.#pins
  }

  /** Keeps directory and shapes at hand, whatever the cache does, until as many `unpin`. */
  pin(): void {
    this.#pins++
  }

  unpin(): void {
    if (--this.#pins === 0) this.#held = {}
  }

  get columns(): readonly ColumnRef[] {
    return this.#directory().columns
  }

  get shapes(): ShapeTable {
    if (this.#held.shapes) return this.#held.shapes
    const make = () => {
      const { count } = this.summary.shapes
      const words = asUint32(this.#section(this.summary.shapes))
      return new ShapeTable(words.subarray(count + 1), words.subarray(0, count + 1), count)
    }
    const shapes = this.#cache.get(`${this.key}/shapes`, make, ({ heldBytes }) => heldBytes * 4)
    if (this.#pins > 0) this.#held.shapes = shapes
    return shapes
  }

  block(block: number): BlockInfo {
    return this.#directory().blocks[block] as BlockInfo
  }

  field(name: string): FieldColumns | undefined {
    return this.#directory().fields.get(name)
  }

  numberBounds(column: ColumnRef, block: number): { min: number; max: number } | undefined {
    return this.#entry(column, block)
  }

  timestamps(block: number): Float64Array {
    return this.#reader.deltas(TIMESTAMPS, block, this.#entry(TIMESTAMPS, block) as FileEntry, 1000)
  }

  partitions(block: number): Ids {
    return this.#reader.ids(PARTITIONS, block, this.#entry(PARTITIONS, block) as FileEntry)
  }

  offsets(block: number): Float64Array {
    return this.#reader.deltas(OFFSETS, block, this.#entry(OFFSETS, block) as FileEntry, 1)
  }

  shapeIds(block: number): Ids {
    return this.#reader.ids(SHAPES, block, this.#entry(SHAPES, block) as FileEntry)
  }

  strings(column: ColumnRef, block: number): StringBlock | undefined {
    const entry = this.#entry(column, block)
    if (entry?.encoding !== Encoding.templates) return entry && this.#reader.strings(column, block, entry)
    const { templates, variables } = this.#directory().fields.split.get(column.name) ?? {}
    const ids = templates && this.#entry(templates, block)
    if (!templates || !ids) throw this.#corrupt('a block has no templates')
    const values = variables && this.#entry(variables, block)
    return this.#reader.templated(
      entry.count,
      this.templates(column) as Templates,
      [templates, ids],
      variables && values && [variables, values],
      block,
    )
  }

  numbers(column: ColumnRef, block: number): Float64Array | undefined {
    const entry = this.#entry(column, block)
    return entry && this.#reader.numbers(column, block, entry)
  }

  booleans(column: ColumnRef, block: number): Uint8Array | undefined {
    const entry = this.#entry(column, block)
    return entry && this.#reader.booleans(column, block, entry)
  }

  dictionary(column: ColumnRef): Dictionary {
    const ref = (this.#directory().columns[column.index] as FileColumn).dictionary
    const make = (): Dictionary => {
      if (ref.count === 0) return { count: 0, bytes: Buffer.alloc(0), starts: new Uint32Array(1) }
      const raw = this.#section(ref)
      const head = (ref.count + 1) * 4
      return { count: ref.count, starts: asUint32(raw.subarray(0, head)), bytes: raw.subarray(head) }
    }
    return this.#cache.get(`${this.key}/${column.index}/dictionary`, make, () => ref.raw)
  }

  hasPlain(column: ColumnRef): boolean {
    const { entries } = this.#directory().columns[column.index] as FileColumn
    return entries.some((entry) => entry?.encoding === Encoding.plain)
  }

  templates(column: ColumnRef): Templates | undefined {
    const { templates, variables } = this.#directory().fields.split.get(column.name) ?? {}
    if (!templates) return undefined
    const make = () => {
      const trigrams = variables && (this.#directory().columns[variables.index] as FileColumn).dictionary
      const none = Buffer.alloc(TRIGRAM_BYTES)
      return new Templates(this.dictionary(templates), trigrams?.count ? this.#section(trigrams) : none)
    }
    // Four times for the words it keeps at hand.
    const weigh = ({ dictionary }: Templates) => dictionary.bytes.length * 4 + TRIGRAM_BYTES
    return this.#cache.get(`${this.key}/${templates.index}/templates`, make, weigh)
  }

  blocksWithWords(words: readonly number[]): number {
    const { filter } = this.summary
    if (!filter) return 0xffffffff
    let blocks = 0xffffffff
    for (const word of words) {
      blocks &= probeTokenFilter(filter, word, (page) => this.#filterPage(filter.offset, page))
      if (blocks === 0) return 0
    }
    return blocks >>> 0
  }

  keyOf(block: number, row: number): Buffer | undefined {
    const { keys } = this.summary
    if (!keys) return undefined
    const i = this.#keyByAddress()[block * BLOCK_ROWS + row] as number
    return i < 0 ? undefined : this.#hashAt(i)
  }

  findKey(hash: Buffer): number | undefined {
    const { keys } = this.summary
    if (!keys || !this.mayHaveKey(hash, 0)) return undefined
    const i = searchKeys(keys.count, hash, (k) => this.#hashAt(k))
    if (i < 0) return undefined
    return asUint32(this.#section(keys.addresses))[i]
  }

  /** @param source 16 bytes at `at` */
  mayHaveKey(source: Buffer, at: number): boolean {
    const { keys } = this.summary
    if (!keys) return false
    this.#bloom ??= this.#section(keys.bloom)
    return bloomHas(this.#bloom, source, at)
  }

  /** Rows that it says newer versions hide, here or in other segments. @throws SEGMENT_CORRUPT */
  supersedes(): Supersede[] {
    const refs = this.summary.supersedes ?? []
    return refs.map((ref) => ({ in: ref.in, by: ref.by, rows: this.#section(ref.rows) }))
  }

  /** Reads and checks every section and block. @throws SEGMENT_CORRUPT */
  verify(): void {
    const { summary } = this
    for (const column of this.#directory().columns) {
      if (column.dictionary.count > 0) this.#section(column.dictionary)
      column.entries.forEach((entry) => {
        if (entry) unpack(this.#readAt(entry.offset, entry.storedBytes), entry.rawBytes, entry.crc, this.path)
      })
    }
    this.#section(summary.shapes)
    this.supersedes()
    if (summary.keys) {
      for (const ref of [summary.keys.hashes, summary.keys.addresses, summary.keys.bloom]) this.#section(ref)
    }
    for (let page = 0; page < (summary.filter?.pages ?? 0); page++) this.#filterPage(summary.filter?.offset ?? 0, page)
  }

  #filterPage(offset: number, page: number): Buffer {
    const bytes = this.#readAt(offset + page * FILTER_PAGE, FILTER_PAGE)
    if (!pageIsSound(bytes)) throw this.#corrupt('a word filter page fails its checksum')
    return bytes
  }

  #hashAt(i: number): Buffer {
    const { hashes } = (this.summary as Required<SegmentSummary>).keys as NonNullable<SegmentSummary['keys']>
    if (!this.#hashesChecked) {
      if (crc32(this.#readAt(hashes.offset, hashes.stored)) !== hashes.crc)
        throw this.#corrupt('its keys fail their checksum')
      this.#hashesChecked = true
    }
    return this.#readAt(hashes.offset + i * 16, 16)
  }

  #keyByAddress(): Int32Array {
    const make = () => {
      const addresses = asUint32(this.#section((this.summary.keys as NonNullable<SegmentSummary['keys']>).addresses))
      const inverse = new Int32Array(this.blockCount * BLOCK_ROWS).fill(-1)
      for (let i = 0; i < addresses.length; i++) inverse[addresses[i] as number] = i
      return inverse
    }
    return this.#cache.get(`${this.key}/keys`, make, (inverse) => inverse.byteLength)
  }

  #directory(): Directory {
    if (this.#held.directory) return this.#held.directory
    const make = () => decodeDirectory(this.#section(this.summary.directory))
    const directory = this.#cache.get(`${this.key}/directory`, make, ({ bytes }) => bytes * 4)
    if (this.#pins > 0) this.#held.directory = directory
    return directory
  }

  #entry(column: ColumnRef, block: number): FileEntry | undefined {
    return this.#directory().columns[column.index]?.entries[block]
  }

  #section(ref: SectionRef): Buffer {
    return unpack(this.#readAt(ref.offset, ref.stored), ref.raw, ref.crc, this.path)
  }

  #readAt(offset: number, bytes: number): Buffer {
    return readExactly(this.#files.fd(this.path), this.path, offset, bytes)
  }

  #corrupt(problem: string): PipelineError {
    return new PipelineError('SEGMENT_CORRUPT', { path: this.path, problem })
  }
}

function decodeDirectory(raw: Buffer): Directory {
  const blockCount = raw.readUInt32LE(0)
  const columnCount = raw.readUInt32LE(4)
  const blocks: BlockInfo[] = []
  let at = 8
  for (let block = 0; block < blockCount; block++, at += 20) {
    blocks.push({ rows: raw.readUInt32LE(at), minTime: raw.readDoubleLE(at + 4), maxTime: raw.readDoubleLE(at + 12) })
  }
  const columns: FileColumn[] = []
  const fields = new FieldIndex()
  for (let index = 0; index < columnCount; index++) {
    const nameBytes = raw.readUInt32LE(at)
    const dictionary = {
      offset: raw.readDoubleLE(at + 6),
      stored: raw.readUInt32LE(at + 14),
      raw: raw.readUInt32LE(at + 18),
      crc: raw.readUInt32LE(at + 22),
      count: raw.readUInt32LE(at + 26),
    }
    const kind = raw[at + 4] as ColumnKind
    const present = raw.readUInt16LE(at + 30)
    at += 32
    const name = raw.toString('utf8', at, at + nameBytes)
    at += nameBytes
    const entries: (FileEntry | undefined)[] = []
    for (let i = 0; i < present; i++, at += 42) {
      entries[raw[at] as number] = {
        encoding: raw[at + 1] as Encoding,
        count: raw.readUInt32LE(at + 2),
        offset: raw.readDoubleLE(at + 6),
        storedBytes: raw.readUInt32LE(at + 14),
        rawBytes: raw.readUInt32LE(at + 18),
        crc: raw.readUInt32LE(at + 22),
        min: raw.readDoubleLE(at + 26),
        max: raw.readDoubleLE(at + 34),
      }
    }
    const column = { index, name, kind, dictionary, entries }
    columns.push(column)
    fields.add(column)
  }
  return { blocks, columns, fields, bytes: raw.length }
}
