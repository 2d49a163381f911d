// What a text must have before a pattern can read it: told without running the pattern, so that a line of an unknown
// program does not cost one run for each pack there is.

import { type CharSet, contains } from '../grok/charset.ts'
import type { Grok } from '../grok/grok.ts'

/** Characters below 128, one bit each. */
export type CharMask = readonly [number, number, number, number]

export interface TextNeed {
  /** The text begins with one of these; undefined: with anything, or it may be empty. */
  readonly first: CharSet | undefined
  /** All of these characters are in the text. */
  readonly chars: CharMask
}

const NONE: CharMask = [0, 0, 0, 0]

/** More choices of words than this are not told apart. */
const MAX_CHOICES = 8

/** Every pattern's needs: a text that a grok step reads fulfils one of them. */
export function needsOf(grok: Grok): TextNeed[] {
  return grok.required.flatMap((required, i) => {
    const first = grok.firsts[i]
    const chars = required.reduce((mask, anyOf) => either(mask, anyOf.map(maskOf).reduce(both)), NONE)
    // one of several words that have no letter in common: a need for each
    const choice = required.find(
      (anyOf) =>
        anyOf.length <= MAX_CHOICES &&
        anyOf
          .map(maskOf)
          .reduce(both)
          .every((bits) => bits === 0),
    )
    return choice ? choice.map((text) => ({ first, chars: either(chars, maskOf(text)) })) : [{ first, chars }]
  })
}

/** True when a text that begins so may be read: `unit` is its first character, NaN when it is empty. */
export const mayBegin = ({ first }: TextNeed, unit: number): boolean => first === undefined || contains(first, unit)

/** The need of all these texts at once. */
export const needOfTexts = (texts: readonly string[]): CharMask => texts.map(maskOf).reduce(either, NONE)

export const either = (a: CharMask, b: CharMask): CharMask => [a[0] | b[0], a[1] | b[1], a[2] | b[2], a[3] | b[3]]
const both = (a: CharMask, b: CharMask): CharMask => [a[0] & b[0], a[1] & b[1], a[2] & b[2], a[3] & b[3]]

function maskOf(text: string): CharMask {
  const mask = new Int32Array(4)
  markChars(text, mask)
  return [mask[0], mask[1], mask[2], mask[3]] as CharMask
}

/** Sets the bits of the text's characters. Those past 127 share bits with others: more candidates, never fewer. */
export function markChars(text: string, mask: Int32Array): void {
  mask.fill(0)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // no branch: which of the four words it is cannot be foretold
    mask[(unit >> 5) & 3]! |= 1 << (unit & 31)
  }
}

/** Marking the characters of a longer text costs more than it spares. */
export const MAX_MARKED = 4096
const marked = new Int32Array(4)
let markedText = ''

/** The characters of a text, as markChars says them; valid until the next call. One text is asked about several times. */
export function charsOf(text: string): Int32Array {
  if (text !== markedText) {
    markedText = text
    markChars(text, marked)
  }
  return marked
}

/** False when the text lacks a character, or begins with one, that all of the needs rule out. */
export function mayFulfil(needs: readonly TextNeed[], text: string): boolean {
  if (text.length > MAX_MARKED) return true
  const mask = charsOf(text)
  const unit = text.charCodeAt(0)
  for (let i = 0; i < needs.length; i++) {
    const need = needs[i] as TextNeed
    const { chars } = need
    if (
      (chars[0] & ~(mask[0] as number)) === 0 &&
      (chars[1] & ~(mask[1] as number)) === 0 &&
      (chars[2] & ~(mask[2] as number)) === 0 &&
      (chars[3] & ~(mask[3] as number)) === 0 &&
      (!(unit < 128) || mayBegin(need, unit))
    )
      return true
  }
  return false
}
