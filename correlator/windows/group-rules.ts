// What a correlation knows of itself that its groups need, worked out once.

import { type CorrelationSpec, type Judging, judgingOf, polarity } from './spec.ts'
import type { StoredMatch } from './stored-match.ts'

export interface GroupRules {
  readonly spec: CorrelationSpec
  readonly judging: Judging
  /** People are told; otherwise an episode is only its points. */
  readonly alerts: boolean
  /** Another correlation builds on this one. */
  readonly points: boolean
  /** The fields those above ask for. */
  readonly pointFields: readonly string[]
  /** This one builds on others: an event may come by two ways. */
  readonly above: boolean
  /** rising: what a full window holds at least: so many events, or so many values of events. */
  readonly least: number
  /** rising: the same in matches, as far as values a match are known; grows smaller when a match has more of them. */
  minMatches: number
  /** rising: bits of the rules without which no window is full. */
  readonly needed: number
  readonly maxMatches: number
  /** Matches that stay when a group is flooded. */
  readonly keptMatches: number
  readonly wanted: (match: StoredMatch) => boolean
  /** A text condition does not want it seen. */
  readonly unwanted: (match: StoredMatch) => boolean
}

const MAX_BITS = 30

export function groupRules(
  spec: CorrelationSpec,
  options: {
    readonly pointFields: readonly string[] | undefined
    readonly above: boolean
    readonly maxMatchesPerGroup: number
  },
): GroupRules {
  const judging = judgingOf(spec)
  const { expression, bounds } = spec.condition
  const { wanted, unwanted } = expression ? polarity(expression) : { wanted: undefined, unwanted: new Set<string>() }
  const wantedIndexes = new Set(spec.rules.flatMap(({ id }, i) => (!wanted || wanted.has(id) ? [i] : [])))
  const unwantedIndexes = new Set(spec.rules.flatMap(({ id }, i) => (unwanted.has(id) ? [i] : [])))
  const temporal = spec.type === 'temporal' || spec.type === 'temporal_ordered'
  const counts = spec.type === 'event_count' || spec.type === 'value_count'
  const least = judging === 'rising' && counts ? leastCount(spec) : 1
  const leastMatches = spec.type === 'event_count' ? least : 1
  const allNeeded = judging === 'rising' && temporal && !expression && bounds.length === 0
  return {
    spec,
    judging,
    alerts: spec.alerts !== false,
    points: options.pointFields !== undefined,
    pointFields: options.pointFields ?? [],
    above: options.above,
    least,
    minMatches: least,
    needed: allNeeded && spec.rules.length <= MAX_BITS ? 2 ** spec.rules.length - 1 : 0,
    maxMatches: Math.max(options.maxMatchesPerGroup, 2 * leastMatches),
    keptMatches: Math.max(leastMatches, 16),
    wanted: (match) => match.rules.some((rule) => wantedIndexes.has(rule)),
    unwanted: (match) => match.rules.some((rule) => unwantedIndexes.has(rule)),
  }
}

/** Bits of the rules of a match, for `needed`. */
export function rulesSeen(match: StoredMatch): number {
  let bits = 0
  for (let i = 0; i < match.rules.length; i++) {
    const rule = match.rules[i] as number
    if (rule < MAX_BITS) bits |= 1 << rule
  }
  return bits
}

/** The least number with which a rising count can hold. */
function leastCount(spec: CorrelationSpec): number {
  let least = 1
  for (const { op, value } of spec.condition.bounds)
    least = Math.max(least, op === 'gt' ? Math.floor(value) + 1 : Math.ceil(value))
  return least
}
