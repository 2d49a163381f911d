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
  /** value_*: the values of the condition's field, as counted (text) or measured (number). */
  readonly values?: readonly string[]
  readonly numbers?: readonly number[]
  /** Only where another correlation builds on this one. */
  readonly fields?: RuleMatch['fields']
  /** Made by another correlation: the events behind it. */
  readonly parts?: { readonly ids: readonly string[]; readonly count: number; readonly firstSeen: number }
}

/** Event time, then event id: the same order wherever and whenever it is asked. */
export function compareMatches(a: { t: number; id: string }, b: { t: number; id: string }): number {
  return a.t - b.t || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

/** The index of the match with this time and id, or ~index of where it belongs. */
export function findMatch(matches: readonly StoredMatch[], t: number, id: string): number {
  let low = 0
  let high = matches.length
  const last = matches[high - 1]
  if (last && compareMatches(last, { t, id }) < 0) return ~high // in order, the usual case
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = compareMatches(matches[middle] as StoredMatch, { t, id })
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
  return { ...lead, rules: pairs.map(({ rule }) => rule), why: pairs.map(({ why }) => why) }
}

/** At most this many values of one field make groups of their own or are counted; the rest is counted as left out. */
export const MAX_ELEMENTS = 16

export function valuesOf(fields: RuleMatch['fields'], name: string): readonly Scalar[] {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value as Scalar]
}
