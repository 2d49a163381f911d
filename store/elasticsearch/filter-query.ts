// A Filter as Elasticsearch's query DSL, twice: `all` finds every event that matches and perhaps more, `sure` only events
// that match and perhaps not every one. Where Elasticsearch answers as we mean it the two are the same; what lies between
// them (an expression ECMAScript knows and Lucene does not, a value too long for an index) is read and decided by us.
// Only term-level queries built from the typed tree: no query_string, no script.

import type { Scalar } from '../../core/event.ts'
import { type Filter, tokenize } from '../../core/query.ts'
import { compileCidr, parseIp } from '../segments/ip.ts'
import { invalid } from '../segments/leaf.ts'
import { toDateMs, toNumber } from '../segments/values.ts'
import {
  booleanColumn,
  cutWord,
  isKnown,
  numberColumn,
  oddName,
  orderedNumber,
  textColumn,
  typeOf,
  wordsColumn,
} from './columns.ts'

export type Query = { readonly [kind: string]: unknown }

export interface CompiledQuery {
  readonly all: Query
  readonly sure: Query
  /** Only events whose value fits no column lie between the two. */
  readonly exact: boolean
  /** Fields asked for. */
  readonly fields: ReadonlySet<string>
}

export const everything: Query = { match_all: {} }
export const nothing: Query = { match_none: {} }
/** Elasticsearch refuses 30 levels of bool. */
const MAX_DEPTH = 12
const TIMESTAMP = '@timestamp'
/** Above every text. */
const LAST_TEXT = '\u{10ffff}'.repeat(2)

interface Pair {
  readonly all: Query
  readonly sure: Query
  readonly exact: boolean
}

/** The filter must have been compiled by compileMatcher before: that refuses what is no filter. */
export function compileQuery(filter: Filter): CompiledQuery {
  const fields = new Set<string>()
  return { ...compile(filter, fields, 0), fields }
}

export function and(parts: readonly Query[]): Query {
  const some = parts.filter((part) => part !== everything)
  if (some.includes(nothing)) return nothing
  return some.length === 0 ? everything : some.length === 1 ? (some[0] as Query) : { bool: { filter: some } }
}

export function or(parts: readonly Query[]): Query {
  const some = parts.filter((part) => part !== nothing)
  if (some.includes(everything)) return everything
  return some.length === 0
    ? nothing
    : some.length === 1
      ? (some[0] as Query)
      : { bool: { should: some, minimum_should_match: 1 } }
}

export function not(part: Query): Query {
  if (part === everything) return nothing
  return part === nothing ? everything : { bool: { must_not: [part] } }
}

const same = (query: Query): Pair => ({ all: query, sure: query, exact: true })
const doubtful = (all: Query, sure: Query = nothing): Pair => ({ all, sure, exact: false })
const term = (name: string, value: Scalar): Query => ({ term: { [name]: value } })
const hasField = (field: string) => (oddName(field) === '*' ? everything : term('h.f', field))

function compile(filter: Filter, fields: Set<string>, depth: number): Pair {
  if (depth > MAX_DEPTH) return doubtful(everything)
  switch (filter.kind) {
    case 'all':
      return same(everything)
    case 'and':
    case 'or': {
      const parts = flatten(filter.kind, filter.of).map((part) => compile(part, fields, depth + 1))
      const join = filter.kind === 'and' ? and : or
      return {
        all: join(parts.map(({ all }) => all)),
        sure: join(parts.map(({ sure }) => sure)),
        exact: parts.every(({ exact }) => exact),
      }
    }
    case 'not': {
      const { all, sure, exact } = compile(filter.of, fields, depth + 1)
      return { all: not(sure), sure: not(all), exact }
    }
    case 'text': {
      const parts = ['message', 'event.original'].map((field) => phrase(field, filter.words, filter.prefix))
      const found = {
        all: or(parts.map(({ all }) => all)),
        sure: or(parts.map(({ sure }) => sure)),
        exact: parts.every(({ exact }) => exact),
      }
      return found.all === nothing ? found : withOdd(found, ['*'])
    }
    default: {
      const { field } = filter
      if (field === TIMESTAMP) return onTimestamp(filter)
      fields.add(field)
      if (filter.kind === 'exists') {
        return oddName(field) === '*' ? doubtful(term('h.odd', '*')) : same(hasField(field))
      }
      const found = onField(filter)
      if (typeOf(field) === 'text') return withOdd(found, ['*'])
      return withOdd(found, [oddName(field), '*'])
    }
  }
}

/** Events whose value fits no column may match; those that surely match have no such value. */
function withOdd({ all, sure, exact }: Pair, names: readonly string[]): Pair {
  const odd = { terms: { 'h.odd': [...new Set(names)] } }
  return {
    all: or([all, odd]),
    sure: sure === nothing ? nothing : { bool: { filter: [sure], must_not: [odd] } },
    exact,
  }
}

function flatten(kind: 'and' | 'or', of: readonly Filter[]): readonly Filter[] {
  return of.flatMap((part) => (part.kind === kind ? flatten(kind, part.of) : part))
}

type FieldFilter = Exclude<Extract<Filter, { field: string }>, { kind: 'exists' }>
type Bounds = Extract<Filter, { kind: 'range' }>

function onTimestamp(filter: Extract<Filter, { field: string }>): Pair {
  switch (filter.kind) {
    case 'exists':
      return same(everything)
    case 'equals': {
      const ms = toDateMs(filter.value)
      return same(ms === undefined ? nothing : term('h.t', ms))
    }
    case 'range':
      return same(range('h.t', filter, toDateMs))
    case 'cidr':
      return same(nothing)
    default:
      return doubtful(everything)
  }
}

function onField(filter: FieldFilter): Pair {
  const { field } = filter
  const type = typeOf(field)
  switch (filter.kind) {
    case 'equals':
      return type === 'text' ? phrase(field, [String(filter.value)], false) : same(equals(field, filter.value))
    case 'range':
      return type === 'text' ? doubtful(hasField(field)) : same(within(field, filter))
    case 'cidr':
      return type === 'ip' ? same(network(field, filter.cidr)) : doubtful(hasField(field))
    case 'regex':
      return doubtful(hasField(field))
    case 'wildcard':
      return type === 'text'
        ? same({ wildcard: { [wordsColumn(field)]: { value: filter.pattern.toLowerCase() } } })
        : wildcard(field, filter.pattern)
  }
}

function equals(field: string, wanted: Scalar): Query {
  const type = typeOf(field)
  const read = type === 'date' ? toDateMs : toNumber
  const number = read(wanted)
  const written = String(wanted)
  const parts: Query[] = [term(textColumn(field), written)]
  if (number !== undefined) {
    const { name, ordered } = numberColumn(field)
    parts.push(term(name, ordered ? orderedNumber(number) : number))
    if (type === 'long' || type === 'float' || type === 'date') parts.push(term(`h.v.${field}`, orderedNumber(number)))
  }
  if (type === 'ip' && parseIp(written)) parts.push(term(field, written.split('%', 1)[0] as string))
  if (written === 'true' || written === 'false') {
    parts.push(term(booleanColumn(field), type === 'boolean' ? written === 'true' : written))
  }
  return or(parts)
}

function within(field: string, bounds: Bounds): Query {
  const type = typeOf(field)
  if (type === 'ip')
    return range(field, bounds, (value) => (parseIp(String(value)) ? String(value).split('%', 1)[0] : undefined))
  const read = type === 'date' ? toDateMs : toNumber
  const ordered = (value: Scalar) => {
    const number = read(value)
    return number === undefined ? undefined : orderedNumber(number)
  }
  const numbers = numberColumn(field)
  const parts = [numbers.ordered ? keyedRange(numbers.name, bounds, ordered) : range(numbers.name, bounds, read)]
  if (type === 'long' || type === 'float' || type === 'date') parts.push(keyedRange(`h.v.${field}`, bounds, ordered))
  else if (isKnown(field) && type === 'keyword') parts.push(range(field, bounds, String))
  else parts.push(keyedRange(textColumn(field), bounds, String))
  return or(parts)
}

const edges = ['gt', 'gte', 'lt', 'lte'] as const

function range(name: string, bounds: Bounds, read: (value: Scalar) => string | number | undefined): Query {
  const parts: Query[] = []
  for (const edge of edges) {
    const bound = bounds[edge]
    if (bound === undefined) continue
    const limit = read(bound)
    if (limit === undefined) return nothing
    parts.push({ range: { [name]: { [edge]: limit } } })
  }
  return parts.length === 0 ? { exists: { field: name } } : and(parts)
}

/** `flattened` columns want both ends. */
function keyedRange(name: string, bounds: Bounds, read: (value: Scalar) => string | undefined): Query {
  const parts: Query[] = []
  for (const edge of edges) {
    const bound = bounds[edge]
    if (bound === undefined) continue
    const limit = read(bound)
    if (limit === undefined) return nothing
    const other = edge.startsWith('g') ? { lte: LAST_TEXT } : { gte: '' }
    parts.push({ range: { [name]: { [edge]: limit, ...other } } })
  }
  return parts.length === 0 ? { exists: { field: name } } : and(parts)
}

function phrase(field: string, given: readonly string[], prefix: boolean): Pair {
  const words = given.flatMap(tokenize).map(cutWord)
  const column = wordsColumn(field)
  const last = words.at(-1)
  if (last === undefined) return same(nothing)
  const cut = given.flatMap(tokenize).some((word) => word !== cutWord(word))
  const adjacent = (some: readonly string[]): Query =>
    some.length === 1 ? term(column, some[0] as string) : { match_phrase: { [column]: { query: some.join(' ') } } }
  if (!prefix) return cut ? doubtful(adjacent(words)) : same(adjacent(words))
  const begins: Query = { prefix: { [column]: { value: cut ? last.slice(0, -1) : last } } }
  if (words.length === 1) return cut ? doubtful(begins) : same(begins)
  return doubtful(and([adjacent(words.slice(0, -1)), begins]))
}

function wildcard(field: string, pattern: string): Pair {
  const type = typeOf(field)
  if (/^\*+$/.test(pattern)) return same(hasField(field))
  const column = textColumn(field)
  const { name } = numberColumn(field)
  // Numbers and booleans are seen as they are written.
  const literal = pattern.replaceAll(/[*?]/g, '')
  const maybeNumber = /^[-+.0-9eE]*$/.test(literal)
  const others: Query[] = maybeNumber ? [{ exists: { field: name } }] : []
  others.push({ exists: { field: booleanColumn(field) } })
  const [, start = '', rest = ''] = /^([^*?\\]*)(.*)$/s.exec(pattern) ?? []
  let text: Pair
  if (type === 'keyword' && isKnown(field)) text = same({ wildcard: { [field]: { value: pattern } } })
  else if (rest === '') text = same(term(column, start))
  else if (rest === '*') text = same({ prefix: { [column]: { value: start } } })
  else text = doubtful(start ? { prefix: { [column]: { value: start } } } : { exists: { field: column } })
  return { all: or([text.all, ...others]), sure: text.sure, exact: false }
}

function network(field: string, cidr: string): Query {
  if (!compileCidr(cidr)) throw invalid(`${cidr} is no network`)
  const [base = '', bits] = cidr.split('/')
  const words = [...(parseIp(base) ?? [])]
  const length = Number(bits ?? (base.includes(':') ? 128 : 32)) + (base.includes(':') ? 0 : 96)
  const masks = words.map((_, i) => {
    const ones = Math.min(32, Math.max(0, length - i * 32))
    return ones === 0 ? 0 : (0xffffffff << (32 - ones)) >>> 0
  })
  const address = (edge: (word: number, mask: number) => number) =>
    words
      .map((word, i) => edge(word, masks[i] as number) >>> 0)
      .flatMap((word) => [(word >>> 16).toString(16), (word & 0xffff).toString(16)])
      .join(':')
  return { range: { [field]: { gte: address((w, m) => w & m), lte: address((w, m) => (w & m) | ~m) } } }
}
