// One line of a container's log file, taken apart only as far as joining needs.
//
//   CRI     2026-11-22T10:00:00.123456789Z stdout P the beginning of a long
//           2026-11-22T10:00:00.123456790Z stdout F  line
//   Docker  {"log":"the beginning of a long","stream":"stdout","time":"..."}
//           {"log":" line\n","stream":"stdout","time":"..."}

import { decodeString, eachMember, JsonSyntaxError, skipSpace, skipValue } from '../json-scan.ts'

export interface ContainerLine {
  readonly format: 'cri' | 'docker'
  readonly stream: string
  /** More of the same message follows in the next line of this stream. */
  readonly partial: boolean
  /** Where the content is in the line; for Docker the text of the JSON string, still escaped, without quotes. */
  readonly contentStart: number
  readonly contentEnd: number
}

const SPACE = 0x20
const BRACE = 0x7b
const QUOTE = 0x22
const BACKSLASH = 0x5c
const LETTER_P = 0x50
const LETTER_F = 0x46
const COLON = 0x3a

/** @returns undefined for a line of neither format, such as half a line after a crash */
export function readContainerLine(line: Buffer): ContainerLine | undefined {
  return line[0] === BRACE ? readDocker(line) : readCri(line)
}

/** `<time> <stream> <tags> <content>`; the first of the tags, which colons separate, is P or F. */
function readCri(line: Buffer): ContainerLine | undefined {
  const streamStart = line.indexOf(SPACE) + 1
  const streamEnd = line.indexOf(SPACE, streamStart)
  if (streamStart < 21 || streamStart > 40 || streamEnd - streamStart !== 6) return undefined
  const stream = line.toString('latin1', streamStart, streamEnd)
  if (stream !== 'stdout' && stream !== 'stderr') return undefined
  const tag = line[streamEnd + 1]
  const after = line[streamEnd + 2]
  if (tag !== LETTER_P && tag !== LETTER_F) return undefined
  if (after !== undefined && after !== SPACE && after !== COLON) return undefined
  const space = line.indexOf(SPACE, streamEnd + 2)
  const contentStart = space === -1 ? line.length : space + 1
  return { format: 'cri', stream, partial: tag === LETTER_P, contentStart, contentEnd: line.length }
}

function readDocker(line: Buffer): ContainerLine | undefined {
  let stream = ''
  let contentStart = -1
  let contentEnd = -1
  try {
    const end = eachMember(line, 0, (keyStart, keyEnd, value) => {
      const end = skipValue(line, value, 1)
      if (line[value] !== QUOTE) return end
      const key = decodeString(line, keyStart, keyEnd)
      if (key === 'stream') stream = decodeString(line, value + 1, end - 1)
      else if (key === 'log') {
        contentStart = value + 1
        contentEnd = end - 1
      }
      return end
    })
    if (contentStart === -1 || skipSpace(line, end) < line.length) return undefined
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined
    throw error
  }
  const partial = !endsWithNewline(line, contentStart, contentEnd)
  return {
    format: 'docker',
    stream: stream === 'stdout' || stream === 'stderr' ? stream : '',
    partial,
    contentStart,
    contentEnd,
  }
}

/** The JSON text ends in `\n`, its backslash not being escaped itself; or in `\u000a`. */
function endsWithNewline(line: Buffer, start: number, end: number): boolean {
  const last = line.toString('latin1', Math.max(start, end - 6), end)
  const bytes = last.endsWith('n') ? 2 : last.toLowerCase() === '\\u000a' ? 6 : 0
  const at = end - bytes
  if (bytes === 0 || line[at] !== BACKSLASH || at < start) return false
  let backslashes = 1
  while (at - backslashes >= start && line[at - backslashes] === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}
