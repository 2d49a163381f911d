// Where a value is found in Elasticsearch. A document is
//
//   { "@timestamp", known ECS fields under their own names and types    for every tool that knows ECS
//     "e": the whole event, flat, as it came (not indexed)              what we give back
//     "k": [partition, offset] of an event with a key of its own
//     "h": { t, p, o   milliseconds, partition, offset: the order
//            f         names of its fields
//            s, n, b   flattened: text, numbers, booleans of fields that have no column of that type under their own name
//            v         flattened: what text in a number or date field means, as a number
//            w         words of text fields, split as core/query.ts splits them
//            odd       fields with a value that fits no column ('*': with such a name)
//            x         fields with a number that is not whole or beyond 2^53: their sums may round } }
//
// Numbers in flattened columns are written so that their text sorts as they do. `h` is indexed and not kept.

import { ecsFieldTypes } from '../../core/ecs-fields.ts'
import { type FieldType, fieldType } from '../../core/fields.ts'
import { ecsKeywords } from './ecs-keywords.ts'

/** Longer text is in no column: an index term holds at most 32,766 bytes. */
export const MAX_TEXT = 8191
export const MAX_NAME = 512
/** Longer words are cut, marked so that they equal no shorter one. */
const MAX_WORD = 200
const CUT = '\u0001'

export const textFields: readonly string[] = [...ecsFieldTypes]
  .filter(([, type]) => type === 'text')
  .map(([name]) => name)

/** Has a column under its own name. */
export function isKnown(field: string): boolean {
  return ecsFieldTypes.has(field) || ecsKeywords.has(field)
}

export const typeOf = (field: string): FieldType => (field === '@timestamp' ? 'date' : fieldType(field))
export const wordsColumn = (field: string) => `h.w.${field.replaceAll('.', '_')}`
export const oddName = (field: string) => (field.length > MAX_NAME || field.includes('\0') ? '*' : field)

/** The column that holds text of this field as it is written; text fields have none. */
export function textColumn(field: string): string {
  return typeOf(field) === 'keyword' && isKnown(field) ? field : `h.s.${field}`
}

export function numberColumn(field: string): { readonly name: string; readonly ordered: boolean } {
  const type = typeOf(field)
  return type === 'long' || type === 'float' ? { name: field, ordered: false } : { name: `h.n.${field}`, ordered: true }
}

export const booleanColumn = (field: string) => (typeOf(field) === 'boolean' ? field : `h.b.${field}`)

export const cutWord = (word: string) => (word.length > MAX_WORD ? word.slice(0, MAX_WORD) + CUT : word)

const scratch = Buffer.alloc(8)

/** 16 hexadecimal digits in the numbers' order; 0 and -0 are one. */
export function orderedNumber(value: number): string {
  scratch.writeDoubleBE(value === 0 ? 0 : value)
  if (((scratch[0] as number) & 0x80) !== 0) for (let i = 0; i < 8; i++) scratch[i] = ~(scratch[i] as number)
  else scratch[0] = (scratch[0] as number) | 0x80
  return scratch.toString('hex')
}

export function numberOf(ordered: string): number {
  const bytes = Buffer.from(ordered, 'hex')
  if (((bytes[0] as number) & 0x80) !== 0) bytes[0] = (bytes[0] as number) & 0x7f
  else for (let i = 0; i < 8; i++) bytes[i] = ~(bytes[i] as number)
  return bytes.readDoubleBE(0)
}

export interface TemplateOptions {
  /** Every index, alias and pattern begins with it: `haetae`. */
  readonly prefix: string
  readonly shards: number
  readonly replicas: number
  readonly logsdb: boolean
}

type Mapping = { [name: string]: Mapping | string | boolean | number }

/** The index template, as Elasticsearch takes it. */
export function eventTemplate({ prefix, shards, replicas, logsdb }: TemplateOptions): object {
  const properties: Mapping = {}
  for (const name of ecsKeywords) put(properties, name, { type: 'keyword', ignore_above: MAX_TEXT })
  for (const [name, type] of ecsFieldTypes) {
    if (name === '@timestamp') continue
    if (type === 'text') {
      if (name === 'message') put(properties, name, { type: 'text', index: false })
    } else if (type === 'date') put(properties, name, { type: 'date', ignore_malformed: true, index: false })
    else if (type === 'boolean') put(properties, name, { type: 'boolean' })
    else if (type === 'ip') put(properties, name, { type: 'ip' })
    else put(properties, name, { type: 'double' })
  }
  const flattened = { type: 'flattened', ignore_above: MAX_TEXT, depth_limit: 2 }
  const words: Mapping = {}
  for (const name of textFields) {
    words[name.replaceAll('.', '_')] = { type: 'text', analyzer: 'whitespace', norms: false }
  }
  properties['@timestamp'] = { type: 'date' }
  properties['e'] = { type: 'object', enabled: false }
  properties['h'] = {
    properties: {
      t: { type: 'double' },
      p: { type: 'integer' },
      o: { type: 'long' },
      f: { type: 'keyword' },
      odd: { type: 'keyword' },
      x: { type: 'keyword' },
      s: flattened,
      n: flattened,
      b: flattened,
      v: flattened,
      w: { properties: words },
    },
  }
  return {
    index_patterns: [`${prefix}-events-*`],
    priority: 500,
    template: {
      settings: {
        index: {
          number_of_shards: shards,
          number_of_replicas: replicas,
          refresh_interval: '1s',
          codec: 'best_compression',
          'sort.field': ['h.t', 'h.p', 'h.o'],
          'sort.order': ['desc', 'desc', 'desc'],
          'mapping.total_fields.limit': 2000,
          ...(logsdb && { mode: 'logsdb', 'mapping.source.mode': 'stored' }),
        },
      },
      mappings: { dynamic: false, date_detection: false, _source: { excludes: ['h'] }, properties },
      aliases: { [`${prefix}-events`]: {} },
    },
  }
}

function put(properties: Mapping, name: string, mapping: Mapping): void {
  const parts = name.split('.')
  const last = parts.pop() as string
  let at = properties
  for (const part of parts) {
    const node = (at[part] ??= { properties: {} }) as { properties: Mapping }
    at = node.properties
  }
  at[last] = mapping
}
