// The records of a wrapper, one after the other. Where a record stands alone it is a view of the bytes that came; where it
// means nothing without what is around it (a log event without its group, a finding without its report) it is built anew
// from the exact bytes of its parts.

import { eachElement, skipValue } from '../json-scan.ts'
import { findingLists, keyOf, type Member, membersOf, type Wrapper } from './wrapper.ts'

/**
 * The head is repeated in every record: 8 KiB hold that of nearly every report, and a hostile one cannot turn a megabyte
 * of head and a thousand empty findings into a gigabyte.
 */
export const MAX_HEAD_BYTES = 8 * 1024

/** @param built the record is memory of its own, not a view of the document */
export type Take = (record: Buffer, built: boolean) => void

/**
 * Gives every record to `take`, in order. What `take` throws ends it.
 * @returns how many elements and members were left out: lists of a report that are no findings (packages), and what of
 *   its head goes over `maxHeadBytes`
 */
export function eachRecord(json: Buffer, wrapper: Wrapper, take: Take, maxHeadBytes = MAX_HEAD_BYTES): number {
  if (wrapper.kind === 'trivy-report') return eachFinding(json, wrapper, take, maxHeadBytes)
  if (wrapper.kind === 'cloudwatch-logs') return eachLogEvent(json, wrapper, take, maxHeadBytes)
  eachElement(json, wrapper.list.value, (element) => {
    const end = skipValue(json, element)
    take(json.subarray(element, end), false)
    return end
  })
  return 0
}

/** `{"id": …, "timestamp": …, "message": …, "owner": …, "logGroup": …, "logStream": …}`: the event, then what it came in. */
function eachLogEvent(json: Buffer, { list, head }: Wrapper, take: Take, maxHeadBytes: number): number {
  const kept = keepHead(json, head, maxHeadBytes)
  const tail = kept.bytes.length === 0 ? CLOSE : Buffer.concat([COMMA, kept.bytes, CLOSE])
  eachElement(json, list.value, (element) => {
    const end = skipValue(json, element)
    take(Buffer.concat([json.subarray(element, end - 1), tail]), true)
    return end
  })
  return kept.leftOut
}

/** `{<head of the report>, "Target": …, "Class": …, "Type": …, "Vulnerability": {…}}` */
function eachFinding(json: Buffer, { list, head }: Wrapper, take: Take, maxHeadBytes: number): number {
  const report = keepHead(json, head, maxHeadBytes)
  let { leftOut } = report
  eachElement(json, list.value, (result) => {
    const { members = [], end: resultEnd } = membersOf(json, result)
    const about = members.filter((member) => isAbout(keyOf(json, member)))
    const place = keepHead(json, about, maxHeadBytes)
    leftOut += place.leftOut
    const start = [report.bytes, place.bytes].filter((part) => part.length > 0).flatMap((part) => [part, COMMA])
    for (const member of members) {
      const name = keyOf(json, member)
      const single = findingLists[name]
      if (json[member.value] !== BRACKET) continue
      const prefix = single && Buffer.concat([OPEN, ...start, Buffer.from(`"${single}":`)])
      eachElement(json, member.value, (element) => {
        const end = skipValue(json, element)
        if (prefix) take(Buffer.concat([prefix, json.subarray(element, end), CLOSE]), true)
        else leftOut++
        return end
      })
    }
    return resultEnd
  })
  return leftOut
}

const OPEN = Buffer.from('{')
const CLOSE = Buffer.from('}')
const COMMA = Buffer.from(',')
const BRACE = 0x7b
const BRACKET = 0x5b

function isAbout(name: string): boolean {
  return name === 'Target' || name === 'Class' || name === 'Type'
}

interface Head {
  /** Members as they came, without the braces around them. */
  readonly bytes: Buffer
  readonly leftOut: number
}

/** All members when they fit; else each that fits, and of an object that does not, each of its own that does. */
function keepHead(json: Buffer, members: readonly Member[], maxBytes: number): Head {
  const parts: Buffer[] = []
  let room = maxBytes
  let leftOut = 0
  const keep = (part: Buffer): boolean => {
    if (part.length + 1 > room) return false
    if (parts.length > 0) parts.push(COMMA)
    parts.push(part)
    room -= part.length + 1
    return true
  }
  for (const member of members) {
    if (keep(json.subarray(member.keyStart - 1, member.end))) continue
    const key = json.subarray(member.keyStart - 1, member.value)
    const inner = json[member.value] === BRACE ? keepFitting(json, member.value, room - key.length - 3) : undefined
    if (!inner || !keep(Buffer.concat([key, OPEN, inner.bytes, CLOSE]))) leftOut++
    else leftOut += inner.leftOut
  }
  return { bytes: Buffer.concat(parts), leftOut }
}

/** The members of one object that fit, in order. One level only: each level more would read everything once more. */
function keepFitting(json: Buffer, at: number, maxBytes: number): Head | undefined {
  const { members } = membersOf(json, at)
  if (!members) return undefined
  const fitting: Buffer[] = []
  let room = maxBytes
  for (const { keyStart, end } of members) {
    const bytes = end - keyStart + 2
    if (bytes > room) continue
    if (fitting.length > 0) fitting.push(COMMA)
    fitting.push(json.subarray(keyStart - 1, end))
    room -= bytes
  }
  const kept = Math.ceil(fitting.length / 2)
  return kept === 0 ? undefined : { bytes: Buffer.concat(fitting), leftOut: members.length - kept }
}
