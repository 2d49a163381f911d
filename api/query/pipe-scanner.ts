// What pipes are written in: names, numbers, texts, times and signs, each with its column.

import { PipelineError } from '../../core/errors.ts'
import { scanQuoted } from './scan.ts'

const PLAIN = /[A-Za-z_@][\w.@]*/y
/** Where no arithmetic can stand a name may hold `-`: `kubernetes.labels.app-name`. */
const WIDE = /[A-Za-z_@][\w.@]*(?:-[\w.@]+)*/y
const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?/y
const TIME = /(\d{1,9})(ms|s|m|h|d|w)(?![\w.])/y
const SIGNS = ['==', '!=', '<=', '>=', '&&', '||', '=', '<', '>', '(', ')', ',', '+', '-', '*', '/', '%', '!', '|']
const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

export interface Name {
  readonly text: string
  /** In backticks or quotes: taken as it is. */
  readonly quoted: boolean
  /** 0-based. */
  readonly start: number
}

export class PipeScanner {
  readonly line: string
  at: number

  constructor(line: string, at: number) {
    this.line = line
    this.at = at
  }

  /** Moves to the next character that is no space. */
  skip(): number {
    while (/\s/u.test(this.line[this.at] ?? 'x')) this.at++
    return this.at
  }

  get atEnd(): boolean {
    this.skip()
    return this.at >= this.line.length || this.sign() === '|'
  }

  /** The sign that comes next, without taking it. */
  sign(): string | undefined {
    this.skip()
    return SIGNS.find((sign) => this.line.startsWith(sign, this.at))
  }

  takeSign(...signs: readonly string[]): string | undefined {
    const next = this.sign()
    if (next === undefined || !signs.includes(next)) return undefined
    this.at += next.length
    return next
  }

  expectSign(sign: string, why: string): void {
    if (!this.takeSign(sign)) this.expected(`'${sign}' ${why}`)
  }

  /** A plain word in any case, taken when it is this one. */
  takeWord(word: string): boolean {
    this.skip()
    const found = this.#match(WIDE)
    if (found?.toLowerCase() !== word) return false
    this.at += found.length
    return true
  }

  /** A word that is a name of the language: a command, a function. */
  takePlain(): Name | undefined {
    const start = this.skip()
    const text = this.#match(PLAIN)
    if (text === undefined) return undefined
    this.at += text.length
    return { text, quoted: false, start }
  }

  /** @param wide where `-` may be part of a name @param quotes whether "…" is a name here and not a text */
  takeName(wide: boolean, quotes: boolean): Name | undefined {
    const start = this.skip()
    const char = this.line[start]
    if (char === '`') return this.#backticks(start)
    if (char === '"' && quotes) {
      const word = scanQuoted(this.line, start)
      this.at = word.end
      return { text: word.text, quoted: true, start }
    }
    const text = this.#match(wide ? WIDE : PLAIN)
    if (text === undefined) return undefined
    this.at += text.length
    return { text, quoted: false, start }
  }

  takeText(): string | undefined {
    const start = this.skip()
    if (this.line[start] !== '"') return undefined
    const word = scanQuoted(this.line, start)
    this.at = word.end
    return word.text
  }

  takeNumber(): number | undefined {
    const start = this.skip()
    const text = this.#match(NUMBER)
    if (text === undefined) return undefined
    const after = this.line[start + text.length] ?? ' '
    if (/[\w.]/.test(after)) this.fail(start, `'${text}${after}' is no number`)
    if (!Number.isFinite(Number(text))) this.fail(start, `${text} is too large a number`)
    this.at += text.length
    return Number(text)
  }

  /** A whole number within bounds. */
  takeCount(what: string, min: number, max: number): number | undefined {
    const start = this.skip()
    const value = this.takeNumber()
    if (value === undefined) return undefined
    if (!Number.isInteger(value) || value < min || value > max) {
      this.fail(start, `${what} is a whole number from ${min} to ${max}`)
    }
    return value
  }

  /** `5m` as milliseconds. */
  takeTime(): number | undefined {
    const start = this.skip()
    const text = this.#match(TIME)
    if (text === undefined) return undefined
    const [, digits = '', unit = ''] = /^(\d+)(\D+)$/.exec(text) ?? []
    const ms = Number(digits) * (unitMs[unit] as number)
    if (ms < 1 || ms > 3650 * 86_400_000) this.fail(start, 'an interval goes from 1ms to 3650d')
    this.at += text.length
    return ms
  }

  /** @throws QUERY_INVALID naming what stands here instead */
  expected(what: string, hint?: string): never {
    const at = this.skip()
    const found = at >= this.line.length ? 'the end' : `'${this.line.slice(at, at + 20).split(/\s/u)[0]}'`
    return this.fail(at, `expected ${what}, found ${found}`, hint)
  }

  fail(at: number, problem: string, hint?: string): never {
    throw new PipelineError('QUERY_INVALID', { column: at + 1, problem, ...(hint !== undefined && { hint }) })
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    return pattern.exec(this.line)?.[0]
  }

  #backticks(start: number): Name {
    let text = ''
    for (let at = start + 1; at < this.line.length; at++) {
      const char = this.line[at] as string
      if (char === '`') {
        this.at = at + 1
        if (text === '') this.fail(start, 'an empty name')
        return { text, quoted: true, start }
      }
      const next = this.line[at + 1]
      if (char === '\\' && (next === '`' || next === '\\')) {
        text += next
        at++
      } else text += char
    }
    return this.fail(start, 'this backtick is never closed', 'add ` at the end of the name')
  }
}

/** Milliseconds as the scanner reads them: `90000` -> `90s`. */
export function formatInterval(ms: number): string {
  const unit = (['w', 'd', 'h', 'm', 's'] as const).find((name) => ms % (unitMs[name] as number) === 0) ?? 'ms'
  return `${ms / (unitMs[unit] as number)}${unit}`
}
