// What a window holds, kept while matches enter at its end and leave at its start. One class for each kind of condition.

import { type CorrelationSpec, evaluateParted, satisfies } from './spec.ts'
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
      return new EventCount(spec)
    case 'value_count':
      return new ValueCount(spec)
    case 'value_sum':
      return new ValueSum(spec)
    case 'value_avg':
    case 'value_percentile':
    case 'value_median':
      return new ValueRank(spec)
    case 'temporal_ordered':
      return new RuleOrder(spec)
    case 'temporal':
    case 'absence':
    case 'first_seen': // neither asks for it: their windows are no sums
      return new RulesSeen(spec)
  }
}

/** What a text condition wants seen, whatever it does not want. */
export function openRun(spec: CorrelationSpec): Measure {
  return spec.type === 'temporal_ordered' ? new RuleOrder(spec, unseen) : new RulesSeen(spec, unseen)
}

const unseen = () => false

class EventCount implements Measure {
  readonly #spec: CorrelationSpec
  #count = 0

  constructor(spec: CorrelationSpec) {
    this.#spec = spec
  }

  enter(): void {
    this.#count++
  }

  leave(): void {
    this.#count--
  }

  full(): boolean {
    return satisfies(this.#count, this.#spec.condition.bounds)
  }

  value(): number {
    return this.#count
  }
}

function addTo(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function takeFrom(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 0) - 1
  if (left > 0) counts.set(key, left)
  else counts.delete(key)
}

class ValueCount implements Measure {
  readonly #spec: CorrelationSpec
  readonly #counts = new Map<string, number>()

  constructor(spec: CorrelationSpec) {
    this.#spec = spec
  }

  enter({ values }: StoredMatch): void {
    if (typeof values === 'string') addTo(this.#counts, values)
    else for (const value of (values ?? []) as readonly string[]) addTo(this.#counts, value)
  }

  leave({ values }: StoredMatch): void {
    if (typeof values === 'string') takeFrom(this.#counts, values)
    else for (const value of (values ?? []) as readonly string[]) takeFrom(this.#counts, value)
  }

  full(): boolean {
    return satisfies(this.#counts.size, this.#spec.condition.bounds)
  }

  value(): number {
    return this.#counts.size
  }
}

const numbersOf = ({ values }: StoredMatch) => (values ?? []) as readonly number[]

/**
 * Sums in whole thousandths, because adding and taking away floats leaves a rest that depends on the way there, and
 * the same events must give the same alert.
 */
class ValueSum implements Measure {
  readonly #spec: CorrelationSpec
  #thousandths = 0n
  #count = 0

  constructor(spec: CorrelationSpec) {
    this.#spec = spec
  }

  enter(match: StoredMatch): void {
    for (const value of numbersOf(match)) {
      this.#thousandths += toThousandths(value)
      this.#count++
    }
  }

  leave(match: StoredMatch): void {
    for (const value of numbersOf(match)) {
      this.#thousandths -= toThousandths(value)
      this.#count--
    }
  }

  full(): boolean {
    return this.#count > 0 && satisfies(this.value(), this.#spec.condition.bounds)
  }

  value(): number {
    return Number(this.#thousandths) / 1000
  }
}

/** Values beyond 1e15 count as 1e15: past that a float holds no thousandths. */
function toThousandths(value: number): bigint {
  return BigInt(Math.round(Math.max(-1e15, Math.min(1e15, value)) * 1000))
}

/** Average, percentile, median: over values sorted anew for each judgement, so that order of arrival leaves no trace. */
class ValueRank implements Measure {
  readonly #spec: CorrelationSpec
  readonly #held = new Map<StoredMatch, readonly number[]>()

  constructor(spec: CorrelationSpec) {
    this.#spec = spec
  }

  enter(match: StoredMatch): void {
    this.#held.set(match, numbersOf(match))
  }

  leave(match: StoredMatch): void {
    this.#held.delete(match)
  }

  full(): boolean {
    const now = this.value()
    return !Number.isNaN(now) && satisfies(now, this.#spec.condition.bounds)
  }

  value(): number {
    const { type, condition } = this.#spec
    const sorted = [...this.#held.values()].flat().sort((a, b) => a - b)
    if (sorted.length === 0) return Number.NaN
    if (type === 'value_avg') return sorted.reduce((sum, one) => sum + one, 0) / sorted.length
    // linear between the two nearest ranks, as spreadsheets and numpy do
    const rank = ((type === 'value_median' ? 50 : (condition.percentile ?? 50)) / 100) * (sorted.length - 1)
    const below = sorted[Math.floor(rank)] as number
    const above = sorted[Math.ceil(rank)] as number
    return below + (above - below) * (rank - Math.floor(rank))
  }
}

/** Which of the rules were seen. */
export class RuleCounts {
  readonly #spec: CorrelationSpec
  readonly #counts = new Map<string, number>()

  constructor(spec: CorrelationSpec) {
    this.#spec = spec
  }

  enter(match: StoredMatch): void {
    for (const rule of match.rules) addTo(this.#counts, this.#spec.rules[rule]?.id as string)
  }

  leave(match: StoredMatch): void {
    for (const rule of match.rules) takeFrom(this.#counts, this.#spec.rules[rule]?.id as string)
  }

  readonly has = (ruleId: string): boolean => this.#counts.has(ruleId)

  get size(): number {
    return this.#counts.size
  }
}

/** temporal: how many of the rules were seen, or what the expression says. */
class RulesSeen implements Measure {
  readonly #spec: CorrelationSpec
  readonly #all: number
  readonly #counts: RuleCounts
  readonly #unwantedSeen: (ruleId: string) => boolean

  /** @param unwantedSeen where what must not be seen is looked for; default: where the rest is */
  constructor(spec: CorrelationSpec, unwantedSeen?: (ruleId: string) => boolean) {
    this.#spec = spec
    this.#all = new Set(spec.rules.map(({ id }) => id)).size
    this.#counts = new RuleCounts(spec)
    this.#unwantedSeen = unwantedSeen ?? this.#counts.has
  }

  enter(match: StoredMatch): void {
    this.#counts.enter(match)
  }

  leave(match: StoredMatch): void {
    this.#counts.leave(match)
  }

  full(): boolean {
    const { bounds, expression } = this.#spec.condition
    if (expression) return evaluateParted(expression, this.#counts.has, this.#unwantedSeen)
    return bounds.length > 0 ? satisfies(this.#counts.size, bounds) : this.#counts.size === this.#all
  }

  value(): number {
    return this.#counts.size
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
class RuleOrder implements Measure {
  readonly #spec: CorrelationSpec
  readonly #ids: readonly string[]
  readonly #latest: number[]
  readonly #seen: RulesSeen | undefined
  #tieTime = Number.NaN
  #tied = new Set<string>()
  #since = 0

  constructor(spec: CorrelationSpec, unwantedSeen?: (ruleId: string) => boolean) {
    this.#spec = spec
    const steps = spec.condition.expression ? wantedSteps(spec) : spec.rules.map((_rule, index) => index)
    this.#ids = steps.map((index) => spec.rules[index]?.id as string)
    this.#latest = this.#ids.map(() => Number.NEGATIVE_INFINITY)
    if (spec.condition.expression) this.#seen = new RulesSeen(spec, unwantedSeen)
  }

  enter(match: StoredMatch): void {
    this.#seen?.enter(match)
    const ids = this.#ids
    const latest = this.#latest
    const own = new Set(match.rules.map((index) => this.#spec.rules[index]?.id as string))
    for (let k = ids.length - 1; k >= 0; k--) {
      if (!own.has(ids[k] as string)) continue
      const start = k === 0 ? match.t : (latest[k - 1] as number)
      if (start > (latest[k] as number)) latest[k] = start
    }
    if (match.t !== this.#tieTime) {
      this.#tieTime = match.t
      this.#tied = new Set()
    }
    for (const id of own) this.#tied.add(id)
    for (let k = 1; k < ids.length; k++) {
      const before = latest[k - 1] as number
      if (ids[k] !== ids[k - 1] && this.#tied.has(ids[k] as string) && before > (latest[k] as number))
        latest[k] = before
    }
  }

  leave(match: StoredMatch): void {
    this.#seen?.leave(match)
  }

  full(from: number): boolean {
    this.#since = from
    if (this.#seen && !this.#seen.full()) return false
    const { bounds } = this.#spec.condition
    return bounds.length > 0 ? satisfies(this.value(), bounds) : (this.#latest.at(-1) as number) >= from
  }

  value(): number {
    return this.#latest.findLastIndex((start) => start >= this.#since) + 1
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
