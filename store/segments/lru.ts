// Decoded blocks, dictionaries and directories, bounded in bytes. Least recently used goes first.

interface Slot {
  value: unknown
  bytes: number
}

export class Lru {
  readonly #maxBytes: number
  readonly #slots = new Map<string, Slot>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The cached value, or what `make` returns; `weigh` says how many bytes it holds. Too large for the cache: not kept. */
  get<T>(key: string, make: () => T, weigh: (value: T) => number): T {
    const found = this.#slots.get(key)
    if (found) {
      // Map keeps insertion order: to delete and set again is to move to the young end.
      this.#slots.delete(key)
      this.#slots.set(key, found)
      return found.value as T
    }
    const value = make()
    const bytes = weigh(value) + 120 // key, slot and map entry
    if (bytes > this.#maxBytes / 4) return value
    this.#slots.set(key, { value, bytes })
    this.#bytes += bytes
    for (const [old, slot] of this.#slots) {
      if (this.#bytes <= this.#maxBytes) break
      this.#slots.delete(old)
      this.#bytes -= slot.bytes
    }
    return value
  }
}
