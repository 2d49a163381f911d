// A line that is a JSON document of many records: they are told apart as over HTTP (../split), within bounds.

import { splitDocument } from '../split/split-document.ts'

const BRACE = 0x7b
const BRACKET = 0x5b
/** A document has one of these; most lines of JSON have none, and are not looked at further. */
const LISTS = ['"Records"', '"records"', '"items"', '"logEvents"', '"Results"'].map((name) => Buffer.from(name))
/** A hostile line of a megabyte must not become gigabytes: heads are repeated in every record. */
const MAX_BUILT_BYTES = 16 * 1024 * 1024
const MAX_RECORDS = 200_000

export interface SplitLine {
  /** Views of the line, or memory of their own. */
  readonly records: readonly Buffer[]
  readonly leftOut: number
}

export function mayBeSplit(line: Buffer): boolean {
  if (line[0] === BRACKET) return true
  return line[0] === BRACE && LISTS.some((name) => line.includes(name))
}

/** Undefined when the line stays one record: it holds no list of records, or what it holds goes over the bounds. */
export function splitLine(line: Buffer): SplitLine | undefined {
  const records: Buffer[] = []
  let built = 0
  try {
    const { kind, leftOut } = splitDocument(line, (record, isBuilt) => {
      if (isBuilt) built += record.length
      if (built > MAX_BUILT_BYTES || records.length >= MAX_RECORDS) throw tooMuch
      records.push(record)
    })
    return kind === 'none' ? undefined : { records, leftOut }
  } catch (error) {
    if (error === tooMuch) return undefined
    throw error
  }
}

const tooMuch = new Error('the document holds too much to be split')
