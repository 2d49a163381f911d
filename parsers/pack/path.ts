// Dotted paths of packs, compiled: `user.name` in the event, `.user.name` in what a reader found, `@body` the text, `@time` the
// event's time, `@data` the parameters of an envelope's structured data, `@msgid` its message id.
// A part in quotes may hold dots: `.annotations."authorization.k8s.io/decision"`. `[0]` is an element, `[]` every one.

import type { EcsEvent, EcsValue } from '../../core/event.ts'
import { placeOf } from '../normalize/normalize.ts'
import { formatTime } from '../time/time.ts'
import { readCode, readsKey, withCode, writeCode } from './code.ts'
import { type CompileEnv, type Getter, isObject, type PackContext } from './context.ts'

type Part = string | number | typeof EACH
const EACH: unique symbol = Symbol('each')
type Where = readonly (string | number)[]

export interface Path {
  readonly root: 'event' | 'source' | 'body' | 'time' | 'data' | 'msgid'
  readonly parts: readonly Part[]
}

const TOKEN = /\.?(?:"((?:[^"\\]|\\.)*)"|([^.[\]"\s]+))|\[(\d*)\]/y

export function parsePath(text: string, where: Where, env: CompileEnv): Path {
  if (text === '@body') return { root: 'body', parts: [] }
  if (text === '@time') return { root: 'time', parts: [] }
  if (text === '@data') return { root: 'data', parts: [] }
  if (text === '@msgid') return { root: 'msgid', parts: [] }
  const root = text.startsWith('.') ? 'source' : 'event'
  const parts: Part[] = []
  if (text === '.') return { root, parts }
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex
    const m = TOKEN.exec(text)
    if (!m || (at > 0 && m[3] === undefined && text[at] !== '.')) env.fail(where, `${text} is not a path`)
    const [, quoted, plain, index] = m as RegExpExecArray
    if (index !== undefined) parts.push(index === '' ? EACH : Number(index))
    else parts.push(quoted?.replaceAll(/\\(.)/g, '$1') ?? (plain as string))
    if (parts.at(-1) === '__proto__') env.fail(where, `${text} is not a path`)
  }
  if (parts.length === 0) env.fail(where, 'a path is missing')
  return { root, parts }
}

function step(value: EcsValue, parts: readonly Part[], from: number): EcsValue {
  let node = value
  for (let i = from; i < parts.length; i++) {
    const part = parts[i] as Part
    if (part === EACH) {
      if (node === undefined || node === null) return undefined
      const out: EcsValue[] = []
      for (const element of Array.isArray(node) ? node : [node]) {
        const found = step(element, parts, i + 1)
        if (Array.isArray(found)) out.push(...found)
        else if (found !== undefined && found !== null) out.push(found)
      }
      return out.length > 0 ? out : undefined
    }
    if (typeof part === 'number') node = Array.isArray(node) ? node[part] : part === 0 ? node : undefined
    else node = isObject(node) && Object.hasOwn(node, part) ? node[part] : undefined
    if (node === undefined || node === null) return undefined
  }
  return node
}

/** Every parameter of every element; the first of a name counts. */
function mergeElements(structured: NonNullable<PackContext['structured']>): EcsEvent {
  const out: EcsEvent = {}
  for (const parameters of Object.values(structured))
    for (const [name, value] of Object.entries(parameters))
      if (name !== '__proto__' && !Object.hasOwn(out, name)) out[name] = value
  return out
}

/** @param marks whether reading a name of the source counts as taking it out, for `keep` */
export function compileGet(path: Path, marks = true): Getter {
  const { parts } = path
  if (path.root === 'body')
    return withCode(
      ({ body }) => body,
      () => 'v = c.body',
    )
  if (path.root === 'time') return ({ timeMs, lineTimeMs }) => formatTime(Number.isNaN(timeMs) ? lineTimeMs : timeMs)
  if (path.root === 'msgid') return ({ messageId }) => (messageId === '' ? undefined : messageId)
  if (path.root === 'data') return ({ structured }) => (structured ? mergeElements(structured) : undefined)
  const names = parts.every((part) => typeof part === 'string') ? parts : undefined
  if (path.root === 'source') {
    const first = parts[0]
    const mark = marks && typeof first === 'string' ? first : undefined
    const get: Getter = (context) => {
      const value = step(context.source, parts, 0)
      if (mark !== undefined && value !== undefined) context.mark = mark
      return value
    }
    const read = names && readCode('c.source', names)
    if (read === undefined) return get
    return withCode(readsKey(get, first as string), ({ keeps }) =>
      keeps && mark !== undefined
        ? `v = ${read}; if (v !== undefined) c.mark = ${JSON.stringify(mark)}`
        : `v = ${read}`,
    )
  }
  const get: Getter = ({ event }) => step(event, parts, 0)
  const read = names && readCode('c.event', names)
  return read === undefined ? get : withCode(get, () => `v = ${read}`)
}

/**
 * Writes a value at a dotted event path, making objects on the way; a scalar in the way gives way.
 * @param fits the caller sees to it that values are of the type of the field
 */
export function compilePut(
  path: Path,
  where: Where,
  env: CompileEnv,
  fits = false,
): (context: PackContext, value: EcsValue) => void {
  const names = path.parts.filter((part) => typeof part === 'string')
  if (path.root !== 'event' || names.length !== path.parts.length)
    env.fail(where, 'the left side is a field of the event: no leading dot, no brackets')
  const last = names[names.length - 1] as string
  noteField(names.join('.'), fits, env)
  return withCode(
    ({ event }, value) => {
      let node = event
      for (let i = 0; i < names.length - 1; i++) {
        const name = names[i] as string
        const below = Object.hasOwn(node, name) ? node[name] : undefined
        node = isObject(below) ? below : ((node[name] = {}) as EcsEvent)
      }
      node[last] = value
    },
    () => writeCode(names),
  )
}

/** Writes an object. @param fits every field in it is of its type */
export function compileWhole(path: Path, where: Where, env: CompileEnv, fits: boolean) {
  const aside: CompileEnv = { ...env, loose: new Set() }
  const put = compilePut(path, where, aside)
  if (!fits) for (const name of aside.loose) env.loose.add(name)
  return put
}

/** Notes a field that the pack writes and that may then hold what is not of its type. */
export function noteField(name: string, fits: boolean, env: CompileEnv): void {
  const place = placeOf(name)
  if (place === 'object' || (place === 'value' && !fits)) env.loose.add(name)
}

export const dotted = (path: Path): string => path.parts.filter((part) => typeof part === 'string').join('.')
