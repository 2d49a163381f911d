// The steps of a pack, compiled: one function a key of a block, run in the order they are written.

import { ecsAllowedValues, ecsArrayFields } from '../../core/ecs-fields.ts'
import type { EcsEvent, EcsValue } from '../../core/event.ts'
import { fieldType } from '../../core/fields.ts'
import { splitAddress } from '../ecs/address.ts'
import { splitUrl } from '../ecs/url.ts'
import { type CommonEvent, readCef, readLeef } from '../formats/cef.ts'
import { readDelimited } from '../formats/delimited.ts'
import { readJson } from '../formats/json.ts'
import { readKeyValue } from '../formats/key-value.ts'
import { compileGrok } from '../grok/grok.ts'
import { coerceFor } from './coerce.ts'
import { type CompileEnv, type Getter, isObject, type PackContext, type Step } from './context.ts'
import { compileGet, compilePut, dotted, parsePath } from './path.ts'
import { compileValue } from './value.ts'
import { compileWhen } from './when.ts'

type Where = readonly (string | number)[]
type Compile = (value: unknown, where: Where, env: CompileEnv) => Step

/** Longest text that patterns and formats are given, in characters. */
export const MAX_PATTERN_CHARS = 64 * 1024

/** One block: its keys in order. It ends, answering false, as soon as `when` or a reader says no. */
export function compileBlock(value: unknown, where: Where, env: CompileEnv): Step {
  if (!isObject(value)) return env.fail(where, 'a block of steps belongs here, like `set: {event.kind: event}`')
  const steps = Object.keys(value).map((key) => {
    const compile = Object.hasOwn(stepKinds, key) ? stepKinds[key] : undefined
    if (!compile) return env.fail([...where, key], `no step named '${key}'; there are ${stepNames.join(', ')}`)
    return compile(value[key], [...where, key], env)
  })
  if (steps.length === 1) return steps[0] as Step
  return (context) => {
    for (let i = 0; i < steps.length; i++) if (!(steps[i] as Step)(context)) return false
    return true
  }
}

/** A block or a list of them; every one runs, whatever the ones before answered. */
export function compileBlocks(value: unknown, where: Where, env: CompileEnv): Step {
  if (!Array.isArray(value)) return compileBlock(value, where, env)
  const blocks = value.map((block, i) => compileBlock(block, [...where, i], env))
  return (context) => {
    for (let i = 0; i < blocks.length; i++) (blocks[i] as Step)(context)
    return true
  }
}

/** A list of blocks of which the first that says yes is the only one. */
export function compileFirst(value: unknown, where: Where, env: CompileEnv): Step {
  if (!Array.isArray(value) || value.length === 0) return env.fail(where, 'a list of blocks belongs here')
  const blocks = value.map((block, i) => ({
    step: compileBlock(block, [...where, i], env),
    starts: isObject(block) ? startsOf(block['grok']) : undefined,
    undo: isObject(block) && mayFailLate(block),
  }))
  return (context) => {
    for (let i = 0; i < blocks.length; i++) {
      const { step, starts, undo } = blocks[i] as (typeof blocks)[number]
      if (starts !== undefined && !beginsWithOne(context.body, starts)) continue
      const before = undo ? clone(context.event) : undefined
      if (step(context)) return true
      if (before) context.event = before
    }
    return false
  }
}

/** Keys that can say no. */
const DECIDING = new Set(['when', 'grok', 'json', 'kv', 'csv', 'cef', 'leef'])

/** True for a block that may say no after it has changed the event. */
function mayFailLate(block: EcsEvent): boolean {
  const keys = Object.keys(block)
  const firstChange = keys.findIndex((key) => key !== 'when')
  return firstChange >= 0 && keys.some((key, i) => i > firstChange && DECIDING.has(key))
}

function clone(value: EcsEvent): EcsEvent {
  const copy: EcsEvent = {}
  for (const key in value) {
    const inner = value[key]
    copy[key] = isObject(inner) ? clone(inner) : Array.isArray(inner) ? inner.slice() : inner
  }
  return copy
}

function beginsWithOne(text: string, starts: readonly string[]): boolean {
  for (let i = 0; i < starts.length; i++) if (text.startsWith(starts[i] as string)) return true
  return false
}

/** Plain texts that a body must begin with for these anchored patterns, undefined when one of them can begin anyhow. */
function startsOf(grok: unknown): string[] | undefined {
  const patterns = typeof grok === 'string' ? [grok] : Array.isArray(grok) ? grok : []
  const starts: string[] = []
  for (const pattern of patterns) {
    if (typeof pattern !== 'string' || hasTopLevelBar(pattern)) return undefined
    const plain = (/^[\w ,:;/=<>"'!#&@~-]*/.exec(pattern) as RegExpExecArray)[0]
    const next = pattern[plain.length]
    const start = next !== undefined && '?*+{'.includes(next) ? plain.slice(0, -1) : plain
    if (start === '') return undefined
    starts.push(start)
  }
  return starts.length > 0 ? starts : undefined
}

function hasTopLevelBar(pattern: string): boolean {
  let depth = 0
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]
    if (c === '\\') i++
    else if (c === '(' || c === '[') depth++
    else if (c === ')' || c === ']') depth--
    else if (c === '|' && depth <= 0) return true
  }
  return false
}

/** Adds nested captures to the event. A field that is there gives way. */
function merge(into: EcsEvent, from: EcsEvent): void {
  for (const key in from) {
    const value = from[key]
    const had = into[key]
    if (isObject(value) && isObject(had)) merge(had, value)
    else into[key] = value
  }
}

const grok: Compile = (value, where, env) => {
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
  const typed = [...new Set(compiled.groups.map((group) => group.path.join('.')))].filter(
    (name) => fieldType(name) !== 'keyword' && fieldType(name) !== 'text',
  )
  const fit = typed.map((name) => {
    const path = parsePath(name, where, env)
    return { get: compileGet(path), put: compilePut(path, where, env), coerce: coerceFor(name) }
  })
  const from = options['from'] === undefined ? undefined : compileValue(options['from'], [...where, 'from'], env)
  return (context) => {
    const text = from ? from(context) : context.body
    if (typeof text !== 'string') return false
    const found = compiled.match(text)
    if (found === undefined) return false
    merge(context.event, found)
    for (let i = 0; i < fit.length; i++) {
      const { get, put, coerce } = fit[i] as (typeof fit)[number]
      const raw = get(context)
      if (raw !== undefined) put(context, coerce(raw, context))
    }
    return true
  }
}

/** `json: true`, or `{from, into}`: what is read becomes the source, and stands in the event under `into` as it is. */
const json: Compile = (value, where, env) => {
  const { text, into } = readerOptions(value, where, env, [])
  return (context) => {
    let found: EcsEvent | undefined
    if (text === undefined) found = context.json
    else {
      const raw = text(context)
      found = isObject(raw) ? raw : typeof raw === 'string' ? readJson(raw)?.object : undefined
    }
    if (found === undefined) return false
    return take(context, found, into)
  }
}

const kv: Compile = (value, where, env) => {
  const { text, into, options } = readerOptions(value, where, env, ['pairs', 'between', 'spaces'])
  for (const key of ['pairs', 'between'])
    if (options[key] !== undefined && (typeof options[key] !== 'string' || options[key].length !== 1))
      env.fail([...where, key], 'one character belongs here')
  const how = options as { pairs?: string; between?: string; spaces?: boolean }
  return (context) => {
    const raw = text ? text(context) : context.body
    if (typeof raw !== 'string' || raw.length > MAX_PATTERN_CHARS) return false
    const found = readKeyValue(raw, how)
    return found !== undefined && take(context, found, into)
  }
}

const csv: Compile = (value, where, env) => {
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

function take(
  context: PackContext,
  found: EcsEvent,
  into: ((context: PackContext, value: EcsValue) => void) | undefined,
): boolean {
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

/** A target and how it is written: with the type ECS gives it, `@timestamp` to the context. */
function compileTarget(name: string, where: Where, env: CompileEnv): (context: PackContext, value: EcsValue) => void {
  const path = parsePath(name, where, env)
  if (name === '@timestamp') {
    const coerce = coerceFor(name)
    return (context, value) => {
      const text = coerce(value, context)
      if (typeof text !== 'string') return
      context.timeMs = parseStamp(text)
      consume(context)
    }
  }
  const put = compilePut(path, where, env)
  const coerce = coerceFor(dotted(path))
  return (context, value) => {
    const fitted = coerce(value, context)
    if (fitted === undefined || fitted === null) return
    put(context, fitted)
    consume(context)
  }
}

/** The name read last found its field: `keep` leaves it out. A value that did not fit stays with the vendor's. */
function consume(context: PackContext): void {
  if (context.mark !== undefined) context.used.add(context.mark)
  context.mark = undefined
}

/** The instant of a text that formatTime made; microseconds are past what Date.parse keeps. */
function parseStamp(text: string): number {
  const micros = text.length === 27 ? Number(text.slice(23, 26)) / 1000 : 0
  return Date.parse(text.length === 27 ? `${text.slice(0, 23)}Z` : text) + micros
}

const fields: Compile = (value, where, env) => {
  const pairs = pairsOf(value, where, env).map(([name, expression]) => ({
    get: compileValue(expression, [...where, name], env),
    put: compileTarget(name, [...where, name], env),
  }))
  return (context) => {
    for (let i = 0; i < pairs.length; i++) {
      const { get, put } = pairs[i] as (typeof pairs)[number]
      context.mark = undefined
      const found = get(context)
      if (found !== undefined && found !== null && found !== '') put(context, found)
    }
    return true
  }
}

const move: Compile = (value, where, env) => {
  const pairs = pairsOf(value, where, env).map(([name, from]) => {
    if (typeof from !== 'string') return env.fail([...where, name], 'a field of the event belongs here')
    const path = parsePath(from, [...where, name], env)
    return {
      get: compileGet(path),
      put: compileTarget(name, [...where, name], env),
      clear: compilePut(path, [...where, name], env),
    }
  })
  return (context) => {
    for (const { get, put, clear } of pairs) {
      const found = get(context)
      if (found === undefined || found === null) continue
      clear(context, undefined)
      put(context, found)
    }
    return true
  }
}

/** Constants, checked against ECS at load, and `${path}` templates. */
const set: Compile = (value, where, env) => {
  const pairs = pairsOf(value, where, env).map(([name, constant]) => {
    const at = [...where, name]
    if (typeof constant === 'string' && constant.includes('${'))
      return { get: compileTemplate(constant, at, env), put: compileTarget(name, at, env) }
    checkAllowed(name, constant as EcsValue, at, env)
    const fixed = ecsArrayFields.has(name) && !Array.isArray(constant) ? [constant as EcsValue] : (constant as EcsValue)
    const put = compilePut(parsePath(name, at, env), at, env)
    // a fresh array for each event: events are changed after this
    return { get: (): EcsValue => (Array.isArray(fixed) ? fixed.slice() : fixed), put }
  })
  return (context) => {
    for (let i = 0; i < pairs.length; i++) {
      const { get, put } = pairs[i] as (typeof pairs)[number]
      const found = get(context)
      if (found !== undefined) put(context, found)
    }
    return true
  }
}

function compileTemplate(text: string, where: Where, env: CompileEnv): Getter {
  const parts = text.split(/\$\{([^}]*)\}/).map((part, i) => (i % 2 === 0 ? part : compileValue(part, where, env)))
  return (context) => {
    let out = ''
    for (const part of parts) {
      const found = typeof part === 'string' ? part : part(context)
      if (found === undefined || found === null) return undefined
      out += typeof found === 'object' ? JSON.stringify(found) : String(found)
    }
    return out
  }
}

function checkAllowed(name: string, value: EcsValue, where: Where, env: CompileEnv): void {
  const allowed = ecsAllowedValues[name]
  if (!allowed) return
  for (const one of Array.isArray(value) ? value : [value])
    if (typeof one !== 'string' || !allowed.has(one))
      env.fail(where, `ECS does not allow '${String(one)}' in ${name}; it allows ${[...allowed].join(', ')}`)
}

/** Adds to lists. */
const append: Compile = (value, where, env) => {
  const pairs = pairsOf(value, where, env).map(([name, expression]) => {
    const path = parsePath(name, where, env)
    const quoted = Array.isArray(expression) ? expression : undefined
    if (quoted) checkAllowed(name, quoted as EcsValue, [...where, name], env)
    return {
      have: compileGet(path),
      get: quoted ? (): EcsValue => quoted as EcsValue : compileValue(expression, [...where, name], env),
      put: compilePut(path, where, env),
      coerce: coerceFor(dotted(path)),
    }
  })
  return (context) => {
    for (const { have, get, put, coerce } of pairs) {
      const more = coerce(get(context), context)
      if (more === undefined || more === null) continue
      const had = have(context)
      const list = had === undefined ? [] : Array.isArray(had) ? had : [had]
      for (const one of Array.isArray(more) ? more : [more]) if (!list.includes(one)) list.push(one)
      put(context, list)
    }
    return true
  }
}

const remove: Compile = (value, where, env) => {
  const names = Array.isArray(value) ? value : [value]
  const puts = names.map((name) =>
    typeof name === 'string'
      ? compilePut(parsePath(name, where, env), where, env)
      : env.fail(where, 'a list of fields belongs here'),
  )
  return (context) => {
    for (const put of puts) put(context, undefined)
    return true
  }
}

/** `address: {source: .peer}`: `ip`, `ip:port`, `[ip]:port`, `name:port` -> source.address, .ip or .domain, .port. */
const address: Compile = (value, where, env) => {
  const pairs = pairsOf(value, where, env).map(([name, expression]) => ({
    get: compileValue(expression, [...where, name], env),
    put: (['address', 'ip', 'domain', 'port'] as const).map((leaf) =>
      compilePut(parsePath(`${name}.${leaf}`, where, env), where, env),
    ),
  }))
  return (context) => {
    for (const { get, put } of pairs) {
      const text = get(context)
      const found = typeof text === 'string' ? splitAddress(text) : undefined
      if (!found) continue
      consume(context)
      put[0]?.(context, found.address)
      if (found.ip !== undefined) put[1]?.(context, found.ip)
      if (found.domain !== undefined) put[2]?.(context, found.domain)
      if (found.port !== undefined) put[3]?.(context, found.port)
    }
    return true
  }
}

/** `url: {url: .request}`: a whole URL or a request target -> url.original, .path, .query, .scheme, .domain, ... */
const url: Compile = (value, where, env) => {
  const pairs = pairsOf(value, where, env).map(([name, expression]) => {
    const path = parsePath(name, where, env)
    return {
      get: compileValue(expression, [...where, name], env),
      have: compileGet(path),
      put: compilePut(path, where, env),
    }
  })
  return (context) => {
    for (const { get, have, put } of pairs) {
      const text = get(context)
      if (typeof text !== 'string' || text === '') continue
      consume(context)
      const had = have(context)
      put(context, isObject(had) ? Object.assign(had, splitUrl(text)) : splitUrl(text))
    }
    return true
  }
}

/** Blocks by a value: `switch: {on: .id, cases: {'4624': {...}}, else: {...}}`. */
const switchStep: Compile = (value, where, env) => {
  if (!isObject(value) || !isObject(value['cases'])) return env.fail(where, 'switch needs on and cases')
  const cases = new Map<string, Step>()
  for (const [keys, block] of Object.entries(value['cases'])) {
    const step = compileBlocks(block, [...where, 'cases', keys], env)
    for (const key of keys.split(/\s*,\s*/)) cases.set(key, step)
  }
  const on = compileValue(value['on'], [...where, 'on'], env)
  const otherwise = value['else'] === undefined ? undefined : compileBlocks(value['else'], [...where, 'else'], env)
  return (context) => {
    const key = on(context)
    const step =
      (typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean'
        ? cases.get(String(key))
        : undefined) ?? otherwise
    return step ? step(context) : true
  }
}

/** `keep: vendor.name`: what the last reader found and nobody read goes there; `{into, all: true}` keeps everything. */
const keep: Compile = (value, where, env) => {
  const options = isObject(value) ? value : { into: value as EcsValue }
  if (typeof options['into'] !== 'string') return env.fail(where, 'the name of a vendor namespace belongs here')
  const path = parsePath(options['into'], where, env)
  const [have, put] = [compileGet(path), compilePut(path, where, env)]
  const all = options['all'] === true
  return (context) => {
    const { source, used } = context
    if (source === undefined) return true
    const had = have(context)
    const rest: EcsEvent = isObject(had) ? had : {}
    let any = false
    for (const key in source) {
      const left = source[key]
      if ((!all && used.has(key)) || left === null || left === '' || (key === 'extension' && isObject(left))) continue
      rest[key] = left
      any = true
    }
    if (any) put(context, rest)
    return true
  }
}

function pairsOf(value: unknown, where: Where, env: CompileEnv): [string, unknown][] {
  if (!isObject(value)) return env.fail(where, 'field names and their values belong here')
  return Object.entries(value)
}

const when: Compile = (value, where, env) => compileWhen(value, where, env)
/** Choices inside a block: whatever they come to, the block goes on. */
const always =
  (compile: Compile): Compile =>
  (value, where, env) => {
    const step = compile(value, where, env)
    return (context) => {
      step(context)
      return true
    }
  }

/** Everything a block may say. */
const stepKinds: Readonly<Record<string, Compile>> = {
  when,
  grok,
  json,
  kv,
  csv,
  cef: common(readCef),
  leef: common(readLeef),
  fields,
  set,
  append,
  move,
  remove,
  address,
  url,
  switch: always(switchStep),
  first: always(compileFirst),
  steps: always(compileBlocks),
  keep,
}
export const stepNames: readonly string[] = Object.keys(stepKinds)
