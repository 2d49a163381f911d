// Many literals looked for in one text at once: where it is, where it begins, where it ends, what it has inside.
//
//   equals      a bitmap over length and three bytes, then a hash map over the whole text
//   starts/ends a hash that grows byte by byte from the edge; at the depths literals have, a bitmap is asked
//   contains    literals of 7 characters and more: every 4th position of the text is the start of one of the 4 grams of
//               4 bytes that any such literal shows to it; shorter ones: grams of 3, at every position or every 2nd or 3rd,
//               as the shortest of them allows
//
// Bitmaps answer nearly all positions, hash tables the rest, and the folded text itself has the last word.

import { byteAt, caseBit, gram3, gram4, gramOfWord, Haystack } from './haystack.ts'
import type { TextHow } from './types.ts'

/** Told the number of a literal that the text has. Returns true to stop looking. Must not search itself. */
export type OnLiteral = (literal: number) => boolean

interface Literal {
  readonly text: string
  readonly literal: number
}

const longEnough = 7
const shortGram = 3
/** One search at a time: texts are looked through here, whichever index asks. */
const haystack = new Haystack()

export class LiteralIndex {
  readonly #equals = new Map<string, number>()
  readonly #equalBits = new Uint32Array(128)
  readonly #starts: EdgeTable
  readonly #ends: EdgeTable
  readonly #long: GramTable
  readonly #short: GramTable
  readonly #tiny: Literal[] = []
  /** Short ones beyond ASCII (emoji, look-alike letters), by first unit: asked only of texts that are not plain ASCII. */
  readonly #exotic = new Map<number, Literal[]>()
  readonly #empty: number[] = []

  /**
   * @param literals folded; the same text and kind may come once only
   * @param grams how often grams come in real texts: literals are found by their rarest ones
   */
  constructor(literals: readonly { readonly how: TextHow; readonly text: string }[], grams?: GramCounts) {
    const starts: Literal[] = []
    const ends: Literal[] = []
    const long: Literal[] = []
    const short: Literal[] = []
    literals.forEach(({ how, text }, literal) => {
      const one = { text, literal }
      if (how === 'equals') this.#addEqual(one)
      else if (text === '') this.#empty.push(literal)
      else if (how === 'startswith') starts.push(one)
      else if (how === 'endswith') ends.push(one)
      else if (text.length >= longEnough) long.push(one)
      else if (text.length >= shortGram) short.push(one)
      else if (text.charCodeAt(0) < 128) this.#tiny.push(one)
      else {
        const list = this.#exotic.get(text.charCodeAt(0))
        if (list) list.push(one)
        else this.#exotic.set(text.charCodeAt(0), [one])
      }
    })
    this.#starts = new EdgeTable(starts, 'start')
    this.#ends = new EdgeTable(ends, 'end')
    this.#long = new GramTable(long, 4, 4, grams)
    const shortest = short.reduce((least, { text }) => Math.min(least, text.length), 5)
    this.#short = new GramTable(short, shortGram, shortest - shortGram + 1, grams)
  }

  /**
   * @param text as it is; upper and lower case are the same
   * @returns true when `found` stopped the search
   */
  search(text: string, found: OnLiteral): boolean {
    haystack.set(text)
    if (this.#equals.size > 0 && this.#isOneOf(found)) return true
    for (const literal of this.#empty) if (found(literal)) return true
    if (this.#starts.size > 0 && this.#starts.search(found)) return true
    if (this.#ends.size > 0 && this.#ends.search(found)) return true
    if (this.#long.size > 0 && this.#long.searchWords(found)) return true
    if (this.#short.size > 0 && this.#short.searchBytes(found)) return true
    for (const { text: tiny, literal } of this.#tiny) if (haystack.folded.includes(tiny) && found(literal)) return true
    return !haystack.ascii && this.#exotic.size > 0 && this.#searchExotic(haystack.folded, found)
  }

  #addEqual({ text, literal }: Literal): void {
    this.#equals.set(text, literal)
    const { length } = text
    const bit =
      length === 0 ? 0 : equalBit(length, byteAt(text, 0), byteAt(text, length >> 1), byteAt(text, length - 1))
    this.#equalBits[bit >>> 5] = (this.#equalBits[bit >>> 5] as number) | (1 << (bit & 31))
  }

  #isOneOf(found: OnLiteral): boolean {
    const { bytes, length } = haystack
    const [first, middle, last] = [bytes[0] as number, bytes[length >> 1] as number, bytes[length - 1] as number]
    const bit = length === 0 ? 0 : equalBit(length, first | caseBit, middle | caseBit, last | caseBit)
    if (((this.#equalBits[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return false
    const literal = this.#equals.get(haystack.folded)
    return literal !== undefined && found(literal)
  }

  #searchExotic(text: string, found: OnLiteral): boolean {
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code < 128) continue
      for (const { text: tiny, literal } of this.#exotic.get(code) ?? [])
        if (text.startsWith(tiny, at) && found(literal)) return true
    }
    return false
  }
}

/** One of 4,096. */
const equalBit = (length: number, first: number, middle: number, last: number): number =>
  Math.imul(length ^ (first << 8) ^ (middle << 16) ^ (last << 24), 0x9e3779b1) >>> 20

/** A bitmap for numbers that were hashed already to all 32 bits: 16 bits for each, one question in 16 is asked in vain. */
class Bits {
  readonly #words: Uint32Array
  readonly #shift: number

  constructor(count: number) {
    const bits = Math.min(20, 32 - Math.clz32(Math.max(1024, count * 16) - 1))
    this.#words = new Uint32Array(2 ** bits / 32)
    this.#shift = 32 - bits
  }

  add(hash: number): void {
    const bit = hash >>> this.#shift
    this.#words[bit >>> 5] = (this.#words[bit >>> 5] as number) | (1 << (bit & 31))
  }

  has(hash: number): boolean {
    const bit = hash >>> this.#shift
    return ((this.#words[bit >>> 5] as number) & (1 << (bit & 31))) !== 0
  }
}

/** How far from the edge a literal is told by its hash: the greatest of these that it has characters for. */
const depths = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32]

const isStop = (depth: number): boolean => depth === 4 || depth === 8
const mix = (hash: number, byte: number): number => Math.imul(hash ^ byte, 0x01000193)
const spread = (hash: number): number => Math.imul(hash, 0x9e3779b1)

class EdgeTable {
  readonly size: number
  readonly #atEnd: boolean
  /** By depth: whether any literal is told there. */
  readonly #asked = new Uint8Array(33)
  #deepest = 0
  readonly #bits: Bits
  /** What longer literals have at the depths of `stops`: a text without it has none of them. */
  readonly #onward: Bits
  readonly #buckets = new Map<number, Literal[]>()

  constructor(literals: readonly Literal[], edge: 'start' | 'end') {
    this.size = literals.length
    this.#atEnd = edge === 'end'
    this.#bits = new Bits(literals.length)
    this.#onward = new Bits(literals.length * 2)
    for (const one of literals) {
      const { text } = one
      const depth = depths.findLast((each) => each <= text.length) as number
      this.#asked[depth] = 1
      this.#deepest = Math.max(this.#deepest, depth)
      let hash = 0
      for (let i = 0; i < depth; i++) {
        hash = mix(hash, byteAt(text, this.#atEnd ? text.length - 1 - i : i))
        if (isStop(i + 1) && i + 1 < depth) this.#onward.add(spread(hash))
      }
      this.#bits.add(spread(hash))
      const bucket = this.#buckets.get(hash)
      if (bucket) bucket.push(one)
      else this.#buckets.set(hash, [one])
    }
  }

  search(found: OnLiteral): boolean {
    const { bytes, length } = haystack
    const asked = this.#asked
    const step = this.#atEnd ? -1 : 1
    const deepest = Math.min(length, this.#deepest)
    let hash = 0
    for (let depth = 1, at = this.#atEnd ? length - 1 : 0; depth <= deepest; depth++, at += step) {
      hash = mix(hash, (bytes[at] as number) | caseBit)
      if (asked[depth] === 1 && this.#bits.has(spread(hash)) && this.#verify(hash, found)) return true
      if (isStop(depth) && !this.#onward.has(spread(hash))) return false
    }
    return false
  }

  #verify(hash: number, found: OnLiteral): boolean {
    const bucket = this.#buckets.get(hash)
    if (bucket === undefined) return false
    const { folded } = haystack
    for (const { text, literal } of bucket)
      if ((this.#atEnd ? folded.endsWith(text) : folded.startsWith(text)) && found(literal)) return true
    return false
  }
}

interface Entry extends Literal {
  /** Where in the literal the gram stands. */
  readonly offset: number
}

/** How often grams of both lengths come in texts; texts and grams beyond a limit are not counted. */
export class GramCounts {
  readonly #counts = new Map<number, number>()

  /** @param text folded */
  add(text: string): void {
    for (let at = 0, end = Math.min(text.length, 2000) - shortGram; at <= end; at++) {
      this.#count(gram3(text, at))
      if (at < end) this.#count(gram4(text, at))
    }
  }

  static sum(all: readonly GramCounts[]): GramCounts {
    const sum = new GramCounts()
    for (const one of all) for (const [gram, count] of one.#counts) sum.#counts.set(gram, sum.countOf(gram) + count)
    return sum
  }

  countOf(gram: number): number {
    return this.#counts.get(gram) ?? 0
  }

  #count(gram: number): void {
    const count = this.#counts.get(gram)
    if (count !== undefined || this.#counts.size < 65_536) this.#counts.set(gram, (count ?? 0) + 1)
  }
}

class GramTable {
  readonly size: number
  readonly #stride: number
  readonly #bits: Bits
  readonly #buckets = new Map<number, Entry[]>()

  constructor(literals: readonly Literal[], length: 3 | 4, stride: number, counts: GramCounts | undefined) {
    this.size = literals.length
    this.#stride = stride
    this.#bits = new Bits(literals.length * stride)
    const gramAt = length === 4 ? gram4 : gram3
    const common = new Map<number, number>()
    for (const { text } of literals)
      for (let at = 0; at + length <= text.length; at++) {
        const gram = gramAt(text, at)
        common.set(gram, (common.get(gram) ?? 0) + 1)
      }
    for (const { text, literal } of literals) {
      // Of all windows that would do, the one whose grams the fewest other literals have: they are likely rare in texts.
      let best = 0
      let bestCost = Number.POSITIVE_INFINITY
      for (let start = 0; start + stride - 1 + length <= text.length; start++) {
        let cost = 0
        for (let i = 0; i < stride; i++) {
          const gram = gramAt(text, start + i)
          cost += (common.get(gram) ?? 0) * (1 + 16 * (counts?.countOf(gram) ?? 0))
        }
        if (cost < bestCost) [best, bestCost] = [start, cost]
      }
      for (let i = 0; i < stride; i++) {
        const gram = gramAt(text, best + i)
        this.#bits.add(spread(gram))
        const bucket = this.#buckets.get(gram)
        const entry = { text, literal, offset: best + i }
        if (bucket) bucket.push(entry)
        else this.#buckets.set(gram, [entry])
      }
    }
  }

  /** Grams of 4 at every 4th position. */
  searchWords(found: OnLiteral): boolean {
    const { words, length } = haystack
    const bits = this.#bits
    for (let i = 0, end = length >> 2; i < end; i++) {
      const gram = gramOfWord(words[i] as number)
      if (bits.has(spread(gram)) && this.#verify(i * 4, gram, found)) return true
    }
    return false
  }

  /** Grams of 3. */
  searchBytes(found: OnLiteral): boolean {
    const { bytes, length } = haystack
    const bits = this.#bits
    const stride = this.#stride
    for (let at = 0, end = length - shortGram; at <= end; at += stride) {
      const gram =
        (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | 0x202020
      if (bits.has(spread(gram)) && this.#verify(at, gram, found)) return true
    }
    return false
  }

  #verify(at: number, gram: number, found: OnLiteral): boolean {
    const bucket = this.#buckets.get(gram)
    if (bucket === undefined) return false
    const { folded } = haystack
    for (const { text, literal, offset } of bucket)
      if (offset <= at && folded.startsWith(text, at - offset) && found(literal)) return true
    return false
  }
}
