// A match as a group keeps it: what windows look at and what its alert will say, and the order of all things here.

import type { Reason, RuleMatch } from '../../core/detect.ts'
import type { Scalar } from '../../core/event.ts'

export interface StoredMatch {
  /** Event time, ms. */
  readonly t: number
  /** Event id; for a match made by another correlation, that alert's id or a hash of group and time. */
  readonly id: string
  /** Indexes into the correlation's rules, ascending: which of them said yes to this event. */
  readonly rules: readonly number[]
  /** The reasons of each of `rules`. */
  readonly why: readonly (readonly Reason[])[]
  readonly entities: Readonly<Record<string, string | readonly string[]>>
  /** value_count: what is counted, one text or several; other value_*: the numbers measured. */
  readonly values: string | readonly string[] | readonly number[] | undefined
  /** Only where another correlation builds on this one. */
  readonly fields: RuleMatch['fields'] | undefined
  /** Made by another correlation: the events behind it. */
  readonly parts: { readonly ids: readonly string[]; readonly count: number; readonly firstSeen: number } | undefined
  /** The same for all correlations that keep this match. */
  readonly mark: Mark
}

/** Where a snapshot has a match already: time, id and entities are written once. */
export interface Mark {
  snapshot: number
  place: number
}

export const newMark = (): Mark => ({ snapshot: 0, place: 0 })

// Every match is made here with all its properties: one shape, so that what walks thousands of them stays fast.
export function storedMatch(
  t: number,
  id: string,
  rules: StoredMatch['rules'],
  why: StoredMatch['why'],
  entities: StoredMatch['entities'],
  values: StoredMatch['values'],
  fields: StoredMatch['fields'],
  parts: StoredMatch['parts'],
  mark: Mark,
): StoredMatch {
  return { t, id, rules, why, entities, values, fields, parts, mark }
}

/** Event time, then event id: the same order wherever and whenever it is asked. */
export function compareMatch(a: StoredMatch, t: number, id: string): number {
  return a.t - t || (a.id < id ? -1 : a.id > id ? 1 : 0)
}

/** The index of the match with this time and id, or ~index of where it belongs. */
export function findMatch(matches: readonly StoredMatch[], t: number, id: string): number {
  let low = 0
  let high = matches.length
  if (high === 0 || compareMatch(matches[high - 1] as StoredMatch, t, id) < 0) return ~high // in order, the usual case
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = compareMatch(matches[middle] as StoredMatch, t, id)
    if (order === 0) return middle
    if (order < 0) low = middle + 1
    else high = middle
  }
  return ~low
}

/** The same event by one more rule; undefined when that was known. */
export function mergeMatches(known: StoredMatch, more: StoredMatch): StoredMatch | undefined {
  const fresh = more.rules.filter((rule) => !known.rules.includes(rule))
  if (fresh.length === 0) return undefined
  const pairs = [
    ...known.rules.map((rule, i) => ({ rule, why: known.why[i] as readonly Reason[] })),
    ...fresh.map((rule) => ({ rule, why: more.why[more.rules.indexOf(rule)] as readonly Reason[] })),
  ].sort((a, b) => a.rule - b.rule)
  const lead = (more.rules[0] as number) < (known.rules[0] as number) ? more : known // whichever came first
  const rules = pairs.map(({ rule }) => rule)
  const why = pairs.map((pair) => pair.why)
  return storedMatch(lead.t, lead.id, rules, why, lead.entities, lead.values, lead.fields, lead.parts, lead.mark)
}

/** At most this many values of one field make groups of their own or are counted; the rest is counted as left out. */
export const MAX_ELEMENTS = 16

export function valuesOf(fields: RuleMatch['fields'], name: string): readonly Scalar[] {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value as Scalar]
}
