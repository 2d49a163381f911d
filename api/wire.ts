// Store words -> wire words.

import { createHash } from 'node:crypto'
import type { WireHit } from '../core/api.ts'
import { PipelineError } from '../core/errors.ts'
import type { TimeRange } from '../core/query.ts'
import type { Hit } from '../core/store.ts'

export function toWireHit(hit: Hit): WireHit {
  return { id: hit.id, timestamp: hit.timestamp, event: hit.event }
}

/** Page 2 of `now-15m` is of the range that page 1 had: the cursor carries it, and what it belongs to. */
interface PageMark {
  readonly cursor: string
  readonly since: number
  readonly until: number
  readonly of: string
}

export function writeCursor(cursor: string, range: TimeRange, query: string, order: string): string {
  const mark: PageMark = { cursor, ...range, of: fingerprint(query, order) }
  return Buffer.from(JSON.stringify(mark)).toString('base64url')
}

/** @throws REQUEST_INVALID for a cursor that is not ours or of another search */
export function readCursor(text: string, query: string, order: string): { cursor: string; range: TimeRange } {
  let mark: Partial<PageMark> = {}
  try {
    mark = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Partial<PageMark>
  } catch {
    // refused below
  }
  const { cursor, since, until, of } = mark ?? {}
  const valid = typeof cursor === 'string' && Number.isFinite(since) && Number.isFinite(until)
  if (!valid || of !== fingerprint(query, order)) {
    throw new PipelineError('REQUEST_INVALID', { problem: 'cursor: not one of this search; begin without cursor' })
  }
  return { cursor, range: { since: since as number, until: until as number } }
}

function fingerprint(query: string, order: string): string {
  return createHash('sha256').update(`${order}\0${query}`).digest('base64url').slice(0, 11)
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const intervals = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((n) => n * DAY),
]

/** The smallest round interval in ms that cuts the range into `bars` or fewer; for very long ranges whole years. */
export function roundInterval(range: TimeRange, bars: number): number {
  const exact = (range.until - range.since) / bars
  return intervals.find((interval) => interval >= exact) ?? Math.ceil(exact / (365 * DAY)) * 365 * DAY
}
