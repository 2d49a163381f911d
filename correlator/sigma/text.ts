// Sigma texts: case folding, wildcards and their escapes, and matching a pattern of literals and wildcards.

import { type Part, wild } from './types.ts'

const nonAscii = /[^\u0000-\u007f]/
const nonAsciiAll = /[^\u0000-\u007f]/gu
const folded = new Map<string, string>()

/**
 * Full Unicode case folding: equal texts are those that differ in case only (`STRASSE`, `straße`). Does not depend on the
 * neighbours of a character, so a part of a folded text is the folded part.
 */
export function fold(text: string): string {
  const lower = text.toLowerCase()
  return nonAscii.test(lower) ? lower.replace(nonAsciiAll, foldOne) : lower
}

function foldOne(char: string): string {
  let found = folded.get(char)
  if (found === undefined) {
    // U+0131 has upper case I but does not fold to i (CaseFolding.txt keeps it apart, status T).
    found = char === 'ı' ? char : char.toUpperCase().toLowerCase().replaceAll('ς', 'σ')
    if (folded.size < 4096) folded.set(char, found)
  }
  return found
}

/**
 * Reads `*` and `?`. A backslash makes plain what follows if that is `*`, `?` or a backslash; else it is itself.
 * @see Sigma specification, "Escape Character"
 */
export function parsePattern(raw: string): Part[] {
  const parts: Part[] = []
  let literal = ''
  const close = () => {
    if (literal !== '') parts.push(literal)
    literal = ''
  }
  for (let i = 0; i < raw.length; i++) {
    const char = raw[i] as string
    const next = raw[i + 1]
    if (char === '\\' && (next === '*' || next === '?' || next === '\\')) {
      literal += next
      i++
    } else if (char === '*') {
      close()
      if (parts.at(-1) !== wild.run) parts.push(wild.run)
    } else if (char === '?') {
      close()
      parts.push(wild.one)
    } else literal += char
  }
  close()
  return parts
}

/** Puts parts together: neighbouring literals become one, repeated runs too. */
export function joinParts(parts: readonly Part[]): Part[] {
  const out: Part[] = []
  for (const part of parts) {
    const last = out.at(-1)
    if (typeof part === 'string' && typeof last === 'string') out[out.length - 1] = last + part
    else if (part === wild.run && last === wild.run) continue
    else if (part !== '') out.push(part)
  }
  return out
}

export const dashes = '-/–—―'

/** Whether the whole of `text` fits the parts. Time is bounded by text length x pattern length. */
export function matchParts(parts: readonly Part[], text: string): boolean {
  // Between two runs lies a piece of fixed length. Leftmost placement of each piece is enough: no backtracking further.
  const runs: Part[][] = [[]]
  for (const part of parts) {
    if (part === wild.run) runs.push([])
    else (runs[runs.length - 1] as Part[]).push(part)
  }
  const first = runs[0] as Part[]
  let at = matchPiece(first, text, 0)
  if (at < 0) return false
  if (runs.length === 1) return at === text.length
  for (let i = 1; i < runs.length - 1; i++) {
    at = findPiece(runs[i] as Part[], text, at)
    if (at < 0) return false
  }
  const last = runs[runs.length - 1] as Part[]
  if (last.length === 0) return true
  if (last.length === 1 && typeof last[0] === 'string')
    return text.length - last[0].length >= at && text.endsWith(last[0])
  // A `?` may be one or two UTF-16 units, so the start of the last piece is searched.
  for (let start = at; start <= text.length; start++) if (matchPiece(last, text, start) === text.length) return true
  return false
}

/** @returns where the piece ends when it stands at `at`, else -1 */
function matchPiece(piece: readonly Part[], text: string, at: number): number {
  for (const part of piece) {
    if (typeof part === 'string') {
      if (!text.startsWith(part, at)) return -1
      at += part.length
    } else {
      if (at >= text.length) return -1
      if (part === wild.dash && !dashes.includes(text[at] as string)) return -1
      const code = text.codePointAt(at) as number
      at += code > 0xffff ? 2 : 1
    }
  }
  return at
}

/** @returns where the leftmost standing of the piece at or after `from` ends, else -1 */
function findPiece(piece: readonly Part[], text: string, from: number): number {
  const head = piece[0]
  if (head === undefined) return from
  for (let at = from; at <= text.length; at++) {
    if (typeof head === 'string') {
      at = text.indexOf(head, at)
      if (at < 0) return -1
    }
    const end = matchPiece(piece, text, at)
    if (end >= 0) return end
  }
  return -1
}
