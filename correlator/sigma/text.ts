// Sigma texts: case folding, wildcards and their escapes, and matching a pattern of literals and wildcards.

import { type Part, wild } from './types.ts'

const nonAscii = /[^\u0000-\u007f]/
/** Without the scripts that know no case: CJK, kana, Hangul, and what is for private use. */
const foldable = /[^\u0000-\u007f\u1100-\u11ff\u3000-\ua63f\uac00-\uf8ff]/gu
const folded = new Map<string, string>()

/**
 * Full Unicode case folding: equal texts are those that differ in case only (`STRASSE`, `straße`). Does not depend on the
 * neighbours of a character, so a part of a folded text is the folded part.
 */
export function fold(text: string): string {
  const lower = text.toLowerCase()
  return nonAscii.test(lower) ? lower.replace(foldable, foldOne) : lower
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
export const matchParts = (parts: readonly Part[], text: string): boolean => compileParts(parts)(text)

/**
 * Between two runs lies a piece of fixed length. The leftmost place for each piece is enough: what follows has the most
 * room then, so nothing is ever tried again.
 */
export function compileParts(parts: readonly Part[]): (text: string) => boolean {
  const pieces: Part[][] = [[]]
  for (const part of parts) {
    if (part === wild.run) pieces.push([])
    else (pieces[pieces.length - 1] as Part[]).push(part)
  }
  const first = pieces[0] as Part[]
  const last = pieces[pieces.length - 1] as Part[]
  if (pieces.length === 1) return (text) => matchPiece(first, text, 0) === text.length
  return (text) => {
    let at = matchPiece(first, text, 0)
    for (let i = 1; at >= 0 && i < pieces.length - 1; i++) at = findPiece(pieces[i] as Part[], text, at)
    return at >= 0 && endsWithPiece(last, text, at)
  }
}

function endsWithPiece(piece: readonly Part[], text: string, from: number): boolean {
  // A `?` is one character, which may be two UTF-16 units: the piece takes between `least` and twice that.
  let [least, most] = [0, 0]
  for (const part of piece) {
    least += typeof part === 'string' ? part.length : 1
    most += typeof part === 'string' ? part.length : 2
  }
  for (let at = Math.max(from, text.length - most); at <= text.length - least; at++)
    if (matchPiece(piece, text, at) === text.length) return true
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
