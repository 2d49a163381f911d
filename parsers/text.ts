// Bytes -> text without losing any: the text of `event.original`.

import { isUtf8 } from 'node:buffer'

export interface DecodedLine {
  readonly text: string
  /** True when `text` holds escapes instead of bytes. */
  readonly escaped: boolean
}

/**
 * Valid UTF-8 is itself. Otherwise every byte that is not part of valid UTF-8 becomes `\xNN` and every backslash `\\`,
 * so the bytes can be told back from the text (`encodeLine`).
 */
export function decodeLine(bytes: Buffer): DecodedLine {
  const plain = bytes.toString()
  // what is no UTF-8 leaves a U+FFFD, which no text of one byte a character can hold
  if (!plain.includes('\ufffd') || isUtf8(bytes)) return { text: plain, escaped: false }
  let text = ''
  let from = 0
  let at = 0
  while (at < bytes.length) {
    const byte = bytes[at] as number
    const length = sequenceLength(bytes, at)
    if (length > 0 && byte !== 0x5c) {
      at += length
      continue
    }
    text += bytes.toString('utf8', from, at)
    text += byte === 0x5c ? '\\\\' : `\\x${byte.toString(16).padStart(2, '0')}`
    from = ++at
  }
  return { text: text + bytes.toString('utf8', from, at), escaped: true }
}

/** The bytes an escaped `decodeLine` text came from. */
export function encodeLine(text: string): Buffer {
  const parts: Buffer[] = []
  let from = 0
  for (let at = text.indexOf('\\'); at >= 0; at = text.indexOf('\\', from)) {
    parts.push(Buffer.from(text.slice(from, at)))
    const hex = text[at + 1] === 'x'
    parts.push(hex ? Buffer.from([Number.parseInt(text.slice(at + 2, at + 4), 16)]) : Buffer.from('\\'))
    from = at + (hex ? 4 : 2)
  }
  parts.push(Buffer.from(text.slice(from)))
  return Buffer.concat(parts)
}

/** Bytes of the valid sequence at `at` (Unicode 15, table 3-7), 0 if there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  const a = bytes[at] as number
  if (a < 0x80) return 1
  if (a < 0xc2 || a > 0xf4) return 0
  const b = bytes[at + 1] ?? 0
  if (a < 0xe0) return isTail(b) ? 2 : 0
  const low = a === 0xe0 ? 0xa0 : a === 0xf0 ? 0x90 : 0x80
  const high = a === 0xed ? 0x9f : a === 0xf4 ? 0x8f : 0xbf
  if (b < low || b > high || !isTail(bytes[at + 2] ?? 0)) return 0
  if (a < 0xf0) return 3
  return isTail(bytes[at + 3] ?? 0) ? 4 : 0
}

const isTail = (byte: number) => (byte & 0xc0) === 0x80

/** Without line ends, a byte order mark and trailing NULs. */
export function trimLine(text: string): string {
  let from = text.charCodeAt(0) === 0xfeff ? 1 : 0
  let to = text.length
  for (let c = text.charCodeAt(to - 1); to > from && (c === 10 || c === 13 || c === 0 || c === 32); )
    c = text.charCodeAt(--to - 1)
  while (from < to && text.charCodeAt(from) <= 32) from++
  return from === 0 && to === text.length ? text : text.slice(from, to)
}
