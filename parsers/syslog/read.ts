// One door to every dialect of syslog.

import type { TimeContext } from '../time/time.ts'
import { type Envelope, resetEnvelope } from './envelope.ts'
import { readRfc3164 } from './rfc3164.ts'
import { readRfc5424 } from './rfc5424.ts'

/** Fills the envelope; false when the line has none. Never throws. */
export function readEnvelope(text: string, envelope: Envelope, context: TimeContext): boolean {
  resetEnvelope(envelope)
  const first = text.charCodeAt(0)
  if (first === 60) {
    const found = readRfc5424(text, envelope)
    if (found !== 'other') {
      envelope.quality = found
      return true
    }
    return readRfc3164(text, envelope, context)
  }
  // a month, a year, a Cisco sequence number or an unset clock
  const letter = (first | 32) >= 97 && (first | 32) <= 122
  if (!letter && !(first >= 48 && first <= 57) && first !== 42) return false
  if (readRfc3164(text, envelope, context)) return true
  resetEnvelope(envelope)
  return false
}
