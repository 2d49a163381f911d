// One column while its segment is in memory: packed blocks, and the values of the open block.

import { bytesOf, Encoding, encodeIds, encodeNumbers, encodePlain, pack } from './block-codec.ts'
import { DictionaryBuilder, growUint32 } from './dictionary.ts'
import type { MemoryEntry } from './stored-columns.ts'
import { TemplateSplitter } from './template-split.ts'
import type { TokenSet } from './tokens.ts'
import { ColumnKind, type ColumnRef } from './view.ts'

const DICTIONARY_VALUES = 65_536
const DICTIONARY_BYTES = 8 * 1024 * 1024
const LINE_FEED = 10
const EMPTY = { packed: pack(Buffer.alloc(0)), rawBytes: 0, storedBytes: 0, crc: 0, min: 0, max: 0 }

export class HeadColumn implements ColumnRef {
  readonly index: number
  readonly name: string
  readonly kind: ColumnKind
  /** Words go to the block's filter. */
  readonly isText: boolean
  readonly entries: (MemoryEntry | undefined)[] = []
  dictionary = new DictionaryBuilder()
  /** Values are kept as they are: the dictionary stopped paying. Changes between blocks only. */
  plain: boolean
  everPlain = false
  /** Values in the open block. */
  count = 0
  ids: Uint32Array = new Uint32Array(0)
  bytes: Buffer = Buffer.alloc(0)
  starts: Uint32Array = new Uint32Array(1)
  numbers: Float64Array = new Float64Array(0)
  flags: Uint8Array = new Uint8Array(0)
  /** Kept beside the blocks, once a segment: the trigrams of variables. */
  section: Buffer | undefined
  #dictionaryValues = 0

  /** Of a text column that has no dictionary: how its values are cut, and the columns that take the parts. */
  #splitter: TemplateSplitter | undefined
  #parts: { templates: HeadColumn; variables: HeadColumn } | undefined
  readonly #part: ((kind: ColumnKind) => HeadColumn) | undefined

  /** @param part makes another column of the same name, for text */
  constructor(
    index: number,
    name: string,
    kind: ColumnKind,
    isText: boolean,
    plain: boolean,
    part?: (kind: ColumnKind) => HeadColumn,
  ) {
    this.index = index
    this.name = name
    this.kind = kind
    this.isText = isText
    this.plain = plain
    this.#part = isText ? part : undefined
    if (plain) this.everPlain = true
  }

  addString(source: Buffer, start: number, end: number): void {
    const i = this.count++
    if (!this.plain) {
      if (i >= this.ids.length) this.ids = growUint32(this.ids, Math.max(16, i + 1))
      this.ids[i] = this.dictionary.idOf(source, start, end)
      return
    }
    const at = this.starts[i] as number
    const next = at + end - start + 1
    if (next > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(next, this.bytes.length * 2, 256))
      this.bytes.copy(grown, 0, 0, at)
      this.bytes = grown
    }
    source.copy(this.bytes, at, start, end)
    this.bytes[next - 1] = LINE_FEED
    if (i + 2 > this.starts.length) this.starts = growUint32(this.starts, Math.max(16, i + 2))
    this.starts[i + 1] = next
  }

  addNumber(value: number): void {
    if (this.count >= this.numbers.length) {
      const grown = new Float64Array(Math.max(16, this.count * 2))
      grown.set(this.numbers)
      this.numbers = grown
    }
    this.numbers[this.count++] = value
  }

  addId(id: number): void {
    if (this.count >= this.ids.length) this.ids = growUint32(this.ids, Math.max(16, this.count + 1))
    this.ids[this.count++] = id
  }

  addFlag(value: number): void {
    if (this.count >= this.flags.length) {
      const grown = new Uint8Array(Math.max(16, this.count * 2))
      grown.set(this.flags)
      this.flags = grown
    }
    this.flags[this.count++] = value
  }

  /** Packs the open block. The arrays are let go, not reused: a running query may still read them. */
  close(block: number, words: TokenSet): void {
    if (this.count === 0) return
    if (!this.#split(block, words)) {
      if (this.isText) this.#collectWords(words)
      this.entries[block] = this.#encode()
    }
    if (this.kind === ColumnKind.string && !this.plain) this.#reconsider()
    this.count = 0
    this.ids = new Uint32Array(0)
    this.bytes = Buffer.alloc(0)
    this.starts = new Uint32Array(1)
    this.numbers = new Float64Array(0)
    this.flags = new Uint8Array(0)
  }

  get splitter(): TemplateSplitter | undefined {
    return this.#splitter
  }

  /** Gives the values to the columns of templates and variables; they are closed after this one. */
  #split(block: number, words: TokenSet): boolean {
    if (!this.#part || !this.plain || this.#splitter?.off) return false
    this.#splitter ??= new TemplateSplitter()
    const { ids, bytes, starts, count } = this.#splitter.split(this, this.count, words)
    this.#parts ??= {
      templates: this.#part(ColumnKind.templates),
      variables: this.#part(ColumnKind.variables),
    }
    const { templates, variables } = this.#parts
    templates.dictionary = this.#splitter.dictionary
    templates.ids = ids
    templates.count = this.count
    variables.section = this.#splitter.trigrams
    variables.bytes = bytes
    variables.starts = starts
    variables.count = count
    this.entries[block] = { encoding: Encoding.templates, count: this.count, ...EMPTY }
    return true
  }

  #encode(): MemoryEntry {
    const { count } = this
    let min = 0
    let max = 0
    let encoded: { encoding: Encoding; raw: Buffer }
    if (this.kind === ColumnKind.string) {
      encoded = this.plain
        ? { encoding: Encoding.plain, raw: encodePlain(this, count) }
        : encodeIds(this.ids.subarray(0, count))
    } else if (this.kind === ColumnKind.number) {
      const values = this.numbers.subarray(0, count)
      min = Number.POSITIVE_INFINITY
      max = Number.NEGATIVE_INFINITY
      for (let i = 0; i < count; i++) {
        const value = values[i] as number
        if (value < min) min = value
        if (value > max) max = value
      }
      encoded = encodeNumbers(values)
    } else if (this.kind === ColumnKind.boolean) {
      encoded = { encoding: Encoding.bytes, raw: bytesOf(this.flags.subarray(0, count)) }
    } else if (this.kind === ColumnKind.variables) {
      encoded = { encoding: Encoding.plain, raw: encodePlain(this, count) }
    } else encoded = encodeIds(this.ids.subarray(0, count))
    const packed = pack(encoded.raw)
    const { rawBytes, crc } = packed
    return { encoding: encoded.encoding, count, packed, rawBytes, storedBytes: packed.stored.length, crc, min, max }
  }

  /** A dictionary that grows with the rows costs more than it saves. */
  #reconsider(): void {
    this.#dictionaryValues += this.count
    const { count, byteLength } = this.dictionary
    // Short values (addresses, names) get time to repeat: aggregations over ids are several times faster.
    const short = byteLength <= count * 48
    const many =
      this.#dictionaryValues >= (short ? 32_768 : 256) && count > this.#dictionaryValues * (short ? 0.75 : 0.5)
    if (many || count > DICTIONARY_VALUES || byteLength > DICTIONARY_BYTES) {
      this.plain = true
      this.everPlain = true
    }
  }

  #collectWords(words: TokenSet): void {
    if (this.plain) {
      for (let i = 0; i < this.count; i++) {
        words.addText(this.bytes, this.starts[i] as number, (this.starts[i + 1] as number) - 1)
      }
      return
    }
    const seen = new Uint8Array(this.dictionary.count)
    for (let i = 0; i < this.count; i++) {
      const id = this.ids[i] as number
      if (seen[id] === 1) continue
      seen[id] = 1
      const { bytes, starts } = this.dictionary
      words.addText(bytes, starts[id] as number, starts[id + 1] as number)
    }
  }
}
