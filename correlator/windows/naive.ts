// What correlations mean, written down a second time as plainly as possible: the whole set of matches in hand, every
// window looked at in full. Slow; the oracle of the property tests, and the reference for docs/correlation.md.

import type { RuleMatch } from '../../core/detect.ts'
import { digestOf } from './episode.ts'
import { type CorrelationSpec, evaluate, evaluateParted, judgingOf, polarity, satisfies } from './spec.ts'

/** What must be equal between the oracle and the correlator. */
export interface NaiveAlert {
  readonly ruleId: string
  readonly group: string
  readonly firstSeen: number
  readonly lastSeen: number
  readonly count: number
  readonly digest: string
}

interface Seen {
  readonly t: number
  readonly id: string
  readonly rules: readonly string[]
  readonly value: unknown
}

/** Every alert of one correlation over rules, whatever the order of `matches`. One value a field, no chains. */
export function naiveAlerts(spec: CorrelationSpec, matches: readonly RuleMatch[]): NaiveAlert[] {
  const groups = new Map<string, Map<string, Seen>>()
  for (const match of matches) {
    if (!spec.rules.some(({ id }) => id === match.ruleId)) continue
    const values = spec.groupBy.map((name) => match.fields[spec.aliases[name]?.[match.ruleId] ?? name])
    if (values.includes(undefined)) continue
    const key = JSON.stringify(values.map(String))
    const group = groups.get(key) ?? new Map<string, Seen>()
    groups.set(key, group)
    const known = group.get(match.eventId)?.rules ?? []
    const rules = [...new Set([...known, match.ruleId])]
    group.set(match.eventId, {
      t: match.timestamp,
      id: match.eventId,
      rules,
      value: match.fields[spec.condition.fields[0] ?? ''],
    })
  }
  return [...groups].flatMap(([group, seen]) => {
    const ordered = [...seen.values()].sort((a, b) => a.t - b.t || (a.id < b.id ? -1 : 1))
    return episodes(spec, ordered).map((events) => ({
      ruleId: spec.id,
      group,
      firstSeen: (events[0] as Seen).t,
      lastSeen: (events.at(-1) as Seen).t,
      count: events.length,
      digest: digestOf(events.map(({ id }) => id)),
    }))
  })
}

function episodes(spec: CorrelationSpec, all: readonly Seen[]): Seen[][] {
  if (spec.type === 'absence') return unanswered(spec, all)
  if (spec.type === 'first_seen') return unseen(spec, all).map((one) => [one])
  const result: Set<Seen>[] = []
  for (const { window, alone } of windows(spec, all)) {
    if (judgingOf(spec) !== 'starting' && !holds(spec, window)) continue
    const last = result.at(-1)
    if (last && !alone && window.some((match) => last.has(match))) for (const match of window) last.add(match)
    else result.push(new Set(window))
  }
  return result.map((set) => all.filter((match) => set.has(match)))
}

function* windows(spec: CorrelationSpec, all: readonly Seen[]): Generator<{ window: Seen[]; alone: boolean }> {
  const within = (from: number, to: number) => all.filter(({ t }) => t >= from && t <= to)
  const judging = judgingOf(spec)
  if (judging === 'rising') for (const { t } of all) yield { window: within(t - spec.timespanMs, t), alone: false }
  else if (judging === 'starting') {
    const { expression } = spec.condition
    if (!expression) throw new RangeError('a text condition with not has a text')
    const { wanted, unwanted } = polarity(expression)
    const isIn = (some: readonly Seen[]) => (id: string) => some.some(({ rules }) => rules.includes(id))
    const steps = spec.rules.flatMap(({ id }) => (unwanted.has(id) ? [] : [id]))
    const isRun = (some: readonly Seen[]) =>
      evaluateParted(expression, isIn(some), () => false) &&
      (spec.type !== 'temporal_ordered' || isInOrder(steps, some))
    for (const { t, rules } of all) {
      if (!rules.some((id) => wanted.has(id))) continue
      const window = within(t, t + spec.timespanMs)
      // what is wanted is complete then; no stretch of the timespan that holds it may hold what is not wanted
      const complete = window.find((last) => isRun(within(t, last.t)))?.t
      if (complete === undefined) continue
      const around = within(complete - spec.timespanMs, t + spec.timespanMs)
      if (evaluateParted(expression, isIn(window), isIn(around))) yield { window, alone: false }
    }
  } else
    for (let at = 0; at < all.length; ) {
      const start = (all[at] as Seen).t
      const window = within(start, start + spec.timespanMs)
      yield { window, alone: true }
      at += window.length
    }
}

function holds(spec: CorrelationSpec, window: readonly Seen[]): boolean {
  const { bounds, expression } = spec.condition
  const numbers = window.flatMap(({ value }) => (value === undefined ? [] : [Number(value)]))
  const different = new Set(window.flatMap(({ rules }) => rules))
  switch (spec.type) {
    case 'event_count':
      return satisfies(window.length, bounds)
    case 'value_count':
      return satisfies(
        new Set(window.flatMap(({ value }) => (value === undefined ? [] : [String(value)]))).size,
        bounds,
      )
    case 'value_sum':
      return (
        numbers.length > 0 &&
        satisfies(
          numbers.reduce((sum, one) => sum + one, 0),
          bounds,
        )
      )
    case 'value_avg':
      return numbers.length > 0 && satisfies(numbers.reduce((sum, one) => sum + one, 0) / numbers.length, bounds)
    case 'temporal':
      if (expression) return evaluate(expression, (id) => different.has(id))
      return bounds.length > 0 ? satisfies(different.size, bounds) : spec.rules.every(({ id }) => different.has(id))
    case 'temporal_ordered':
      return isInOrder(
        spec.rules.map(({ id }) => id),
        window,
      )
    default:
      throw new RangeError(`the oracle does not know ${spec.type}`)
  }
}

function isInOrder(ids: readonly string[], window: readonly Seen[]): boolean {
  const times = ids.map((id) => window.filter(({ rules }) => rules.includes(id)).map(({ t }) => t))
  let now = Number.NEGATIVE_INFINITY // the earliest chain: each step as soon as it can be
  return times.every((steps) => {
    now = Math.min(...steps.filter((t) => t >= now))
    return Number.isFinite(now)
  })
}

function unseen({ timespanMs }: CorrelationSpec, all: readonly Seen[]): Seen[] {
  return all.filter((one, i) => {
    const before = all.slice(0, i).filter(({ t, value }) => value !== undefined && t >= one.t - timespanMs)
    return (
      one.value !== undefined && before.length > 0 && before.every(({ value }) => String(value) !== String(one.value))
    )
  })
}

function unanswered(spec: CorrelationSpec, all: readonly Seen[]): Seen[][] {
  const ask = spec.rules[0]?.id as string
  const answer = spec.rules.at(-1)?.id as string
  const open = all.filter((match, i) => {
    if (!match.rules.includes(ask)) return false
    return !all.some(
      (other, j) =>
        other.rules.includes(answer) &&
        other.t <= match.t + spec.timespanMs &&
        (ask === answer ? j > i : other.t >= match.t),
    )
  })
  const result: Seen[][] = []
  for (const match of open) {
    const last = result.at(-1)
    if (last && match.t - (last.at(-1) as Seen).t <= spec.timespanMs) last.push(match)
    else result.push([match])
  }
  return result
}
