// The search line -> Filter. One language for people who know KQL and for people who know Lucene.
//
//   or       and ( 'or' and )*
//   and      unary ( ['and'] unary )*            two conditions side by side are both wanted
//   unary    ( 'not' | '-' | '!' ) unary | primary
//   primary  '(' or ')' | name ':' value | name ( '<' | '<=' | '>' | '>=' ) word | word | "phrase"
//   value    word | "phrase" | /regex/ | '(' list ')' | '[' low 'TO' high ']' | ( '<' | '<=' | '>' | '>=' ) word
//
// Written by hand so that every mistake has its column and a next step. Nothing is ever guessed silently: what could
// mean two things is refused with the way to say either.

import { PipelineError } from '../../core/errors.ts'
import { type Filter, matchAll, type Pipe, tokenize } from '../../core/query.ts'
import { allOf, anyOf, fieldsOf, not } from './build.ts'
import { looksLikeKnown, nearestField } from './fields.ts'
import { parsePipes } from './parse-pipes.ts'
import { isSpace, scanQuoted, scanRegex, scanWord, type Word } from './scan.ts'
import { type Bounds, equalsFilter, rangeFilter, regexFilter, wildcardFilter } from './values.ts'

export interface Query {
  readonly filter: Filter
  /** Stages after the filter: `| stats …`. */
  readonly pipes: readonly Pipe[]
  /** Fields of events that filter and stages name. */
  readonly fields: ReadonlySet<string>
}

export interface QueryOptions {
  /** What `now` and `today` mean in a date; without it they are refused. */
  readonly nowMs?: number
  /** Fields that events have: a name that is not among them but much like one of them is refused as a slip. */
  readonly knownFields?: ReadonlySet<string>
}

export const MAX_QUERY_CHARACTERS = 8192
const MAX_DEPTH = 64
const MAX_CONDITIONS = 500
const MAX_FIELD_CHARACTERS = 256

/** @throws QUERY_INVALID, and nothing else, for any text */
export function parseQuery(line: string, options: QueryOptions = {}): Query {
  if (line.length > MAX_QUERY_CHARACTERS) {
    throw new PipelineError('QUERY_INVALID', {
      column: MAX_QUERY_CHARACTERS + 1,
      problem: `the query has ${line.length} characters, limit ${MAX_QUERY_CHARACTERS}`,
    })
  }
  return new QueryParser(line, options).parse()
}

type Operator = '<' | '<=' | '>' | '>='
const boundOf = { '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte' } as const

class QueryParser {
  readonly #line: string
  readonly #options: QueryOptions
  #at = 0
  #depth = 0
  #conditions = 0

  constructor(line: string, options: QueryOptions) {
    this.#line = line
    this.#options = options
  }

  parse(): Query {
    this.#skipSpace()
    if (this.#at === this.#line.length) return { filter: matchAll, pipes: [], fields: new Set() }
    const filter = this.#line[this.#at] === '|' ? matchAll : this.#or(undefined)
    if (this.#line[this.#at] === ')')
      this.#fail(this.#at, 'this parenthesis was never opened', 'remove it, or quote it')
    const { pipes, fields } = parsePipes(this.#line, this.#at, this.#options.knownFields)
    return { filter, pipes, fields: new Set([...fieldsOf(filter), ...fields]) }
  }

  #or(field: string | undefined): Filter {
    const of = [this.#and(field)]
    while (this.#takeOperator('or', '||')) of.push(this.#and(field))
    return anyOf(of)
  }

  #and(field: string | undefined): Filter {
    const of = [this.#unary(field)]
    for (;;) {
      const and = this.#takeOperator('and', '&&')
      if (!and) {
        const char = this.#line[this.#at]
        if (char === undefined || char === ')' || char === '|' || this.#peekOperator('or', '||')) return allOf(of)
        // `port:(22 80)` is "either" to one user and "both" to another.
        if (field !== undefined && !this.#peekOperator('not')) {
          this.#fail(
            this.#at,
            `expected 'or', 'and' or ')' in the list of ${field}`,
            'to search for a phrase put it in quotes',
          )
        }
      }
      of.push(this.#unary(field))
    }
  }

  #unary(field: string | undefined): Filter {
    this.#skipSpace()
    let negations = 0
    const start = this.#at
    for (;;) {
      const char = this.#line[this.#at]
      const next = this.#line[this.#at + 1]
      const glued = next !== undefined && !isSpace(next) && next !== ')' && next !== '|'
      if (this.#takeOperator('not')) negations++
      else if (char === '!' && glued && next !== '=') {
        this.#at++
        negations++
      } else if (field === undefined && char === '-' && glued && next !== '-' && next !== '>') {
        this.#at++
        negations++
      } else if (field === undefined && char === '+' && glued) this.#at++
      else break
      if (negations > MAX_DEPTH) this.#fail(start, `more than ${MAX_DEPTH} negations`)
      this.#skipSpace()
    }
    this.#depth += negations
    let filter = this.#primary(field)
    this.#depth -= negations
    for (; negations > 0; negations--) filter = not(filter)
    this.#skipSpace()
    return filter
  }

  #primary(field: string | undefined): Filter {
    if (this.#line[this.#at] === '(') return this.#group(field)
    if (++this.#conditions > MAX_CONDITIONS) this.#fail(this.#at, `more than ${MAX_CONDITIONS} conditions`)
    return field === undefined ? this.#condition() : this.#value(field)
  }

  #group(field: string | undefined): Filter {
    const open = this.#at++
    if (++this.#depth > MAX_DEPTH) this.#fail(open, `nested more than ${MAX_DEPTH} deep`)
    const filter = this.#or(field)
    if (this.#line[this.#at] !== ')') {
      this.#fail(open, 'this parenthesis is never closed', "add ')'")
    }
    this.#at++
    this.#depth--
    return filter
  }

  /** What stands without a field before it: a field name and its value, or text to search for. */
  #condition(): Filter {
    const line = this.#line
    const start = this.#at
    const char = line[start]
    this.#expectOperand('a condition')
    if (char === ':' || char === '<' || char === '>') {
      this.#fail(start, `expected a field name before '${char}'`, `to search for ${char} put it in quotes`)
    }
    const word = char === '"' ? scanQuoted(line, start) : scanWord(line, start, ':<>')
    this.#at = word.end
    this.#skipSpace()
    const next = line[this.#at]
    if (next === ':' && !(this.#at === word.end && isTextWithColon(line, word))) {
      this.#at++
      return this.#field(word)
    }
    if (next === '<' || next === '>') return this.#compare(this.#fieldName(word), this.#takeComparison())
    if (next === '=' || (next === '!' && line[this.#at + 1] === '=')) this.#refuseEqualsSign(word, next)
    this.#at = word.end
    return this.#text(word.quoted ? word : this.#rescanText(word))
  }

  #field(word: Word): Filter {
    if (!word.quoted && word.text === '_exists_') {
      this.#skipSpace()
      this.#expectOperand('a field name')
      const name = this.#line[this.#at] === '"' ? scanQuoted(this.#line, this.#at) : scanWord(this.#line, this.#at, '')
      this.#at = name.end
      return { kind: 'exists', field: this.#fieldName(name) }
    }
    if (!word.quoted && word.text === '*') {
      this.#skipSpace()
      const value = scanWord(this.#line, this.#at, '')
      if (value.text !== '*') {
        this.#fail(word.start, "'*' is no field", 'search all text with a bare word, or name a field')
      }
      this.#at = value.end
      return matchAll
    }
    const field = this.#fieldName(word)
    this.#skipSpace()
    if (this.#line[this.#at] === '(') return this.#group(field)
    return this.#value(field)
  }

  #fieldName(word: Word): string {
    const name = word.text
    if (name === '') this.#fail(word.start, 'expected a field name')
    if (name.length > MAX_FIELD_CHARACTERS) this.#fail(word.start, `a field name of ${name.length} characters`)
    if (word.quoted) return name
    if (word.wild) this.#fail(word.start, 'a field name takes no wildcard', 'name the field, or search with bare words')
    const known = this.#options.knownFields
    if (known && !known.has(name)) {
      const near = nearestField(name, known)
      if (near) {
        this.#fail(
          word.start,
          `no event has a field ${name}`,
          `did you mean ${near}? ("${name}" in quotes is taken as it is)`,
        )
      }
    }
    return name
  }

  /** One value of a field: after the colon, after a comparison, or in a list. */
  #value(field: string): Filter {
    const line = this.#line
    const start = this.#at
    const char = line[start]
    this.#expectOperand(`a value for ${field}`)
    if (char === '[' || char === '{') return this.#bracketRange(field)
    if (char === '<' || char === '>') return this.#compare(field, this.#takeComparison())
    if (char === '/') {
      const regex = scanRegex(line, start)
      if (regex) {
        this.#at = regex.end
        return regexFilter(field, regex.source, regex.ignoreCase, start)
      }
    }
    const word = this.#takeValue(field, '')
    if (!word.wild) return equalsFilter(field, word, this.#options.nowMs)
    if (word.pattern === '*') return { kind: 'exists', field }
    return wildcardFilter(field, word)
  }

  #takeValue(field: string, stops: string): Word {
    const line = this.#line
    const start = this.#at
    this.#expectOperand(`a value for ${field}`)
    const word = line[start] === '"' ? scanQuoted(line, start) : scanWord(line, start, stops)
    const after = line[word.end]
    if (word.end === start)
      this.#fail(start, `expected a value for ${field}`, `to search for ${after} put it in quotes`)
    if (after === '"' || after === '(') {
      this.#fail(word.end, `${after} inside a value`, 'put the whole value in quotes, inner quotes as \\"')
    }
    if (word.quoted && after !== undefined && !')|'.includes(after) && !stops.includes(after) && !isSpace(after)) {
      this.#fail(word.end, `expected a space after the quoted value, found ${after}`)
    }
    this.#at = word.end
    return word
  }

  #takeComparison(): Operator {
    const two = this.#line.slice(this.#at, this.#at + 2)
    const operator = (two === '>=' || two === '<=' ? two : two[0]) as Operator
    this.#at += operator.length
    return operator
  }

  #compare(field: string, operator: Operator): Filter {
    this.#skipSpace()
    const word = this.#takeValue(field, '')
    if (word.wild) this.#fail(word.start, `${field} ${operator} takes no wildcard`)
    const bounds: Bounds = { [boundOf[operator]]: word }
    return rangeFilter(field, bounds, this.#options.nowMs)
  }

  #bracketRange(field: string): Filter {
    const line = this.#line
    const open = this.#at++
    const malformed = (at: number): never =>
      this.#fail(
        at,
        `expected a range of ${field} such as [1 TO 5]`,
        `to search for ${line[open]} put the value in quotes`,
      )
    const side = (): Word => {
      this.#skipSpace()
      if (this.#at >= line.length || ')|(]}'.includes(line[this.#at] as string)) malformed(this.#at)
      const word = this.#takeValue(field, ']}')
      this.#skipSpace()
      return word
    }
    const low = side()
    const to = scanWord(line, this.#at, ']}')
    if (to.text.toUpperCase() !== 'TO') malformed(this.#at)
    this.#at = to.end
    const high = side()
    const close = line[this.#at]
    if (close !== ']' && close !== '}') malformed(this.#at)
    this.#at++
    const isOpen = (word: Word) => word.wild && word.pattern === '*'
    for (const word of [low, high]) if (word.wild && !isOpen(word)) this.#fail(word.start, 'a range takes no wildcard')
    if (isOpen(low) && isOpen(high)) return { kind: 'exists', field }
    const bounds: { gt?: Word; gte?: Word; lt?: Word; lte?: Word } = {}
    if (!isOpen(low)) bounds[line[open] === '[' ? 'gte' : 'gt'] = low
    if (!isOpen(high)) bounds[close === ']' ? 'lte' : 'lt'] = high
    return rangeFilter(field, bounds, this.#options.nowMs)
  }

  /** The word again, this time with colons and comparison signs as part of it. */
  #rescanText(word: Word): Word {
    const text = scanWord(this.#line, word.start, '')
    if (this.#line[text.end] === '"') {
      this.#fail(text.end, 'a quote inside a word', 'put a space before it, or escape it as \\"')
    }
    this.#at = text.end
    const sign = /^([^=!]+)!?=/.exec(text.text)
    if (sign?.[1] && looksLikeKnown(sign[1], this.#options.knownFields)) {
      const name = sign[1]
      const not = text.text[name.length] === '!'
      this.#refuseEqualsSign({ ...text, text: name, end: text.start + name.length }, not ? '!' : '=')
    }
    return text
  }

  #refuseEqualsSign(word: Word, sign: '!' | '='): never {
    const name = word.quoted ? `"${word.text}"` : word.text
    const hint = sign === '!' ? `write not ${name}:value` : `write ${name}:value`
    return this.#fail(
      this.#line.indexOf(sign, word.end - (word.quoted ? 1 : 0)),
      `fields are compared with ':'`,
      `${hint}, or put text in quotes`,
    )
  }

  #text(word: Word): Filter {
    const { text } = word
    const after = this.#line[word.end]
    if (word.quoted && (after === '~' || after === '^')) {
      this.#fail(word.end, after === '~' ? 'proximity search is not supported' : 'search has no scores to boost')
    }
    if (word.quoted && after !== undefined && !')|'.includes(after) && !isSpace(after)) {
      this.#fail(word.end, `expected a space after the phrase, found ${after}`)
    }
    if (!word.quoted && text === '*') return matchAll
    const words = tokenize(text)
    if (words.length === 0) {
      this.#fail(
        word.start,
        `'${text.slice(0, 40)}' has no word to search for`,
        'text is searched by its letters and digits',
      )
    }
    const prefix =
      /[\p{L}\p{N}_]\*$/u.test(text) && (word.quoted || (word.pattern.endsWith('*') && !word.pattern.endsWith('\\*')))
    if (word.quoted || !word.wild) return { kind: 'text', words, prefix }
    if (prefix && !/[*?]/.test(word.pattern.replace(/\\[*?\\]/g, '').slice(0, -1)))
      return { kind: 'text', words, prefix }
    return anyOf(['message', 'event.original'].map((field) => wildcardFilter(field, word)))
  }

  #expectOperand(what: string): void {
    const char = this.#line[this.#at]
    const why = (found: string) => this.#fail(this.#at, `expected ${what}, found ${found}`)
    if (char === undefined) why('the end')
    if (char === ')') why("')'")
    if (char === '|') why(this.#line[this.#at + 1] === '|' ? "'||'" : "'|'")
    for (const operator of ['and', 'or', 'not']) {
      if (this.#peekOperator(operator)) {
        this.#fail(this.#at, `expected ${what}, found '${operator}'`, `to search for the word write "${operator}"`)
      }
    }
    if (this.#peekOperator('&&', '&&')) why("'&&'")
  }

  /** Length of the operator at this place: a whole word, in any case. */
  #peekOperator(name: string, sign?: string): number {
    const line = this.#line
    if (sign !== undefined && line.startsWith(sign, this.#at)) return sign.length
    const end = this.#at + name.length
    const after = line[end]
    if (after !== undefined && !'()"|'.includes(after) && !isSpace(after)) return 0
    return line.slice(this.#at, end).toLowerCase() === name ? name.length : 0
  }

  #takeOperator(name: string, sign?: string): boolean {
    const length = this.#peekOperator(name, sign)
    this.#at += length
    if (length > 0) this.#skipSpace()
    return length > 0
  }

  #skipSpace(): void {
    while (isSpace(this.#line[this.#at])) this.#at++
  }

  #fail(at: number, problem: string, hint?: string): never {
    throw new PipelineError('QUERY_INVALID', { column: at + 1, problem, hint })
  }
}

/** A colon that is part of a text: `10:22:33`, `http://host`, `fe80::1`, `C:\temp`. */
function isTextWithColon(line: string, { text, quoted, end }: Word): boolean {
  if (quoted) return false
  const rest = line.slice(end + 1, end + 3)
  if (/^[\d.[]/.test(text)) return true
  if (rest === '//') return /^[a-z][a-z\d+-]*$/i.test(text)
  if (rest.startsWith(':')) return /^[\da-f]{1,4}$/i.test(text)
  return rest.startsWith('\\') && /^[a-z]$/i.test(text)
}
