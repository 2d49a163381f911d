// Forgetting on purpose: whole sealed segments, oldest first, never what a group still needs, never the one being
// written. Of each a stub stays, so that the chain can be verified across what is gone.

import { basename } from 'node:path'
import type { Context } from './context.ts'
import { errorCode, unlinkIfThere } from './files.ts'
import { GENESIS, isBatch } from './frame.ts'
import type { Journal } from './journal.ts'
import type { Segment, SegmentList } from './segment.ts'
import { SegmentScanner } from './segment-scan.ts'

export const DELETED_FILE = 'deleted.jsonl'

export interface RetentionOptions {
  /** Delete segments whose newest record was appended longer ago. */
  readonly maxAgeMs?: number
  /** Delete the oldest segments while all together are larger. */
  readonly maxBytes?: number
}

/** What stays of a deleted segment. Offsets half-open; chain values in hex. */
export interface DeletedStub {
  readonly first: number
  readonly next: number
  readonly bytes: number
  readonly newestMs: number
  readonly chainBefore: string
  readonly chainAfter: string
  /** False when damage kept chainBefore and chainAfter from being read both. */
  readonly chainKnown: boolean
  readonly deletedAt: string
}

export class Retention {
  readonly #ctx: Context
  readonly #options: RetentionOptions
  readonly #list: SegmentList
  readonly #journal: Journal<DeletedStub>
  readonly #neededFrom: () => number
  #running: Promise<number> | undefined

  /** @param neededFrom the lowest offset any group still needs */
  constructor(
    ctx: Context,
    options: RetentionOptions,
    list: SegmentList,
    journal: Journal<DeletedStub>,
    neededFrom: () => number,
  ) {
    this.#ctx = ctx
    this.#options = options
    this.#list = list
    this.#journal = journal
    this.#neededFrom = neededFrom
  }

  /** @returns segments deleted. Calls that come while one runs share it. */
  enforce(): Promise<number> {
    this.#running ??= this.#enforce().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #enforce(): Promise<number> {
    const { maxAgeMs = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = this.#options
    let deleted = 0
    while (this.#list.items.length > 1) {
      const [oldest, following] = this.#list.items as [Segment, Segment]
      if (following.first > this.#neededFrom()) break
      const newestMs = oldest.newestMs || following.newestMs
      const old = newestMs > 0 && this.#ctx.now() - newestMs > maxAgeMs
      if (!old && this.#list.bytes <= maxBytes) break
      await this.#delete(oldest, following)
      deleted++
    }
    return deleted
  }

  // The stub first: after a crash in between, the next open finishes the deletion. The other way round the chain would
  // end in nothing.
  async #delete(segment: Segment, following: Segment): Promise<void> {
    const ends = await readChainEnds(this.#ctx, segment, following.first)
    const stub: DeletedStub = {
      first: segment.first,
      next: ends.next ?? segment.end ?? following.first,
      bytes: segment.bytes,
      newestMs: segment.newestMs,
      chainBefore: (ends.before ?? GENESIS).toString('hex'),
      chainAfter: (ends.after ?? GENESIS).toString('hex'),
      chainKnown: ends.before !== undefined && ends.after !== undefined,
      deletedAt: new Date(this.#ctx.now()).toISOString(),
    }
    await this.#ctx.at('retention.before')
    await this.#journal.append(stub)
    await this.#ctx.at('retention.stubbed')
    this.#list.remove(segment)
    await unlinkIfThere(this.#ctx.files, segment.path)
    await this.#ctx.at('retention.unlinked')
    await this.#ctx.files.syncDir(this.#ctx.dir)
    this.#ctx.counters.add('bus_deleted_records_total', stub.next - stub.first)
    this.#ctx.counters.add('bus_deleted_bytes_total', stub.bytes)
  }
}

/**
 * Chain values before and after a segment's batches, by headers alone.
 * @param limit frames at or beyond belong to a write that was refused: the next segment holds what was accepted
 */
async function readChainEnds(
  ctx: Context,
  segment: Segment,
  limit: number,
): Promise<{ before?: Buffer; after?: Buffer; next?: number }> {
  try {
    const file = await ctx.files.open(segment.path, 'read')
    try {
      const scanner = new SegmentScanner(file, basename(segment.path), segment.bytes)
      let before: Buffer | undefined
      let after: Buffer | undefined
      let next: number | undefined
      for (;;) {
        const item = await scanner.next(() => false)
        if (!item) break
        if (item.kind === 'damage') continue
        if (item.position === 0) before = item.header.chain
        if (item.header.first + item.header.count > limit) continue
        after = item.header.chain
        if (isBatch(item.header)) next = item.header.first + item.header.count
      }
      return { before, after, next }
    } finally {
      await file.close()
    }
  } catch (error) {
    // An unreadable segment must not keep the others from being forgotten; the stub says that its chain is unknown.
    ctx.counters.add('bus_read_failures_total', 1, { reason: errorCode(error) })
    return {}
  }
}
