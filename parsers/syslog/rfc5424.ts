// RFC 5424 section 6: <PRI>VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP STRUCTURED-DATA [SP MSG]

import { type Clock, digits, newClock, readIso } from '../time/clock.ts'
import { type Envelope, type Priority, readPriority } from './envelope.ts'

const priority: Priority = { value: 0, end: 0 }
const clock: Clock = newClock()
const MAX_HOST = 255
const MAX_APP = 48
const MAX_PROC_ID = 128
const MAX_MSG_ID = 32
const MAX_SD_ID = 32

/**
 * @returns `valid` to the letter; `lenient` where only the structured data is left out, as many devices do; `invalid` when
 *   it begins like RFC 5424 and breaks off: the envelope then holds what could be read; `other` for any other text
 */
export function readRfc5424(text: string, envelope: Envelope): 'valid' | 'lenient' | 'invalid' | 'other' {
  if (!hasVersion(text) || !readPriority(text, priority)) return 'other'
  let at = priority.end
  let version = 0
  for (; at < priority.end + 4; at++) {
    const d = text.charCodeAt(at) - 48
    if (!(d >= 0 && d <= 9)) break
    version = version * 10 + d
  }
  if (version === 0 || version > 999 || text.charCodeAt(priority.end) === 48 || text.charCodeAt(at) !== 32)
    return 'other'
  const next = text.charCodeAt(at + 1)
  if (next !== 45 && digits(text, at + 1, 4) < 0) return 'other'
  envelope.dialect = 'rfc5424'
  envelope.priority = priority.value
  envelope.version = version

  envelope.body = at + 1
  at = readTimestamp(text, at + 1, envelope)
  if (at < 0) return 'invalid'
  envelope.body = at
  const host = token(text, at, MAX_HOST)
  if (host < 0) return 'invalid'
  envelope.body = host + 1
  envelope.host = slice(text, at, host)
  const app = token(text, host + 1, MAX_APP)
  if (app < 0) return 'invalid'
  envelope.body = app + 1
  envelope.app = slice(text, host + 1, app)
  const procId = token(text, app + 1, MAX_PROC_ID)
  if (procId < 0) return 'invalid'
  envelope.body = procId + 1
  envelope.procId = slice(text, app + 1, procId)
  const msgId = token(text, procId + 1, MAX_MSG_ID)
  if (msgId < 0) return 'invalid'
  envelope.body = msgId + 1
  envelope.msgId = slice(text, procId + 1, msgId)
  const first = text.charCodeAt(msgId + 1)
  if (first !== 45 && first !== 91) return Number.isNaN(first) ? 'invalid' : 'lenient'
  return readStructured(text, msgId + 1, envelope) ? 'valid' : 'invalid'
}

/** A digit behind `<PRI>`: told before anything is read, for most lines have none. */
function hasVersion(text: string): boolean {
  const end = text.charCodeAt(2) === 62 ? 3 : text.charCodeAt(3) === 62 ? 4 : 5
  const digit = text.charCodeAt(end)
  return digit >= 49 && digit <= 57
}

/** Answers where HOSTNAME begins, -1 if there is no TIMESTAMP SP. */
function readTimestamp(text: string, at: number, envelope: Envelope): number {
  if (text.charCodeAt(at) === 45) return text.charCodeAt(at + 1) === 32 ? at + 2 : -1
  // Stricter than readIso: T, a four digit fraction limit, an offset with a colon (section 6.2.3)
  if (text.charCodeAt(at + 4) !== 45 || text.charCodeAt(at + 10) !== 84 || text.charCodeAt(at + 16) !== 58) return -1
  if (!readIso(text, at, clock) || clock.offsetMs === undefined || text.charCodeAt(clock.end) !== 32) return -1
  if (digits(text, at + 17, 2) > 59) return -1
  let places = at + 19
  if (text.charCodeAt(places) === 44) return -1
  if (text.charCodeAt(places) === 46) {
    places++
    const from = places
    while (digits(text, places, 1) >= 0) places++
    if (places === from || places - from > 6) return -1
  }
  const zone = text.charCodeAt(places)
  if (zone === 90 ? clock.end !== places + 1 : text.charCodeAt(places + 3) !== 58 || clock.end !== places + 6) return -1
  envelope.timeMs = clock.wallMs - clock.offsetMs
  return clock.end + 1
}

/** End of a PRINTUSASCII token of 1..max characters that a space follows, or -1. */
function token(text: string, at: number, max: number): number {
  let end = at
  for (; ; end++) {
    const code = text.charCodeAt(end)
    if (code === 32) break
    if (!(code >= 33 && code <= 126)) return -1
  }
  return end > at && end - at <= max ? end : -1
}

const slice = (text: string, from: number, to: number) =>
  to === from + 1 && text.charCodeAt(from) === 45 ? '' : text.slice(from, to)

function readStructured(text: string, at: number, envelope: Envelope): boolean {
  let end = at
  if (text.charCodeAt(at) === 45) end = at + 1
  else {
    const all: Record<string, Record<string, string>> = {}
    while (text.charCodeAt(end) === 91) {
      end = readElement(text, end + 1, all)
      if (end < 0) return false
    }
    if (end === at) return false
    envelope.structured = all
  }
  if (end < text.length && text.charCodeAt(end) !== 32) return false
  envelope.body = Math.min(end + 1, text.length)
  return true
}

/** SD-NAME: 1..32 of PRINTUSASCII but `=`, `]`, `"`. Its end, or -1. */
function name(text: string, at: number): number {
  let end = at
  for (; ; end++) {
    const code = text.charCodeAt(end)
    if (!(code >= 33 && code <= 126) || code === 61 || code === 93 || code === 34) break
  }
  return end > at && end - at <= MAX_SD_ID ? end : -1
}

function readElement(text: string, at: number, all: Record<string, Record<string, string>>): number {
  let end = name(text, at)
  if (end < 0) return -1
  const id = text.slice(at, end)
  if (Object.hasOwn(all, id)) return -1 // section 6.3.2: the same SD-ID must not exist more than once
  const params: Record<string, string> = {}
  while (text.charCodeAt(end) === 32) {
    const from = end + 1
    end = name(text, from)
    if (end < 0 || text.charCodeAt(end) !== 61 || text.charCodeAt(end + 1) !== 34) return -1
    const key = text.slice(from, end)
    const start = end + 2
    let escaped = false
    for (end = start; ; end++) {
      const code = text.charCodeAt(end)
      if (Number.isNaN(code) || code === 93) return -1
      if (code === 34) break
      if (code === 92) {
        const next = text.charCodeAt(end + 1)
        if (next === 34 || next === 92 || next === 93) {
          escaped = true
          end++
        }
      }
    }
    const value = text.slice(start, end)
    if (key !== '__proto__') params[key] = escaped ? value.replaceAll(/\\(["\\\]])/g, '$1') : value
    end++
  }
  if (text.charCodeAt(end) !== 93) return -1
  if (id !== '__proto__') all[id] = params
  return end + 1
}
