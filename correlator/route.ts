// Correlation on several machines: which of them a match goes to, so that all matches of one group meet in one place.
//
//   match ── router ──┬─> correlator of shard 0    each keeps only the groups that are its own, and raises only
//                     ├─> correlator of shard 1    the alerts that are its own: together they say what one would
//                     └─> ...
//
// A correlation is shared out by group. Correlations that build on each other regroup what they are given, so such a family
// stays together on one shard, chosen by its name.

import type { RuleMatch } from '../core/detect.ts'
import { fieldName, GroupKeys } from './windows/group-key.ts'
import type { CorrelationSpec } from './windows/spec.ts'

export interface Shard {
  /** 0 to count - 1. */
  readonly index: number
  readonly count: number
}

/** FNV-1a over UTF-16 units: the same everywhere and in every version. */
function hashOf(...texts: readonly string[]): number {
  let hash = 0x811c9dc5
  for (const text of texts) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    hash = Math.imul(hash ^ text.length, 0x01000193)
  }
  return (hash ^ (hash >>> 15)) >>> 0
}

/** The shard of a group of a correlation; `key` as groups are known within it. No group: '' of its own kind. */
export const shardOfGroup = (family: Family, key: string, count: number): number =>
  hashOf(family.name, family.together ? '' : key) % count

/** The shard that alerts about a single event. */
export const shardOfEvent = (ruleId: string, eventId: string, count: number): number => hashOf(ruleId, eventId) % count

/** Correlations that must be in one place, and whether whole or group by group. */
export interface Family {
  readonly name: string
  readonly together: boolean
}

/** Correlation id -> its family. */
export function familiesOf(specs: readonly CorrelationSpec[]): Map<string, Family> {
  const heads = new Map(specs.map(({ id }) => [id, id]))
  const headOf = (id: string): string => {
    let head = id
    for (let up = heads.get(head) as string; up !== head; up = heads.get(head) as string) head = up
    return head
  }
  for (const { id, rules } of specs)
    for (const { id: below } of rules)
      if (heads.has(below)) {
        const [a, b] = [headOf(id), headOf(below)].sort() as [string, string]
        heads.set(b, a) // the least name is the family's, in whatever order the rules were loaded
      }
  const sizes = new Map<string, number>()
  for (const { id } of specs) sizes.set(headOf(id), (sizes.get(headOf(id)) ?? 0) + 1)
  return new Map(specs.map(({ id }) => [id, { name: headOf(id), together: (sizes.get(headOf(id)) as number) > 1 }]))
}

/**
 * @param specs `completeSpecs` of the correlator: every one there is, with those that fold single alerts
 * @param alerts whether a match of this rule is an alert, by itself or folded
 * @returns the shards a match goes to, ascending; none when nothing is interested in it. Valid until the next call.
 */
export function createRouter(
  specs: readonly CorrelationSpec[],
  alerts: (ruleId: string) => boolean,
  count: number,
): (match: RuleMatch) => readonly number[] {
  const families = familiesOf(specs)
  const users = new Map<string, { readonly family: Family; readonly keys: GroupKeys }[]>()
  for (const spec of specs)
    for (const { id } of spec.rules) {
      const keys = new GroupKeys(spec.groupBy.map((name) => fieldName(spec, id, name)))
      const list = users.get(id)
      const user = { family: families.get(spec.id) as Family, keys }
      if (list) list.push(user)
      else users.set(id, [user])
    }
  return (match) => {
    const to = new Set<number>()
    if (alerts(match.ruleId)) to.add(shardOfEvent(match.ruleId, match.eventId, count))
    for (const { family, keys } of users.get(match.ruleId) ?? []) {
      const found = keys.of(match)
      if (found.length === 0) to.add(shardOfGroup(family, '', count)) // who counts that it has none
      for (const key of found) to.add(shardOfGroup(family, key, count))
    }
    return [...to].sort((a, b) => a - b)
  }
}
