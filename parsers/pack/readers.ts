// The steps of a pack that read: patterns and formats. What they find is the event's (grok) or the source's (the rest).

import type { EcsEvent, EcsValue } from '../../core/event.ts'
import { fieldType } from '../../core/fields.ts'
import { readAuditd } from '../formats/auditd.ts'
import { type CommonEvent, readCef, readLeef } from '../formats/cef.ts'
import { readDelimited } from '../formats/delimited.ts'
import { readJson } from '../formats/json.ts'
import { readKeyValue } from '../formats/key-value.ts'
import { readWindowsEvent } from '../formats/windows-event.ts'
import { readXml } from '../formats/xml.ts'
import { compileGrok, type GrokGroup, MAX_LINE } from '../grok/grok.ts'
import { beginTry, endTry, type GrokStep, newTally } from '../unparsed/tally.ts'
import { type Code, withCode, writeCode } from './code.ts'
import { type Coerce, coerceFor } from './coerce.ts'
import {
  type Compile,
  type CompileEnv,
  type Getter,
  isObject,
  type PackContext,
  type Step,
  type Where,
} from './context.ts'
import { needsOf } from './needs.ts'
import { compileGet, compilePut, noteField, parsePath } from './path.ts'
import { compileValue } from './value.ts'

/** Longest text that patterns and formats are given, in characters. */
export const MAX_PATTERN_CHARS = 64 * 1024

/** Adds nested captures to the event. A field that is there gives way. */
function merge(into: EcsEvent, from: EcsEvent): void {
  for (const key in from) {
    const value = from[key]
    const had = into[key]
    if (had !== undefined && isObject(value) && isObject(had)) merge(had, value)
    else into[key] = value
  }
}

export const grok: Compile = (value, where, env) => {
  const options = isObject(value) ? value : { match: value as EcsValue }
  for (const key of Object.keys(options))
    if (!['match', 'from', 'anchored'].includes(key))
      env.fail([...where, key], `grok has match, from and anchored, not '${key}'`)
  const match = options['match']
  const patterns = Array.isArray(match) ? match : [match]
  if (patterns.length === 0 || patterns.some((pattern) => typeof pattern !== 'string'))
    return env.fail(where, 'a grok pattern or a list of them belongs here')
  const anchored = options['anchored'] ?? 'both'
  if (anchored !== 'both' && anchored !== 'start' && anchored !== 'none')
    return env.fail(where, 'anchored is both, start or none')
  const compiled = compileGrok(patterns as string[], { patterns: env.patterns, place: env.place(where), anchored })
  // what ECS says is no text, and the pattern did not say how to read
  const fit = new Map<string, Fit>()
  for (const name of new Set(compiled.groups.map((group) => group.path.join('.')))) {
    if (fieldType(name) === 'keyword' || fieldType(name) === 'text') continue
    const path = parsePath(name, where, env)
    fit.set(name, { get: compileGet(path), put: compilePut(path, where, env, true), coerce: coerceFor(name) })
  }
  for (const { path, type } of compiled.groups) noteField(path.join('.'), type === undefined, env)
  const from = options['from'] === undefined ? undefined : compileValue(options['from'], [...where, 'from'], env)
  const step: GrokStep = {
    ...newTally(),
    place: env.place(where),
    patterns: patterns as string[],
    definitions: env.patterns,
    anchored,
    ofBody: from === undefined,
  }
  env.groks.push(step)
  if (step.ofBody) env.needs.set(where.join('.'), needsOf(compiled))
  const read = (context: PackContext) => {
    const text = from ? from(context) : context.body
    if (typeof text !== 'string') return false
    const begun = beginTry(step)
    const found = compiled.match(text)
    endTry(step, begun, found !== undefined)
    if (found === undefined) return false
    merge(context.event, found)
    for (const { get, put, coerce } of fit.values()) {
      const raw = get(context)
      if (raw === undefined) continue
      put(context, coerce(raw, context))
    }
    return true
  }
  const alone = compiled.patterns[0]
  if (alone === undefined || compiled.patterns.length > 1 || alone.groups.some(({ type }) => type !== undefined))
    return read
  return withCode(read, (code, no) => {
    const counts = code.use(step)
    return `${from ? code.get(from) : 'v = c.body'}
if (typeof v !== 'string') ${no}
if (v.length > ${MAX_LINE}) v = v.slice(0, ${MAX_LINE})
b = ${code.use(beginTry)}(${counts})
m = ${code.use(alone)}.exec(v)
${code.use(endTry)}(${counts}, b, m !== null)
if (m === null) ${no}
${assignCode(code, alone.groups, fit)}`
  })
}

interface Fit {
  readonly get: Getter
  readonly put: (context: PackContext, value: EcsValue) => void
  readonly coerce: Coerce
}

/** From the groups of a match to fields of the event. A name that several groups have becomes a list. */
function assignCode(code: Code, groups: readonly GrokGroup[], fit: ReadonlyMap<string, Fit>): string {
  const byPath = new Map<string, GrokGroup[]>()
  for (const group of groups) {
    const id = JSON.stringify(group.path)
    byPath.set(id, [...(byPath.get(id) ?? []), group])
  }
  const fields: string[] = []
  for (const [first, ...others] of byPath.values()) {
    const { path, group } = first as GrokGroup
    const fitted = fit.get(path.join('.'))
    const read = [`v = m[${group}]`]
    for (const other of others)
      read.push(`n = m[${other.group}]`, `if (n !== undefined && n !== '') v = ${code.use(both)}(v, n)`)
    const write = fitted ? `${code.change(fitted.coerce)}; ${code.put(fitted.put)}` : writeCode(path)
    fields.push(`${read.join('; ')}; if (v !== undefined && v !== '') { ${write} }`)
  }
  return fields.join('\n')
}

function both(had: EcsValue, more: string): EcsValue {
  if (had === undefined || had === '') return more
  return Array.isArray(had) ? [...had, more] : [had, more]
}

/** `json: true`, or `{from, into}`: what is read becomes the source, and stands in the event under `into` as it is. */
export const json: Compile = (value, where, env) => {
  const { text, into } = readerOptions(value, where, env, [])
  const read: Step = (context) => {
    let found: EcsEvent | undefined
    if (text === undefined) found = context.json
    else {
      const raw = text(context)
      found = isObject(raw) ? raw : typeof raw === 'string' ? readJson(raw)?.object : undefined
    }
    if (found === undefined) return false
    return take(context, found, into)
  }
  if (text || into) return read
  return withCode(read, (code, no) => `if (c.json === undefined) ${no}\n${code.use(take)}(c, c.json)`)
}

export const kv: Compile = (value, where, env) => {
  const { text, into, options } = readerOptions(value, where, env, ['pairs', 'between', 'spaces'])
  for (const key of ['pairs', 'between'])
    if (options[key] !== undefined && (typeof options[key] !== 'string' || options[key].length !== 1))
      env.fail([...where, key], 'one character belongs here')
  const how = options as { pairs?: string; between?: string; spaces?: boolean }
  const takePairs = (context: PackContext, raw: EcsValue): boolean => {
    if (typeof raw !== 'string' || raw.length > MAX_PATTERN_CHARS) return false
    const found = readKeyValue(raw, how)
    return found !== undefined && take(context, found, into)
  }
  return withCode(
    (context) => takePairs(context, text ? text(context) : context.body),
    (code, no) => `${text ? code.get(text) : 'v = c.body'}\nif (!${code.use(takePairs)}(c, v)) ${no}`,
  )
}

export const csv: Compile = (value, where, env) => {
  const { text, into, options } = readerOptions(value, where, env, ['columns', 'delimiter', 'quoted', 'at_least'])
  const columns = options['columns']
  if (!Array.isArray(columns) || columns.some((name) => name !== null && typeof name !== 'string'))
    return env.fail(where, 'csv needs columns: a list of names (null leaves one out)')
  const delimiter = options['delimiter'] ?? ','
  if (typeof delimiter !== 'string' || delimiter.length !== 1)
    return env.fail([...where, 'delimiter'], 'one character belongs here')
  const quoted = options['quoted'] !== false
  const least = typeof options['at_least'] === 'number' ? options['at_least'] : 2
  return (context) => {
    const raw = text ? text(context) : context.body
    if (typeof raw !== 'string' || raw.length > MAX_PATTERN_CHARS) return false
    const cells = readDelimited(raw, delimiter, quoted)
    if (cells.length < least) return false
    const found: EcsEvent = {}
    for (let i = 0; i < columns.length && i < cells.length; i++) {
      const name = columns[i] as string | null
      const cell = cells[i] as string
      if (name !== null && cell !== '') found[name] = cell
    }
    return take(context, found, into)
  }
}

const common =
  (read: (text: string) => CommonEvent | undefined): Compile =>
  (value, where, env) => {
    const { text, into } = readerOptions(value, where, env, [])
    return (context) => {
      const raw = text ? text(context) : context.body
      if (typeof raw !== 'string' || raw.length > MAX_PATTERN_CHARS) return false
      const found = read(raw)
      if (!found) return false
      const { extension, ...head } = found
      return take(context, { ...head, ...extension, extension }, into)
    }
  }

function take(context: PackContext, found: EcsEvent, into?: (context: PackContext, value: EcsValue) => void): boolean {
  context.source = found
  context.used.clear()
  if (into) into(context, found)
  return true
}

function readerOptions(value: unknown, where: Where, env: CompileEnv, more: readonly string[]) {
  const options: EcsEvent =
    value === true ? {} : isObject(value) ? value : env.fail(where, 'true or a block of options belongs here')
  for (const key of Object.keys(options))
    if (key !== 'from' && key !== 'into' && !more.includes(key))
      env.fail([...where, key], `no option '${key}'; there are ${['from', 'into', ...more].join(', ')}`)
  const from = options['from']
  const into = options['into']
  if (into !== undefined && typeof into !== 'string') env.fail([...where, 'into'], 'a field of the event belongs here')
  return {
    options,
    text: from === undefined ? undefined : compileValue(from, [...where, 'from'], env),
    into: into === undefined ? undefined : compilePut(parsePath(into as string, where, env), where, env),
  }
}

export const cef = common(readCef)
export const leef = common(readLeef)

/** Formats that are read from a text alone. */
const ofText =
  (read: (text: string) => EcsEvent | undefined): Compile =>
  (value, where, env) => {
    const { text, into } = readerOptions(value, where, env, [])
    return (context) => {
      const raw = text ? text(context) : context.body
      if (typeof raw !== 'string' || raw.length > MAX_PATTERN_CHARS) return false
      const found = read(raw)
      return found !== undefined && take(context, found, into)
    }
  }
export const auditd = ofText(readAuditd)
export const xml = ofText(readXml)

/** `windows: true`: a Windows event in any shape. */
export const windows: Compile = (value, where, env) => {
  const { text, into } = readerOptions(value, where, env, [])
  return (context) => {
    const raw = text ? text(context) : (context.json ?? context.body)
    const found = isObject(raw)
      ? readWindowsEvent('', raw)
      : typeof raw === 'string' && raw.length <= MAX_PATTERN_CHARS
        ? readWindowsEvent(raw, undefined)
        : undefined
    return found !== undefined && take(context, found, into)
  }
}
