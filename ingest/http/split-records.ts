// A request body -> its records, each the exact bytes that were sent. All or nothing: a record over the limit, or a body
// that is not what it says, refuses the request before anything is taken.

import { decodeString, eachElement, JsonSyntaxError, skipSpace, skipValue } from '../json-scan.ts'
import { HttpRefusal } from './refusal.ts'

export interface RecordLimits {
  readonly maxRecordBytes: number
  readonly maxRecords: number
}

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const BRACE = 0x7b
const BRACKET = 0x5b

/** Lines of text or NDJSON without LF or CRLF; blank lines are no records. NDJSON lines are not checked: a bad one is kept. */
export function splitLines(body: Buffer, limits: RecordLimits): Buffer[] {
  const records: Buffer[] = []
  let line = 0
  for (let start = 0; start < body.length; ) {
    line++
    const lf = body.indexOf(LF, start)
    const next = lf === -1 ? body.length : lf
    const end = next > start && body[next - 1] === CR ? next - 1 : next
    if (!isBlank(body, start, end)) push(records, body.subarray(start, end), limits, `line ${line}`)
    start = next + 1
  }
  return records
}

/**
 * One object, or an array of objects and strings. An object is kept as its exact bytes, a string as its text.
 * @throws HttpRefusal bad_body, record_too_large, too_many_records
 */
export function splitJson(body: Buffer, limits: RecordLimits): Buffer[] {
  const records: Buffer[] = []
  const take = (at: number, place: string): number => {
    const byte = body[at]
    const end = skipValue(body, at)
    if (byte === BRACE) push(records, body.subarray(at, end), limits, place)
    else if (byte === QUOTE) push(records, Buffer.from(decodeString(body, at + 1, end - 1)), limits, place)
    else throw new HttpRefusal('bad_body', `${place} is neither an object nor a string`)
    return end
  }
  const start = skipSpace(body, 0)
  return strictly(() => {
    if (body[start] !== BRACE && body[start] !== BRACKET) {
      throw new HttpRefusal('bad_body', 'the body must be an object or an array')
    }
    let index = 0
    const end =
      body[start] === BRACE
        ? take(start, 'the object')
        : eachElement(body, start, (at) => take(at, `element ${index++}`))
    refuseRest(body, end)
    return records
  })
}

/** @throws HttpRefusal when anything but white space follows */
export function refuseRest(body: Buffer, end: number): void {
  const rest = skipSpace(body, end)
  if (rest < body.length) throw new HttpRefusal('bad_body', `something follows the JSON value at byte ${rest}`)
}

/** Runs `read`; a syntax error becomes a refusal. */
export function strictly<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new HttpRefusal('bad_body', `not JSON: ${error.message}`)
    throw error
  }
}

function push(records: Buffer[], record: Buffer, limits: RecordLimits, place: string): void {
  if (record.length > limits.maxRecordBytes) {
    const sizes = `${record.length} bytes, limit ${limits.maxRecordBytes}`
    throw new HttpRefusal('record_too_large', `${place} has ${sizes}; the whole request was refused`)
  }
  if (records.length >= limits.maxRecords) {
    throw new HttpRefusal('too_many_records', `over ${limits.maxRecords} records in one request; the whole was refused`)
  }
  records.push(record)
}

function isBlank(body: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (body[at] !== 0x20 && body[at] !== 0x09) return false
  return true
}
