// TimeText of core/api.ts as milliseconds since 1970.

import { PipelineError } from '../core/errors.ts'
import type { TimeRange } from '../core/query.ts'

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
const DAY_MS = 86_400_000
/** Years 0000 to 9999, what ISO 8601 writes without a sign. */
const MIN_MS = Date.UTC(-1, 11, 31) + DAY_MS
const MAX_MS = Date.UTC(9999, 11, 31) + DAY_MS - 1

const iso =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?([Zz]|[+-]\d{2}:?\d{2})?)?$/

/**
 * ISO 8601 to the millisecond; a text without zone is UTC, one without time is that day's midnight.
 * @returns undefined when the text is no such time, 30 February included
 */
export function parseIso(text: string): number | undefined {
  const m = iso.exec(text)
  if (!m) return undefined
  const part = (i: number) => Number(m[i] ?? 0)
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)]
  // 23:59:60 is a leap second (RFC 3339 section 5.6): it becomes the next minute's :00.
  if (hour > 23 || minute > 59 || second > 60 || month < 1 || month > 12 || day < 1) return undefined
  const ms = m[7] ? Math.floor(Number(`0.${m[7]}`) * 1000 + 1e-6) : 0
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1) return undefined
  const zone = m[8]
  let zoneMs = 0
  if (zone && zone !== 'Z' && zone !== 'z') {
    const zoneMinute = Number(zone.slice(-2))
    const zoneHour = Number(zone.slice(1, 3))
    if (zoneMinute > 59 || zoneHour > 23) return undefined
    zoneMs = (zone[0] === '-' ? -1 : 1) * (zoneHour * 3_600_000 + zoneMinute * 60_000)
  }
  return date.getTime() + hour * 3_600_000 + minute * 60_000 + second * 1000 + ms - zoneMs
}

/**
 * `2026-11-22T10:00:00Z`, `2026-11-22` (midnight UTC), `now`, `now-15m`, `now+1h`, `15m` (= now-15m), `today`,
 * `yesterday` (UTC midnights), or digits: milliseconds since 1970 as the API answers them.
 * @param name the parameter, for the error
 * @throws REQUEST_INVALID
 */
export function parseTime(text: string, nowMs: number, name = 'time'): number {
  const trimmed = text.trim()
  const ms = readTime(trimmed, nowMs)
  if (ms === undefined) {
    const shown = trimmed.length > 40 ? `${trimmed.slice(0, 40)}…` : trimmed
    throw new PipelineError('REQUEST_INVALID', {
      problem: `${name}: '${shown}' is not a time; write 2026-11-22T10:00:00Z, now-15m, 15m or today`,
    })
  }
  return ms
}

/** As parseTime, but undefined for what is no time of the years 0000 to 9999. */
export function readTime(text: string, nowMs: number): number | undefined {
  const ms = timeMs(text, nowMs)
  return ms !== undefined && ms >= MIN_MS && ms <= MAX_MS ? ms : undefined
}

function timeMs(text: string, nowMs: number): number | undefined {
  const word = text.toLowerCase()
  if (word === 'now') return nowMs
  if (word === 'today') return Math.floor(nowMs / DAY_MS) * DAY_MS
  if (word === 'yesterday') return Math.floor(nowMs / DAY_MS) * DAY_MS - DAY_MS
  const relative = /^(?:now\s?([+-])\s?)?(\d{1,9})\s?([smhdw])$/.exec(word)
  if (relative) {
    const distance = Number(relative[2]) * (unitMs[relative[3] as string] as number)
    return relative[1] === '+' ? nowMs + distance : nowMs - distance
  }
  if (/^\d{10,15}$/.test(text)) return Number(text)
  return parseIso(text)
}

/**
 * The half-open range of a request, by default the last 15 minutes.
 * @throws REQUEST_INVALID when a time cannot be read, or since is not before until
 */
export function parseRange(input: { since?: string; until?: string }, nowMs: number): TimeRange {
  const until = parseTime(input.until ?? 'now', nowMs, 'until')
  const since = parseTime(input.since ?? 'now-15m', nowMs, 'since')
  if (since >= until) {
    throw new PipelineError('REQUEST_INVALID', {
      problem: `since (${new Date(since).toISOString()}) must be before until (${new Date(until).toISOString()})`,
    })
  }
  return { since, until }
}
