// What a correlation asks for, as plain data: what sigma/ loads fits as it is.

import type { Level } from '../../core/detect.ts'

export const windowTypes = [
  'event_count',
  'value_count',
  'value_sum',
  'value_avg',
  'value_percentile',
  'value_median',
  'temporal',
  'temporal_ordered',
  'absence',
  'first_seen',
] as const
export type WindowType = (typeof windowTypes)[number]

export interface Bound {
  readonly op: 'gt' | 'gte' | 'lt' | 'lte' | 'eq' | 'neq'
  readonly value: number
}

/** Which rules must, or must not, have been seen. */
export type RuleExpr =
  | { readonly kind: 'rule'; readonly id: string }
  | { readonly kind: 'and' | 'or'; readonly of: readonly RuleExpr[] }
  | { readonly kind: 'not'; readonly of: RuleExpr }

/** What every alert says of its rule. */
export interface RuleInfo {
  readonly id: string
  readonly version: string
  readonly title: string
  readonly description: string
  readonly level: Level
  readonly tags: readonly string[]
  readonly falsePositives: readonly string[]
  /** False: only correlations that use it alert. Default true. */
  readonly alerts?: boolean
}

export interface CorrelationSpec extends RuleInfo {
  readonly type: WindowType
  /** Of rules or of other correlations; order matters to temporal_ordered and absence. */
  readonly rules: readonly { readonly id: string }[]
  readonly groupBy: readonly string[]
  /** alias -> rule id -> the field's name in that rule's matches */
  readonly aliases: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly timespanMs: number
  /** How late a match may come and still count; default: what the correlator allows. */
  readonly latenessMs?: number
  readonly condition: {
    /** All must hold. Temporal types: of the number of different rules seen; none means all rules. */
    readonly bounds: readonly Bound[]
    /** value_*: what is counted or measured; first_seen: what is new. */
    readonly fields: readonly string[]
    /** value_percentile: 0..100. */
    readonly percentile?: number
    readonly expression?: RuleExpr
  }
}

export function satisfies(value: number, bounds: readonly Bound[]): boolean {
  for (let i = 0; i < bounds.length; i++) {
    const { op, value: limit } = bounds[i] as Bound
    const holds =
      op === 'gte'
        ? value >= limit
        : op === 'gt'
          ? value > limit
          : op === 'lte'
            ? value <= limit
            : op === 'lt'
              ? value < limit
              : op === 'eq'
                ? value === limit
                : value !== limit
    if (!holds) return false
  }
  return true
}

export function evaluate(expr: RuleExpr, seen: (ruleId: string) => boolean): boolean {
  switch (expr.kind) {
    case 'rule':
      return seen(expr.id)
    case 'and':
      return expr.of.every((part) => evaluate(part, seen))
    case 'or':
      return expr.of.some((part) => evaluate(part, seen))
    case 'not':
      return !evaluate(expr.of, seen)
  }
}

/** As `evaluate`, but what must be seen and what must not be are looked for in different places. */
export function evaluateParted(
  expr: RuleExpr,
  seen: (ruleId: string) => boolean,
  unwantedSeen: (ruleId: string) => boolean,
): boolean {
  switch (expr.kind) {
    case 'rule':
      return seen(expr.id)
    case 'and':
      return expr.of.every((part) => evaluateParted(part, seen, unwantedSeen))
    case 'or':
      return expr.of.some((part) => evaluateParted(part, seen, unwantedSeen))
    case 'not':
      return !evaluateParted(expr.of, unwantedSeen, seen)
  }
}

/** Rule ids an expression wants seen (`positive`) or unseen, by counting the negations above them. */
export function polarity(
  expr: RuleExpr,
  positive = true,
  into = { wanted: new Set<string>(), unwanted: new Set<string>() },
) {
  if (expr.kind === 'rule') (positive ? into.wanted : into.unwanted).add(expr.id)
  else if (expr.kind === 'not') polarity(expr.of, !positive, into)
  else for (const part of expr.of) polarity(part, positive, into)
  return into
}

/**
 * How windows are laid and when they are judged:
 * - `rising`: a further event can only make the condition truer. A window ends at every match; judged at once.
 * - `closed`: it can become false again (lt, lte, eq, neq, ranges, averages). Windows follow each other, each begins at the
 *   first match after the one before; judged when event time has passed its end.
 * - `starting`: something must not happen (absence, `not c`). A window begins at every wanted match; judged when closed.
 *   What a text condition does not want is looked for before, too (scan-negated.ts).
 *   first_seen is one of them although it looks back: late events may bring what it looks for.
 */
export type Judging = 'rising' | 'closed' | 'starting'

export function judgingOf(spec: CorrelationSpec): Judging {
  switch (spec.type) {
    case 'absence':
    case 'first_seen':
      return 'starting'
    case 'value_avg':
    case 'value_percentile':
    case 'value_median':
      return 'closed'
    case 'temporal':
    case 'temporal_ordered':
      if (spec.condition.expression && polarity(spec.condition.expression).unwanted.size > 0) return 'starting'
  }
  return spec.condition.bounds.every(({ op }) => op === 'gt' || op === 'gte') ? 'rising' : 'closed'
}
