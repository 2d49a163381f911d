// One subscriber: from disk while it is behind, from the tail cache once it is at the head.

import type { Delivery } from '../../core/bus.ts'
import { decompress, ownMemory } from './compress.ts'
import { Cursor, type CursorSource, type Gap, type StoredBatch } from './cursor.ts'
import { FRAME_HEADER, FrameKind } from './frame.ts'
import type { TailCache } from './tail-cache.ts'
import type { Wake } from './wake.ts'

/** Batches read ahead: enough to decompress the next while the consumer is busy with one. */
const READ_AHEAD = 3
const READ_AHEAD_BYTES = 8 * 1024 * 1024
/** No writer makes larger ones; a frame that claims more is damaged. */
export const MAX_BATCH_BYTES = 256 * 1024 * 1024

export interface SubscriptionSource extends CursorSource {
  readonly cache: TailCache
  readonly wake: Wake
  /** True once the ledger closes: subscribers end. */
  closed(): boolean
  /** True while no other subscriber may want the same cached batch. */
  alone(): boolean
}

type Item = { readonly delivery: Delivery } | { readonly gap: Gap }
interface Ahead {
  readonly bytes: number
  readonly item: Promise<Item>
}

export async function* deliver(
  source: SubscriptionSource,
  from: number,
  signal: AbortSignal,
  onGap: (gap: Gap) => void,
): AsyncGenerator<Delivery, void, undefined> {
  const cursor = new Cursor(source, from)
  const ahead: Ahead[] = []
  let aheadBytes = 0
  const ended = () => signal.aborted || source.closed()
  const onAbort = () => source.wake.notify()
  signal.addEventListener('abort', onAbort)
  try {
    while (!ended()) {
      while (ahead.length < READ_AHEAD && aheadBytes < READ_AHEAD_BYTES) {
        const next = await readNext(source, cursor)
        if (!next) break
        ahead.push(next)
        aheadBytes += next.bytes
      }
      const first = ahead.shift()
      if (!first) {
        const woken = source.wake.wait()
        if (cursor.expected >= source.next() && !ended()) await woken
        continue
      }
      aheadBytes -= first.bytes
      const item = await first.item
      if ('gap' in item) onGap(item.gap)
      else if (!ended()) yield item.delivery
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    await cursor.close()
  }
}

async function readNext(source: SubscriptionSource, cursor: Cursor): Promise<Ahead | undefined> {
  if (cursor.expected >= source.next()) return undefined
  const { partition } = source.ctx
  const cached = source.cache.take(cursor.expected, source.alone())
  if (cached) {
    const { first: offset, count, bytes: batch } = cached
    const segment = source.list.holding(offset)
    cursor.skipTo(offset + count, segment?.first === cached.segmentFirst ? segment : undefined, cached.after)
    return { bytes: batch.length, item: Promise.resolve({ delivery: { partition, offset, count, batch } }) }
  }
  const item = await cursor.next()
  if (!item) return undefined
  if ('gap' in item) return { bytes: 0, item: Promise.resolve(item) }
  return { bytes: item.batch.header.rawBytes, item: decode(source, item.batch) }
}

/** Never rejects: a batch that does not decompress is a gap. */
async function decode(source: SubscriptionSource, stored: StoredBatch): Promise<Item> {
  const { header, payload, segment, position } = stored
  const { partition } = source.ctx
  const { first, count } = header
  const batch = await unpack(stored)
  if (batch) return { delivery: { partition, offset: first, count, batch } }
  const problem = 'payload does not decompress to what its header says'
  const bytes = FRAME_HEADER + payload.length
  await source.quarantine.add(segment, { position, bytes, problem, first, next: first + count })
  return { gap: { partition, from: first, to: first + count, reason: 'damaged' } }
}

/** @returns the RawBatch in memory of its own; undefined when the payload is not what its header says */
export async function unpack({
  header,
  payload,
}: Pick<StoredBatch, 'header' | 'payload'>): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (header.rawBytes > MAX_BATCH_BYTES) return undefined
  if (header.kind === FrameKind.zstd) return decompress(payload, header.rawBytes)
  return payload.length === header.rawBytes ? ownMemory(payload) : undefined
}
