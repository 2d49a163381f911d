// Pairs of small numbers -> ids in order of first use, without an object a pair. For groups by several keys and for
// distinct values a group: a million of them take 25 MB.

/** Both halves stay below this, so that a pair is one exact double. */
const SECOND = 2 ** 26

export class PairTable {
  #keys = new Float64Array(64).fill(-1)
  #ids = new Int32Array(64)
  #count = 0

  get count(): number {
    return this.#count
  }

  /** The id of the pair, new or old: it is new when `count` has grown. @param first, second whole, 0 to 2^26 - 1 */
  idOf(first: number, second: number): number {
    const key = first * SECOND + second
    const keys = this.#keys
    const mask = keys.length - 1
    let at = mix(first, second) & mask
    for (let found = keys[at] as number; found !== -1; found = keys[at] as number) {
      if (found === key) return this.#ids[at] as number
      at = (at + 1) & mask
    }
    const id = this.#count++
    keys[at] = key
    this.#ids[at] = id
    if (this.#count * 2 > keys.length) this.#grow()
    return id
  }

  #grow(): void {
    const [keys, ids] = [this.#keys, this.#ids]
    this.#keys = new Float64Array(keys.length * 2).fill(-1)
    this.#ids = new Int32Array(keys.length * 2)
    const mask = this.#keys.length - 1
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as number
      if (key === -1) continue
      let at = mix(Math.floor(key / SECOND), key % SECOND) & mask
      while (this.#keys[at] !== -1) at = (at + 1) & mask
      this.#keys[at] = key
      this.#ids[at] = ids[i] as number
    }
  }
}

function mix(a: number, b: number): number {
  let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
