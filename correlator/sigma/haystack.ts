// The text that literals are looked for in, as bytes: reading a string character by character costs 2 ns each, writing it
// into a buffer 30 ns whole, and there four characters are one number.
//
//   plain ASCII     the text as it is; case is ignored by setting bit 5 of every byte, in texts and literals alike
//   anything else   the folded text, the low byte of each UTF-16 unit
//
// So equal bytes do not mean equal texts: they tell where to look in `folded`, and that has the last word.

import { fold } from './text.ts'

/** Set in every byte: makes `A` and `a` the same, and a few signs, too. */
export const caseBit = 0x20
const caseBits = 0x20202020

export class Haystack {
  /** In bytes, which is in UTF-16 units of `folded`. */
  length = 0
  /** Whether `folded` has nothing beyond ASCII. */
  ascii = true
  bytes: Uint8Array
  /** The same memory, four bytes at once; little-endian, as all machines are that our runtime is made for. */
  words: Uint32Array
  #buffer: Buffer
  #text = ''
  #folded: string | undefined

  constructor(bytes = 16_384) {
    this.#buffer = Buffer.from(new ArrayBuffer(bytes))
    this.bytes = new Uint8Array(this.#buffer.buffer)
    this.words = new Uint32Array(this.#buffer.buffer)
  }

  /** @param text as it is or folded */
  set(text: string): void {
    this.#text = text
    this.#folded = undefined
    this.#makeRoom(text.length)
    this.length = this.#buffer.write(text)
    this.ascii = this.length === text.length // in UTF-8 every other character takes more bytes than it has units
    if (this.ascii) return
    const folded = fold(text)
    this.#folded = folded
    this.#makeRoom(folded.length)
    this.length = this.#buffer.write(folded, 'latin1')
  }

  get folded(): string {
    return (this.#folded ??= this.#text.toLowerCase())
  }

  /** UTF-8 takes at most three bytes for a unit. */
  #makeRoom(units: number): void {
    if (units * 3 <= this.bytes.length) return
    this.#buffer = Buffer.from(new ArrayBuffer(2 ** Math.ceil(Math.log2(units * 3))))
    this.bytes = new Uint8Array(this.#buffer.buffer)
    this.words = new Uint32Array(this.#buffer.buffer)
  }
}

/** The byte a unit of a folded literal is found by. */
export const byteAt = (text: string, at: number): number => (text.charCodeAt(at) & 0xff) | caseBit

/** The first three bytes at a place, as `words` has them. */
export const gram3 = (text: string, at: number): number =>
  byteAt(text, at) | (byteAt(text, at + 1) << 8) | (byteAt(text, at + 2) << 16)

/** The first four. */
export const gram4 = (text: string, at: number): number => gram3(text, at) | (byteAt(text, at + 3) << 24)

/** Four bytes of `words` as `gram4` has them. */
export const gramOfWord = (word: number): number => word | caseBits
