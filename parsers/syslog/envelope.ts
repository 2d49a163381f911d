// What a syslog header says, whichever of its dialects it is written in.

/** Filled by a reader, reused from line to line. */
export interface Envelope {
  dialect: 'rfc5424' | 'rfc3164'
  /** 0..191, or -1 without a priority. */
  priority: number
  /** RFC 5424 version, 0 in the older form. */
  version: number
  /** Instant in ms since 1970, or NaN without a time. */
  timeMs: number
  host: string
  /** The tag without `[pid]`, as written: RFC 3164 tag, RFC 5424 APP-NAME. */
  app: string
  procId: string
  msgId: string
  structured: Record<string, Record<string, string>> | undefined
  /** Cisco devices number their messages. */
  sequence: string
  /** Where the message begins. */
  body: number
  /** `lenient` and `invalid` as readRfc5424 says; RFC 3164 forbids nothing, so it is always `valid`. */
  quality: 'valid' | 'lenient' | 'invalid'
}

export function newEnvelope(): Envelope {
  return {
    dialect: 'rfc3164',
    priority: -1,
    version: 0,
    timeMs: Number.NaN,
    host: '',
    app: '',
    procId: '',
    msgId: '',
    structured: undefined,
    sequence: '',
    body: 0,
    quality: 'valid',
  }
}

export function resetEnvelope(envelope: Envelope): void {
  envelope.dialect = 'rfc3164'
  envelope.priority = -1
  envelope.version = 0
  envelope.timeMs = Number.NaN
  envelope.host = ''
  envelope.app = ''
  envelope.procId = ''
  envelope.msgId = ''
  envelope.structured = undefined
  envelope.sequence = ''
  envelope.body = 0
  envelope.quality = 'valid'
}

/** RFC 5424 table 1, with the names that syslog.conf uses. */
export const facilityNames = [
  'kern',
  'user',
  'mail',
  'daemon',
  'auth',
  'syslog',
  'lpr',
  'news',
  'uucp',
  'cron',
  'authpriv',
  'ftp',
  'ntp',
  'security',
  'console',
  'solaris-cron',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const

/** RFC 5424 table 2. */
export const severityNames = [
  'emergency',
  'alert',
  'critical',
  'error',
  'warning',
  'notice',
  'informational',
  'debug',
] as const

/** Length of `<PRI>` at the start of a text, its value in `priority`; 0 and -1 if there is none. */
export interface Priority {
  value: number
  end: number
}

/** RFC 5424 section 6.2.1: `<`, 1 to 3 digits without leading zeros, 0..191, `>`. */
export function readPriority(text: string, into: Priority): boolean {
  if (text.charCodeAt(0) !== 60) return false
  let value = 0
  let at = 1
  for (; at < 5; at++) {
    const d = text.charCodeAt(at) - 48
    if (!(d >= 0 && d <= 9)) break
    value = value * 10 + d
  }
  if (at === 1 || at > 4 || value > 191 || text.charCodeAt(at) !== 62) return false
  if (at > 2 && text.charCodeAt(1) === 48) return false
  into.value = value
  into.end = at + 1
  return true
}
