// Byte strings -> ids, without a JavaScript string per value. Ids are given in order of first use and never change.

export interface Dictionary {
  readonly count: number
  /** Value i is bytes[starts[i] .. starts[i + 1]). */
  readonly bytes: Buffer
  readonly starts: Uint32Array
}

export class DictionaryBuilder implements Dictionary {
  bytes: Buffer = Buffer.allocUnsafeSlow(64)
  starts: Uint32Array = new Uint32Array(9)
  count = 0
  #table = new Int32Array(16).fill(-1)
  #hashes = new Int32Array(8)
  #last = -1

  get byteLength(): number {
    return this.starts[this.count] as number
  }

  /** Memory held, for the segment's accounts. */
  get heldBytes(): number {
    return this.bytes.length + this.starts.byteLength + this.#table.byteLength + this.#hashes.byteLength
  }

  /** The id of source[start .. end), new or old. */
  idOf(source: Buffer, start: number, end: number): number {
    // Neighbouring events often repeat a value: comparing is cheaper than hashing.
    if (this.#last >= 0 && this.#equals(this.#last, source, start, end)) return this.#last
    const hash = hashOf(source, start, end)
    const table = this.#table
    const mask = table.length - 1
    let at = hash & mask
    for (let id = table[at] as number; id >= 0; id = table[at] as number) {
      if (this.#hashes[id] === hash && this.#equals(id, source, start, end)) {
        this.#last = id
        return id
      }
      at = (at + 1) & mask
    }
    const id = this.#append(source, start, end, hash)
    table[at] = id
    if (this.count * 2 > table.length) this.#rehash()
    this.#last = id
    return id
  }

  /** The id if the value is known, or -1. */
  find(source: Buffer, start: number, end: number): number {
    const hash = hashOf(source, start, end)
    const mask = this.#table.length - 1
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const id = this.#table[at] as number
      if (id < 0 || (this.#hashes[id] === hash && this.#equals(id, source, start, end))) return id
    }
  }

  #equals(id: number, source: Buffer, start: number, end: number): boolean {
    const from = this.starts[id] as number
    const length = end - start
    if ((this.starts[id + 1] as number) - from !== length) return false
    const bytes = this.bytes
    for (let i = 0; i < length; i++) if (bytes[from + i] !== source[start + i]) return false
    return true
  }

  #append(source: Buffer, start: number, end: number, hash: number): number {
    const id = this.count
    const at = this.byteLength
    const needed = at + end - start
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
      this.bytes.copy(grown, 0, 0, at)
      this.bytes = grown
    }
    source.copy(this.bytes, at, start, end)
    if (id + 2 > this.starts.length) {
      this.starts = growUint32(this.starts, id + 2)
      const hashes = new Int32Array(this.starts.length)
      hashes.set(this.#hashes)
      this.#hashes = hashes
    }
    this.starts[id + 1] = needed
    this.#hashes[id] = hash
    this.count = id + 1
    return id
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2).fill(-1)
    const mask = table.length - 1
    for (let id = 0; id < this.count; id++) {
      let at = (this.#hashes[id] as number) & mask
      while ((table[at] as number) >= 0) at = (at + 1) & mask
      table[at] = id
    }
    this.#table = table
  }
}

function hashOf(source: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (source[i] as number), 0x01000193)
  return hash ^ (hash >>> 15)
}

export function growUint32(array: Uint32Array, needed: number): Uint32Array {
  const grown = new Uint32Array(Math.max(needed, array.length * 2))
  grown.set(array)
  return grown
}

export function dictionaryString(dictionary: Dictionary, id: number): string {
  return dictionary.bytes.toString('utf8', dictionary.starts[id], dictionary.starts[id + 1])
}
