// Every record of a ledger folder between two offsets, without opening it: `haetae bus dump` and `replay`.

import type { Origin } from '../../core/raw-batch.ts'
import { RawBatchReader } from '../../core/raw-batch.ts'
import { Cursor, type Gap } from './cursor.ts'
import { Journal } from './journal.ts'
import { Quarantine } from './quarantine.ts'
import { DELETED_FILE, type DeletedStub } from './retention.ts'
import { SegmentList } from './segment.ts'
import { unpack } from './subscription.ts'
import { listSegmentFiles, outsideContext, type WalkOptions } from './walk.ts'

export interface DumpedRecord {
  readonly partition: number
  readonly offset: number
  readonly receivedAtMs: number
  readonly origin: Origin
  /** '' where the source has no identity of its own. */
  readonly key: string
  readonly flags: number
  /** The line; valid until the next record is asked for. */
  readonly bytes: Buffer
  /** False when the record does not match its CRC. */
  readonly intact: boolean
}

export interface DumpOptions extends WalkOptions {
  readonly onGap?: (gap: Gap) => void
}

/** @param from first offset. @param to offset after the last; Infinity for everything on disk when the dump began */
export async function* dumpLedger(
  dir: string,
  from = 0,
  to = Number.POSITIVE_INFINITY,
  options: DumpOptions = {},
): AsyncGenerator<DumpedRecord, void, undefined> {
  const ctx = outsideContext(dir, options)
  const deleted = await Journal.open<DeletedStub>(ctx, DELETED_FILE)
  const list = new SegmentList()
  list.items.push(...(await listSegmentFiles(ctx)))
  const quarantine = await Quarantine.open(ctx, { readOnly: true })
  const deletedBelow = () => deleted.lines[deleted.lines.length - 1]?.next ?? 0
  // Where the end is, is not known from outside: the frames themselves tell.
  const cursor = new Cursor({ ctx, list, quarantine, next: () => 0, deletedBelow }, from)
  try {
    while (cursor.expected < to) {
      const item = await cursor.next()
      if (!item) return
      if ('gap' in item) {
        options.onGap?.(item.gap)
        continue
      }
      const { first, count } = item.batch.header
      const raw = await unpack(item.batch)
      if (!raw) {
        options.onGap?.({ partition: ctx.partition, from: first, to: first + count, reason: 'damaged' })
        continue
      }
      const reader = new RawBatchReader(raw, `${item.batch.segment.path}@${item.batch.position}`)
      while (reader.next()) {
        const offset = first + reader.index
        if (offset < from || offset >= to) continue
        const { receivedAtMs, origin, key, flags, bytes, intact } = reader
        yield { partition: ctx.partition, offset, receivedAtMs, origin, key, flags, bytes, intact }
      }
    }
  } finally {
    await cursor.close()
  }
}
