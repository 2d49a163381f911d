// What rules, correlations and filters have in common: title, id, level, tags. And the hash of a meaning.

import { createHash } from 'node:crypto'
import { type Level, levels } from '../../core/detect.ts'
import { isMap, isScalar } from './detection.ts'
import { parseTimespan } from './legacy.ts'
import { SigmaProblem } from './problem.ts'
import type { Folding, Logsource } from './types.ts'

export type Document = Record<string, unknown>

export interface Meta {
  readonly id: string
  readonly name?: string
  readonly title: string
  readonly description: string
  readonly level: Level
  readonly status: string
  readonly tags: readonly string[]
  readonly author: string
  readonly license: string
  readonly falsePositives: readonly string[]
  readonly references: readonly string[]
  readonly related: readonly { readonly id: string; readonly type: string }[]
  readonly taxonomy: string
  readonly date: string
  readonly modified: string
  readonly folding?: Folding | 'none'
}

/**
 * @param version used to make an id where the document has neither id nor name
 * @throws SigmaProblem for a level or an id that is none; other oddities of describing fields are no reason to refuse
 */
export function readMeta(doc: Document, version: string, note: (text: string) => void): Meta {
  const name = text(doc['name'])
  const id = text(doc['id']) || name || `sigma-${version}`
  if (doc['id'] !== undefined && !isScalar(doc['id'])) throw new SigmaProblem('the id is not a text', ['id'])
  if (!text(doc['title'])) note('no title')
  const level = text(doc['level']).toLowerCase() || 'medium'
  if (!(levels as readonly string[]).includes(level))
    throw new SigmaProblem(`level '${level}' is none of ${levels.join(', ')}`, ['level'])
  const folding = readFolding(doc['haetae'])
  return {
    ...(folding ? { folding } : {}),
    id,
    ...(name ? { name } : {}),
    title: text(doc['title']) || name || id,
    description: text(doc['description']),
    level: level as Level,
    status: text(doc['status']),
    tags: texts(doc['tags']),
    author: texts(doc['author']).join(', '),
    license: text(doc['license']),
    falsePositives: texts(doc['falsepositives']),
    references: texts(doc['references']),
    related: (Array.isArray(doc['related']) ? doc['related'] : [])
      .filter(isMap)
      .map((one) => ({ id: text(one['id']), type: text(one['type']) })),
    taxonomy: text(doc['taxonomy']) || 'sigma',
    date: text(doc['date']),
    modified: text(doc['modified']),
  }
}

/** Alerts of a rule that says no time span fold over this. */
export const defaultFoldMs = 3_600_000

/**
 * Our own block: `haetae: {group-by: [user.name], timespan: 1h}` or `haetae: {group-by: none}`.
 * @throws SigmaProblem
 */
function readFolding(node: unknown): Folding | 'none' | undefined {
  if (!isMap(node) || (node['group-by'] === undefined && node['timespan'] === undefined)) return undefined
  const by = node['group-by']
  if (by === 'none') return 'none'
  if (by === undefined) throw new SigmaProblem("'timespan' wants a 'group-by' beside it", ['haetae', 'timespan'])
  const names = texts(by)
  if (names.length === 0 || names.length > 16)
    throw new SigmaProblem("'group-by' names 1 to 16 fields, or is none", ['haetae', 'group-by'])
  const timespanMs = node['timespan'] === undefined ? defaultFoldMs : parseTimespan(node['timespan'])
  if (timespanMs === undefined)
    throw new SigmaProblem(`timespan '${String(node['timespan'])}' is not a number and one of s m h d w M y`, [
      'haetae',
      'timespan',
    ])
  return { by: [...new Set(names)], timespanMs }
}

/** @throws SigmaProblem when it is missing or names nothing */
export function readLogsource(doc: Document): Logsource {
  const node = doc['logsource']
  if (!isMap(node)) throw new SigmaProblem('there is no logsource', node === undefined ? [] : ['logsource'])
  const out: { product?: string; category?: string; service?: string } = {}
  for (const key of ['product', 'category', 'service'] as const) {
    const value = node[key]
    if (value === undefined || value === null) continue
    if (!isScalar(value) || value === '') throw new SigmaProblem(`logsource ${key} is not a text`, ['logsource', key])
    out[key] = String(value).toLowerCase()
  }
  if (Object.keys(out).length === 0)
    throw new SigmaProblem('the logsource names no product, category or service', ['logsource'])
  return out
}

const text = (node: unknown): string => (isScalar(node) && node !== null ? String(node).trim() : '')

const texts = (node: unknown): string[] =>
  Array.isArray(node) ? node.filter(isScalar).map(text).filter(Boolean) : text(node) ? [text(node)] : []

/** 16 hex digits of SHA-256 over the value with map keys in order: what is written differently but means the same. */
export function hashMeaning(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16)
}

function canonical(node: unknown): string {
  if (Array.isArray(node)) return `[${node.map(canonical).join(',')}]`
  if (node === null || typeof node !== 'object') return JSON.stringify(node) ?? 'null'
  const map = node as Record<string, unknown>
  const keys = Object.keys(map).filter((key) => map[key] !== undefined)
  return `{${keys
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(map[key])}`)
    .join(',')}}`
}
