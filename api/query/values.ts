// A value of a field, by the field's type (core/fields.ts): what is compared how, and what is refused.
// Values arrive as text and leave typed: long and float as numbers, boolean as boolean, date as ISO 8601 with
// milliseconds and Z, everything else as text.

import { isIP } from 'node:net'
import { PipelineError } from '../../core/errors.ts'
import type { Scalar } from '../../core/event.ts'
import { fieldType } from '../../core/fields.ts'
import { type Filter, tokenize } from '../../core/query.ts'
import { parseIso, readTime } from '../time.ts'
import { checkRegex } from './regex-guard.ts'
import type { Word } from './scan.ts'

export interface Bounds {
  readonly gt?: Word
  readonly gte?: Word
  readonly lt?: Word
  readonly lte?: Word
}

const DAY_MS = 86_400_000
const DAY = /^\d{4}-\d{2}-\d{2}$/
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,4})?$/i

/** @throws QUERY_INVALID when the field's type has no such value */
export function equalsFilter(field: string, word: Word, nowMs?: number): Filter {
  const type = fieldType(field)
  const { text } = word
  if (type === 'ip') {
    if (isCidr(text)) return { kind: 'cidr', field, cidr: text }
    return { kind: 'equals', field, value: ipValue(field, word) }
  }
  if (type === 'date') {
    const since = DAY.test(text) ? parseIso(text) : undefined
    if (since !== undefined) return { kind: 'range', field, gte: isoText(since), lt: isoText(since + DAY_MS) }
    return { kind: 'equals', field, value: isoText(dateValue(field, word, nowMs)) }
  }
  if (type === 'boolean') {
    const value = text.toLowerCase()
    if (value !== 'true' && value !== 'false') refuse(word, `${field} is true or false, '${cut(text)}' is neither`)
    return { kind: 'equals', field, value: value === 'true' }
  }
  if (type === 'long' || type === 'float') return { kind: 'equals', field, value: numberValue(field, word) }
  if (type === 'text' && tokenize(text).length === 0) {
    refuse(word, `'${cut(text)}' has no word to search for`, `${field} is searched by letters and digits`)
  }
  return { kind: 'equals', field, value: text }
}

/** @throws QUERY_INVALID */
export function wildcardFilter(field: string, word: Word): Filter {
  const type = fieldType(field)
  const { pattern } = word
  if (type === 'ip') {
    const octets = /^((?:\d{1,3}\.){1,3})\*$/.exec(pattern)?.[1]?.split('.').slice(0, -1)
    if (octets?.every((octet) => Number(octet) < 256)) {
      const cidr = `${[...octets.map(Number), 0, 0, 0].slice(0, 4).join('.')}/${octets.length * 8}`
      return { kind: 'cidr', field, cidr }
    }
    return refuse(word, `${field} holds addresses, which take no such wildcard`, `write a network: ${field}:10.0.0.0/8`)
  }
  if (type !== 'keyword' && type !== 'text') {
    return refuse(word, `${field} takes no wildcard`, `write a range: ${field}:[low TO high]`)
  }
  if (type === 'keyword') return { kind: 'wildcard', field, pattern }
  const words = pattern.toLowerCase()
  if (/[^\p{L}\p{N}_*?]/u.test(words)) {
    return refuse(
      word,
      `a wildcard in ${field} matches one word, and '${cut(word.text)}' is more than that`,
      'put whole words in quotes, or use /a regular expression/',
    )
  }
  return { kind: 'wildcard', field, pattern: words }
}

/** @param start 0-based column of the opening slash @throws QUERY_INVALID */
export function regexFilter(field: string, source: string, ignoreCase: boolean, start: number): Filter {
  const type = fieldType(field)
  if (type !== 'keyword' && type !== 'text') {
    throw new PipelineError('QUERY_INVALID', {
      column: start + 1,
      problem: `${field} is no text: it takes no regular expression`,
    })
  }
  checkRegex(source, ignoreCase, start + 2)
  return { kind: 'regex', field, source, ignoreCase }
}

/** @throws QUERY_INVALID */
export function rangeFilter(field: string, bounds: Bounds, nowMs?: number): Filter {
  const type = fieldType(field)
  const out: { gt?: Scalar; gte?: Scalar; lt?: Scalar; lte?: Scalar } = {}
  for (const bound of ['gt', 'gte', 'lt', 'lte'] as const) {
    const word = bounds[bound]
    if (!word) continue
    if (type === 'date') {
      // A day as a bound: `> 2026-01-01` begins after that day, `<= 2026-01-01` ends with it.
      const day = DAY.test(word.text) ? parseIso(word.text) : undefined
      const next = day !== undefined && (bound === 'gt' || bound === 'lte')
      const place = next ? (bound === 'gt' ? 'gte' : 'lt') : bound
      out[place] = isoText(next ? day + DAY_MS : dateValue(field, word, nowMs))
    } else out[bound] = boundValue(field, word)
  }
  return { kind: 'range', field, ...out }
}

function boundValue(field: string, word: Word): Scalar {
  switch (fieldType(field)) {
    case 'long':
    case 'float':
      return numberValue(field, word)
    case 'ip':
      return ipValue(field, word)
    case 'text':
    case 'boolean':
      return refuse(word, `${field} has no order: it takes no range`)
    default:
      // A field ECS does not know may hold numbers: an unquoted number is compared as one, in quotes it is a text.
      return !word.quoted && NUMBER.test(word.text) ? numberValue(field, word) : word.text
  }
}

function numberValue(field: string, word: Word): number {
  const value = NUMBER.test(word.text) ? Number(word.text) : Number.NaN
  if (!Number.isFinite(value)) refuse(word, `${field} holds numbers, '${cut(word.text)}' is none`)
  return value === 0 ? 0 : value // -0 and 0 are one value, and print alike
}

function ipValue(field: string, word: Word): string {
  const { text } = word
  if (isIP(text) === 0 || text.includes('%')) {
    refuse(word, `${field} holds IP addresses, '${cut(text)}' is none`, 'write 10.0.0.1, 2001:db8::1 or 10.0.0.0/8')
  }
  return text
}

function dateValue(field: string, word: Word, nowMs: number | undefined): number {
  const ms = nowMs === undefined ? parseIso(word.text) : readTime(word.text, nowMs)
  if (ms === undefined) {
    return refuse(word, `${field} holds times, '${cut(word.text)}' is none`, 'write 2026-11-22T10:00:00Z or now-15m')
  }
  return ms
}

function isoText(ms: number): string {
  return new Date(ms).toISOString()
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...more] = text.split('/')
  const version = isIP(address)
  if (more.length > 0 || version === 0 || address.includes('%') || !/^\d{1,3}$/.test(bits)) return false
  return Number(bits) <= (version === 4 ? 32 : 128)
}

function cut(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

function refuse(word: Word, problem: string, hint?: string): never {
  throw new PipelineError('QUERY_INVALID', { column: word.start + 1, problem, hint })
}
