// A value to the type its ECS field has, or undefined when it cannot be that.

import { ecsArrayFields, ecsFieldSets } from '../../core/ecs-fields.ts'
import type { EcsValue, Scalar } from '../../core/event.ts'
import { fieldType } from '../../core/fields.ts'
import { ipVersion } from '../ecs/ip.ts'
import { anyTime, formatTime, justFormatted, type TimeContext } from '../time/time.ts'
import { withCode } from './code.ts'
import { type PackContext, setAside } from './context.ts'

type Convert = (value: EcsValue, context: TimeContext) => Scalar | undefined
export type Coerce = (value: EcsValue, context: PackContext) => EcsValue

/** A text of 1 to 15 digits as its number, -1 for any other. */
export function shortDigits(text: string): number {
  const { length } = text
  if (length === 0 || length > 15) return -1
  let value = 0
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (!(digit >= 0 && digit <= 9)) return -1
    value = value * 10 + digit
  }
  return value
}

export function toLong(value: EcsValue): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? Math.trunc(value) : undefined
  if (typeof value !== 'string') return undefined
  const plain = shortDigits(value)
  if (plain >= 0) return plain
  const text = value.trim()
  if (/^[+-]?\d{1,18}(?:\.\d*)?$/.test(text)) return Math.trunc(Number(text))
  return /^0[xX][0-9a-fA-F]{1,13}$/.test(text) ? Number(text) : undefined
}

export function toFloat(value: EcsValue): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value !== 'string' || value.length > 40) return undefined
  const text = value.trim()
  return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/.test(text) ? Number(text) : undefined
}

export function toBoolean(value: EcsValue): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return value === 1 ? true : value === 0 ? false : undefined
  if (typeof value !== 'string') return undefined
  switch (value.toLowerCase()) {
    case 'true':
    case 'yes':
    case 'on':
    case '1':
    case 'y':
      return true
    case 'false':
    case 'no':
    case 'off':
    case '0':
    case 'n':
      return false
    default:
      return undefined
  }
}

/** An IP address without brackets, zone or surrounding space; an IPv4-mapped IPv6 address stays as written. */
export function toIp(value: EcsValue): string | undefined {
  if (typeof value !== 'string' || value.length > 64) return undefined
  let text = value.trim()
  if (text.startsWith('[') && text.endsWith(']')) text = text.slice(1, -1)
  const zone = text.indexOf('%')
  if (zone > 0) text = text.slice(0, zone)
  return ipVersion(text) > 0 ? text : undefined
}

function toKeyword(value: EcsValue): Scalar | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

const one: Readonly<Record<string, Convert>> = {
  long: toLong,
  float: toFloat,
  boolean: toBoolean,
  ip: toIp,
  date: (value, context) => {
    if (typeof value === 'string' && !Number.isNaN(justFormatted(value))) return value
    const ms = anyTime(value, context)
    return ms === undefined ? undefined : formatTime(ms)
  },
  keyword: toKeyword,
  text: toKeyword,
}

/** ECS fields whose values are objects, kept as they come. */
const OBJECTS = new Set([
  'labels',
  'log.syslog.structured_data',
  'dns.answers',
  'email.attachments',
  'container.labels',
])

/** How values of a field are made to fit; those that cannot be are set aside. A vendor's own fields keep what they have. */
export function coerceFor(field: string): Coerce {
  const first = field.split('.', 1)[0] as string
  if (!ecsFieldSets.has(first) || OBJECTS.has(field) || first === 'labels')
    return withCode(
      (value) => (value === '' ? undefined : value),
      () => "if (v === '') v = undefined",
    )
  const type = fieldType(field)
  const convert = one[type] as Convert
  const list = ecsArrayFields.has(field)
  const fitOne = (value: EcsValue, context: PackContext): EcsValue => {
    const fitted = convert(value, context)
    if (fitted === undefined) setAside(context, field, value)
    return fitted
  }
  const coerce: Coerce = (value, context) => {
    if (Array.isArray(value)) {
      const kept: EcsValue[] = []
      for (const element of value) {
        const fitted = fitOne(element, context)
        if (fitted !== undefined) kept.push(fitted)
      }
      if (kept.length === 0) return undefined
      return kept.length === 1 && !list ? kept[0] : kept
    }
    const fitted = fitOne(value, context)
    return fitted === undefined ? undefined : list ? [fitted] : fitted
  }
  return withCode(coerce, (code) => {
    const text = type === 'keyword' || type === 'text' ? "if (v === '') v = undefined" : `v = ${code.use(fitOne)}(v, c)`
    const listed = list ? '; if (v !== undefined) v = [v]' : ''
    return `if (typeof v === 'string') { ${text}${listed} } else v = ${code.use(coerce)}(v, c)`
  })
}
