// Words of text values as 32-bit hashes, for the filters that tell which blocks cannot hold a word.

import { tokenize } from '../../core/query.ts'

export const SEPARATOR = 0
export const NOT_ASCII = 255

/** Byte -> lower-cased word byte, SEPARATOR, or NOT_ASCII: then the whole value goes through core's tokenize(). */
export const classOf = new Uint8Array(256).map((_, byte) => {
  if (byte >= 0x80) return NOT_ASCII
  return /[a-z0-9_]/i.test(String.fromCharCode(byte))
    ? String.fromCharCode(byte).toLowerCase().charCodeAt(0)
    : SEPARATOR
})

/** By class: 1 for 0 to 9. */
export const isDigit = new Uint8Array(256).map((_, c) => (c >= 48 && c <= 57 ? 1 : 0))

export const FNV_OFFSET = 0x811c9dc5
export const FNV_PRIME = 0x01000193

/** FNV-1a over the UTF-8 of a word that tokenize() gave; never 0. */
export function hashWord(word: string): number {
  const bytes = Buffer.from(word)
  let hash = FNV_OFFSET
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), FNV_PRIME)
  return hash >>> 0 || 1
}

/** Distinct word hashes of one block: open addressing, 0 = empty. */
export class TokenSet {
  #table = new Uint32Array(1024)
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Adds every word of one value. */
  addText(bytes: Buffer, start: number, end: number): void {
    let hash = FNV_OFFSET
    let inWord = false
    for (let i = start; i < end; i++) {
      const c = classOf[bytes[i] as number] as number
      if (c === SEPARATOR) {
        if (inWord) this.add(hash >>> 0 || 1)
        hash = FNV_OFFSET
        inWord = false
      } else if (c === NOT_ASCII) {
        for (const word of tokenize(bytes.toString('utf8', start, end))) this.add(hashWord(word))
        return
      } else {
        hash = Math.imul(hash ^ c, FNV_PRIME)
        inWord = true
      }
    }
    if (inWord) this.add(hash >>> 0 || 1)
  }

  add(hash: number): void {
    const table = this.#table
    const mask = table.length - 1
    let at = (Math.imul(hash, 0x9e3779b1) >>> 7) & mask
    while (table[at] !== 0) {
      if (table[at] === hash) return
      at = (at + 1) & mask
    }
    table[at] = hash
    if (++this.#count * 2 > table.length) this.#grow()
  }

  /** Ascending, and the set is empty again. */
  take(): Uint32Array {
    const out = new Uint32Array(this.#count)
    let at = 0
    for (const hash of this.#table) if (hash !== 0) out[at++] = hash
    this.#table = new Uint32Array(Math.min(this.#table.length, 65_536))
    this.#count = 0
    return out.sort()
  }

  #grow(): void {
    const old = this.#table
    this.#table = new Uint32Array(old.length * 2)
    this.#count = 0
    for (const hash of old) if (hash !== 0) this.add(hash)
  }
}

/** Whether an ascending array holds the hash. */
export function hasToken(sorted: Uint32Array, hash: number): boolean {
  let low = 0
  let high = sorted.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const found = sorted[middle] as number
    if (found === hash) return true
    if (found < hash) low = middle + 1
    else high = middle - 1
  }
  return false
}
