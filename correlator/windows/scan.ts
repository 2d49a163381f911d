// From a group's matches in order to its episodes: a left fold, so that it can stop at any match and go on later.
//
//   matches   m0  m1  m2 | m3  m4  m5          | = settled: event time has passed it by the allowed lateness
//   settled   ^ state after m0..m2: final       the horizon; nothing new can come before it
//   running   state after m0..m5: may be redone from `settled` when a match comes in between
//
// Indexes count from the first match kept; `trim` moves them when old matches go.

import type { Scalar } from '../../core/event.ts'
import { addToEpisode, cloneEpisode, type Episode, newEpisode, type Point } from './episode.ts'
import { scanFirstSeen } from './first-seen.ts'
import type { GroupRules } from './group-rules.ts'
import { scanNegated } from './scan-negated.ts'
import type { CorrelationSpec } from './spec.ts'
import { MAX_ELEMENTS, type StoredMatch } from './stored-match.ts'
import { type Measure, openMeasure } from './window-measure.ts'

/** JSON-safe. */
export interface ScanState {
  /** Matches before it are done. */
  at: number
  /** Where the newest window begins. */
  low: number
  /** The episode that the next full window may join, and its last match. */
  open?: { episode: Episode; last: number; lastTime: number }
  /** Finished episodes, oldest first. */
  closed: Episode[]
  /** What the window of the last point held, by index; not in snapshots. */
  seen?: WindowValues
}

interface WindowValues {
  low: number
  high: number
  fields: Point['fields']
  entities: Point['entities']
}

export const newState = (): ScanState => ({ at: 0, low: 0, closed: [] })

export function cloneState(state: ScanState): ScanState {
  return {
    at: state.at,
    low: state.low,
    closed: state.closed.map(cloneEpisode),
    ...(state.open ? { open: { ...state.open, episode: cloneEpisode(state.open.episode) } } : {}),
  }
}

/** The measure as it stands at `state`: whatever the newest window holds. */
export function measureAt(spec: CorrelationSpec, matches: readonly StoredMatch[], state: ScanState): Measure {
  const measure = openMeasure(spec)
  for (let i = state.low; i < state.at; i++) measure.enter(matches[i] as StoredMatch)
  return measure
}

/** `rising`: a window ends at each match from `state.at` to `until` (exclusive). */
export function scanRising(
  rules: GroupRules,
  matches: readonly StoredMatch[],
  state: ScanState,
  measure: Measure,
  until: number,
): void {
  const { timespanMs } = rules.spec
  for (; state.at < until; state.at++) {
    const match = matches[state.at] as StoredMatch
    const since = match.t - timespanMs
    measure.enter(match)
    while ((matches[state.low] as StoredMatch).t < since) measure.leave(matches[state.low++] as StoredMatch)
    if (measure.full(since)) addWindow(rules, state, matches, state.low, state.at, measure.value(), match.t)
  }
}

/** `closed`: windows one after the other, those whose end lies before `horizon`. */
export function scanClosed(
  rules: GroupRules,
  matches: readonly StoredMatch[],
  state: ScanState,
  horizon: number,
): void {
  const { spec } = rules
  while (state.at < matches.length) {
    const end = (matches[state.at] as StoredMatch).t + spec.timespanMs
    if (end >= horizon) return
    const measure = openMeasure(spec)
    let next = state.at
    while (next < matches.length && (matches[next] as StoredMatch).t <= end)
      measure.enter(matches[next++] as StoredMatch)
    if (measure.full((matches[state.at] as StoredMatch).t)) {
      addWindow(rules, state, matches, state.at, next - 1, measure.value(), end)
      closeEpisode(state)
    }
    state.at = state.low = next
  }
}

/** `starting`: a window begins at each wanted match, those whose end lies before `horizon`. */
export function scanStarting(
  rules: GroupRules,
  matches: readonly StoredMatch[],
  state: ScanState,
  horizon: number,
): void {
  const { spec } = rules
  if (spec.type === 'absence') {
    scanAbsence(rules, matches, state, horizon)
    return
  }
  if (spec.type === 'first_seen') {
    scanFirstSeen(spec.timespanMs, matches, state, horizon, (at) =>
      addWindow(rules, state, matches, at, at, Number.NEGATIVE_INFINITY, (matches[at] as StoredMatch).t),
    )
    return
  }
  scanNegated(rules, matches, state, horizon, (low, high, value, end) =>
    addWindow(rules, state, matches, low, high, value, end),
  )
}

/**
 * absence: each match of the first rule that no match of any other one follows within the timespan. With one rule only,
 * its next match is awaited. Unanswered matches no further apart than the timespan are one episode.
 */
function scanAbsence(rules: GroupRules, matches: readonly StoredMatch[], state: ScanState, horizon: number): void {
  const { spec } = rules
  const alone = spec.rules.length === 1
  for (; state.at < matches.length; state.at++) {
    const match = matches[state.at] as StoredMatch
    const end = match.t + spec.timespanMs
    if (end >= horizon) return
    if (!match.rules.includes(0) || isAnswered(matches, state.at, end, alone)) continue
    if (state.open && match.t - state.open.lastTime > spec.timespanMs) closeEpisode(state)
    addWindow(rules, state, matches, state.at, state.at, Number.NEGATIVE_INFINITY, end, true)
  }
}

function isAnswered(matches: readonly StoredMatch[], at: number, end: number, alone: boolean): boolean {
  const match = matches[at] as StoredMatch
  let i = at
  if (alone) i++
  else while (i > 0 && (matches[i - 1] as StoredMatch).t === match.t) i-- // at the same time is in time
  for (; i < matches.length && (matches[i] as StoredMatch).t <= end; i++)
    if ((matches[i] as StoredMatch).rules.some((rule) => alone || rule > 0)) return true
  return false
}

function addWindow(
  rules: GroupRules,
  state: ScanState,
  matches: readonly StoredMatch[],
  low: number,
  high: number,
  value: number,
  pointTime: number,
  join = false,
): void {
  let open = state.open
  if (!open || (!join && low > open.last)) {
    closeEpisode(state)
    open = { episode: newEpisode(matches[low] as StoredMatch), last: low - 1, lastTime: 0 }
    state.open = open
  }
  const from = Math.max(low, open.last + 1)
  if (rules.alerts)
    for (let i = from; i <= high; i++) {
      const before = i > from || (open.episode.count > 0 && open.last === i - 1) ? matches[i - 1] : undefined
      addToEpisode(open.episode, matches[i] as StoredMatch, before, rules.above)
    }
  open.last = Math.max(open.last, high)
  open.lastTime = (matches[open.last] as StoredMatch).t
  if (Number.isFinite(value)) open.episode.peak = Math.max(open.episode.peak ?? value, value)
  if (rules.points) addPoint(rules, state, open.episode, matches, low, from, high, pointTime)
}

export function closeEpisode(state: ScanState): void {
  if (!state.open) return
  state.closed.push(state.open.episode)
  state.open = undefined
}

const POINT_LOOKBACK = 256 // matches of a window whose field values a point carries

function addPoint(
  rules: GroupRules,
  state: ScanState,
  episode: Episode,
  matches: readonly StoredMatch[],
  low: number,
  from: number,
  high: number,
  t: number,
): void {
  const last = episode.points.at(-1)
  const same = last?.t === t
  const ids = same ? [...last.ids] : []
  let count = same ? last.count : 0
  for (let i = from; i <= high; i++) {
    const { id, parts } = matches[i] as StoredMatch
    if (!parts) {
      if (ids.length < 100) ids.push(id)
    } else for (const one of parts.ids) if (ids.length < 100) ids.push(one)
    count += parts?.count ?? 1
  }
  const begin = Math.max(low, high - POINT_LOOKBACK + 1)
  let firstSeen = (matches[begin] as StoredMatch).t
  if (rules.above)
    for (let i = begin; i <= high; i++) {
      const match = matches[i] as StoredMatch
      firstSeen = Math.min(firstSeen, match.parts?.firstSeen ?? match.t)
    }
  const { fields, entities } = seeWindow(state, matches, begin, high)
  const opening = same ? last.opening : !episode.opened
  const point: Point = { t, opening, ids, count, firstSeen, fields, entities }
  episode.opened = true
  if (same) episode.points[episode.points.length - 1] = point
  else episode.points.push(point)
}

/**
 * The values of the matches from `low` to `high`, in the order of their first match. A window that only grew, or left
 * nothing behind that its next match does not say again, holds what the one before did and perhaps more.
 */
function seeWindow(state: ScanState, matches: readonly StoredMatch[], low: number, high: number): WindowValues {
  const before = state.seen
  if (before && before.low <= low && before.high <= high && low <= before.high) {
    let i = before.low
    while (i < low && sayTheSame(matches[i] as StoredMatch, matches[i + 1] as StoredMatch)) i++
    if (i === low) {
      let { fields, entities } = before
      for (i = before.high + 1; i <= high; i++) {
        const match = matches[i] as StoredMatch
        if (sayTheSame(matches[i - 1] as StoredMatch, match)) continue
        // those of the point before stay as they are
        if (fields === before.fields) fields = copyOf(fields)
        if (entities === before.entities) entities = copyOf(entities)
        collectAll(fields, match.fields)
        collectAll(entities, match.entities)
      }
      state.seen = { low, high, fields, entities }
      return state.seen
    }
  }
  const fields: Record<string, Scalar[]> = Object.create(null)
  const entities: Record<string, string[]> = Object.create(null)
  for (let i = low; i <= high; i++) {
    const match = matches[i] as StoredMatch
    if (i > low && sayTheSame(matches[i - 1] as StoredMatch, match)) continue
    collectAll(fields, match.fields)
    collectAll(entities, match.entities)
  }
  state.seen = { low, high, fields, entities }
  return state.seen
}

/** By identity: what is equal within a group is kept once. */
function sayTheSame(a: StoredMatch, b: StoredMatch): boolean {
  return a.fields === b.fields && a.entities === b.entities
}

function copyOf<T extends Scalar>(values: Record<string, T[]>): Record<string, T[]> {
  const copy: Record<string, T[]> = Object.create(null)
  for (const name in values) copy[name] = [...(values[name] as T[])]
  return copy
}

function collectAll(into: Record<string, Scalar[]>, values: StoredMatch['fields']): void {
  for (const name in values) collect(into, name, values[name])
}

function collect(into: Record<string, Scalar[]>, name: string, value: Scalar | readonly Scalar[] | undefined): void {
  if (value === undefined || value === null) return
  const known = (into[name] ??= [])
  if (known.length === MAX_ELEMENTS) return
  if (!Array.isArray(value)) {
    if (!known.includes(value as Scalar)) known.push(value as Scalar)
    return
  }
  for (const one of value) if (known.length < MAX_ELEMENTS && !known.includes(one)) known.push(one)
}
