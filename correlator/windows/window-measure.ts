// What a window holds, kept while matches enter at its end and leave at its start. One for each kind of condition.

import { type CorrelationSpec, evaluate, satisfies } from './spec.ts'
import type { StoredMatch } from './stored-match.ts'

export interface Measure {
  enter(match: StoredMatch): void
  leave(match: StoredMatch): void
  /** Does the condition hold for the window that begins at `since`? */
  full(since: number): boolean
  /** The value compared, for people. */
  value(): number
}

export function openMeasure(spec: CorrelationSpec): Measure {
  switch (spec.type) {
    case 'event_count':
      return countEvents(spec)
    case 'value_count':
      return countValues(spec)
    case 'value_sum':
      return sumValues(spec)
    case 'value_avg':
    case 'value_percentile':
    case 'value_median':
      return rankValues(spec)
    case 'temporal_ordered':
      return ruleOrder(spec)
    case 'temporal':
    case 'absence':
      return rulesSeen(spec)
  }
}

function countEvents(spec: CorrelationSpec): Measure {
  const { bounds } = spec.condition
  let count = 0
  return {
    enter: () => void count++,
    leave: () => void count--,
    full: () => satisfies(count, bounds),
    value: () => count,
  }
}

function countValues(spec: CorrelationSpec): Measure {
  const { bounds } = spec.condition
  const counts = new Map<string, number>()
  return {
    enter(match) {
      for (const value of match.values ?? []) counts.set(value, (counts.get(value) ?? 0) + 1)
    },
    leave(match) {
      for (const value of match.values ?? []) {
        const left = (counts.get(value) ?? 0) - 1
        if (left > 0) counts.set(value, left)
        else counts.delete(value)
      }
    },
    full: () => satisfies(counts.size, bounds),
    value: () => counts.size,
  }
}

/**
 * Sums in whole thousandths, because adding and taking away floats leaves a rest that depends on the way there, and
 * the same events must give the same alert.
 */
function sumValues(spec: CorrelationSpec): Measure {
  const { bounds } = spec.condition
  let thousandths = 0n
  let count = 0
  const total = () => Number(thousandths) / 1000
  return {
    enter(match) {
      for (const value of match.numbers ?? []) {
        thousandths += toThousandths(value)
        count++
      }
    },
    leave(match) {
      for (const value of match.numbers ?? []) {
        thousandths -= toThousandths(value)
        count--
      }
    },
    full: () => count > 0 && satisfies(total(), bounds),
    value: total,
  }
}

/** Values beyond 1e15 count as 1e15: past that a float holds no thousandths. */
function toThousandths(value: number): bigint {
  return BigInt(Math.round(Math.max(-1e15, Math.min(1e15, value)) * 1000))
}

/** Average, percentile, median: over values sorted anew for each judgement, so that order of arrival leaves no trace. */
function rankValues(spec: CorrelationSpec): Measure {
  const { bounds, percentile = 50 } = spec.condition
  const held = new Map<StoredMatch, readonly number[]>()
  const value = () => {
    const sorted = [...held.values()].flat().sort((a, b) => a - b)
    if (sorted.length === 0) return Number.NaN
    if (spec.type === 'value_avg') return sorted.reduce((sum, one) => sum + one, 0) / sorted.length
    // linear between the two nearest ranks, as spreadsheets and numpy do
    const rank = ((spec.type === 'value_median' ? 50 : percentile) / 100) * (sorted.length - 1)
    const below = sorted[Math.floor(rank)] as number
    const above = sorted[Math.ceil(rank)] as number
    return below + (above - below) * (rank - Math.floor(rank))
  }
  return {
    enter: (match) => void held.set(match, match.numbers ?? []),
    leave: (match) => void held.delete(match),
    full: () => {
      const now = value()
      return !Number.isNaN(now) && satisfies(now, bounds)
    },
    value,
  }
}

/** temporal: how many of the rules were seen, or what the expression says. */
function rulesSeen(spec: CorrelationSpec): Measure {
  const { bounds, expression } = spec.condition
  const all = new Set(spec.rules.map(({ id }) => id)).size
  const counts = new Map<string, number>()
  const seen = (id: string) => counts.has(id)
  return {
    enter(match) {
      for (const rule of match.rules) {
        const id = spec.rules[rule]?.id as string
        counts.set(id, (counts.get(id) ?? 0) + 1)
      }
    },
    leave(match) {
      for (const rule of match.rules) {
        const id = spec.rules[rule]?.id as string
        const left = (counts.get(id) ?? 0) - 1
        if (left > 0) counts.set(id, left)
        else counts.delete(id)
      }
    },
    full: () =>
      expression
        ? evaluate(expression, seen)
        : bounds.length > 0
          ? satisfies(counts.size, bounds)
          : counts.size === all,
    value: () => counts.size,
  }
}

/**
 * temporal_ordered: for each step the latest start of a chain that got so far (dynamic programming: exact, one number a
 * step, no partial matches kept).
 *
 *   rules    a       b       c
 *   latest   10:04   10:01   -      chain a,b began at 10:01; a newer a waits at 10:04
 *
 * Matches with the same time count as in order, whatever their ids: many logs have seconds only.
 */
function ruleOrder(spec: CorrelationSpec): Measure {
  const { bounds, expression } = spec.condition
  const steps = expression ? wantedSteps(spec) : spec.rules.map((_rule, index) => index)
  const ids = steps.map((index) => spec.rules[index]?.id as string)
  const needed = bounds.length > 0 ? undefined : ids.length
  const latest = ids.map(() => Number.NEGATIVE_INFINITY)
  const seen = rulesSeen(spec)
  let tieTime = Number.NaN
  let tied = new Set<string>()
  let since = 0
  const reached = () => latest.findLastIndex((start) => start >= since) + 1
  return {
    enter(match) {
      seen.enter(match)
      const own = new Set(match.rules.map((index) => spec.rules[index]?.id as string))
      for (let k = ids.length - 1; k >= 0; k--) {
        if (!own.has(ids[k] as string)) continue
        const start = k === 0 ? match.t : (latest[k - 1] as number)
        if (start > (latest[k] as number)) latest[k] = start
      }
      if (match.t !== tieTime) {
        tieTime = match.t
        tied = new Set()
      }
      for (const id of own) tied.add(id)
      for (let k = 1; k < ids.length; k++) {
        const before = latest[k - 1] as number
        if (ids[k] !== ids[k - 1] && tied.has(ids[k] as string) && before > (latest[k] as number)) latest[k] = before
      }
    },
    leave: (match) => seen.leave(match),
    full(from) {
      since = from
      if (expression && !seen.full(from)) return false
      return needed === undefined ? satisfies(reached(), bounds) : (latest[needed - 1] as number) >= from
    },
    value: reached,
  }
}

/** The steps an expression wants seen, in the order of the rules. */
function wantedSteps(spec: CorrelationSpec): number[] {
  const unwanted = new Set<string>()
  const walk = (expr: NonNullable<CorrelationSpec['condition']['expression']>, positive: boolean): void => {
    if (expr.kind === 'rule') {
      if (!positive) unwanted.add(expr.id)
    } else if (expr.kind === 'not') walk(expr.of, !positive)
    else for (const part of expr.of) walk(part, positive)
  }
  if (spec.condition.expression) walk(spec.condition.expression, true)
  return spec.rules.flatMap(({ id }, index) => (unwanted.has(id) ? [] : [index]))
}
