// RFC 3164 and what is really sent in its name:
//
//   [<PRI>] [seq: ] [host: ] [*|.] TIME [zone] [:] [host] [tag[[pid]]:] message
//
// TIME   `Mar  1 00:00:00`, `Mar 01 00:00:00.123`, `Mar 1 2026 00:00:00`, `Mar 1 00:00:00 2026`, `2026 Mar 1 00:00:00`,
//        ISO 8601 with T or a space
// Without PRI a line must have a time and a tag to count as syslog; with one, anything does (section 4.3.3).

import { type Clock, digits, monthAt, newClock, readBsd, readIso } from '../time/clock.ts'
import { instantOf, type TimeContext } from '../time/time.ts'
import { offsetOfText } from '../time/zone.ts'
import { type Envelope, type Priority, readPriority } from './envelope.ts'

const priority: Priority = { value: 0, end: 0 }
const clock: Clock = newClock()
const MAX_HOST = 255
const MAX_TAG = 128

/** Words that stand where a host would in application logs that begin with a time. */
const LEVELS = new Set([
  'TRACE',
  'DEBUG',
  'INFO',
  'NOTICE',
  'WARN',
  'WARNING',
  'ERROR',
  'ERR',
  'CRIT',
  'CRITICAL',
  'FATAL',
  'SEVERE',
  'LOG',
  'ALERT',
  'EMERG',
  'PANIC',
  'HINT',
  'DETAIL',
  'STATEMENT',
  'AM',
  'PM',
  'UTC',
  'GMT',
  'STDOUT',
  'STDERR',
])

/** @returns false when the line is not syslog by the rules above; the envelope is then to be reset */
export function readRfc3164(text: string, envelope: Envelope, context: TimeContext): boolean {
  let at = 0
  const hasPriority = readPriority(text, priority)
  if (hasPriority) {
    envelope.priority = priority.value
    at = priority.end
    while (text.charCodeAt(at) === 32) at++
  }
  const cisco = hasPriority || (text.charCodeAt(0) >= 48 && text.charCodeAt(0) <= 57) || text.charCodeAt(0) === 42
  if (cisco) at = readSequence(text, at, envelope)
  const hasTime = readTime(text, at, envelope, context)
  if (!hasTime) {
    if (!hasPriority) return false
    // no time: the rest is the message, but for a tag, which must say so with a colon
    envelope.sequence = ''
    at = priority.end
    while (text.charCodeAt(at) === 32) at++
    if (text.charCodeAt(at) === 37) {
      envelope.body = at // `<166>%ASA-6-302013:`
      return true
    }
    const after = readTag(text, at, envelope, true)
    envelope.body = after < 0 ? priority.end : after
    return true
  }
  at = clock.end
  if (text.charCodeAt(at) === 58) at++ // Cisco ends its time with a colon
  while (text.charCodeAt(at) === 32) at++
  const host = envelope.host === '' ? readHost(text, at) : at
  if (host > at) {
    envelope.host = text.slice(at, host)
    at = skipSpaces(text, host)
    if (text.charCodeAt(at) === 58 && text.charCodeAt(at + 1) === 32) at += 2 // `host : %ASA-…`
  }
  if (text.charCodeAt(at) === 37) {
    envelope.body = at // `%ASA-6-302013:` and `%LINK-3-UPDOWN:` are the packs' to read
    return true
  }
  const after = readTag(text, at, envelope, !hasPriority)
  if (after < 0) {
    if (!hasPriority) return false
    envelope.body = at
    return true
  }
  if (!hasPriority && LEVELS.has(envelope.host.toUpperCase())) return false
  envelope.body = after
  return true
}

function skipSpaces(text: string, at: number): number {
  while (text.charCodeAt(at) === 32) at++
  return at
}

/** `000123: ` and `host: ` before the time, as IOS writes them; the marks `*` and `.` of an unset clock. */
function readSequence(text: string, from: number, envelope: Envelope): number {
  let at = from
  let end = at
  while (digits(text, end, 1) >= 0 && end - at < 12) end++
  if (end > at && text.charCodeAt(end) === 58 && text.charCodeAt(end + 1) === 32) {
    envelope.sequence = text.slice(at, end)
    at = skipSpaces(text, end + 2)
  }
  const mark = text.charCodeAt(at)
  if (mark !== 42 && mark !== 46 && monthAt(text, at) === 0 && digits(text, at, 4) < 0) {
    const host = hostEnd(text, at)
    if (host > at && text.charCodeAt(host) === 58 && text.charCodeAt(host + 1) === 32 && startsTime(text, host + 2)) {
      envelope.host = text.slice(at, host)
      at = skipSpaces(text, host + 2)
    }
  }
  const starred = text.charCodeAt(at)
  return (starred === 42 || starred === 46) && monthAt(text, at + 1) > 0 ? at + 1 : at
}

function startsTime(text: string, from: number): boolean {
  const at = skipSpaces(text, from)
  const mark = text.charCodeAt(at)
  return monthAt(text, mark === 42 || mark === 46 ? at + 1 : at) > 0 || digits(text, at, 4) > 1900
}

/** Reads a time at `at` into the envelope; clock.end is where the line goes on. */
function readTime(text: string, at: number, envelope: Envelope, context: TimeContext): boolean {
  let found = false
  if (monthAt(text, at) > 0) found = readBsd(text, at, clock)
  else if (digits(text, at, 4) >= 1970) {
    if (text.charCodeAt(at + 4) === 32 && monthAt(text, at + 5) > 0) {
      const year = text.slice(at, at + 4)
      found = readBsd(text, at + 5, clock)
      if (found && !clock.hasYear) {
        const shifted = new Date(clock.wallMs)
        shifted.setUTCFullYear(Number(year))
        clock.wallMs = shifted.getTime()
        clock.hasYear = true
      }
    } else {
      const separator = text.charCodeAt(at + 10)
      found = (envelope.priority >= 0 || separator === 84) && readIso(text, at, clock)
    }
  }
  const next = text.charCodeAt(clock.end)
  if (!found || !(next === 32 || next === 58 || Number.isNaN(next))) return false
  if (clock.offsetMs === undefined && next === 32) readZoneName(text)
  envelope.timeMs = instantOf(clock, context)
  return true
}

/** ` UTC:` or ` CET:` behind the time. Only with the colon: a host may be called anything. */
function readZoneName(text: string): void {
  let end = clock.end + 1
  while (end < clock.end + 6 && (text.charCodeAt(end) | 32) >= 97 && (text.charCodeAt(end) | 32) <= 122) end++
  if (end === clock.end + 1 || text.charCodeAt(end) !== 58) return
  const named = offsetOfText(text.slice(clock.end + 1, end))
  if (named === undefined) return
  clock.offsetMs = named
  clock.end = end
}

/** End of the host at `at`; `at` itself when what stands there is a tag. */
function readHost(text: string, at: number): number {
  const end = hostEnd(text, at)
  if (end === at || end - at > MAX_HOST) return at
  const next = text.charCodeAt(end)
  if (Number.isNaN(next)) return end
  if (next === 58) {
    // `2001:db8::1 tag:` has colons inside, `tag:` at its end; `host :` was written by ASA
    let last = end
    while (last < text.length && text.charCodeAt(last) > 32) last++
    if (last - 1 > end && text.charCodeAt(last - 1) !== 58 && isAddress(text, at, last)) return last
    return at
  }
  return next === 32 ? end : at
}

/** End of `[A-Za-z0-9._%@/-]+`: host names, addresses, and what people call their machines. */
function hostEnd(text: string, at: number): number {
  let end = at
  for (; ; end++) {
    const c = text.charCodeAt(end)
    const letter = ((c | 32) >= 97 && (c | 32) <= 122) || (c >= 48 && c <= 57)
    if (!letter && c !== 46 && c !== 45 && c !== 95 && c !== 64 && !(c >= 0x80)) return end
  }
}

function isAddress(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const c = text.charCodeAt(at)
    const hex = (c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 102)
    if (!hex && c !== 58 && c !== 46) return false
  }
  return true
}

/**
 * `tag:`, `tag[pid]:`, `tag[pid]`, or (not `strict`) a bare word. Answers where the message begins, -1 without a tag.
 * A strict tag ends in a colon or has a pid.
 */
function readTag(text: string, at: number, envelope: Envelope, strict: boolean): number {
  let end = at
  for (; end - at <= MAX_TAG; end++) {
    const c = text.charCodeAt(end)
    if (!(c > 32) || c === 58 || c === 91 || c === 34 || c === 44 || c === 61 || c === 123) break
  }
  const stop = text.charCodeAt(end)
  if (end === at || end - at > MAX_TAG) return -1
  let next = end
  let procId = ''
  if (stop === 91) {
    const close = text.indexOf(']', end)
    if (close < 0 || close - end > 64 || close === end + 1) return -1
    procId = text.slice(end + 1, close)
    if (/[\s"=]/.test(procId)) return -1
    next = close + 1
  }
  const colon = text.charCodeAt(next) === 58
  const after = text.charCodeAt(colon ? next + 1 : next)
  if (!(after === 32 || Number.isNaN(after) || (colon && after >= 0))) return -1
  if (strict && !colon && procId === '') return -1
  if (!colon && stop !== 91 && stop !== 32 && !Number.isNaN(stop)) return -1
  const app = text.slice(at, end)
  if (procId === '' && /^(?:20\d\d|\d{1,4}\/\d{1,2}\/\d{1,4})$/.test(app)) return -1 // `01/14/2026:09:00` is a date of another form, no program
  envelope.app = app
  envelope.procId = procId
  const body = colon ? next + 1 : next
  return text.charCodeAt(body) === 32 ? body + 1 : Math.min(body, text.length)
}
