// One test on one field, compiled: how each kind of stored value answers it.

import { PipelineError } from '../../core/errors.ts'
import type { Scalar } from '../../core/event.ts'
import { fieldType } from '../../core/fields.ts'
import { type Filter, tokenize } from '../../core/query.ts'
import { compileGlob } from './glob.ts'
import { compareIp, compileCidr, parseIp } from './ip.ts'
import { compilePhrase, matchesPhrase, type Phrase } from './phrase.ts'
import { compareText, toDateMs, toNumber } from './values.ts'

export interface Leaf {
  readonly field: string
  /** Equal for equal tests: names cached answers. */
  readonly key: string
  /** Cheap tests run first. */
  readonly cost: number
  text(value: string): boolean
  number(value: number): boolean
  boolean(value: boolean): boolean
  /** The one text that matches, where there is just one: found by bytes. */
  readonly exact?: Buffer
  /** Numbers outside cannot match. */
  readonly bounds?: { readonly min: number; readonly max: number }
  readonly phrase?: Phrase
  /** Word characters that a text which matches holds side by side, in small letters. */
  readonly needle?: Needle
}

export interface Needle {
  readonly word: string
  /** Only in the text in small letters: what outside ASCII becomes an ASCII letter then has to be looked at. */
  readonly folded: boolean
}

type FieldFilter = Extract<Filter, { field: string }>
const never = () => false

/** Undefined: matches nothing. @throws QUERY_INVALID for a network or an expression that is none */
export function compileLeaf(filter: Exclude<FieldFilter, { kind: 'exists' }>): Leaf | undefined {
  const { field } = filter
  const key = JSON.stringify(filter)
  switch (filter.kind) {
    case 'equals':
      return compileEquals(field, key, filter.value)
    case 'wildcard': {
      if (fieldType(field) === 'text') {
        const matches = compileGlob(filter.pattern.toLowerCase())
        const any = (text: string) => tokenize(text).some(matches)
        return { ...textual(field, key, 8, any), needle: needleOf(globRuns(filter.pattern.toLowerCase()), true) }
      }
      return textual(field, key, 3, compileGlob(filter.pattern))
    }
    case 'range':
      return compileRange(field, key, filter)
    case 'cidr': {
      const contains = compileCidr(filter.cidr)
      if (!contains) throw invalid(`${filter.cidr} is no network`)
      const text = (value: string) => {
        const address = parseIp(value)
        return address !== undefined && contains(address)
      }
      return { field, key, cost: 3, text, number: never, boolean: never }
    }
    case 'regex': {
      const expression = compileRegex(filter.source, filter.ignoreCase)
      const leaf = textual(field, key, 9, (value) => expression.test(value))
      return filter.ignoreCase ? leaf : { ...leaf, needle: needleOf(regexRuns(filter.source), false) }
    }
  }
}

export function phraseLeaf(field: string, phrase: Phrase): Leaf {
  const leaf = textual(field, `phrase ${field} ${phrase.prefix} ${phrase.words.join(' ')}`, 6, (value) =>
    matchesPhrase(phrase, value),
  )
  return { ...leaf, phrase }
}

/** Numbers and booleans answer as the text they are written as. */
function textual(field: string, key: string, cost: number, text: (value: string) => boolean): Leaf {
  return { field, key, cost, text, number: (value) => text(String(value)), boolean: (value) => text(String(value)) }
}

function compileEquals(field: string, key: string, wanted: Scalar): Leaf | undefined {
  const type = fieldType(field)
  if (type === 'text') {
    const phrase = compilePhrase([String(wanted)], false)
    return phrase && { ...phraseLeaf(field, phrase), key }
  }
  const written = String(wanted)
  const wantedNumber = type === 'date' ? toDateMs(wanted) : toNumber(wanted)
  const number = wantedNumber === undefined ? never : (value: number) => value === wantedNumber
  const bounds = { min: wantedNumber ?? Number.POSITIVE_INFINITY, max: wantedNumber ?? Number.NEGATIVE_INFINITY }
  const boolean = (value: boolean) => String(value) === written
  const base = { field, key, cost: 1, number, boolean, bounds }
  const same = (value: string) => value === written
  if (type === 'ip') {
    const address = parseIp(written)
    if (!address) return { ...base, text: same, exact: Buffer.from(written) }
    return { ...base, text: (value) => equalIp(parseIp(value), address) || same(value) }
  }
  if (type === 'long' || type === 'float' || type === 'date') {
    const read = type === 'date' ? toDateMs : toNumber
    return { ...base, text: (value) => (wantedNumber !== undefined && read(value) === wantedNumber) || same(value) }
  }
  return { ...base, text: same, exact: Buffer.from(written) }
}

function equalIp(a: ReturnType<typeof parseIp>, b: NonNullable<ReturnType<typeof parseIp>>): boolean {
  return a !== undefined && compareIp(a, b) === 0
}

interface Bounds {
  readonly gt?: Scalar
  readonly gte?: Scalar
  readonly lt?: Scalar
  readonly lte?: Scalar
}

function compileRange(field: string, key: string, bounds: Bounds): Leaf {
  const type = fieldType(field)
  const read = type === 'date' ? toDateMs : toNumber
  const number = within(bounds, read, (a, b) => a - b)
  const numberBounds = {
    min: Math.max(
      ...[bounds.gt, bounds.gte].map((b) => (b === undefined ? undefined : read(b)) ?? Number.NEGATIVE_INFINITY),
    ),
    max: Math.min(
      ...[bounds.lt, bounds.lte].map((b) => (b === undefined ? undefined : read(b)) ?? Number.POSITIVE_INFINITY),
    ),
  }
  const base = { field, key, cost: 2, number, boolean: never, bounds: numberBounds }
  if (type === 'ip') {
    const address = within(bounds, (value) => parseIp(String(value)), compareIp)
    const text = (value: string) => {
      const parsed = parseIp(value)
      return parsed !== undefined && address(parsed)
    }
    return { ...base, number: never, text }
  }
  if (type === 'long' || type === 'float' || type === 'date') {
    const text = (value: string) => {
      const parsed = read(value)
      return parsed !== undefined && number(parsed)
    }
    return { ...base, text }
  }
  return { ...base, text: within(bounds, String, compareText) }
}

/** A bound that cannot be read as the field's type lets nothing through. */
function within<T>(
  bounds: Bounds,
  read: (value: Scalar) => T | undefined,
  compare: (a: T, b: T) => number,
): (value: T) => boolean {
  const tests: ((value: T) => boolean)[] = []
  for (const edge of ['gt', 'gte', 'lt', 'lte'] as const) {
    const bound = bounds[edge]
    if (bound === undefined) continue
    const limit = read(bound)
    if (limit === undefined) return never
    if (edge === 'gt') tests.push((value) => compare(value, limit) > 0)
    else if (edge === 'gte') tests.push((value) => compare(value, limit) >= 0)
    else if (edge === 'lt') tests.push((value) => compare(value, limit) < 0)
    else tests.push((value) => compare(value, limit) <= 0)
  }
  const [first, second] = tests
  if (first && !second) return first
  if (first && second && tests.length === 2) return (value) => first(value) && second(value)
  return (value) => tests.every((test) => test(value))
}

function compileRegex(source: string, ignoreCase: boolean): RegExp {
  const flags = ignoreCase ? 'i' : ''
  try {
    return new RegExp(source, `${flags}u`)
  } catch {
    // Sloppy escapes (`\-`) are legal without the u flag only.
    try {
      return new RegExp(source, flags)
    } catch (error) {
      throw invalid(error instanceof Error ? error.message : String(error))
    }
  }
}

/** Runs of characters that stand for themselves. */
function globRuns(pattern: string): string[] {
  return pattern.includes('\\') ? [] : pattern.split(/[*?]/)
}

/** Those that every match holds; what follows a group, a class or an unusual escape is not looked into. */
function regexRuns(source: string): string[] {
  if (source.includes('|')) return []
  const runs: string[] = []
  let run = ''
  for (let i = 0; i < source.length; i++) {
    const char = source[i] as string
    if (/\w/.test(char) && !/[?*{]/.test(source[i + 1] ?? '')) {
      run += char
      continue
    }
    runs.push(run)
    run = ''
    if (/[([{]/.test(char)) return runs
    if (char === '\\' && !/[dDwWsSbB]|\W/.test(source[++i] ?? 'x')) return runs
  }
  return [...runs, run]
}

function needleOf(runs: readonly string[], folded: boolean): Needle | undefined {
  const words = runs.flatMap((run) => run.match(/\w+/g) ?? [])
  const word = words.reduce((longest, one) => (one.length > longest.length ? one : longest), '').toLowerCase()
  return word.length >= 3 ? { word, folded } : undefined
}

export function invalid(problem: string, hint?: string): PipelineError {
  return new PipelineError('QUERY_INVALID', { column: 1, problem, hint })
}
