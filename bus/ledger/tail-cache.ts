// The batches published last, uncompressed, so that subscribers at the head read no disk. Bounded in bytes, oldest out.

import { copyOf } from './compress.ts'
import type { Appended } from './group-commit.ts'

export interface CachedBatch {
  readonly first: number
  readonly count: number
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly segmentFirst: number
  readonly after: number
}

export class TailCache {
  readonly #maxBytes: number
  readonly #batches = new Map<number, CachedBatch>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Copies the batch: its memory goes back to the publisher. */
  add({ first, count, raw, segmentFirst, after }: Appended): void {
    if (raw.length > this.#maxBytes) return
    this.#batches.set(first, { first, count, bytes: copyOf(raw), segmentFirst, after })
    this.#bytes += raw.length
    for (const oldest of this.#batches.keys()) {
      if (this.#bytes <= this.#maxBytes) break
      this.#remove(oldest)
    }
  }

  /** @param last nobody else will ask: hands over the copy it has, instead of another one */
  take(first: number, last: boolean): CachedBatch | undefined {
    const batch = this.#batches.get(first)
    if (!batch) return undefined
    if (!last) return { ...batch, bytes: copyOf(batch.bytes) }
    this.#remove(first)
    return batch
  }

  clear(): void {
    this.#batches.clear()
    this.#bytes = 0
  }

  #remove(first: number): void {
    this.#bytes -= this.#batches.get(first)?.bytes.length ?? 0
    this.#batches.delete(first)
  }
}
