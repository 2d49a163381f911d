// A regular expression as a tree, as much as its cost needs: which characters a place can hold, and what repeats.
// Only read for a source that `new RegExp(source, 'u')` has accepted.

/** Characters as bits: 0..127 ASCII, bit 128 everything else. */
export type CharSet = bigint

export type RegexNode =
  | { readonly kind: 'chars'; readonly set: CharSet }
  | { readonly kind: 'cat' | 'alt'; readonly of: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly of: RegexNode; readonly min: number; readonly max: number }
  /** `^`, `$`, `\b`: takes no character. */
  | { readonly kind: 'assert' }

/** What we do not search with: each makes the cost unbounded or the meaning differ between stores. */
export class UnsupportedRegex extends Error {
  readonly at: number
  constructor(at: number, what: string) {
    super(what)
    this.at = at
  }
}

const OTHER = 1n << 128n
const ALL = (1n << 129n) - 1n
const bit = (code: number): CharSet => (code < 128 ? 1n << BigInt(code) : OTHER)
const span = (from: number, to: number): CharSet => {
  let set = 0n
  for (let code = from; code <= Math.min(to, 127); code++) set |= bit(code)
  return to > 127 ? set | OTHER : set
}
const DIGIT = span(48, 57)
const WORD = DIGIT | span(65, 90) | span(97, 122) | bit(95)
const SPACE = span(9, 13) | bit(32) | OTHER
const LINE_END = bit(10) | bit(13)
const control: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, '0': 0 }

/** @throws UnsupportedRegex for look-around and back references */
export function readRegex(source: string, ignoreCase: boolean): RegexNode {
  let at = 0

  function alternatives(): RegexNode {
    const of = [sequence()]
    while (source[at] === '|') {
      at++
      of.push(sequence())
    }
    return of.length === 1 ? (of[0] as RegexNode) : { kind: 'alt', of }
  }

  function sequence(): RegexNode {
    const of: RegexNode[] = []
    while (at < source.length && source[at] !== '|' && source[at] !== ')') of.push(repeated(atom()))
    return { kind: 'cat', of }
  }

  function repeated(node: RegexNode): RegexNode {
    const found = /^(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/.exec(source.slice(at, at + 32))
    if (!found) return node
    at += found[0].length
    const [, sign, low, comma, high] = found
    if (sign)
      return { kind: 'repeat', of: node, min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Number.POSITIVE_INFINITY }
    const min = Number(low)
    return { kind: 'repeat', of: node, min, max: !comma ? min : high ? Number(high) : Number.POSITIVE_INFINITY }
  }

  function atom(): RegexNode {
    const char = source[at] as string
    if (char === '(') return group()
    if (char === '[') return { kind: 'chars', set: charClass() }
    if (char === '^' || char === '$') {
      at++
      return { kind: 'assert' }
    }
    if (char === '.') {
      at++
      return { kind: 'chars', set: ALL & ~LINE_END }
    }
    if (char === '\\') {
      const next = source[at + 1] as string
      if (next === 'b' || next === 'B') {
        at += 2
        return { kind: 'assert' }
      }
      if ((next >= '1' && next <= '9') || next === 'k')
        throw new UnsupportedRegex(at, 'back references are not supported')
      return { kind: 'chars', set: readEscape() }
    }
    return { kind: 'chars', set: literal() }
  }

  function group(): RegexNode {
    const head = /^\((?:\?(?:<[^=!>][^>]*>|[-a-z]*:)?)?/.exec(source.slice(at, at + 300))?.[0] ?? '('
    if (head === '(?') throw new UnsupportedRegex(at, 'look-ahead and look-behind are not supported')
    at += head.length
    const node = alternatives()
    at++ // ')'
    return node
  }

  function literal(): CharSet {
    const code = source.codePointAt(at) as number
    at += code > 0xffff ? 2 : 1
    return fold(code)
  }

  function fold(code: number): CharSet {
    const set = bit(code)
    if (!ignoreCase) return set
    // U+017F and U+212A are s and k to a case-blind expression.
    if (code === 0x17f || code === 0x212a) return set | span(83, 83) | span(115, 115) | span(75, 75) | span(107, 107)
    const lower = code >= 65 && code <= 90 ? code + 32 : code
    if (lower < 97 || lower > 122) return set
    return bit(lower) | bit(lower - 32) | (lower === 107 || lower === 115 ? OTHER : 0n)
  }

  /** The escape at `at`, inside a class or outside. */
  function readEscape(): CharSet {
    const next = source[at + 1] as string
    at += 2
    switch (next) {
      case 'd':
        return DIGIT
      case 'D':
        return ALL & ~DIGIT
      case 'w':
        return ignoreCase ? WORD | OTHER : WORD
      case 'W':
        return ALL & ~WORD
      case 's':
        return SPACE
      case 'S':
        return (ALL & ~SPACE) | OTHER
      case 'p':
      case 'P':
        at = source.indexOf('}', at) + 1
        return ALL
      case 'c':
        return bit((source.charCodeAt(at++) as number) % 32)
      case 'x':
        at += 2
        return fold(Number.parseInt(source.slice(at - 2, at), 16))
      case 'u': {
        if (source[at] === '{') {
          const end = source.indexOf('}', at)
          const code = Number.parseInt(source.slice(at + 1, end), 16)
          at = end + 1
          return fold(code)
        }
        at += 4
        return fold(Number.parseInt(source.slice(at - 4, at), 16))
      }
      default:
        return Object.hasOwn(control, next) ? bit(control[next] as number) : fold(next.charCodeAt(0))
    }
  }

  function charClass(): CharSet {
    at++
    const negated = source[at] === '^'
    if (negated) at++
    let set: CharSet = 0n
    while (source[at] !== ']') {
      const from = at
      const low = member()
      if (source[at] === '-' && source[at + 1] !== ']') {
        const lowCode = codeOf(from)
        at++
        const highAt = at
        set |= member()
        const range = span(lowCode, codeOf(highAt))
        set |= range
        if (ignoreCase) for (let code = 65; code <= 122; code++) if (range & bit(code)) set |= fold(code)
      }
      set |= low
    }
    at++
    return negated ? (ALL & ~set) | OTHER : set
  }

  function member(): CharSet {
    return source[at] === '\\' ? readEscape() : literal()
  }

  /** The code point of the single character written at `from`, for a range; an escape of many is never there. */
  function codeOf(from: number): number {
    if (source[from] !== '\\') return source.codePointAt(from) as number
    const next = source[from + 1] as string
    const hex = /^\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|u\{([0-9a-f]+)\})/i.exec(source.slice(from, from + 16))
    if (hex) return Number.parseInt(hex[1] ?? hex[2] ?? (hex[3] as string), 16)
    if (next === 'c') return source.charCodeAt(from + 2) % 32
    if (next === 'b') return 8
    return control[next] ?? next.charCodeAt(0)
  }

  return alternatives()
}
