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
  /** The same over latin-1 text, for values of ASCII only; undefined when no ASCII text can match. */
  readonly ascii?: RegExp
}

/** Undefined when there are no words: such a phrase matches nothing. */
export function compilePhrase(texts: readonly string[], prefix: boolean): Phrase | undefined {
  const words = texts.flatMap(tokenize)
  if (words.length === 0) return undefined
  const whole = prefix ? words.slice(0, -1) : words
  // \w without the u flag is exactly the ASCII part of tokenize()'s word characters, so it needs no escaping either.
  const ascii = words.every((word) => /^\w+$/.test(word))
    ? new RegExp(`(?<!\\w)${words.join('\\W+')}${prefix ? '' : '(?!\\w)'}`, 'gi')
    : undefined
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
  const { ascii } = phrase
  if (!isAscii(bytes.subarray(0, end))) {
    for (let i = 0; i < count; i++) {
      const value = bytes.subarray(starts[i], (starts[i + 1] as number) - 1)
      if (isAscii(value)) {
        if (!ascii) continue
        ascii.lastIndex = 0
        if (ascii.test(value.toString('latin1'))) hit(i)
      } else if (matchesPhrase(phrase, value.toString())) hit(i)
    }
    return
  }
  if (!ascii) return
  const text = bytes.toString('latin1', 0, end)
  let i = 0
  ascii.lastIndex = 0
  for (let found = ascii.exec(text); found; found = ascii.exec(text)) {
    const at = found.index
    while ((starts[i + 1] as number) <= at) i++
    const next = starts[i + 1] as number
    // A match that runs over the line feed between two values is no match; another may begin within it.
    if (at + found[0].length < next) {
      hit(i)
      ascii.lastIndex = next
    } else ascii.lastIndex = at + 1
  }
}
