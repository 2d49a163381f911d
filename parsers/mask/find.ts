// Personal data in a text. One walk: every place where a number may begin is looked at once, over a bounded length, and so
// is every at sign, so the time is proportional to the text whatever it holds.

import { isCardNumber } from './card.ts'
import { readEmail } from './email.ts'
import { readPhone } from './phone.ts'
import { isResidentNumber } from './rrn.ts'

export const piiKinds = ['rrn', 'card', 'phone', 'email'] as const
export type PiiKind = (typeof piiKinds)[number]

export interface Found {
  readonly kind: PiiKind
  readonly start: number
  readonly end: number
  /** The same for every way of writing it: digits, or the address in lower case. */
  readonly value: string
}

const NOTHING: readonly Found[] = []
/** Most texts hold neither an at sign nor so many digits close together. */
const MAY_HOLD = /@|%40|\d(?:[-+. ()]{0,2}\d){7}/

/** Fewer digits than that are none of ours: the shortest is +CC and seven more, or 02-123-4567. */
const LEAST_DIGITS = 8
const MOST_CARD_DIGITS = 19

/**
 * @param latestMs a date of birth after this is none
 * @returns in order, not overlapping
 */
export function findPii(text: string, kinds: ReadonlySet<PiiKind>, latestMs: number): readonly Found[] {
  if (!MAY_HOLD.test(text)) return NOTHING
  const found: Found[] = []
  if (kinds.size > (kinds.has('email') ? 1 : 0)) findNumbers(text, kinds, latestMs, found)
  if (kinds.has('email')) findEmails(text, found)
  if (found.length < 2) return found
  // An address may hold a number: the one that begins first, then the longer one, is kept
  found.sort((a, b) => a.start - b.start || b.end - a.end)
  let end = 0
  return found.filter((one) => {
    if (one.start < end) return false
    end = one.end
    return true
  })
}

const isDigit = (c: number) => c >= 48 && c <= 57
const isWord = (c: number) => isDigit(c) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122)

function findNumbers(text: string, kinds: ReadonlySet<PiiKind>, latestMs: number, found: Found[]): void {
  const { length } = text
  let i = 0
  while (i < length) {
    const c = text.charCodeAt(i)
    const digit = isDigit(c)
    if (!digit && c !== 0x2b && c !== 0x28) {
      i++
      continue
    }
    if (mayBegin(text, i) && digitsAhead(text, i) >= LEAST_DIGITS) {
      const one = readNumber(text, i, kinds, latestMs)
      if (one) {
        found.push(one)
        i = one.end
        continue
      }
    }
    i++
    if (digit) while (i < length && isDigit(text.charCodeAt(i))) i++
  }
}

/** Not in the middle of a word, a decimal or a dashed number. */
function mayBegin(text: string, at: number): boolean {
  const before = at > 0 ? text.charCodeAt(at - 1) : 32
  if (isWord(before)) return at > 2 && text.charCodeAt(at - 3) === 0x25 && isEscape(text, at - 2)
  if (before === 0x2b) return false // the plus sign is where it began
  if (before === 0x2e || before === 0x2d) return at < 2 || !isDigit(text.charCodeAt(at - 2))
  return true
}

/** `%3D` before a number in a URL: only letters and digits that stand for something else. */
const isEscape = (text: string, at: number) =>
  /^(?:20|22|2[cC]|3[aAdD]|2[bB]|5[bB]|7[bBcC])$/.test(text.slice(at, at + 2))

function mayEnd(text: string, end: number): boolean {
  const after = end < text.length ? text.charCodeAt(end) : 32
  if (isWord(after)) return false
  return !((after === 0x2e || after === 0x2d) && isDigit(end + 1 < text.length ? text.charCodeAt(end + 1) : 32))
}

/** Digits from here on with at most two separators between any two, counted no further than needed. */
function digitsAhead(text: string, at: number): number {
  let digits = 0
  let gap = 0
  for (let i = at; i < text.length && digits < LEAST_DIGITS; i++) {
    const c = text.charCodeAt(i)
    if (isDigit(c)) {
      digits++
      gap = 0
    } else if (
      ((c === 0x2b || c === 0x28) && i === at) ||
      c === 0x2d ||
      c === 0x20 ||
      c === 0x2e ||
      c === 0x28 ||
      c === 0x29
    ) {
      if (++gap > 2) break
    } else break
  }
  return digits
}

const RRN = /(\d{6})([- ]?)([1-8]\d{6})/y
const CARD = /\d{4}(?:([- ])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|([- ])\d{6}\2\d{4,5})|\d{13,19}/y

function readNumber(text: string, at: number, kinds: ReadonlySet<PiiKind>, latestMs: number): Found | undefined {
  if (kinds.has('rrn')) {
    RRN.lastIndex = at
    const m = RRN.exec(text)
    if (m && mayEnd(text, RRN.lastIndex)) {
      const value = `${m[1]}${m[3]}`
      if (isResidentNumber(value, m[2] !== '', latestMs))
        return { kind: 'rrn', start: at, end: at + m[0].length, value }
    }
  }
  if (kinds.has('card')) {
    CARD.lastIndex = at
    const m = CARD.exec(text)
    if (m && mayEnd(text, CARD.lastIndex)) {
      const value = m[0].length > MOST_CARD_DIGITS || m[1] || m[2] ? m[0].replaceAll(/\D/g, '') : m[0]
      if (isCardNumber(value)) return { kind: 'card', start: at, end: at + m[0].length, value }
    }
  }
  if (kinds.has('phone')) {
    const phone = readPhone(text, at)
    if (phone && mayEnd(text, phone.end)) return { kind: 'phone', start: at, end: phone.end, value: phone.digits }
  }
  return undefined
}

function findEmails(text: string, found: Found[]): void {
  let from = 0
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) from = addEmail(text, at, 1, from, found)
  from = 0
  for (let at = text.indexOf('%40'); at >= 0; at = text.indexOf('%40', at + 3))
    from = addEmail(text, at, 3, from, found)
}

function addEmail(text: string, at: number, width: number, from: number, found: Found[]): number {
  const email = readEmail(text, at, width, from)
  if (!email) return from
  found.push({ kind: 'email', start: email.start, end: email.end, value: email.address })
  return email.end
}
