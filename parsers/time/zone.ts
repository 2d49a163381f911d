// Zone names to offsets, fast: one look at the calendar library per zone and quarter of an hour, the rest from a table.

const FIXED: Readonly<Record<string, number>> = {
  Z: 0,
  UTC: 0,
  GMT: 0,
  WET: 0,
  WEST: 60,
  CET: 60,
  CEST: 120,
  EET: 120,
  EEST: 180,
  MSK: 180,
  EST: -300,
  EDT: -240,
  CST: -360,
  CDT: -300,
  MST: -420,
  MDT: -360,
  PST: -480,
  PDT: -420,
  JST: 540,
  KST: 540,
  HKT: 480,
  SGT: 480,
  AEST: 600,
  AEDT: 660,
}

const QUARTER_MS = 15 * 60_000
/** Quarters remembered per zone: 4,096 are 42 days; a replay of older lines starts afresh. */
const MAX_CACHED = 4096

/** Answers the offset of a zone at an instant. */
export interface Zone {
  readonly name: string
  /** Milliseconds to add to UTC for local time, at this instant. */
  offsetAt(utcMs: number): number
}

class FixedZone implements Zone {
  readonly name: string
  readonly #offsetMs: number
  constructor(name: string, offsetMs: number) {
    this.name = name
    this.#offsetMs = offsetMs
  }
  offsetAt(): number {
    return this.#offsetMs
  }
}

class NamedZone implements Zone {
  readonly name: string
  readonly #format: Intl.DateTimeFormat
  #cache = new Map<number, number>()
  #lastQuarter = Number.NaN
  #lastOffset = 0

  constructor(name: string) {
    this.name = name
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
  }

  offsetAt(utcMs: number): number {
    const quarter = Math.floor(utcMs / QUARTER_MS)
    if (quarter === this.#lastQuarter) return this.#lastOffset
    let offset = this.#cache.get(quarter)
    if (offset === undefined) {
      offset = this.#lookUp(quarter * QUARTER_MS)
      if (this.#cache.size >= MAX_CACHED) this.#cache = new Map()
      this.#cache.set(quarter, offset)
    }
    this.#lastQuarter = quarter
    this.#lastOffset = offset
    return offset
  }

  #lookUp(utcMs: number): number {
    const text = this.#format.formatToParts(utcMs).find((part) => part.type === 'timeZoneName')?.value ?? ''
    const m = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text)
    if (!m?.[1]) return 0
    const seconds = Number(m[2]) * 3600 + Number(m[3]) * 60 + Number(m[4] ?? 0)
    return (m[1] === '-' ? -seconds : seconds) * 1000
  }
}

export const utc: Zone = new FixedZone('UTC', 0)
const opened = new Map<string, Zone | undefined>()

/**
 * @param name IANA name, `±hh:mm`, `±hhmm`, `±hh` or a usual abbreviation
 * @returns undefined if there is no such zone. Answers are remembered: pass configured names, or what `zoneOfText` passed
 */
export function openZone(name: string): Zone | undefined {
  const known = opened.get(name)
  if (known || opened.has(name)) return known
  const zone = findZone(name)
  if (opened.size < 1024) opened.set(name, zone)
  return zone
}

function findZone(name: string): Zone | undefined {
  const fixed = FIXED[name.toUpperCase()]
  if (fixed !== undefined) return new FixedZone(name, fixed * 60_000)
  const m = /^([+-])(\d\d):?(\d\d)?$/.exec(name)
  if (m) {
    const minutes = Number(m[2]) * 60 + Number(m[3] ?? 0)
    return minutes > 18 * 60 ? undefined : new FixedZone(name, (m[1] === '-' ? -minutes : minutes) * 60_000)
  }
  if (!/^[A-Za-z]+[\w+/-]*$/.test(name)) return undefined
  try {
    return new NamedZone(name)
  } catch {
    return undefined // RangeError: not a zone the calendar library knows
  }
}

/** The offset of a zone written in a line (`KST`, `+0900`): abbreviations and offsets only, never a calendar look-up. */
export function offsetOfText(name: string): number | undefined {
  const fixed = FIXED[name] ?? FIXED[name.toUpperCase()]
  if (fixed !== undefined) return fixed * 60_000
  return /^[+-]\d\d:?(?:\d\d)?$/.test(name) ? openZone(name)?.offsetAt(0) : undefined
}

/**
 * Local wall time to an instant. In the hour that comes twice the first is taken, in the one that never comes the clock
 * is taken as not yet moved (RFC 5545 section 3.3.5).
 * @param localMs the wall time read as if it were UTC
 */
export function localToUtc(localMs: number, zone: Zone): number {
  const before = zone.offsetAt(localMs - 86_400_000)
  const first = localMs - before
  if (zone.offsetAt(first) === before) return first
  const after = zone.offsetAt(localMs + 86_400_000)
  const second = localMs - after
  return zone.offsetAt(second) === after ? second : first
}
