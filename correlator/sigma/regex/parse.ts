// The regular expressions of rules: the part of PCRE that can be matched in linear time. Look-around, back references and
// possessive or atomic groups are refused.

import { SigmaProblem } from '../problem.ts'
import {
  anything,
  type CharSet,
  digits,
  negate,
  notNewline,
  pairsOf,
  posixClasses,
  spaces,
  unionOf,
  withCases,
  wordChars,
} from './char-set.ts'

export type AssertKind = 'start' | 'end' | 'lineStart' | 'lineEnd' | 'word' | 'notWord'

export type Regex =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'concat' | 'choice'; readonly of: readonly Regex[] }
  | { readonly kind: 'repeat'; readonly of: Regex; readonly min: number; readonly max: number }
  | { readonly kind: 'assert'; readonly what: AssertKind }

interface Flags {
  readonly i: boolean
  readonly m: boolean
  readonly s: boolean
}

const maxRepeat = 10_000
const maxDepth = 100
const maxLength = 20_000

/**
 * @param flags of `i`, `m`, `s`
 * @throws SigmaProblem naming what is not supported
 */
export function parseRegex(source: string, flags: string): Regex {
  if (source.length > maxLength) throw new SigmaProblem(`a regular expression of ${source.length} characters`)
  return new RegexParser(source).parse({ i: flags.includes('i'), m: flags.includes('m'), s: flags.includes('s') })
}

class RegexParser {
  readonly #chars: string[]
  readonly #source: string
  #at = 0
  #depth = 0

  constructor(source: string) {
    this.#source = source
    this.#chars = [...source]
  }

  parse(flags: Flags): Regex {
    const whole = this.#choice(flags)
    if (this.#at < this.#chars.length) this.#fail("a ')' too many")
    return whole
  }

  #fail(reason: string): never {
    const shown = this.#source.length > 80 ? `${this.#source.slice(0, 80)}…` : this.#source
    throw new SigmaProblem(`regular expression '${shown}', character ${this.#at + 1}: ${reason}`)
  }

  #choice(given: Flags): Regex {
    if (++this.#depth > maxDepth) this.#fail('nested too deeply')
    let flags = given
    const options: Regex[] = []
    let run: Regex[] = []
    for (let char = this.#chars[this.#at]; char !== undefined && char !== ')'; char = this.#chars[this.#at]) {
      if (char === '|') {
        this.#at++
        options.push({ kind: 'concat', of: run })
        run = []
        continue
      }
      const inline = this.#inlineFlags(flags)
      if (inline) {
        flags = inline
        continue
      }
      run.push(this.#quantified(this.#atom(flags)))
    }
    this.#depth--
    options.push({ kind: 'concat', of: run })
    return options.length === 1 ? (options[0] as Regex) : { kind: 'choice', of: options }
  }

  /** `(?i)` changes what follows in this group. */
  #inlineFlags(flags: Flags): Flags | undefined {
    const found = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?\)/.exec(this.#chars.slice(this.#at, this.#at + 16).join(''))
    if (!found) return undefined
    this.#at += found[0].length
    return this.#applyFlags(flags, found[1] ?? '', found[2] ?? '')
  }

  #applyFlags(flags: Flags, on: string, off: string): Flags {
    const unknown = /[^ims]/.exec(on + off)
    if (unknown) this.#fail(`the flag '${unknown[0]}' is not supported`)
    const has = (name: 'i' | 'm' | 's') => (flags[name] || on.includes(name)) && !off.includes(name)
    return { i: has('i'), m: has('m'), s: has('s') }
  }

  #atom(flags: Flags): Regex {
    const char = this.#chars[this.#at++] as string
    switch (char) {
      case '(':
        return this.#group(flags)
      case '[':
        return this.#class(flags)
      case '.':
        return { kind: 'set', set: flags.s ? anything : notNewline }
      case '^':
        return { kind: 'assert', what: flags.m ? 'lineStart' : 'start' }
      case '$':
        return { kind: 'assert', what: flags.m ? 'lineEnd' : 'end' }
      case '\\':
        return this.#escape(flags)
      case '*':
      case '+':
      case '?':
        this.#at--
        return this.#fail(`'${char}' has nothing to repeat`)
      default:
        return this.#literal(char.codePointAt(0) as number, flags)
    }
  }

  #literal(code: number, flags: Flags): Regex {
    return { kind: 'set', set: flags.i ? withCases([code, code]) : [code, code] }
  }

  #group(given: Flags): Regex {
    let flags = given
    if (this.#chars[this.#at] === '?') {
      const head = this.#chars.slice(this.#at, this.#at + 64).join('')
      const plain = /^\?(?:P?<[A-Za-z_]\w*>|'[A-Za-z_]\w*')/.exec(head)
      const scoped = /^\?([a-zA-Z]*)(?:-([a-zA-Z]+))?:/.exec(head)
      if (scoped) {
        flags = this.#applyFlags(flags, scoped[1] ?? '', scoped[2] ?? '')
        this.#at += scoped[0].length
      } else if (plain) this.#at += plain[0].length
      else if (/^\?<?[=!]/.test(head)) this.#fail('look-around is not supported')
      else this.#fail(`'(${head.slice(0, 3)}' is not supported`)
    }
    const inner = this.#choice(flags)
    if (this.#chars[this.#at] !== ')') this.#fail("a ')' is missing")
    this.#at++
    return inner
  }

  #quantified(atom: Regex): Regex {
    let made = atom
    for (;;) {
      const found = /^(?:[*+?]|\{(\d{1,6})(,?)(\d{0,6})\}|\{,(\d{1,6})\})/.exec(
        this.#chars.slice(this.#at, this.#at + 20).join(''),
      )
      if (!found) return made
      const text = found[0]
      if (made.kind === 'assert') this.#fail('an anchor cannot be repeated')
      let [min, max] = [0, Number.POSITIVE_INFINITY]
      if (text === '+') min = 1
      else if (text === '?') max = 1
      else if (found[4] !== undefined) max = Number(found[4])
      else if (text !== '*') {
        min = Number(found[1])
        max = found[2] === '' ? min : found[3] === '' ? Number.POSITIVE_INFINITY : Number(found[3])
      }
      if (min > max) this.#fail(`'${text}' counts backwards`)
      if (min > maxRepeat || (max !== Number.POSITIVE_INFINITY && max > maxRepeat))
        this.#fail(`'${text}' repeats too often`)
      this.#at += text.length
      const after = this.#chars[this.#at]
      if (after === '+') this.#fail('possessive repetition is not supported')
      if (after === '?') this.#at++ // how much a repetition takes does not change whether there is a match
      made = { kind: 'repeat', of: made, min, max }
    }
  }

  #escape(flags: Flags): Regex {
    const char = this.#chars[this.#at]
    if (char === undefined) return this.#fail('ends in a backslash')
    if (char === 'b' || char === 'B') {
      this.#at++
      return { kind: 'assert', what: char === 'b' ? 'word' : 'notWord' }
    }
    if (char === 'A' || char === 'z') {
      this.#at++
      return { kind: 'assert', what: char === 'A' ? 'start' : 'end' }
    }
    if (/[1-9]/.test(char)) return this.#fail('back references are not supported')
    const set = this.#escapedSet()
    const one = set.length === 2 && set[0] === set[1]
    return { kind: 'set', set: flags.i && one ? withCases(set) : set }
  }

  /** After the backslash: a class (`\d`) or one character. Moves past it. */
  #escapedSet(): CharSet {
    const char = this.#chars[this.#at++] as string
    switch (char) {
      case 'd':
        return digits
      case 'D':
        return negate(digits)
      case 'w':
        return wordChars
      case 'W':
        return negate(wordChars)
      case 's':
        return spaces
      case 'S':
        return negate(spaces)
      case 'x':
      case 'u': {
        const rest = this.#chars.slice(this.#at, this.#at + 10).join('')
        const hex =
          /^\{([0-9a-fA-F]{1,6})\}/.exec(rest) ?? (char === 'x' ? /^([0-9a-fA-F]{2})/ : /^([0-9a-fA-F]{4})/).exec(rest)
        const code = hex ? Number.parseInt(hex[1] as string, 16) : Number.NaN
        if (!hex || code > 0x10ffff) return this.#fail(`'\\${char}' wants hexadecimal digits`)
        this.#at += hex[0].length
        return [code, code]
      }
    }
    const control = { t: 9, n: 10, r: 13, f: 12, v: 11, a: 7, e: 27, '0': 0 }[char]
    if (control !== undefined) return [control, control]
    if (/[a-zA-Z0-9]/.test(char)) {
      this.#at--
      return this.#fail(`'\\${char}' is not supported`)
    }
    const code = char.codePointAt(0) as number
    return [code, code]
  }

  #class(flags: Flags): Regex {
    const negated = this.#chars[this.#at] === '^'
    if (negated) this.#at++
    const ranges: [number, number][] = []
    for (let first = true; ; first = false) {
      const char = this.#chars[this.#at]
      if (char === undefined) this.#fail("a ']' is missing")
      if (char === ']' && !first) break
      const posix =
        char === '[' ? /^\[:(\^?)([a-z]+):\]/.exec(this.#chars.slice(this.#at, this.#at + 14).join('')) : null
      if (posix) {
        const set = posixClasses[posix[2] as string]
        if (!set) this.#fail(`there is no class '${posix[2]}'`)
        ranges.push(...pairsOf(posix[1] ? negate(set as CharSet) : (set as CharSet)))
        this.#at += posix[0].length
        continue
      }
      const from = this.#classChar()
      const single = from.length === 2 && from[0] === from[1]
      const dash =
        this.#chars[this.#at] === '-' && this.#chars[this.#at + 1] !== ']' && this.#chars[this.#at + 1] !== undefined
      if (!single || !dash) {
        ranges.push(...pairsOf(from))
        continue
      }
      this.#at++
      const to = this.#classChar()
      if (to.length !== 2 || to[0] !== to[1]) {
        ranges.push(...pairsOf(from), [45, 45], ...pairsOf(to))
        continue
      }
      if ((to[0] as number) < (from[0] as number)) this.#fail('a range runs backwards')
      ranges.push([from[0] as number, to[0] as number])
    }
    this.#at++
    const plain = unionOf(ranges)
    const set = flags.i ? withCases(plain) : plain
    return { kind: 'set', set: negated ? negate(set) : set }
  }

  #classChar(): CharSet {
    const char = this.#chars[this.#at++] as string
    if (char !== '\\') return [char.codePointAt(0) as number, char.codePointAt(0) as number]
    const next = this.#chars[this.#at]
    if (next === undefined) return this.#fail("a ']' is missing")
    if (next === 'b') {
      this.#at++
      return [8, 8]
    }
    return this.#escapedSet()
  }
}
