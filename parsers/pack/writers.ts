// The steps of a pack that write: fields of the event, with the types ECS gives them.

import { ecsAllowedValues, ecsArrayFields } from '../../core/ecs-fields.ts'
import type { EcsEvent, EcsValue } from '../../core/event.ts'
import { fieldType } from '../../core/fields.ts'
import { splitAddress } from '../ecs/address.ts'
import { splitUrl } from '../ecs/url.ts'
import { fitTo } from '../normalize/normalize.ts'
import { justFormatted } from '../time/time.ts'
import { type Code, withCode } from './code.ts'
import { coerceFor } from './coerce.ts'
import { type Compile, type CompileEnv, type Getter, isObject, type PackContext, type Where } from './context.ts'
import { compileGet, compilePut, compileWhole, dotted, parsePath } from './path.ts'
import { compileValue } from './value.ts'

type Put = (context: PackContext, value: EcsValue) => void

/**
 * A target and how it is written: with the type ECS gives it, `@timestamp` to the context. What does not fit is not written.
 */
function compileTarget(name: string, where: Where, env: CompileEnv): Put {
  const path = parsePath(name, where, env)
  const coerce = coerceFor(name === '@timestamp' ? name : dotted(path))
  if (name === '@timestamp') {
    return (context, value) => {
      const text = coerce(value, context)
      if (typeof text !== 'string') return
      context.timeMs = parseStamp(text)
      consume(context)
    }
  }
  const put = compilePut(path, where, env, true)
  return withCode(
    (context, value) => {
      const fitted = coerce(value, context)
      if (fitted === undefined || fitted === null) return
      put(context, fitted)
      consume(context)
    },
    (code) => `${code.change(coerce)}
if (v !== undefined && v !== null) { ${code.put(put)}${code.keeps ? `; ${code.use(consume)}(c)` : ''} }`,
  )
}

/** The name read last found its field: `keep` leaves it out. A value that did not fit stays with the vendor's. */
function consume(context: PackContext): void {
  if (context.mark === undefined) return
  context.used.add(context.mark)
  context.mark = undefined
}

/** The instant of a text that formatTime made; microseconds are past what Date.parse keeps. */
function parseStamp(text: string): number {
  const known = justFormatted(text)
  if (!Number.isNaN(known)) return known
  const micros = text.length === 27 ? Number(text.slice(23, 26)) / 1000 : 0
  return Date.parse(text.length === 27 ? `${text.slice(0, 23)}Z` : text) + micros
}

export const fields: Compile = (value, where, env) => {
  const pairs = pairsOf(value, where, env).map(([name, expression]) => ({
    get: compileValue(expression, [...where, name], env),
    put: compileTarget(name, [...where, name], env),
  }))
  return withCode(
    (context) => {
      for (const { get, put } of pairs) {
        context.mark = undefined
        const found = get(context)
        if (found !== undefined && found !== null && found !== '') put(context, found)
      }
      return true
    },
    (code) =>
      pairs.map(({ get, put }) => `${unmark(code)}${code.get(get)}\nif (${SOMETHING}) { ${code.put(put)} }`).join('\n'),
  )
}

const SOMETHING = "v !== undefined && v !== null && v !== ''"
const unmark = ({ keeps }: Code) => (keeps ? 'c.mark = undefined\n' : '')

export const move: Compile = (value, where, env) => {
  const pairs = pairsOf(value, where, env).map(([name, from]) => {
    if (typeof from !== 'string') return env.fail([...where, name], 'a field of the event belongs here')
    const path = parsePath(from, [...where, name], env)
    return {
      get: compileGet(path),
      put: compileTarget(name, [...where, name], env),
      clear: compilePut(path, [...where, name], env, true),
    }
  })
  return (context) => {
    for (const { get, put, clear } of pairs) {
      context.mark = undefined
      const found = get(context)
      if (found === undefined || found === null) continue
      clear(context, undefined)
      put(context, found)
    }
    return true
  }
}

/** Constants, checked against ECS at load, and `${path}` templates. */
export const set: Compile = (value, where, env) => {
  const pairs = pairsOf(value, where, env).map(([name, constant]) => {
    const at = [...where, name]
    if (typeof constant === 'string' && constant.includes('${'))
      return { get: compileTemplate(constant, at, env), put: compileTarget(name, at, env) }
    checkAllowed(name, constant as EcsValue, at, env)
    const fixed = ecsArrayFields.has(name) && !Array.isArray(constant) ? [constant as EcsValue] : (constant as EcsValue)
    const fits = (Array.isArray(fixed) ? fixed : [fixed]).every(
      (one) => one !== null && typeof one !== 'object' && one !== undefined && fitTo(one, fieldType(name)) === one,
    )
    const put = compilePut(parsePath(name, at, env), at, env, fits)
    // a fresh array for each event: events are changed after this
    const get: Getter = () => (Array.isArray(fixed) ? fixed.slice() : fixed)
    return { get: fixed !== null && isObject(fixed) ? get : withCode(get, () => `v = ${JSON.stringify(fixed)}`), put }
  })
  return withCode(
    (context) => {
      for (const { get, put } of pairs) {
        context.mark = undefined
        const found = get(context)
        if (found !== undefined) put(context, found)
      }
      return true
    },
    (code) =>
      pairs
        .map(({ get, put }) => `${unmark(code)}${code.get(get)}\nif (v !== undefined) { ${code.put(put)} }`)
        .join('\n'),
  )
}

function compileTemplate(text: string, where: Where, env: CompileEnv): Getter {
  const parts = text.split(/\$\{([^}]*)\}/).map((part, i) => (i % 2 === 0 ? part : compileValue(part, where, env)))
  return withCode(
    (context) => {
      let out = ''
      for (const part of parts) {
        const found = typeof part === 'string' ? part : part(context)
        if (found === undefined || found === null) return undefined
        out += typeof found === 'object' ? JSON.stringify(found) : String(found)
      }
      return out
    },
    (code) => {
      const end = code.label()
      const adds = parts.map((part) =>
        typeof part === 'string'
          ? `r += ${JSON.stringify(part)}`
          : `${code.get(part)}
if (v === undefined || v === null) { v = undefined; break ${end} }
r += typeof v === 'object' ? JSON.stringify(v) : String(v)`,
      )
      return `${end}: { r = ''\n${adds.join('\n')}\nv = r }`
    },
  )
}

function checkAllowed(name: string, value: EcsValue, where: Where, env: CompileEnv): void {
  const allowed = ecsAllowedValues[name]
  if (!allowed) return
  for (const one of Array.isArray(value) ? value : [value])
    if (typeof one !== 'string' || !allowed.has(one))
      env.fail(where, `ECS does not allow '${String(one)}' in ${name}; it allows ${[...allowed].join(', ')}`)
}

/** Adds to lists. */
export const append: Compile = (value, where, env) => {
  const pairs = pairsOf(value, where, env).map(([name, expression]) => {
    const path = parsePath(name, where, env)
    const quoted = Array.isArray(expression) ? expression : undefined
    if (quoted) checkAllowed(name, quoted as EcsValue, [...where, name], env)
    return {
      have: compileGet(path),
      get: quoted ? (): EcsValue => quoted as EcsValue : compileValue(expression, [...where, name], env),
      put: compilePut(path, where, env, true),
      coerce: coerceFor(dotted(path)),
    }
  })
  return withCode(
    (context) => {
      for (const { have, get, put, coerce } of pairs) {
        const more = coerce(get(context), context)
        if (more !== undefined && more !== null) put(context, addTo(have(context), more))
      }
      return true
    },
    (code) =>
      pairs
        .map(
          ({ have, get, put, coerce }) => `${code.get(get)}
if (v !== undefined && v !== null) { ${code.change(coerce)}
if (v !== undefined && v !== null) { r = v; ${code.get(have)}; v = ${code.use(addTo)}(v, r); ${code.put(put)} } }`,
        )
        .join('\n'),
  )
}

/** What is there and more, each value once. */
function addTo(had: EcsValue, more: EcsValue): EcsValue[] {
  const list = had === undefined || had === null ? [] : Array.isArray(had) ? had : [had]
  for (const one of Array.isArray(more) ? more : [more]) if (!list.includes(one)) list.push(one)
  return list
}

export const remove: Compile = (value, where, env) => {
  const names = Array.isArray(value) ? value : [value]
  const puts = names.map((name) =>
    typeof name === 'string'
      ? compilePut(parsePath(name, where, env), where, env, true)
      : env.fail(where, 'a list of fields belongs here'),
  )
  return (context) => {
    for (const put of puts) put(context, undefined)
    return true
  }
}

const LEAF_TYPES = { address: ['keyword'], ip: ['ip', 'keyword'], domain: ['keyword'], port: ['long'] }

/** `address: {source: .peer}`: `ip`, `ip:port`, `[ip]:port`, `name:port` -> source.address, .ip or .domain, .port. */
export const address: Compile = (value, where, env) => {
  const pairs = pairsOf(value, where, env).map(([name, expression]) => ({
    get: compileValue(expression, [...where, name], env),
    put: (['address', 'ip', 'domain', 'port'] as const).map(
      (leaf) =>
        [
          leaf,
          compilePut(
            parsePath(`${name}.${leaf}`, where, env),
            where,
            env,
            LEAF_TYPES[leaf].includes(fieldType(`${name}.${leaf}`)),
          ),
        ] as const,
    ),
  }))
  return withCode(
    (context) => {
      for (const { get, put } of pairs) {
        context.mark = undefined
        const text = get(context)
        const found = typeof text === 'string' ? splitAddress(text) : undefined
        if (!found) continue
        consume(context)
        for (const [leaf, write] of put) if (found[leaf] !== undefined) write(context, found[leaf])
      }
      return true
    },
    (code) =>
      pairs
        .map(({ get, put }) => {
          const writes = put.map(([leaf, write]) => `v = r.${leaf}; if (v !== undefined) { ${code.put(write)} }`)
          return `${unmark(code)}${code.get(get)}
r = typeof v === 'string' ? ${code.use(splitAddress)}(v) : undefined
if (r !== undefined) { ${code.keeps ? `${code.use(consume)}(c); ` : ''}${writes.join('; ')} }`
        })
        .join('\n'),
  )
}

/** `url: {url: .request}`: a whole URL or a request target -> url.original, .path, .query, .scheme, .domain, ... */
export const url: Compile = (value, where, env) => {
  const pairs = pairsOf(value, where, env).map(([name, expression]) => {
    const path = parsePath(name, where, env)
    const put = compileWhole(path, where, env, name === 'url')
    return { get: compileValue(expression, [...where, name], env), have: compileGet(path), put }
  })
  return withCode(
    (context) => {
      for (const { get, have, put } of pairs) {
        context.mark = undefined
        const text = get(context)
        if (typeof text !== 'string' || text === '') continue
        consume(context)
        const had = have(context)
        put(context, isObject(had) ? Object.assign(had, splitUrl(text)) : splitUrl(text))
      }
      return true
    },
    (code) =>
      pairs
        .map(
          ({ get, have, put }) => `${unmark(code)}${code.get(get)}
if (typeof v === 'string' && v !== '') { ${code.keeps ? `${code.use(consume)}(c); ` : ''}r = ${code.use(splitUrl)}(v)
${code.get(have)}
v = ${code.use(isObject)}(v) ? Object.assign(v, r) : r
${code.put(put)} }`,
        )
        .join('\n'),
  )
}

/** `keep: vendor.name`: what the last reader found and nobody read goes there; `{into, all: true}` keeps everything. */
export const keep: Compile = (value, where, env) => {
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
