// Which groups a match belongs to: one for each combination of its group-by values.

import type { RuleMatch } from '../../core/detect.ts'
import type { Scalar } from '../../core/event.ts'
import type { CorrelationSpec } from './spec.ts'
import { MAX_ELEMENTS, valuesOf } from './stored-match.ts'

export interface GroupValues {
  readonly key: string
  readonly record: Readonly<Record<string, string>>
}

type Valued = Pick<RuleMatch, 'fields'> & { readonly entities: Readonly<Record<string, string | readonly string[]>> }

/** The values a correlation's field or alias has in a match of this rule; entities stand in for absent fields. */
export function fieldValues(spec: CorrelationSpec, ruleId: string, match: Valued, name: string): readonly Scalar[] {
  const alias = Object.hasOwn(spec.aliases, name) ? spec.aliases[name] : undefined
  const field = alias && Object.hasOwn(alias, ruleId) ? (alias[ruleId] as string) : name
  const values = valuesOf(match.fields, field)
  return values.length > 0 ? values : valuesOf(match.entities, field)
}

/**
 * @returns groups: none when a group-by field is missing; at most 16, by the order of the values in the event.
 *   left: combinations beyond those
 */
export function groupsOf(
  spec: CorrelationSpec,
  ruleId: string,
  match: Valued,
): { groups: GroupValues[]; left: number } {
  let groups: GroupValues[] = [{ key: '', record: {} }]
  let combinations = 1
  for (const name of spec.groupBy) {
    // by text form: 1 and "1" are one group, as rules compare them
    const values = [...new Set(fieldValues(spec, ruleId, match, name).map(String))]
    combinations *= values.length
    const next: GroupValues[] = []
    for (const { key, record } of groups)
      for (const value of values) {
        if (next.length === MAX_ELEMENTS) break
        next.push({ key: `${key}${value.length}:${value}`, record: { ...record, [name]: value } })
      }
    groups = next
  }
  return { groups, left: combinations - groups.length }
}
