// The time-part modifiers: a number out of a date. The words of the event count as they stand; no zone is converted.

import type { TimePart } from './types.ts'

const written = /^\s*(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2}))?/

/**
 * @param value ISO 8601 text, or ms since 1970 (taken as UTC)
 * @returns undefined when it is no date, or has no such part. Weeks are ISO 8601 weeks, 1..53.
 */
export function timePart(value: unknown, part: TimePart): number | undefined {
  const text = typeof value === 'number' ? isoOf(value) : typeof value === 'string' ? value : ''
  const found = written.exec(text.length > 64 ? text.slice(0, 64) : text)
  if (!found) return undefined
  const [year, month, day] = [Number(found[1]), Number(found[2]), Number(found[3])]
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined
  switch (part) {
    case 'year':
      return year
    case 'month':
      return month
    case 'day':
      return day
    case 'week':
      return isoWeek(year, month, day)
    case 'hour':
      return found[4] === undefined ? undefined : Number(found[4])
    case 'minute':
      return found[5] === undefined ? undefined : Number(found[5])
  }
}

function isoOf(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : ''
}

function isoWeek(year: number, month: number, day: number): number {
  const dayMs = 86_400_000
  const date = new Date(Date.UTC(year, month - 1, day))
  const thursday = date.getTime() + (4 - (date.getUTCDay() || 7)) * dayMs
  const firstDay = Date.UTC(new Date(thursday).getUTCFullYear(), 0, 1)
  return Math.floor((thursday - firstDay) / dayMs / 7) + 1
}
