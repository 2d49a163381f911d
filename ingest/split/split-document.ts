// One JSON document -> its records, for whoever has no sender to answer: what cannot be split stays whole.

import { decodeString, eachElement, JsonSyntaxError, skipSpace, skipValue } from '../json-scan.ts'
import { eachRecord, MAX_HEAD_BYTES, type Take } from './each-record.ts'
import { readObject, type WrapperKind } from './wrapper.ts'

export interface Split {
  /** What the document was; `none`: it was given whole, as it came. */
  readonly kind: WrapperKind | 'array' | 'none'
  /** At least 1. */
  readonly records: number
  /** As eachRecord() answers. */
  readonly leftOut: number
}

const QUOTE = 0x22
const BRACE = 0x7b
const BRACKET = 0x5b

/**
 * Gives every record of a document to `take`, in order: those of a wrapper (wrapper.ts), or the elements of an array of
 * objects and strings, of which an object that is a wrapper is split too. Anything else, JSON or not, is one record: the
 * bytes as they are. One pass tells what it is before the first record is given, so no document is split in part.
 * Throws nothing but what `take` throws.
 */
export function splitDocument(document: Buffer, take: Take, maxHeadBytes = MAX_HEAD_BYTES): Split {
  const start = skipSpace(document, startOf(document))
  const found = look(document, start)
  if (found === undefined) {
    take(document, false)
    return { kind: 'none', records: 1, leftOut: 0 }
  }
  if (found !== 'array') {
    return { kind: found.kind, records: found.count, leftOut: eachRecord(document, found, take, maxHeadBytes) }
  }
  let records = 0
  let leftOut = 0
  eachElement(document, start, (at) => {
    if (document[at] === QUOTE) {
      const end = skipValue(document, at)
      records++
      take(Buffer.from(decodeString(document, at + 1, end - 1)), true)
      return end
    }
    const { end, wrapper } = readObject(document, at)
    records += wrapper?.count ?? 1
    if (wrapper) leftOut += eachRecord(document, wrapper, take, maxHeadBytes)
    else take(document.subarray(at, end), false)
    return end
  })
  return { kind: 'array', records, leftOut }
}

/** What the document is, all of it read; undefined: nothing that can be split. */
function look(document: Buffer, start: number) {
  try {
    if (document[start] === BRACE) {
      const { end, wrapper } = readObject(document, start)
      return skipSpace(document, end) === document.length ? wrapper : undefined
    }
    if (document[start] !== BRACKET) return undefined
    let count = 0
    let splittable = true
    const end = eachElement(document, start, (at) => {
      count++
      splittable &&= document[at] === BRACE || document[at] === QUOTE
      return skipValue(document, at, 1)
    })
    return splittable && count > 0 && skipSpace(document, end) === document.length ? 'array' : undefined
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined
    throw error
  }
}

/** After a byte order mark. */
function startOf(document: Buffer): number {
  return document[0] === 0xef && document[1] === 0xbb && document[2] === 0xbf ? 3 : 0
}
