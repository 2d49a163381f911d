// A date without a year, and when it was received: which year was meant.

import { isLeap } from './clock.ts'
import { localToUtc, type Zone } from './zone.ts'

/** How far a sender's clock may run ahead before a date is last year's: 24 h of zone mistakes and 2 h of drift. */
const AHEAD_MS = 26 * 3_600_000

const DAY_MS = 86_400_000
const YEAR_2000 = Date.UTC(2000, 0, 1)
/** Days before 29 February, counted in 2000. */
const LEAP_DAY = 59

// The year that most lines are of: that of the receive time before them.
let yearStart = 0
let yearEnd = 0
let yearIsLeap = false

/**
 * The newest year that puts the time no more than 26 h after it was received: 31 December seen on 1 January is last
 * year's, 1 January seen on 31 December next year's, and June seen in January is last June.
 * @param wallMs wall time in the year 2000, read as UTC
 * @returns the instant
 */
export function withYear(wallMs: number, receivedAtMs: number, zone: Zone): number {
  const receivedLocal = receivedAtMs + zone.offsetAt(receivedAtMs)
  if (receivedLocal < yearStart || receivedLocal >= yearEnd) {
    const year = new Date(receivedLocal).getUTCFullYear()
    yearStart = Date.UTC(year, 0, 1)
    yearEnd = Date.UTC(year + 1, 0, 1)
    yearIsLeap = isLeap(year)
  }
  const days = Math.floor((wallMs - YEAR_2000) / DAY_MS)
  if (days !== LEAP_DAY) {
    const moved = days > LEAP_DAY && !yearIsLeap ? DAY_MS : 0
    const instant = localToUtc(yearStart + (wallMs - YEAR_2000) - moved, zone)
    // far from the other years' places: this is the one
    if (instant <= receivedAtMs + AHEAD_MS && instant > receivedAtMs - 330 * DAY_MS) return instant
  }
  return search(wallMs, receivedAtMs, zone)
}

function search(wallMs: number, receivedAtMs: number, zone: Zone): number {
  const wall = new Date(wallMs)
  const leapDay = wall.getUTCMonth() === 1 && wall.getUTCDate() === 29
  const ofYear = wallMs - Date.UTC(2000, wall.getUTCMonth(), wall.getUTCDate())
  const newest = new Date(receivedAtMs + zone.offsetAt(receivedAtMs)).getUTCFullYear() + 1
  for (let year = newest; year > newest - 10; year--) {
    if (leapDay && !isLeap(year)) continue
    const instant = localToUtc(Date.UTC(year, wall.getUTCMonth(), wall.getUTCDate()) + ofYear, zone)
    if (instant <= receivedAtMs + AHEAD_MS) return instant
  }
  return receivedAtMs
}
