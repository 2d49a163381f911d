// How two values compare, whatever their field: numbers, dates and text. The same for the store and for the pipes.

import type { Scalar } from './event.ts'

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const ISO_DATE = /^[+-]?\d{4,6}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:[.,](\d{1,9}))?)?(?:Z|[+-]\d\d:?\d\d)?)?$/

/** A decimal number and nothing else; undefined for text, booleans and what is not finite. */
export function toNumber(value: Scalar): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || value.length > 64 || !NUMBER.test(value)) return undefined
  const number = Number(value)
  return Number.isFinite(number) ? number : undefined
}

/** Milliseconds since 1970 of a number (already that) or an ISO 8601 date, fractions kept to the microsecond. */
export function toDateMs(value: Scalar): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return undefined
  const found = ISO_DATE.exec(value)
  if (!found) return undefined
  const fraction = found[1]
  if (!fraction || fraction.length <= 3) {
    const ms = Date.parse(value.replace(',', '.'))
    return Number.isNaN(ms) ? undefined : ms
  }
  const ms = Date.parse(value.replace(/[.,]\d+/, `.${fraction.slice(0, 3)}`))
  if (Number.isNaN(ms)) return undefined
  const microseconds = Number(fraction.slice(3, 6).padEnd(3, '0'))
  return (Math.round(ms) * 1000 + microseconds) / 1000
}

/** Order of UTF-8 bytes, which is the order of code points; JavaScript's own order differs above U+FFFF. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}

const typeRank = { number: 0, string: 1, boolean: 2 } as const

/** Ascending: numbers, then text, then booleans. */
export function compareScalars(a: Scalar, b: Scalar): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  return typeRank[typeof a as 'number'] - typeRank[typeof b as 'number']
}

/** ISO 8601 in UTC, milliseconds, or microseconds where there are any. Beyond what a Date holds: the number as text. */
export function toIso(timestampMs: number): string {
  const whole = Math.floor(timestampMs)
  if (!(Math.abs(whole) <= 8.64e15)) return String(timestampMs)
  const iso = new Date(whole).toISOString()
  const microseconds = Math.round((timestampMs - whole) * 1000)
  if (microseconds === 0) return iso
  if (microseconds === 1000) return whole < 8.64e15 ? new Date(whole + 1).toISOString() : iso
  return `${iso.slice(0, -1)}${String(microseconds).padStart(3, '0')}Z`
}
