// Adjacent words, in order, in text: as core/query.ts defines words.

import { isAscii } from 'node:buffer'
import { tokenize } from '../../core/query.ts'
import type { PlainValues } from './block-codec.ts'
import { hashWord } from './tokens.ts'

export interface Phrase {
  /** As tokenize() gives them. */
  readonly words: readonly string[]
  /** The last word may go on. */
  readonly prefix: boolean
  /** Hashes of the words that must stand there whole: what the word filters know. */
  readonly hashes: readonly number[]
  /** All words are ASCII: without that, no ASCII text can match. */
  readonly ascii: boolean
}

/** Undefined when there are no words: such a phrase matches nothing. */
export function compilePhrase(texts: readonly string[], prefix: boolean): Phrase | undefined {
  const words = texts.flatMap(tokenize)
  if (words.length === 0) return undefined
  const whole = prefix ? words.slice(0, -1) : words
  const ascii = words.every((word) => /^\w+$/.test(word)) // \w without the u flag: the ASCII word characters
  return { words, prefix, hashes: whole.map(hashWord), ascii }
}

export function matchesPhrase(phrase: Phrase, text: string): boolean {
  const { words, prefix } = phrase
  const last = words.length - 1
  const lower = text.toLowerCase()
  if (!lower.includes(words[0] as string)) return false
  const found = tokenize(text)
  for (let i = 0; i + last < found.length; i++) {
    let k = 0
    while (k < last && found[i + k] === words[k]) k++
    if (k < last) continue
    const end = found[i + last] as string
    if (prefix ? end.startsWith(words[last] as string) : end === words[last]) return true
  }
  return false
}

/** Calls `hit(value index)` for values that match, in order, each once. One pass over the block where it is ASCII. */
export function scanPhrase(phrase: Phrase, values: PlainValues, count: number, hit: (value: number) => void): void {
  const { bytes, starts } = values
  const end = starts[count] as number
  if (!isAscii(bytes.subarray(0, end))) {
    for (let i = 0; i < count; i++) {
      const value = bytes.subarray(starts[i], (starts[i + 1] as number) - 1)
      if (!isAscii(value)) {
        if (matchesPhrase(phrase, value.toString())) hit(i)
      } else if (phrase.ascii) {
        const lower = value.toString('latin1').toLowerCase()
        if (findPhrase(phrase.words, phrase.prefix, lower, 0) >= 0) hit(i)
      }
    }
    return
  }
  if (!phrase.ascii) return
  // Lower-casing and searching one long one-byte string is several times faster than a case-insensitive expression.
  const lower = bytes.toString('latin1', 0, end).toLowerCase()
  let i = 0
  for (let at = 0; ; ) {
    at = findPhrase(phrase.words, phrase.prefix, lower, at)
    if (at < 0) return
    while ((starts[i + 1] as number) <= at) i++
    const next = starts[i + 1] as number
    if (phraseEnd(phrase.words, phrase.prefix, lower, at) < next) {
      hit(i)
      at = next
    } else at++ // it runs over the line feed between two values: no match, but another may begin within it
  }
}

/** Where the phrase next stands in lower-cased ASCII text, or -1. */
function findPhrase(words: readonly string[], prefix: boolean, lower: string, from: number): number {
  const first = words[0] as string
  for (let at = lower.indexOf(first, from); at >= 0; at = lower.indexOf(first, at + 1)) {
    if (at > 0 && isWordUnit(lower.charCodeAt(at - 1))) continue
    if (phraseEnd(words, prefix, lower, at) >= 0) return at
  }
  return -1
}

/** End of the phrase that begins at `at`, or -1. */
function phraseEnd(words: readonly string[], prefix: boolean, lower: string, at: number): number {
  const last = words.length - 1
  for (let k = 0; k <= last; k++) {
    const word = words[k] as string
    if (!lower.startsWith(word, at)) return -1
    at += word.length
    if (k === last) return prefix || !isWordUnit(lower.charCodeAt(at)) ? at : -1
    if (isWordUnit(lower.charCodeAt(at))) return -1
    while (at < lower.length && !isWordUnit(lower.charCodeAt(at))) at++
  }
  return -1
}

/** Of lower-cased ASCII; NaN past the end is none. */
function isWordUnit(unit: number): boolean {
  return (unit >= 97 && unit <= 122) || (unit >= 48 && unit <= 57) || unit === 95
}
