// Text values cut into template and variables: `Failed password for □ from □.□.□.□ port □`. Log lines share few
// templates, so a value costs one small id and its variables, and a word that stands in the template is looked up once a
// template, not once a row.
//
//   variable   a whole ASCII word (core/query.ts) with a digit in it; every other word stands in the template
//   template   the value with MARK for each variable
//   RAW        the template of two MARKs, which no value has by itself: the value is its one variable, as it is. For text
//              that is not ASCII, holds MARK, or whose template would be one too many
//   order      variables of a block: by template, then by place in the template, then by row. What is alike lies together

import { DictionaryBuilder } from './dictionary.ts'
import { classOf, FNV_OFFSET, FNV_PRIME, isDigit, NOT_ASCII, SEPARATOR, TokenSet } from './tokens.ts'

export const MARK = 0x1a
const RAW = Buffer.from([MARK, MARK])
/** A column whose templates go on growing has none: it is written by people, or by a generator. */
const MAX_TEMPLATES = 4096
const MAX_TEMPLATES_BYTES = 1024 * 1024
const LONGEST_TEMPLATE = 4096
const LINE_FEED = 10

/** Letters, digits and `_`, lower-cased: three in a row make one of 37 ** 3 numbers. */
const TRIGRAM_BASE = 37
export const TRIGRAM_BYTES = Math.ceil(TRIGRAM_BASE ** 3 / 8)
const letterOf = new Int8Array(256).map((_, byte) => {
  const c = classOf[byte] as number
  if (c === SEPARATOR || c === NOT_ASCII) return -1
  if (c >= 97) return c - 97
  return c === 95 ? 36 : c - 48 + 26
})

export interface Split {
  /** Template of each value. */
  readonly ids: Uint32Array
  /** The variables, as PlainValues. */
  readonly bytes: Buffer
  readonly starts: Uint32Array
  readonly count: number
}

export class TemplateSplitter {
  readonly dictionary = new DictionaryBuilder()
  /** A bit for each three characters that stand side by side in any variable. */
  readonly trigrams: Buffer = Buffer.alloc(TRIGRAM_BYTES)
  /** Too many values had a template of their own: the column is better off without. */
  off = false
  /** Per template: how many variables it has, and the hashes of its words. */
  #slots: number[] = []
  readonly #words: Uint32Array[] = []
  readonly #seenIn: number[] = []
  #block = 0
  #template = Buffer.allocUnsafeSlow(LONGEST_TEMPLATE)
  #from = new Uint32Array(1024)
  #to = new Uint32Array(1024)
  #variables = 0

  get slots(): readonly number[] {
    return this.#slots
  }

  /** @param values of one block; their words go to `words` */
  split(values: { readonly bytes: Buffer; readonly starts: Uint32Array }, count: number, words: TokenSet): Split {
    const { bytes, starts } = values
    const ids = new Uint32Array(count)
    const first = new Uint32Array(count + 1)
    const before = this.dictionary.count
    let raw = 0
    this.#block++
    this.#variables = 0
    for (let i = 0; i < count; i++) {
      const from = starts[i] as number
      const to = (starts[i + 1] as number) - 1
      const known = this.#variables
      let id = this.#templateOf(bytes, from, to, words)
      if (id < 0) {
        this.#variables = known
        this.#push(from, to)
        words.addText(bytes, from, to)
        this.#addTrigrams(bytes, from, to)
        id = this.#idOf(RAW, 2)
        raw++
      } else if (this.#seenIn[id] !== this.#block) {
        this.#seenIn[id] = this.#block
        for (const hash of this.#words[id] as Uint32Array) words.add(hash)
      }
      ids[i] = id
      first[i + 1] = this.#variables
    }
    if (count >= 256 && (this.dictionary.count - before > count / 2 || raw > count * 0.9)) this.off = true
    return { ids, ...this.#arrange(bytes, ids, first, count) }
  }

  /** -1: this value is kept raw. */
  #templateOf(bytes: Buffer, from: number, to: number, words: TokenSet): number {
    const template = this.#template
    let length = 0
    for (let i = from; i < to; ) {
      if (length >= LONGEST_TEMPLATE) return -1
      const byte = bytes[i] as number
      let c = classOf[byte] as number
      if (c === NOT_ASCII || byte === MARK) return -1
      if (c === SEPARATOR) {
        template[length++] = byte
        i++
        continue
      }
      const start = i
      const before = length
      let hash = FNV_OFFSET
      let digit = 0
      do {
        template[length++] = bytes[i] as number // past its end nothing is written, and -1 follows
        hash = Math.imul(hash ^ c, FNV_PRIME)
        digit |= isDigit[c] as number
        c = ++i < to ? (classOf[bytes[i] as number] as number) : SEPARATOR
      } while (c !== SEPARATOR && c !== NOT_ASCII)
      if (c === NOT_ASCII) return -1
      if (digit === 0) continue
      length = before
      template[length++] = MARK
      this.#push(start, i)
      words.add(hash >>> 0 || 1)
      this.#addTrigrams(bytes, start, i)
    }
    if (length > LONGEST_TEMPLATE) return -1
    const { dictionary } = this
    if (dictionary.count < MAX_TEMPLATES && dictionary.byteLength < MAX_TEMPLATES_BYTES) {
      return this.#idOf(template, length)
    }
    return dictionary.find(template, 0, length)
  }

  #idOf(template: Buffer, length: number): number {
    const id = this.dictionary.idOf(template, 0, length)
    if (id < this.#slots.length) return id
    let marks = 0
    for (let i = 0; i < length; i++) if (template[i] === MARK) marks++
    const isRaw = marks === 2 && length === 2
    this.#slots.push(isRaw ? 1 : marks)
    const words = new TokenSet()
    if (!isRaw) words.addText(template, 0, length)
    this.#words.push(words.take())
    this.#seenIn.push(0)
    return id
  }

  #push(from: number, to: number): void {
    const i = this.#variables++
    if (i >= this.#from.length) {
      const grow = (old: Uint32Array) => {
        const grown = new Uint32Array(i * 2)
        grown.set(old)
        return grown
      }
      this.#from = grow(this.#from)
      this.#to = grow(this.#to)
    }
    this.#from[i] = from
    this.#to[i] = to
  }

  #addTrigrams(bytes: Buffer, from: number, to: number): void {
    eachTrigram(bytes, from, to, this.trigrams)
  }

  #arrange(bytes: Buffer, ids: Uint32Array, first: Uint32Array, count: number) {
    const base = layOut(ids, count, this.#slots)
    const rows = countRows(ids, count, this.#slots.length)
    const total = this.#variables
    const starts = new Uint32Array(total + 1)
    const order = new Uint32Array(total)
    const seen = new Uint32Array(rows.length)
    for (let i = 0; i < count; i++) {
      const id = ids[i] as number
      const row = seen[id]!++
      const end = first[i + 1] as number
      for (let v = first[i] as number, at = (base[id] as number) + row; v < end; v++, at += rows[id] as number) {
        order[at] = v
      }
    }
    let end = 0
    for (let at = 0; at < total; at++) {
      const v = order[at] as number
      end += (this.#to[v] as number) - (this.#from[v] as number) + 1
      starts[at + 1] = end
    }
    const out = Buffer.allocUnsafeSlow(end)
    let to = 0
    for (let at = 0; at < total; at++) {
      const v = order[at] as number
      const stop = this.#to[v] as number
      for (let i = this.#from[v] as number; i < stop; i++) out[to++] = bytes[i] as number
      out[to++] = LINE_FEED
    }
    return { bytes: out, starts, count: total }
  }
}

export function countRows(ids: ArrayLike<number>, count: number, templates: number): Uint32Array {
  const rows = new Uint32Array(templates)
  for (let i = 0; i < count; i++) rows[ids[i] as number]!++
  return rows
}

/** Per template the number of its first variable in the block: variable k of its row j is `base + k * rows + j`. */
export function layOut(ids: ArrayLike<number>, count: number, slots: ArrayLike<number>): Uint32Array {
  const rows = countRows(ids, count, slots.length)
  const base = new Uint32Array(slots.length)
  let at = 0
  for (let id = 0; id < base.length; id++) {
    base[id] = at
    at += (rows[id] as number) * (slots[id] as number)
  }
  return base
}

/** Sets the bits of the trigrams within words. */
function eachTrigram(bytes: Buffer, from: number, to: number, bits: Buffer): void {
  let last = -1
  let beforeLast = -1
  for (let i = from; i < to; i++) {
    const letter = letterOf[bytes[i] as number] as number
    if (beforeLast >= 0 && last >= 0 && letter >= 0) {
      const trigram = (beforeLast * TRIGRAM_BASE + last) * TRIGRAM_BASE + letter
      bits[trigram >>> 3]! |= 1 << (trigram & 7)
    }
    beforeLast = last
    last = letter
  }
}

/** Whether a variable may hold this run of word characters. Shorter than three: it may. */
export function trigramsMayHold(trigrams: Buffer, needle: string): boolean {
  const bytes = Buffer.from(needle)
  const wanted = Buffer.alloc(TRIGRAM_BYTES)
  eachTrigram(bytes, 0, bytes.length, wanted)
  for (let i = 0; i < TRIGRAM_BYTES; i++) {
    const byte = wanted[i] as number
    if (byte !== 0 && (byte & ~(trigrams[i] as number)) !== 0) return false
  }
  return true
}
