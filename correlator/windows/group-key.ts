// Which groups a match belongs to: one for each combination of its group-by values.

import type { RuleMatch } from '../../core/detect.ts'
import type { Scalar } from '../../core/event.ts'
import type { CorrelationSpec } from './spec.ts'
import { MAX_ELEMENTS, valuesOf } from './stored-match.ts'

export type Valued = Pick<RuleMatch, 'fields'> & {
  readonly entities: Readonly<Record<string, string | readonly string[]>>
}

/** The name a correlation's field or alias has in matches of this rule. */
export function fieldName(spec: CorrelationSpec, ruleId: string, name: string): string {
  const alias = Object.hasOwn(spec.aliases, name) ? spec.aliases[name] : undefined
  return alias && Object.hasOwn(alias, ruleId) ? (alias[ruleId] as string) : name
}

/** The values a field has in a match; entities stand in for absent fields. */
export function fieldValues(match: Valued, field: string): readonly Scalar[] {
  const values = valuesOf(match.fields, field)
  return values.length > 0 ? values : valuesOf(match.entities, field)
}

/**
 * The groups of matches by some fields. One of these serves all correlations that group by the same fields: asked again
 * about the match it was asked about last, it knows.
 *
 *   fields   a key within one correlation    in alerts (`fullKey`)
 *   none     ''                              ''
 *   one      the value                       <length>:<value>
 *   more     <length>:<value> each           the same
 */
export class GroupKeys {
  /** Combinations beyond the 16 that are kept, of the match asked about last. */
  left = 0
  readonly #fields: readonly string[]
  /** The only field, when its name is none that every object knows something by. */
  readonly #only: string | undefined
  #match: Valued | undefined
  #keys: readonly string[] = []
  readonly #one: [string] = ['']

  constructor(fields: readonly string[]) {
    this.#fields = fields
    const [only] = fields
    if (fields.length === 1 && only !== undefined && !(only in {})) this.#only = only
  }

  /**
   * @returns keys: none when a field is missing; at most 16, by the order of the values in the event. Valid until the
   *   next call.
   */
  of(match: Valued): readonly string[] {
    if (match === this.#match) return this.#keys
    this.#match = match
    this.left = 0
    const one = this.#oneKey(match)
    if (one !== undefined) {
      this.#one[0] = one
      this.#keys = this.#one
    } else this.#keys = this.#manyKeys(match)
    return this.#keys
  }

  /** The usual case, without a list: every field has one value. */
  #oneKey(match: Valued): string | undefined {
    if (this.#only !== undefined) {
      const value = match.fields[this.#only]
      return typeof value === 'string' ? value : undefined
    }
    const fields = this.#fields
    let key = ''
    for (let i = 0; i < fields.length; i++) {
      const name = fields[i] as string
      const value = Object.hasOwn(match.fields, name) ? match.fields[name] : undefined
      if (typeof value !== 'string' && typeof value !== 'number') return undefined
      const text = typeof value === 'string' ? value : String(value)
      key += `${text.length}:${text}`
    }
    return fields.length === 1 ? undefined : key
  }

  #manyKeys(match: Valued): readonly string[] {
    const fields = this.#fields
    let keys: string[] = ['']
    let combinations = 1
    for (const name of fields) {
      // by text form: 1 and "1" are one group, as rules compare them
      const values = [...new Set(fieldValues(match, name).map(String))]
      combinations *= values.length
      const next: string[] = []
      for (const key of keys)
        for (const value of values) {
          if (next.length === MAX_ELEMENTS) break
          next.push(fields.length === 1 ? value : `${key}${value.length}:${value}`)
        }
      keys = next
    }
    this.left = combinations - keys.length
    return keys
  }
}

/** A key as alerts are named by it: values that look alike when joined stay apart. */
export function fullKey(groupBy: readonly string[], key: string): string {
  return groupBy.length === 1 ? `${key.length}:${key}` : key
}

/** The values a full key was made of. */
export function groupRecord(groupBy: readonly string[], key: string): Readonly<Record<string, string>> {
  let record: Record<string, string> = {}
  let at = 0
  for (const name of groupBy) {
    const colon = key.indexOf(':', at)
    const end = colon + 1 + Number(key.slice(at, colon))
    record = { ...record, [name]: key.slice(colon + 1, end) } // not record[name] =, because of __proto__
    at = end
  }
  return record
}
