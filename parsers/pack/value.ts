// The right side of a field: `.src ?? .source | before ':' | lower`. Paths and literals, `??` for the next one when there
// is nothing, then conversions one after the other. Any of them may answer nothing; the field is then not set.

import type { EcsValue } from '../../core/event.ts'
import { readJsonValue } from '../formats/json.ts'
import { compileTimeFormat, formatTime, timeFormatNames } from '../time/time.ts'
import { keysOf, withCode } from './code.ts'
import { toBoolean, toFloat, toIp, toLong } from './coerce.ts'
import type { CompileEnv, Getter, PackContext } from './context.ts'
import { pairsToObject, toSnake, withoutEmpty } from './objects.ts'
import { compileGet, parsePath } from './path.ts'
import { bitOf } from './source-keys.ts'
import { dnsType, readDnsAnswers, readHashes, splitArguments } from './windows-texts.ts'

type Where = readonly (string | number)[]
type Convert = (value: EcsValue, context: PackContext) => EcsValue

interface Token {
  readonly text: string
  readonly quoted: boolean
}

/** Words, quoted texts and the two signs. */
export function tokens(text: string, where: Where, env: CompileEnv): Token[] {
  const out: Token[] = []
  const pattern = /\s*(?:'((?:[^']|'')*)'(?=\s|$)|(\?\?|\|)(?=\s|$)|((?:"(?:[^"\\]|\\.)*"|[^\s"])+))/y
  while (pattern.lastIndex < text.trimEnd().length) {
    const m = pattern.exec(text)
    if (!m) env.fail(where, `cannot read '${text}'`)
    const [, quoted, sign, word] = m as RegExpExecArray
    if (quoted !== undefined) out.push({ text: quoted.replaceAll("''", "'"), quoted: true })
    else out.push({ text: (sign ?? word) as string, quoted: false })
  }
  return out
}

/** Compiles `path ?? 'literal' | convert argument`. */
export function compileValue(expression: unknown, where: Where, env: CompileEnv): Getter {
  if (typeof expression === 'number' || typeof expression === 'boolean') return constant(expression)
  if (typeof expression !== 'string' || expression.trim() === '')
    env.fail(where, 'a path or a quoted text belongs here')
  const parts = split(tokens(expression as string, where, env), '|')
  const alternatives = split(parts[0] ?? [], '??').map((words) => {
    if (words.length !== 1) env.fail(where, `'${expression}': one path or quoted text belongs between '??' and '|'`)
    const word = words[0] as Token
    if (word.quoted) return constant(word.text)
    if (/^-?\d+(\.\d+)?$/.test(word.text)) return constant(Number(word.text))
    return compileGet(parsePath(word.text, where, env))
  })
  const converts = parts.slice(1).map((words) => compileConvert(words, where, env))
  const get = alternatives.length === 1 ? (alternatives[0] as Getter) : firstOf(alternatives)
  if (converts.length === 0) return get
  return withCode(
    (context) => {
      let value = get(context)
      for (const convert of converts) value = convert(value, context)
      return value
    },
    (code) => [code.get(get), ...converts.map((convert) => code.change(convert))].join('\n'),
  )
}

const constant = (value: string | number | boolean): Getter =>
  withCode(
    () => value,
    () => `v = ${JSON.stringify(value)}`,
  )

/** The first of which there is something: neither an empty text nor a dash. */
function firstOf(alternatives: readonly Getter[]): Getter {
  return withCode(
    (context) => {
      for (const alternative of alternatives) {
        const value = alternative(context)
        if (value !== undefined && value !== null && value !== '' && value !== '-') return value
      }
      return undefined
    },
    (code) => {
      const end = code.label()
      const keys = keysOf(alternatives)
      const tries = alternatives.map((alternative, i) => {
        const read = `${code.get(alternative)}\nif (v !== undefined && v !== null && v !== '' && v !== '-') break ${end}`
        return keys ? `if (w & ${bitOf(keys, i)}) { ${read} }` : read
      })
      const none = keys ? `if (!${code.which(keys)}) { v = undefined; break ${end} }\n` : ''
      return `${end}: { ${none}${tries.join('\n')}\nv = undefined }`
    },
  )
}

function split(list: readonly Token[], sign: string): Token[][] {
  const out: Token[][] = [[]]
  for (const token of list) {
    if (!token.quoted && token.text === sign) out.push([])
    else out.at(-1)?.push(token)
  }
  return out
}

/** A conversion of texts: of a number its digits, of a list each text. */
const onText = (change: (text: string) => EcsValue): Convert => {
  const convert: Convert = (value) => {
    if (typeof value === 'string') return change(value)
    if (Array.isArray(value)) return value.map((element) => (typeof element === 'string' ? change(element) : element))
    return typeof value === 'number' || typeof value === 'boolean' ? change(String(value)) : undefined
  }
  return withCode(convert, (code) => `v = typeof v === 'string' ? ${code.use(change)}(v) : ${code.use(convert)}(v)`)
}

const onEach = (change: (value: EcsValue) => EcsValue): Convert => {
  const convert: Convert = (value) =>
    Array.isArray(value) ? value.map(change).filter((element) => element !== undefined) : change(value)
  return withCode(
    convert,
    (code) => `v = ${code.use(Array.isArray)}(v) ? ${code.use(convert)}(v) : ${code.use(change)}(v)`,
  )
}

/** Conversions by name: what they take, and what they make. docs/packs.md lists them. */
const converters: Readonly<Record<string, { readonly args: number; make(args: readonly string[]): Convert }>> = {
  long: { args: 0, make: () => onEach(toLong) },
  float: { args: 0, make: () => onEach(toFloat) },
  boolean: { args: 0, make: () => onEach(toBoolean) },
  ip: { args: 0, make: () => onEach(toIp) },
  string: { args: 0, make: () => onText((text) => text) },
  lower: { args: 0, make: () => onText((text) => text.toLowerCase()) },
  upper: { args: 0, make: () => onText((text) => text.toUpperCase()) },
  trim: { args: 0, make: () => onText((text) => text.trim()) },
  basename: {
    args: 0,
    make: () => onText((text) => text.slice(Math.max(text.lastIndexOf('/'), text.lastIndexOf('\\')) + 1)),
  },
  unquote: { args: 0, make: () => onText((text) => text.replace(/^(["'])([\s\S]*)\1$/, '$2')) },
  urldecode: { args: 0, make: () => onText(decodeUrl) },
  list: {
    args: 0,
    make: () => (value) => (value === undefined || value === null || Array.isArray(value) ? value : [value]),
  },
  first: { args: 0, make: () => (value) => (Array.isArray(value) ? value[0] : value) },
  last: { args: 0, make: () => (value) => (Array.isArray(value) ? value[value.length - 1] : value) },
  /** `split ','`: parts without surrounding space, empty ones left out. */
  split: {
    args: 1,
    make: ([sep]) =>
      onText((text) => {
        if (!text.includes(sep as string)) return text.trim() === '' ? [] : [text.trim()]
        return text
          .split(sep as string, 1000)
          .map((p) => p.trim())
          .filter(Boolean)
      }),
  },
  join: {
    args: 1,
    make:
      ([sep]) =>
      (value) =>
        Array.isArray(value) ? value.join(sep) : value,
  },
  before: {
    args: 1,
    make: ([mark]) =>
      onText((text) => (text.includes(mark as string) ? text.slice(0, text.indexOf(mark as string)) : text)),
  },
  /** Text before the mark, nothing without it. */
  until: {
    args: 1,
    make: ([mark]) =>
      onText((text) => (text.includes(mark as string) ? text.slice(0, text.indexOf(mark as string)) : undefined)),
  },
  after: {
    args: 1,
    make: ([mark]) =>
      onText((text) =>
        text.includes(mark as string) ? text.slice(text.indexOf(mark as string) + (mark as string).length) : undefined,
      ),
  },
  after_last: {
    args: 1,
    make: ([mark]) =>
      onText((text) =>
        text.includes(mark as string)
          ? text.slice(text.lastIndexOf(mark as string) + (mark as string).length)
          : undefined,
      ),
  },
  strip: {
    args: 1,
    make: ([start]) =>
      onText((text) => (text.startsWith(start as string) ? text.slice((start as string).length) : text)),
  },
  /** The value unless it is this one: `not '-'`. */
  not: {
    args: 1,
    make:
      ([unwanted]) =>
      (value) =>
        value === unwanted ? undefined : value,
  },
  default: {
    args: 1,
    make:
      ([text]) =>
      (value) =>
        value === undefined || value === null || value === '' ? text : value,
  },
  /** Multiplies numbers: seconds to nanoseconds is `times 1000000000`. */
  times: { args: 1, make: ([factor]) => onEach((value) => scale(value, Number(factor))) },
  /** `0:01:09`, `1d02h03m`, `2h5m`, `1.5s`, `20ms` as nanoseconds, for event.duration. */
  duration: { args: 0, make: () => onText(readDuration) },
  /** A command line as a list of words. */
  args: { args: 0, make: () => (value) => (typeof value === 'string' ? splitArguments(value) : value) },
  hashes: { args: 0, make: () => (value) => (typeof value === 'string' ? readHashes(value) : undefined) },
  dns_answers: { args: 0, make: () => (value) => (typeof value === 'string' ? readDnsAnswers(value) : undefined) },
  /** A GUID in one spelling: lower case, in braces. */
  guid: { args: 0, make: () => onText(toGuid) },
  dns_type: { args: 0, make: () => dnsType },
  /** Keys of an object in snake case. */
  snake: { args: 0, make: () => toSnake },
  /** `[{Name, Value}]` as an object. */
  pairs: { args: 0, make: () => pairsToObject },
  /** An object without empty parts. */
  filled: { args: 0, make: () => withoutEmpty },
  /** The object a JSON text holds. */
  from_json: { args: 0, make: () => (value) => (typeof value === 'string' ? readJsonValue(value) : value) },
  json: {
    args: 0,
    make: () => (value) => (value === undefined || typeof value === 'string' ? value : JSON.stringify(value)),
  },
}

function scale(value: EcsValue, factor: number): number | undefined {
  const number = toFloat(value)
  return number === undefined ? undefined : Math.round(number * factor)
}

const UNIT_NS: Readonly<Record<string, number>> = {
  d: 86_400e9,
  h: 3600e9,
  m: 60e9,
  s: 1e9,
  ms: 1e6,
  us: 1e3,
  µs: 1e3,
  ns: 1,
}

function readDuration(text: string): number | undefined {
  const clock = /^(?:(\d{1,6})[d:] ?)??(\d{1,7}):(\d\d):(\d\d(?:\.\d{1,9})?)$/.exec(text)
  if (clock) {
    const [, days, hours, minutes, seconds] = clock
    return Math.round(
      (Number(days ?? 0) * 86_400 + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1e9,
    )
  }
  if (text.length > 64 || !/^(?:\d+(?:\.\d+)? ?(?:ms|us|µs|ns|[dhms])[ ,]*)+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?) ?(ms|us|µs|ns|[dhms])/g))
    total += Number(amount) * (UNIT_NS[unit as string] as number)
  return Math.round(total)
}

function toGuid(text: string): string {
  const m = /^\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?$/.exec(text)
  return m ? `{${(m[1] as string).toLowerCase()}}` : text
}

function decodeUrl(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text // not encoded text: as it is
  }
}

/** Conversions that read a second value: `unless`, `plus` and `minus`. */
const withValue: Readonly<Record<string, (value: EcsValue, other: EcsValue) => EcsValue>> = {
  /** The value unless the other is the same. */
  unless: (value, other) => (other !== undefined && String(value) === String(other) ? undefined : value),
  /** A time so many nanoseconds later. */
  plus: (value, other) => shift(value, other, 1),
  minus: (value, other) => shift(value, other, -1),
}

/** Years of four digits: no other is written as a date. */
const YEAR_0 = Date.parse('0000-01-01T00:00:00Z')
const YEAR_10000 = Date.UTC(10_000, 0, 1)

function shift(value: EcsValue, nanoseconds: EcsValue, sign: 1 | -1): string | undefined {
  const by = toFloat(nanoseconds)
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  const moved = by === undefined ? Number.NaN : ms + (sign * by) / 1e6
  return moved >= YEAR_0 && moved < YEAR_10000 ? formatTime(moved) : undefined
}

export const converterNames: readonly string[] = [
  ...Object.keys(converters),
  ...Object.keys(withValue),
  'time',
  'lookup',
]

function compileConvert(words: readonly Token[], where: Where, env: CompileEnv): Convert {
  const [head, ...rest] = words
  if (!head) env.fail(where, "a conversion is missing after '|'")
  const name = (head as Token).text
  const args = rest.map((word) => word.text)
  if (name === 'time') return compileTime(args, where, env)
  if (name === 'lookup') return compileLookup(args, where, env)
  const combine = Object.hasOwn(withValue, name) ? withValue[name] : undefined
  if (combine) {
    if (args.length !== 1) env.fail(where, `'${name}' takes 1 argument: a path`)
    const other = compileGet(parsePath(args[0] as string, where, env), false)
    return (value, context) => (value === undefined || value === null ? undefined : combine(value, other(context)))
  }
  const found = Object.hasOwn(converters, name) ? converters[name] : undefined
  if (!found) return env.fail(where, `no conversion named '${name}'; there are ${converterNames.join(', ')}`)
  if (args.length !== found.args)
    env.fail(where, `'${name}' takes ${found.args} argument${found.args === 1 ? '' : 's'}`)
  const convert = found.make(args)
  return name === 'default' ? convert : ofSomething(convert)
}

/** Nothing stays nothing. */
const ofSomething = (convert: Convert): Convert =>
  withCode(
    (value, context) => (value === undefined || value === null ? undefined : convert(value, context)),
    (code) => `if (v === undefined || v === null) v = undefined; else { ${code.change(convert)} }`,
  )

function compileTime(args: readonly string[], where: Where, env: CompileEnv): Convert {
  const readers = (args.length > 0 ? args : ['any']).map(
    (format) =>
      compileTimeFormat(format) ??
      env.fail(
        where,
        `'${format}' is neither a time format (${timeFormatNames.join(', ')}) nor a layout like 'YYYY-MM-DD HH:mm:ss'`,
      ),
  )
  return (value, context) => {
    for (const read of readers) {
      const ms = read(value, context)
      if (ms !== undefined) return formatTime(ms)
    }
    return undefined
  }
}

function compileLookup(args: readonly string[], where: Where, env: CompileEnv): Convert {
  const table = env.tables.get(args[0] ?? '')
  if (!table) return env.fail(where, `no table named '${args[0] ?? ''}'; define it under 'tables'`)
  return onEach((value) => {
    const key =
      typeof value === 'string'
        ? value
        : typeof value === 'number' || typeof value === 'boolean'
          ? String(value)
          : undefined
    return key === undefined ? undefined : (table.get(key) ?? table.get('*'))
  })
}
