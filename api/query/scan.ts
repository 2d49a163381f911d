// Characters to words: the one place that knows quotes, escapes and what ends a word.

import { PipelineError } from '../../core/errors.ts'

/** A word of the query line, unescaped. */
export interface Word {
  /** As written without its escapes; `*` and `?` are here too. */
  readonly text: string
  /** The same in the escaping of a wildcard filter: `\` only before `*`, `?` and `\`. */
  readonly pattern: string
  /** Has an unescaped `*` or `?`. Never in quotes. */
  readonly wild: boolean
  readonly quoted: boolean
  /** Where it stands in the line, 0-based. */
  readonly start: number
  readonly end: number
}

/** Characters that a backslash takes the meaning from. Before any other a backslash is itself, as in `C:\Windows`. */
const SPECIAL = new Set('\\:()"*?/<>={}[]|&!+-~^,')
const SPACE = /\s/u

export function isSpace(char: string | undefined): boolean {
  return char !== undefined && SPACE.test(char)
}

/** Whether a word must escape this character. */
export function isSpecial(char: string): boolean {
  return SPECIAL.has(char) || isSpace(char)
}

/**
 * A word from `start` up to white space, a parenthesis, a quote, `|` or one of `stops`. May be empty.
 * @param stops `:<>` where a field name may stand, `]}` inside a range
 */
export function scanWord(line: string, start: number, stops: string): Word {
  let text = ''
  let pattern = ''
  let wild = false
  let at = start
  for (; at < line.length; at++) {
    const char = line[at] as string
    if (char === '\\') {
      const next = line[at + 1]
      const literal = next !== undefined && isSpecial(next) ? next : '\\'
      if (literal === next) at++
      text += literal
      pattern += literal === '*' || literal === '?' || literal === '\\' ? `\\${literal}` : literal
      continue
    }
    if (char === '(' || char === ')' || char === '"' || char === '|' || stops.includes(char) || isSpace(char)) break
    text += char
    if (char === '*' || char === '?') wild = true
    if (!(char === '*' && pattern.endsWith('*') && !pattern.endsWith('\\*'))) pattern += char
  }
  return { text, pattern, wild, quoted: false, start, end: at }
}

/**
 * A quoted text from the quote at `start`: `\"` and `\\` are escapes, every other backslash is itself.
 * @throws QUERY_INVALID when the closing quote is missing
 */
export function scanQuoted(line: string, start: number): Word {
  let text = ''
  for (let at = start + 1; at < line.length; at++) {
    const char = line[at] as string
    if (char === '"') {
      const pattern = text.replace(/[\\*?]/g, '\\$&')
      return { text, pattern, wild: false, quoted: true, start, end: at + 1 }
    }
    const next = line[at + 1]
    if (char === '\\' && (next === '"' || next === '\\')) {
      text += next
      at++
    } else text += char
  }
  throw new PipelineError('QUERY_INVALID', {
    column: start + 1,
    problem: 'this quote is never closed',
    hint: line.endsWith('\\"') ? 'a backslash before a quote is written \\\\' : 'add " at the end of the phrase',
  })
}

export interface RegexText {
  readonly source: string
  readonly ignoreCase: boolean
  readonly end: number
}

/**
 * `/source/` or `/source/i` from the slash at `start`, when it ends where a word ends; `\/` is a slash, `\ ` a space.
 * @returns undefined when this is a plain word such as `/var/log`
 * @throws QUERY_INVALID when it could be either: an expression with a bare space, or two paths
 */
export function scanRegex(line: string, start: number): RegexText | undefined {
  let source = ''
  let space = false
  for (let at = start + 1; at < line.length; at++) {
    const char = line[at] as string
    if (char === '\\') {
      const next = line[++at]
      source += next === undefined ? '\\' : next === '/' || isSpace(next) ? next : `\\${next}`
    } else if (char === '/') {
      const ignoreCase = line[at + 1] === 'i'
      const end = at + (ignoreCase ? 2 : 1)
      const after = line[end]
      if (after === undefined || after === ')' || after === '|' || isSpace(after)) {
        if (source === '') return undefined
        if (!space) return { source, ignoreCase, end }
        throw new PipelineError('QUERY_INVALID', {
          column: start + 1,
          problem: 'a path or a regular expression with a space?',
          hint: 'quote a path ("/var/log"); in a regular expression write a space as \\s',
        })
      }
      return undefined // a word that goes on after the slash is a path
    } else {
      if (isSpace(char)) space = true
      source += char
    }
  }
  return undefined
}
