// Readers of one way to write a time each. They take text and a place, and answer without making objects: the instant
// or wall time in the fields of a Clock that the caller owns.

/** What a reader found. Reused from line to line. */
export interface Clock {
  /** The wall time as if it were UTC, in ms (fractions to the microsecond); NaN when nothing was read. */
  wallMs: number
  /** Offset from UTC in ms when the text has one. */
  offsetMs: number | undefined
  /** False when the text has no year: `month`.. then hold the parts and wallMs is in year 2000. */
  hasYear: boolean
  /** Where the text goes on. */
  end: number
}

export const newClock = (): Clock => ({ wallMs: Number.NaN, offsetMs: undefined, hasYear: true, end: 0 })

/** Digits of `text` at `at`, exactly `count`; -1 if something else is there. */
export function digits(text: string, at: number, count: number): number {
  let value = 0
  for (let i = at; i < at + count; i++) {
    const d = text.charCodeAt(i) - 48
    if (!(d >= 0 && d <= 9)) return -1
    value = value * 10 + d
  }
  return value
}

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
export const isLeap = (year: number) => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0

// Most lines are of the day of the line before; a time without a year is read as one of year 2000 first.
const SLOTS = 64
const slotDates = new Int32Array(SLOTS).fill(-1)
const slotMidnights = new Float64Array(SLOTS)

/** The wall time, or NaN when there is no such day or time. Second 60 is the first moment of the next minute. */
export function wall(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  const date = (year * 13 + month) * 32 + day
  const slot = (year * 7 + day) & (SLOTS - 1)
  if (date === slotDates[slot] && month >= 1 && month <= 12 && day >= 1 && day <= 31 && (hour | minute | second) === 0)
    return slotMidnights[slot] as number
  if (month < 1 || month > 12 || day < 1 || day > (DAYS[month - 1] as number)) return Number.NaN
  if (month === 2 && day === 29 && !isLeap(year)) return Number.NaN
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return Number.NaN
  // Date.UTC reads years 0..99 as 1900..1999; no log is that old
  if (year < 100) return Number.NaN
  if (hour !== 0 || minute !== 0 || second !== 0) return Date.UTC(year, month - 1, day, hour, minute, second)
  slotDates[slot] = date
  slotMidnights[slot] = Date.UTC(year, month - 1, day)
  return slotMidnights[slot] as number
}

/** 1..12 for the English name that begins at `at` (three letters, any case), 0 otherwise. */
export function monthAt(text: string, at: number): number {
  const a = text.charCodeAt(at) | 32
  const b = text.charCodeAt(at + 1) | 32
  const c = text.charCodeAt(at + 2) | 32
  switch ((a << 16) | (b << 8) | c) {
    case 0x6a616e:
      return 1
    case 0x666562:
      return 2
    case 0x6d6172:
      return 3
    case 0x617072:
      return 4
    case 0x6d6179:
      return 5
    case 0x6a756e:
      return 6
    case 0x6a756c:
      return 7
    case 0x617567:
      return 8
    case 0x736570:
      return 9
    case 0x6f6374:
      return 10
    case 0x6e6f76:
      return 11
    case 0x646563:
      return 12
    default:
      return 0
  }
}

/** Reads `.123456` or `,123` at clock.end into ms; moves clock.end. */
export function fraction(text: string, clock: Clock): number {
  const mark = text.charCodeAt(clock.end)
  if (mark !== 46 && mark !== 44) return 0
  let at = clock.end + 1
  let scaled = 0
  let places = 0
  for (; at < text.length; at++) {
    const d = text.charCodeAt(at) - 48
    if (!(d >= 0 && d <= 9)) break
    if (places < 6) {
      scaled = scaled * 10 + d
      places++
    }
  }
  if (places === 0) return 0
  clock.end = at
  return (scaled * 10 ** (6 - places)) / 1000
}

/** Reads `HH:MM[:SS[.fff]]` at clock.end; answers ms of the day or NaN. */
export function timeOfDay(text: string, clock: Clock, needSeconds = true): number {
  const at = clock.end
  const hourDigits = text.charCodeAt(at + 1) === 58 ? 1 : 2
  const hour = digits(text, at, hourDigits)
  const minute = text.charCodeAt(at + hourDigits) === 58 ? digits(text, at + hourDigits + 1, 2) : -1
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return Number.NaN
  let end = at + hourDigits + 3
  let second = 0
  if (text.charCodeAt(end) === 58) {
    second = digits(text, end + 1, 2)
    if (second < 0 || second > 60) return Number.NaN
    end += 3
  } else if (needSeconds) return Number.NaN
  clock.end = end
  return (hour * 3600 + minute * 60 + second) * 1000 + fraction(text, clock)
}

/** Reads `Z`, `+hh:mm`, `+hhmm`, `+hh` at clock.end into clock.offsetMs; leaves it undefined when none is there. */
export function offset(text: string, clock: Clock): void {
  const at = clock.end
  const sign = text.charCodeAt(at)
  if (sign === 90 || sign === 122) {
    clock.offsetMs = 0
    clock.end = at + 1
    return
  }
  if (sign !== 43 && sign !== 45) return
  const hours = digits(text, at + 1, 2)
  if (hours < 0 || hours > 23) return
  const colon = text.charCodeAt(at + 3) === 58 ? 1 : 0
  let minutes = digits(text, at + 3 + colon, 2)
  let end = at + 5 + colon
  if (minutes < 0 || minutes > 59) {
    minutes = 0
    end = at + 3
  }
  const total = (hours * 60 + minutes) * 60_000
  clock.offsetMs = sign === 45 ? -total : total
  clock.end = end
}

function reset(clock: Clock, at: number): void {
  clock.wallMs = Number.NaN
  clock.offsetMs = undefined
  clock.hasYear = true
  clock.end = at
}

/**
 * ISO 8601 as logs write it: `2026-01-15T10:00:00.123456Z`, a space, `t` or `_` for T, comma for the fraction, `/` for `-`,
 * a space before the offset, no offset, no seconds, and the basic form `20260115T100000Z`.
 */
export function readIso(text: string, at: number, clock: Clock): boolean {
  reset(clock, at)
  const year = digits(text, at, 4)
  if (year < 100) return false
  const dash = text.charCodeAt(at + 4)
  const extended = dash === 45 || dash === 47
  if (extended && text.charCodeAt(at + 7) !== dash) return false
  const month = digits(text, extended ? at + 5 : at + 4, 2)
  const day = digits(text, extended ? at + 8 : at + 6, 2)
  const separator = text.charCodeAt(extended ? at + 10 : at + 8)
  if (separator !== 84 && separator !== 116 && separator !== 32 && separator !== 95) return false
  const midnight = wall(year, month, day, 0, 0, 0)
  if (Number.isNaN(midnight)) return false
  clock.end = extended ? at + 11 : at + 9
  const ofDay = extended ? timeOfDay(text, clock, false) : basicTimeOfDay(text, clock)
  if (Number.isNaN(ofDay)) return false
  const end = clock.end
  offset(text, clock)
  if (clock.end === end && text.charCodeAt(end) === 32) {
    const next = text.charCodeAt(end + 1)
    if ((next === 43 || next === 45) && digits(text, end + 2, 4) >= 0) {
      clock.end = end + 1
      offset(text, clock)
    }
  }
  clock.wallMs = midnight + ofDay
  return true
}

function basicTimeOfDay(text: string, clock: Clock): number {
  const hour = digits(text, clock.end, 2)
  const minute = digits(text, clock.end + 2, 2)
  const second = digits(text, clock.end + 4, 2)
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return Number.NaN
  clock.end += 6
  return (hour * 3600 + minute * 60 + second) * 1000 + fraction(text, clock)
}

/**
 * `Mar  1 00:00:00`, as RFC 3164 section 4.1.2 and its many variants write it: one or two spaces, `01`, a year before or
 * after the time, a fraction.
 */
export function readBsd(text: string, at: number, clock: Clock): boolean {
  reset(clock, at)
  const month = monthAt(text, at)
  if (month === 0 || text.charCodeAt(at + 3) !== 32) return false
  let next = text.charCodeAt(at + 4) === 32 ? at + 5 : at + 4
  const two = digits(text, next, 2)
  const day = two >= 0 ? two : digits(text, next, 1)
  next += two >= 0 ? 2 : 1
  if (day < 1 || text.charCodeAt(next) !== 32) return false
  next++
  let year = digits(text, next, 4)
  if (year >= 1970 && text.charCodeAt(next + 4) === 32) next += 5
  else year = -1
  clock.end = next
  const ofDay = timeOfDay(text, clock)
  if (Number.isNaN(ofDay)) return false
  if (year < 0 && text.charCodeAt(clock.end) === 32) {
    const trailing = digits(text, clock.end + 1, 4)
    const after = text.charCodeAt(clock.end + 5)
    if (
      trailing >= 1970 &&
      trailing < 2200 &&
      (after === 32 || Number.isNaN(after) || (after === 58 && text.charCodeAt(clock.end + 6) === 32))
    ) {
      year = trailing
      clock.end += 5
    }
  }
  clock.hasYear = year > 0
  const midnight = wall(year > 0 ? year : 2000, month, day, 0, 0, 0)
  clock.wallMs = midnight + ofDay
  return !Number.isNaN(midnight)
}

/** `15/Jan/2026:10:00:00 +0900`, the common log format of web servers. */
export function readClf(text: string, at: number, clock: Clock): boolean {
  reset(clock, at)
  const day = digits(text, at, 2)
  const month = monthAt(text, at + 3)
  const year = digits(text, at + 7, 4)
  if (day < 0 || month === 0 || year < 100 || text.charCodeAt(at + 2) !== 47 || text.charCodeAt(at + 11) !== 58)
    return false
  clock.end = at + 12
  const midnight = wall(year, month, day, 0, 0, 0)
  const ofDay = timeOfDay(text, clock)
  if (text.charCodeAt(clock.end) === 32) {
    clock.end++
    offset(text, clock)
    if (clock.offsetMs === undefined) clock.end--
  }
  clock.wallMs = midnight + ofDay
  return !Number.isNaN(clock.wallMs)
}
