// Many literals looked for in one text at once: where it is, where it begins, where it ends, what it has inside.
//
//   equals      hash map over the whole text
//   starts/ends a trie each, the one for ends read backwards; both stop after a few characters
//   contains    literals of 7 characters and more: every 4th position of the text is the start of one of the 4 grams of
//               4 characters that any such literal shows to it; shorter ones: grams of 3 at every position. A bitmap
//               answers nearly all positions, a hash table the rest, and the text itself has the last word.

import type { TextHow } from './types.ts'

/** Told the number of a literal that the text has. Returns true to stop looking. */
export type OnLiteral = (literal: number) => boolean

const longEnough = 7
const longGram = 4
const shortGram = 3

const nonAscii = /[^\u0000-\u007f]/

interface Tiny {
  readonly text: string
  readonly literal: number
}

export class LiteralIndex {
  readonly #equals = new Map<string, number>()
  readonly #starts = new Trie(false)
  readonly #ends = new Trie(true)
  readonly #long: GramTable
  readonly #short: GramTable
  readonly #tiny: Tiny[] = []
  /** Short ones beyond ASCII (emoji, look-alike letters), by first unit: asked only of texts that are not plain ASCII. */
  readonly #exotic = new Map<number, Tiny[]>()
  readonly #empty: number[] = []
  #hasStarts = false
  #hasEnds = false

  /**
   * @param literals folded; the same text and kind may come once only
   * @param grams how often grams come in real texts: literals are found by their rarest ones
   */
  constructor(literals: readonly { readonly how: TextHow; readonly text: string }[], grams?: GramCounts) {
    const long: { text: string; literal: number }[] = []
    const short: { text: string; literal: number }[] = []
    literals.forEach(({ how, text }, literal) => {
      if (how === 'equals') this.#equals.set(text, literal)
      else if (text === '') this.#empty.push(literal)
      else if (how === 'startswith') {
        this.#starts.add(text, literal)
        this.#hasStarts = true
      } else if (how === 'endswith') {
        this.#ends.add(text, literal)
        this.#hasEnds = true
      } else if (text.length >= longEnough) long.push({ text, literal })
      else if (text.length >= shortGram) short.push({ text, literal })
      else if (text.charCodeAt(0) < 128) this.#tiny.push({ text, literal })
      else {
        const list = this.#exotic.get(text.charCodeAt(0))
        if (list) list.push({ text, literal })
        else this.#exotic.set(text.charCodeAt(0), [{ text, literal }])
      }
    })
    this.#long = new GramTable(long, longGram, 4, grams)
    this.#short = new GramTable(short, shortGram, 1, grams)
  }

  /** @returns true when `found` stopped the search */
  search(text: string, found: OnLiteral): boolean {
    if (this.#equals.size > 0) {
      const literal = this.#equals.get(text)
      if (literal !== undefined && found(literal)) return true
    }
    for (const literal of this.#empty) if (found(literal)) return true
    if (this.#hasStarts && this.#starts.search(text, found)) return true
    if (this.#hasEnds && this.#ends.search(text, found)) return true
    if (this.#long.size > 0 && this.#long.searchLong(text, found)) return true
    if (this.#short.size > 0 && this.#short.searchShort(text, found)) return true
    for (const { text: tiny, literal } of this.#tiny) if (text.includes(tiny) && found(literal)) return true
    return this.#exotic.size > 0 && nonAscii.test(text) && this.#searchExotic(text, found)
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

/** Children in one hash table keyed by node and character: open addressing, linear probing. */
class Trie {
  readonly #backwards: boolean
  #keys = new Int32Array(64).fill(-1)
  #chars = new Uint16Array(64)
  #children = new Int32Array(64)
  #count = 0
  #nodes = 1
  readonly #ends: number[] = [-1]

  constructor(backwards: boolean) {
    this.#backwards = backwards
  }

  add(text: string, literal: number): void {
    let node = 0
    for (let i = 0; i < text.length; i++) {
      const char = text.charCodeAt(this.#backwards ? text.length - 1 - i : i)
      const at = this.#slot(node, char)
      if (this.#keys[at] !== -1) {
        node = this.#children[at] as number
        continue
      }
      const made = this.#nodes++
      this.#ends.push(-1)
      this.#put(at, node, char, made)
      node = made
    }
    this.#ends[node] = literal
  }

  search(text: string, found: OnLiteral): boolean {
    const keys = this.#keys
    const last = text.length - 1
    let node = 0
    for (let i = 0; i <= last; i++) {
      const at = this.#slot(node, text.charCodeAt(this.#backwards ? last - i : i))
      if (keys[at] === -1) return false
      node = this.#children[at] as number
      const literal = this.#ends[node] as number
      if (literal >= 0 && found(literal)) return true
    }
    return false
  }

  #slot(node: number, char: number): number {
    const mask = this.#keys.length - 1
    let at = (Math.imul(node, 0x9e3779b1) ^ Math.imul(char, 0x85ebca6b)) >>> 7
    for (at &= mask; this.#keys[at] !== -1; at = (at + 1) & mask)
      if (this.#keys[at] === node && this.#chars[at] === char) return at
    return at
  }

  #put(at: number, node: number, char: number, child: number): void {
    this.#keys[at] = node
    this.#chars[at] = char
    this.#children[at] = child
    if (++this.#count * 2 < this.#keys.length) return
    const [keys, chars, children] = [this.#keys, this.#chars, this.#children]
    this.#keys = new Int32Array(keys.length * 2).fill(-1)
    this.#chars = new Uint16Array(keys.length * 2)
    this.#children = new Int32Array(keys.length * 2)
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === -1) continue
      const to = this.#slot(keys[i] as number, chars[i] as number)
      this.#keys[to] = keys[i] as number
      this.#chars[to] = chars[i] as number
      this.#children[to] = children[i] as number
    }
  }
}

interface Entry {
  readonly text: string
  readonly literal: number
  /** Where in the literal the gram stands. */
  readonly offset: number
}

const hash4 = (a: number, b: number, c: number, d: number): number =>
  Math.imul(a ^ (b << 8) ^ (c << 16) ^ (d << 24), 0x9e3779b1) >>> 0

/** How often grams of both lengths come in texts; texts and grams beyond a limit are not counted. */
export class GramCounts {
  readonly #counts = new Map<number, number>()

  add(text: string): void {
    for (let at = 0, end = Math.min(text.length, 2000) - shortGram; at <= end; at++) {
      const [a, b, c] = [text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2)]
      this.#count(hash4(a, b, c, 0))
      if (at < end) this.#count(hash4(a, b, c, text.charCodeAt(at + 3)))
    }
  }

  countOf(hash: number): number {
    return this.#counts.get(hash) ?? 0
  }

  #count(hash: number): void {
    const count = this.#counts.get(hash)
    if (count !== undefined || this.#counts.size < 65_536) this.#counts.set(hash, (count ?? 0) + 1)
  }
}

class GramTable {
  readonly size: number
  readonly #bits: Uint32Array
  readonly #shift: number
  readonly #buckets = new Map<number, Entry[]>()

  constructor(
    literals: readonly { text: string; literal: number }[],
    gram: number,
    stride: number,
    grams: GramCounts | undefined,
  ) {
    this.size = literals.length
    // 16 bits for each gram: one position in 16 asks the hash table in vain.
    const wanted = Math.max(1024, literals.length * stride * 16)
    const bits = Math.min(20, 32 - Math.clz32(wanted - 1))
    this.#bits = new Uint32Array(2 ** bits / 32)
    this.#shift = 32 - bits
    const common = new Map<number, number>()
    const gramAt = (text: string, at: number) =>
      hash4(
        text.charCodeAt(at),
        text.charCodeAt(at + 1),
        text.charCodeAt(at + 2),
        gram === longGram ? text.charCodeAt(at + 3) : 0,
      )
    for (const { text } of literals)
      for (let at = 0; at + gram <= text.length; at++) {
        const hash = gramAt(text, at)
        common.set(hash, (common.get(hash) ?? 0) + 1)
      }
    for (const { text, literal } of literals) {
      // Of all windows that would do, the one whose grams the fewest other literals have: they are likely rare in texts.
      let best = 0
      let bestCost = Number.POSITIVE_INFINITY
      for (let start = 0; start + stride - 1 + gram <= text.length; start++) {
        let cost = 0
        for (let i = 0; i < stride; i++) {
          const hash = gramAt(text, start + i)
          cost += (common.get(hash) ?? 0) * (1 + 16 * (grams?.countOf(hash) ?? 0))
        }
        if (cost < bestCost) [best, bestCost] = [start, cost]
      }
      for (let i = 0; i < stride; i++) {
        const hash = gramAt(text, best + i)
        const bit = hash >>> this.#shift
        this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] as number) | (1 << (bit & 31))
        const bucket = this.#buckets.get(hash)
        const entry = { text, literal, offset: best + i }
        if (bucket) bucket.push(entry)
        else this.#buckets.set(hash, [entry])
      }
    }
  }

  searchLong(text: string, found: OnLiteral): boolean {
    const bits = this.#bits
    const shift = this.#shift
    for (let at = 0, end = text.length - longGram; at <= end; at += 4) {
      const hash = hash4(text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2), text.charCodeAt(at + 3))
      const bit = hash >>> shift
      if (((bits[bit >>> 5] as number) & (1 << (bit & 31))) !== 0 && this.#verify(text, at, hash, found)) return true
    }
    return false
  }

  searchShort(text: string, found: OnLiteral): boolean {
    const bits = this.#bits
    const shift = this.#shift
    let a = text.charCodeAt(0)
    let b = text.charCodeAt(1)
    for (let at = 0, end = text.length - shortGram; at <= end; at++) {
      const c = text.charCodeAt(at + 2)
      const hash = hash4(a, b, c, 0)
      const bit = hash >>> shift
      if (((bits[bit >>> 5] as number) & (1 << (bit & 31))) !== 0 && this.#verify(text, at, hash, found)) return true
      a = b
      b = c
    }
    return false
  }

  #verify(text: string, at: number, hash: number, found: OnLiteral): boolean {
    const bucket = this.#buckets.get(hash)
    if (bucket === undefined) return false
    for (const { text: literal, literal: number, offset } of bucket)
      if (offset <= at && text.startsWith(literal, at - offset) && found(number)) return true
    return false
  }
}
