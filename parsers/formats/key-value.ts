// key=value, logfmt and their relatives: one pass, one way to read every line.

import type { EcsEvent } from '../../core/event.ts'

export interface KeyValueOptions {
  /** Between pairs; default: white space. A single character. */
  readonly pairs?: string
  /** Between key and value; default `=`. A single character. */
  readonly between?: string
  /** With white space between pairs: `a=one two b=three` gives a the value `one two`. Default false. */
  readonly spaces?: boolean
}

const MAX_PAIRS = 1000

// The keys of the text read last, in their order, and the signs they were read with: lines of one kind have the same keys,
// and a text that is known already need be neither cut out nor looked up.
const known: (string | undefined)[] = []
/** A longer one would be a view into its line, and hold that in memory. */
const MAX_KNOWN_CHARS = 12
const MAX_KNOWN = 64
let knownBetween = -1
let knownPairs: number | undefined = -1

/**
 * `k=v k2="a \"quoted\" b" k3='x' flag`. Values are text. A key that comes again makes an array. A word without a value is
 * skipped. Quotes belong to the format only at the start of a value; `\"` and `\\` inside are taken off.
 * @returns undefined when there is no pair at all
 */
export function readKeyValue(text: string, options: KeyValueOptions = {}): EcsEvent | undefined {
  const between = (options.between ?? '=').charCodeAt(0)
  const pairs = options.pairs?.charCodeAt(0)
  const isGap = (c: number) => (pairs === undefined ? c === 32 || c === 9 || c === 10 || c === 13 : c === pairs)
  if (between !== knownBetween || pairs !== knownPairs) {
    known.length = 0
    knownBetween = between
    knownPairs = pairs
  }
  const out: EcsEvent = {}
  let count = 0
  let at = 0
  while (at < text.length && count < MAX_PAIRS) {
    let c = text.charCodeAt(at)
    if (isGap(c) || c === 32) {
      at++
      continue
    }
    const keyStart = at
    let key = count < MAX_KNOWN ? known[count] : undefined
    if (key !== undefined && text.charCodeAt(at + key.length) === between && text.startsWith(key, at)) at += key.length
    else {
      while (at < text.length && !isGap((c = text.charCodeAt(at))) && c !== between) at++
      if (at >= text.length || c !== between || at === keyStart) {
        at++
        continue
      }
      key = text.slice(keyStart, at).trimEnd()
      if (count < MAX_KNOWN) known[count] = key.length <= MAX_KNOWN_CHARS ? key : undefined
    }
    at++
    // `key: value; key: value`: blanks are layout where something else ends a pair
    if (pairs !== undefined) while (text.charCodeAt(at) === 32) at++
    let value: string
    const quote = text.charCodeAt(at)
    const close = quote === 34 || quote === 39 ? closing(text, at + 1, quote) : -1
    if (close >= 0) {
      value = unescapeQuoted(text.slice(at + 1, close))
      at = close + 1
    } else {
      const start = at
      at = options.spaces && pairs === undefined ? nextKey(text, at, between) : endOfWord(text, at, isGap)
      value = text.slice(start, at).trimEnd()
    }
    count++
    add(out, key, value)
  }
  return count > 0 ? out : undefined
}

function add(out: EcsEvent, key: string, value: string): void {
  if (key === '__proto__') return
  if (!Object.hasOwn(out, key)) {
    out[key] = value
    return
  }
  const had = out[key]
  if (Array.isArray(had)) had.push(value)
  else out[key] = [had, value]
}

/** Index of the quote that ends a value: not escaped, and followed by something that can follow a value. */
function closing(text: string, from: number, quote: number): number {
  for (let at = from; at < text.length; at++) {
    const c = text.charCodeAt(at)
    if (c === 92) at++
    else if (c === quote) return at
  }
  return -1
}

const unescapeQuoted = (text: string) => (text.includes('\\') ? text.replaceAll(/\\(["'\\])/g, '$1') : text)

function endOfWord(text: string, from: number, isGap: (c: number) => boolean): number {
  let at = from
  while (at < text.length && !isGap(text.charCodeAt(at))) at++
  return at
}

/** With spaces in values: the value ends before the last word that a `between` follows. */
function nextKey(text: string, from: number, between: number): number {
  let wordStart = -1
  for (let at = from; at < text.length; at++) {
    const c = text.charCodeAt(at)
    if (c === 32 || c === 9) wordStart = at
    else if (c === between && wordStart >= 0 && at > wordStart + 1) return wordStart
    else if (wordStart >= 0 && !isKeyCharacter(c)) wordStart = -1
  }
  return text.length
}

const isKeyCharacter = (c: number) =>
  ((c | 32) >= 97 && (c | 32) <= 122) || (c >= 48 && c <= 57) || c === 95 || c === 45 || c === 46
