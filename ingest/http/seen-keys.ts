import { createHash } from 'node:crypto'

/**
 * Remembers which body came under which Idempotency-Key. The store keeps one record a key, so another body under an old
 * key would vanish without a word: it is refused instead. Bounded and in memory: it catches mistakes while they are made.
 */
export class SeenKeys {
  readonly #max: number
  readonly #digests = new Map<string, string>()

  constructor(max = 10_000) {
    this.#max = max
  }

  /** @returns false when `key` was seen with other bytes */
  agrees(source: string, key: string, body: Buffer): boolean {
    const id = `${source}\0${key}`
    const digest = createHash('sha256').update(body).digest('base64')
    const seen = this.#digests.get(id)
    if (seen !== undefined && seen !== digest) return false
    this.#digests.delete(id)
    if (this.#digests.size >= this.#max) this.#digests.delete(this.#digests.keys().next().value as string)
    this.#digests.set(id, digest)
    return true
  }
}
