// One RawBatch to events: the loop of the process stage. One event out for each record in.

import type { SourceCounts } from '../core/accounting.ts'
import type { Counters } from '../core/counters.ts'
import { type EcsEvent, eventId } from '../core/event.ts'
import type { EventBatchWriter } from '../core/event-batch.ts'
import type { Parsed, Parser } from '../core/parser.ts'
import { RawBatchReader } from '../core/raw-batch.ts'
import { keepUnread } from './parser.ts'
import { Reasons } from './reasons.ts'

export interface ParseBatchOptions {
  /** Called before a record is parsed, with its number in the batch: what a watchdog looks at. */
  readonly onRecord?: (index: number) => void
  /** Called for each event before anybody sees it, parsed or kept: enrichment, masking. Changes it in place. */
  readonly complete?: (parsed: Parsed) => void
  /** Called for each event, parsed or kept, in order: detection. The event may be read until the call returns. */
  readonly onEvent?: (event: EcsEvent, id: string, timestamp: number, offset: number) => void
  /** Numbers of records that held a worker too long before: kept, not parsed again. */
  readonly poison?: ReadonlySet<number>
  /** Gets `parse_conflicts_total`: values that did not fit their field, by source. */
  readonly counters?: Counters
  /** Records of a smaller bus offset were processed before; they are skipped. */
  readonly from?: number
}

interface Counting {
  parsed: number
  unparsed: Record<string, number>
  lastSeen: number
}

/**
 * @param batch a RawBatch
 * @param offset bus offset of its first record
 * @param writer gets one event a record; the caller finishes it
 * @returns per source what was understood and what was kept, by reason: together the records of the batch
 * @throws BATCH_CORRUPT when the batch itself cannot be walked
 */
export function parseBatch(
  parser: Parser,
  batch: Uint8Array,
  partition: number,
  offset: number,
  writer: EventBatchWriter,
  options: ParseBatchOptions = {},
): Record<string, SourceCounts> {
  const { onRecord, complete, onEvent, poison, counters, from = offset } = options
  const perSource: Record<string, Counting> = {}
  const reader = new RawBatchReader(batch, `partition ${partition} offset ${offset}`)
  while (reader.next()) {
    const at = offset + reader.index
    if (at < from) continue
    onRecord?.(reader.index)
    let parsed: Parsed = !reader.intact
      ? keepUnread(reader, Reasons.damagedRecord)
      : poison?.has(reader.index)
        ? keepUnread(reader, Reasons.tooSlow)
        : parser.parse(reader)
    if (hasTooMany(parsed, reader)) parsed = keepUnread(reader, Reasons.tooManyFields)
    const { source } = reader.origin
    if (counters) countConflicts(parsed.event, source, counters)
    complete?.(parsed)
    const key = reader.intact && reader.key !== '' ? reader.key : undefined
    writer.write(parsed.event, parsed.timestamp, partition, at, source, key)
    count(perSource, source, parsed.unparsed, reader.receivedAtMs)
    onEvent?.(parsed.event, eventId(partition, at, source, key), parsed.timestamp, at)
  }
  return perSource
}

function countConflicts(event: EcsEvent, source: string, counters: Counters): void {
  const fields = (event['haetae'] as EcsEvent)['conflicts']
  if (Array.isArray(fields)) counters.add('parse_conflicts_total', fields.length, { source })
}

/** Far below what an event of a batch can hold (65,535). */
const MAX_VALUES = 30_000
/** A value takes two bytes of JSON, and a pack that keeps the vendor's document says it twice at most. */
const SURELY_FEW_BYTES = 16 * 1024

/** More values than a batch can hold: such an event is kept as its line alone. */
const hasTooMany = (parsed: Parsed, reader: RawBatchReader) =>
  reader.bytes.length >= SURELY_FEW_BYTES && countValues(parsed.event, MAX_VALUES) > MAX_VALUES

/** Values of an event, counted no further than needed. */
function countValues(value: unknown, limit: number): number {
  if (value === null || typeof value !== 'object') return 1
  let total = 0
  for (const key in value) {
    total += countValues((value as Record<string, unknown>)[key], limit - total)
    if (total > limit) return total
  }
  return total
}

function count(
  perSource: Record<string, Counting>,
  source: string,
  reason: string | undefined,
  receivedAtMs: number,
): void {
  let counts = Object.hasOwn(perSource, source) ? perSource[source] : undefined
  if (!counts) {
    counts = { parsed: 0, unparsed: {}, lastSeen: 0 }
    Object.defineProperty(perSource, source, { value: counts, enumerable: true, configurable: true, writable: true })
  }
  if (reason === undefined) counts.parsed++
  else counts.unparsed[reason] = (counts.unparsed[reason] ?? 0) + 1
  if (receivedAtMs > counts.lastSeen) counts.lastSeen = receivedAtMs
}
