// Whole objects in a pack: renamed to snake case, lists of pairs made objects, and an event taken over as it is.

import { ecsAllowedValues, ecsFieldSets } from '../../core/ecs-fields.ts'
import { type EcsEvent, type EcsValue, getPath, setPath } from '../../core/event.ts'
import { anyTime } from '../time/time.ts'
import { type Coerce, coerceFor } from './coerce.ts'
import { type Compile, isObject, type PackContext, setAside } from './context.ts'

const MAX_CACHED = 10_000
const snakeNames = new Map<string, string>()

/** `userIdentity` is `user_identity`, `sourceIPAddress` is `source_ip_address`; names that are no identifiers stay. */
export function snakeName(name: string): string {
  let made = snakeNames.get(name)
  if (made === undefined) {
    made = /^[A-Za-z][A-Za-z0-9_]*$/.test(name)
      ? name
          .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
          .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
          .toLowerCase()
      : name
    if (snakeNames.size < MAX_CACHED && name.length < 100) snakeNames.set(name, made)
  }
  return made
}

/** Every key of an object, however deep, in snake case. Depth was bounded by whoever read it. */
export function toSnake(value: EcsValue): EcsValue {
  if (Array.isArray(value)) return value.map(toSnake)
  if (!isObject(value)) return value
  const out: EcsEvent = {}
  for (const key in value) out[snakeName(key)] = toSnake(value[key])
  return out
}

const NAMES = ['Name', 'name', 'Key', 'key', 'ID', 'id']
const VALUES = ['Value', 'value', 'NewValue', 'newValue']

/** `[{Name: a, Value: 1}, …]` as `{a: 1}`, with the names and values the vendors use; keys lose their dots and blanks. */
export function pairsToObject(value: EcsValue): EcsValue {
  if (!Array.isArray(value)) return isObject(value) ? value : undefined
  const out: EcsEvent = {}
  for (const pair of value) {
    if (!isObject(pair)) continue
    const name = NAMES.map((key) => pair[key]).find((found) => typeof found === 'string')
    if (typeof name !== 'string' || name === '__proto__' || name === '') continue
    const content = VALUES.map((key) => pair[key]).find((found) => found !== undefined)
    if (content !== undefined && content !== null) out[name.replaceAll(/[.\s]+/g, '_')] = content
  }
  return Object.keys(out).length > 0 ? out : undefined
}

/** Neither empty texts nor empty objects, however deep. */
export function withoutEmpty(value: EcsValue): EcsValue {
  if (value === null || value === undefined || value === '') return undefined
  if (Array.isArray(value)) {
    const kept = value.map(withoutEmpty).filter((one) => one !== undefined)
    return kept.length > 0 ? kept : undefined
  }
  if (!isObject(value)) return value
  const out: EcsEvent = {}
  let any = false
  for (const key in value) {
    const inner = withoutEmpty(value[key])
    if (inner === undefined) continue
    out[key] = inner
    any = true
  }
  return any ? out : undefined
}

const coercions = new Map<string, Coerce>()

function coercionOf(field: string): Coerce {
  let coerce = coercions.get(field)
  if (!coerce) {
    coerce = coerceFor(field)
    if (coercions.size < MAX_CACHED) coercions.set(field, coerce)
  }
  return coerce
}

/** Set by the parser itself, never taken from a sender. */
const OWN = new Set(['ecs', 'haetae'])

/**
 * `adopt: true`: what the last reader found becomes the event's, as an event that is ECS already. Types and allowed values are
 * held to; what does not fit is left out (it stands in event.original). Dotted keys are nested.
 */
export const adopt: Compile = (value, where, env) => {
  if (value !== true) env.fail(where, 'adopt is true')
  env.loose.add('adopt')
  return (context) => {
    const { source } = context
    if (source === undefined) return false
    for (const key in source) if (!OWN.has(key.split('.', 1)[0] as string)) take(context, key, source[key])
    return true
  }
}

function take(context: PackContext, path: string, value: EcsValue): void {
  if (value === null || value === undefined || value === '') return
  if (path === '@timestamp') {
    const ms = anyTime(value, context)
    if (ms !== undefined) context.timeMs = ms
    return
  }
  const first = path.split('.', 1)[0] as string
  if (!ecsFieldSets.has(first)) {
    if (!isObject(getPath(context.event, path))) setPath(context.event, path, value)
    return
  }
  if (isObject(value) && path !== 'labels') {
    for (const key in value) take(context, `${path}.${key}`, value[key])
    return
  }
  // a text where ECS has an object: `host: web-1`
  if (path === first && !['message', 'tags', 'labels'].includes(path)) {
    if (path === 'host' || path === 'service') take(context, `${path}.name`, value)
    else setAside(context, path, value)
    return
  }
  if (Array.isArray(value) && value.some(isObject)) {
    setPath(context.event, path, value)
    return
  }
  const fitted = coercionOf(path)(allowedOf(context, path, value), context)
  if (fitted !== undefined && fitted !== null) setPath(context.event, path, fitted)
}

/** What ECS allows in a field with a closed set of values. */
function allowedOf(context: PackContext, path: string, value: EcsValue): EcsValue {
  const allowed = ecsAllowedValues[path]
  if (!allowed) return value
  const isAllowed = (one: EcsValue) => {
    if (allowed.has(one as string)) return true
    setAside(context, path, one)
    return false
  }
  return Array.isArray(value) ? value.filter(isAllowed) : isAllowed(value) ? value : undefined
}
