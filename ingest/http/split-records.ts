// A request body -> its records, each the exact bytes that were sent. All or nothing: a record over the limit, or a body
// that is not what it says, refuses the request before anything is taken.

import { decodeString, eachElement, JsonSyntaxError, skipSpace, skipValue } from '../json-scan.ts'
import { eachRecord } from '../split/each-record.ts'
import { readObject } from '../split/wrapper.ts'
import { HttpRefusal } from './refusal.ts'

export interface RecordLimits {
  readonly maxRecordBytes: number
  readonly maxRecords: number
  /** What the body may be decompressed, and what the records may take that splitting builds anew. */
  readonly maxDecompressedBytes: number
}

export interface SplitBody {
  readonly records: Buffer[]
  /** Memory of the records that are no views of the body. */
  readonly builtBytes: number
  /** As eachRecord() answers. */
  readonly leftOut: number
}

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const BRACE = 0x7b
const BRACKET = 0x5b

/** Lines of text or NDJSON without LF or CRLF; blank lines are no records. NDJSON lines are not checked: a bad one is kept. */
export function splitLines(body: Buffer, limits: RecordLimits): SplitBody {
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
  return { records, builtBytes: 0, leftOut: 0 }
}

/**
 * One object, or an array of objects and strings. An object that is a list of records (split/wrapper.ts) gives those, any
 * other is kept as its exact bytes, a string as its text.
 * @throws HttpRefusal bad_body, record_too_large, too_many_records, decompressed_too_large
 */
export function splitJson(body: Buffer, limits: RecordLimits): SplitBody {
  const records: Buffer[] = []
  let builtBytes = 0
  let leftOut = 0
  const pushBuilt = (record: Buffer, place: string) => {
    builtBytes += record.length
    if (builtBytes > limits.maxDecompressedBytes) {
      throw new HttpRefusal(
        'decompressed_too_large',
        `its records take over ${limits.maxDecompressedBytes} bytes once split`,
      )
    }
    push(records, record, limits, place)
  }
  const takeObject = (at: number, place: string, depth: number): number => {
    const { end, wrapper } = readObject(body, at, depth)
    if (!wrapper) push(records, body.subarray(at, end), limits, place)
    else {
      let index = 0
      leftOut += eachRecord(body, wrapper, (record, built) => {
        const name = `record ${index++} of ${place}`
        if (built) pushBuilt(record, name)
        else push(records, record, limits, name)
      })
    }
    return end
  }
  const takeElement = (at: number, place: string): number => {
    if (body[at] === BRACE) return takeObject(at, place, 1)
    const end = skipValue(body, at, 1)
    if (body[at] !== QUOTE) throw new HttpRefusal('bad_body', `${place} is neither an object nor a string`)
    pushBuilt(Buffer.from(decodeString(body, at + 1, end - 1)), place)
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
        ? takeObject(start, 'the object', 0)
        : eachElement(body, start, (at) => takeElement(at, `element ${index++}`))
    refuseRest(body, end)
    return { records, builtBytes, leftOut }
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
