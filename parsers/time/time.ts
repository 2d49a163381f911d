// Time texts to instants: the formats a pack may name, and what to do with a missing zone or year.

import { type Clock, digits, fraction, monthAt, newClock, offset, readBsd, readClf, readIso, wall } from './clock.ts'
import { withYear } from './year.ts'
import { localToUtc, offsetOfText, type Zone } from './zone.ts'

/** What a line does not say itself. */
export interface TimeContext {
  receivedAtMs: number
  /** The sender's zone. */
  zone: Zone
}

/** @returns ms since 1970, or undefined when the value is not of this format */
export type TimeReader = (value: unknown, context: TimeContext) => number | undefined

const clock: Clock = newClock()

/** The instant of a clock just read. */
export function instantOf(read: Clock, context: TimeContext): number {
  if (!read.hasYear) {
    if (read.offsetMs === undefined) return withYear(read.wallMs, context.receivedAtMs, context.zone)
    const ms = read.offsetMs
    return withYear(read.wallMs, context.receivedAtMs, { name: '', offsetAt: () => ms })
  }
  return read.offsetMs === undefined ? localToUtc(read.wallMs, context.zone) : read.wallMs - read.offsetMs
}

function whole(read: (text: string, at: number, into: Clock) => boolean): TimeReader {
  return (value, context) => {
    if (typeof value !== 'string' || !read(value, 0, clock)) return undefined
    if (clock.end < value.length && clock.offsetMs === undefined && value.charCodeAt(clock.end) === 32) {
      const named = offsetOfText(value.slice(clock.end + 1))
      if (named !== undefined) {
        clock.offsetMs = named
        clock.end = value.length
      }
    }
    return clock.end === value.length ? instantOf(clock, context) : undefined
  }
}

/** Seconds since 1970 that a log can mean: 1970 to 2200. */
const MAX_SECONDS = 7_258_118_400

function epoch(scale: number): TimeReader {
  return (value) => {
    const number = typeof value === 'number' ? value : typeof value === 'string' ? toNumber(value) : Number.NaN
    const ms = number * scale
    return number >= 0 && ms <= MAX_SECONDS * 1000 ? Math.round(ms * 1000) / 1000 : undefined
  }
}

const toNumber = (text: string) => (/^\d{1,20}(?:\.\d{1,12})?$/.test(text) ? Number(text) : Number.NaN)

/** Seconds, milliseconds, micro- or nanoseconds, told by their size. */
const anyEpoch: TimeReader = (value, context) => {
  const number = typeof value === 'number' ? value : typeof value === 'string' ? toNumber(value) : Number.NaN
  if (!(number >= 0)) return undefined
  const scale = number < 1e11 ? 1000 : number < 1e14 ? 1 : number < 1e17 ? 1e-3 : 1e-6
  return epoch(scale)(number, context)
}

const iso = whole(readIso)
const bsd = whole(readBsd)
const clf = whole(readClf)

/** ISO 8601, else a known form, else a number since 1970. */
export const anyTime: TimeReader = (value, context) =>
  iso(value, context) ?? anyEpoch(value, context) ?? bsd(value, context) ?? clf(value, context)

const named: Readonly<Record<string, TimeReader>> = {
  any: anyTime,
  iso,
  bsd,
  clf,
  epoch: anyEpoch,
  epoch_s: epoch(1000),
  epoch_ms: epoch(1),
  epoch_us: epoch(1e-3),
  epoch_ns: epoch(1e-6),
}
export const timeFormatNames: readonly string[] = Object.keys(named)

/** A format by name, or a layout of `YYYY YY MMM MM M DD D HH H mm ss SSS ZZ zzz` and literal text; undefined if it is neither. */
export function compileTimeFormat(format: string): TimeReader | undefined {
  if (Object.hasOwn(named, format)) return named[format]
  return /YY|MM|DD|HH/.test(format) ? compileLayout(format) : undefined
}

interface Parts {
  year: number
  month: number
  day: number
  ms: number
}
type Step = (text: string, into: Clock, parts: Parts) => boolean

function number(max: number, min: number, put: (parts: Parts, value: number) => void): Step {
  return (text, into, parts) => {
    for (let count = max; count >= min; count--) {
      const value = digits(text, into.end, count)
      if (value < 0) continue
      into.end += count
      put(parts, value)
      return true
    }
    return false
  }
}

const steps: Readonly<Record<string, Step>> = {
  YYYY: number(4, 4, (p, v) => (p.year = v)),
  YY: number(2, 2, (p, v) => (p.year = v < 70 ? 2000 + v : 1900 + v)),
  MMM: (text, into, parts) => {
    parts.month = monthAt(text, into.end)
    into.end += 3
    return parts.month > 0
  },
  MM: number(2, 2, (p, v) => (p.month = v)),
  M: number(2, 1, (p, v) => (p.month = v)),
  DD: number(2, 2, (p, v) => (p.day = v)),
  D: number(2, 1, (p, v) => (p.day = v)),
  HH: number(2, 2, (p, v) => (p.ms += v < 24 ? v * 3_600_000 : Number.NaN)),
  H: number(2, 1, (p, v) => (p.ms += v < 24 ? v * 3_600_000 : Number.NaN)),
  hh: number(2, 1, (p, v) => (p.ms += v < 13 ? (v % 12) * 3_600_000 : Number.NaN)),
  mm: number(2, 2, (p, v) => (p.ms += v < 60 ? v * 60_000 : Number.NaN)),
  ss: number(2, 2, (p, v) => (p.ms += v < 61 ? v * 1000 : Number.NaN)),
  SSS: (text, into, parts) => {
    const at = into.end
    into.end = at - 1
    const ms = text.charCodeAt(at - 1) === 46 || text.charCodeAt(at - 1) === 44 ? fraction(text, into) : Number.NaN
    if (into.end <= at) return false
    parts.ms += ms
    return true
  },
  A: (text, into, parts) => {
    const mark = text.slice(into.end, into.end + 2).toUpperCase()
    into.end += 2
    if (mark === 'PM') parts.ms += 43_200_000
    return mark === 'AM' || mark === 'PM'
  },
  ZZ: (text, into) => {
    offset(text, into)
    return into.offsetMs !== undefined
  },
  zzz: (text, into) => {
    const m = /^[A-Za-z]{1,5}/.exec(text.slice(into.end, into.end + 6))
    if (!m) return false
    into.offsetMs = offsetOfText(m[0])
    into.end += m[0].length
    return into.offsetMs !== undefined
  },
}

function compileLayout(layout: string): TimeReader {
  const plan: Step[] = []
  let hasYear = false
  for (const [token] of layout.matchAll(/YYYY|YY|MMM|MM|M|DD|D|HH|H|hh|mm|ss|SSS|ZZ|zzz|A|'[^']*'|[\s\S]/g)) {
    const step = Object.hasOwn(steps, token) ? steps[token] : undefined
    if (step) plan.push(step)
    else plan.push(literal(token.length > 1 ? token.slice(1, -1) : token))
    if (token.startsWith('YY')) hasYear = true
  }
  return (value, context) => {
    if (typeof value !== 'string') return undefined
    const parts: Parts = { year: hasYear ? 0 : 2000, month: 1, day: 1, ms: 0 }
    clock.end = 0
    clock.offsetMs = undefined
    for (const step of plan) if (!step(value, clock, parts)) return undefined
    if (clock.end !== value.length) return undefined
    clock.hasYear = hasYear
    clock.wallMs = wall(parts.year, parts.month, parts.day, 0, 0, 0) + parts.ms
    return Number.isNaN(clock.wallMs) ? undefined : instantOf(clock, context)
  }
}

function literal(text: string): Step {
  return (line, into) => {
    if (!line.startsWith(text, into.end)) return false
    into.end += text.length
    return true
  }
}

// The text of a second, `2026-01-15T10:00:00.`, for the last few seconds asked for: a batch has the same ones again.
const SLOTS = 64
const slotSeconds = new Float64Array(SLOTS).fill(Number.NaN)
const slotTexts: string[] = new Array<string>(SLOTS).fill('')
// And of whole milliseconds: lines come in bursts, and each has the time it came and the time it was read.
const MS_SLOTS = 256
const slotMs = new Float64Array(MS_SLOTS).fill(Number.NaN)
const msTexts: string[] = new Array<string>(MS_SLOTS).fill('')
const THREE: readonly string[] = Array.from({ length: 1000 }, (_, i) => String(i).padStart(3, '0'))

// The last text made of whole milliseconds: what a pack reads as a time is made a text, and read once more as one.
let lastText = ''
let lastMs = Number.NaN

/** The instant of a text that formatTime just made; NaN when it was another, or has microseconds. */
export const justFormatted = (text: string): number => (text === lastText ? lastMs : Number.NaN)

/** ISO 8601 in UTC, to the millisecond, or to the microsecond when there are any. `ms` must be a time Date can hold. */
export function formatTime(ms: number): string {
  const msSlot = ms & (MS_SLOTS - 1)
  if (slotMs[msSlot] === ms) {
    lastMs = ms
    lastText = msTexts[msSlot] as string
    return lastText
  }
  const totalMicros = Math.round((ms - Math.floor(ms)) * 1000)
  const whole = totalMicros === 1000 ? Math.floor(ms) + 1 : Math.floor(ms)
  const second = Math.floor(whole / 1000)
  const slot = ((second % SLOTS) + SLOTS) % SLOTS
  if (slotSeconds[slot] !== second) {
    slotTexts[slot] = new Date(second * 1000).toISOString().slice(0, -4)
    slotSeconds[slot] = second
  }
  const millis = THREE[whole - second * 1000] as string
  const micros = totalMicros > 0 && totalMicros < 1000 ? (THREE[totalMicros] as string) : ''
  const text = `${slotTexts[slot]}${millis}${micros}Z`
  if (Number.isInteger(ms)) {
    slotMs[msSlot] = lastMs = ms
    msTexts[msSlot] = lastText = text
  }
  return text
}
