// One correlation: matches in, groups kept within bounds, changes of alerts out.

import type { Alert, AlertChange, RuleMatch } from '../../core/detect.ts'
import { DueHeap } from './due-heap.ts'
import { alertId, alertOf, type Episode, type Point, shortHash } from './episode.ts'
import { Group, type GroupRules, type GroupSnapshot } from './group.ts'
import { fieldValues, groupsOf } from './group-key.ts'
import { indexList, listOf } from './intern.ts'
import { MatchPacker, unpackMatches } from './packed-matches.ts'
import { type CorrelationSpec, judgingOf, polarity } from './spec.ts'
import { MAX_ELEMENTS, type StoredMatch } from './stored-match.ts'

/** Why matches or groups were not (fully) counted; labels of `correlate_left_out_matches_total{rule,reason}`. */
export const leftOutReasons = ['late', 'no_group', 'too_many_values', 'flooded', 'evicted'] as const
export type LeftOut = (typeof leftOutReasons)[number]

const NO_REASONS: StoredMatch['why'] = [[]]

export interface CorrelationOptions {
  readonly maxKeys: number
  readonly maxMatchesPerGroup: number
  /** Another correlation builds on this one. */
  readonly points: boolean
  /** Event time this correlation lags behind others: what a correlation it builds on waits before it judges. */
  readonly holdMs: number
  readonly kind: 'event' | 'correlation'
  /** The rule that alerts name: the correlation, or the rule whose alerts it folds. */
  readonly ruleId: string
  readonly leaveOut: (reason: LeftOut, count: number) => void
}

/** A match for a correlation above, or one to take back. */
export interface Derived {
  readonly take: 'add' | 'remove'
  readonly id: string
  readonly point: Point
}

export interface CorrelationSnapshot {
  readonly id: string
  readonly version: string
  /** What the groups' matches share; see packed-matches.ts. */
  readonly table: readonly unknown[]
  readonly groups: readonly GroupSnapshot[]
}

export class Correlation {
  readonly spec: CorrelationSpec
  readonly rules: GroupRules
  readonly holdMs: number
  readonly #options: CorrelationOptions
  /** Least recently touched first. */
  readonly #groups = new Map<string, Group>()
  readonly #due = new DueHeap<Group>()
  #touched: Group[] = []
  readonly #measure: string
  #horizon = Number.NEGATIVE_INFINITY

  constructor(spec: CorrelationSpec, options: CorrelationOptions) {
    this.spec = spec
    this.#options = options
    this.holdMs = options.holdMs
    const judging = judgingOf(spec)
    const expression = spec.condition.expression
    const wanted = expression ? polarity(expression).wanted : undefined
    const wantedIndexes = new Set(spec.rules.flatMap(({ id }, i) => (!wanted || wanted.has(id) ? [i] : [])))
    const minMatches = judging === 'rising' && spec.type === 'event_count' ? leastCount(spec) : 1
    this.rules = {
      spec,
      judging,
      minMatches,
      maxMatches: Math.max(options.maxMatchesPerGroup, 2 * minMatches),
      points: options.points,
      wanted: (match) => match.rules.some((rule) => wantedIndexes.has(rule)),
    }
    this.#measure = spec.condition.fields.length > 0 ? spec.condition.fields.join(', ') : spec.type
  }

  get groupCount(): number {
    return this.#groups.size
  }

  /** Takes a match of `spec.rules[index]` into its groups. */
  insert(match: RuleMatch, index: number): void {
    if (match.timestamp < this.#horizon) {
      this.#options.leaveOut('late', 1)
      return
    }
    this.#insert(match, index, {
      t: match.timestamp,
      id: match.eventId,
      rules: indexList(index),
      why: listOf(match.why),
      entities: match.entities,
      ...(this.rules.points ? { fields: match.fields } : {}),
    })
  }

  /** Takes or gives back what the correlation `spec.rules[index]` made of a group. */
  derive({ take, id, point }: Derived, index: number): void {
    const stored: StoredMatch = {
      t: point.t,
      id,
      rules: indexList(index),
      why: NO_REASONS,
      entities: point.entities,
      parts: { ids: point.ids, count: point.count, firstSeen: point.firstSeen },
      ...(this.rules.points ? { fields: point.fields } : {}),
    }
    if (take === 'add') {
      this.#insert(point, index, stored)
      return
    }
    const ruleId = this.spec.rules[index]?.id as string
    for (const { key } of groupsOf(this.spec, ruleId, point).groups) {
      const group = this.#groups.get(key)
      if (group?.remove(point.t, id)) this.#touch(group)
    }
  }

  #insert(match: Pick<RuleMatch, 'fields'> & Pick<StoredMatch, 'entities'>, index: number, bare: StoredMatch): void {
    const { spec } = this
    const ruleId = spec.rules[index]?.id as string
    const { groups, left } = groupsOf(spec, ruleId, match)
    if (groups.length === 0) {
      this.#options.leaveOut('no_group', 1)
      return
    }
    if (left > 0) this.#options.leaveOut('too_many_values', left)
    const stored = { ...bare, ...this.#measured(match, ruleId) }
    for (const { key, record } of groups) {
      let group = this.#groups.get(key)
      if (!group) {
        if (this.#groups.size >= this.#options.maxKeys) this.#evict()
        group = new Group(key, record)
        this.#groups.set(key, group)
      }
      const done = group.insert(stored)
      if (done === 'flooded') this.#options.leaveOut('flooded', 1)
      if (done !== 'new') continue
      if (group.matches.length > this.rules.maxMatches) {
        this.#options.leaveOut('flooded', group.matches.length >> 1)
        group.shed(this.rules)
      }
      this.#touch(group)
    }
  }

  /** What the condition's fields say of a match. */
  #measured(match: Parameters<typeof fieldValues>[2], ruleId: string): Pick<StoredMatch, 'values' | 'numbers'> {
    const { spec } = this
    const { fields } = spec.condition
    if (fields.length === 0) return {}
    if (spec.type === 'value_count') {
      let tuples: string[] = ['']
      for (const name of fields) {
        const values = fieldValues(spec, ruleId, match, name).slice(0, MAX_ELEMENTS).map(String)
        tuples = tuples
          .flatMap((tuple) => values.map((value) => `${tuple}${value.length}:${value}`))
          .slice(0, MAX_ELEMENTS)
      }
      return { values: [...new Set(tuples)] }
    }
    const numbers = fieldValues(spec, ruleId, match, fields[0] as string)
      .slice(0, MAX_ELEMENTS)
      .map((value) => (typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)))
    return { numbers: numbers.filter(Number.isFinite) }
  }

  /** Judges the groups that changed, then moves event time on to `horizon` and judges what that closes. */
  advance(horizon: number, changes: AlertChange[], derived: Derived[]): void {
    const touched = this.#touched
    this.#touched = []
    for (const group of touched) {
      group.touched = false
      if (this.rules.judging === 'rising') this.#tell(group, changes, derived)
      this.#schedule(group)
    }
    if (horizon > this.#horizon) this.#horizon = horizon
    for (let group = this.#due.popBefore(this.#horizon); group; group = this.#due.popBefore(this.#horizon)) {
      group.dueAt = Number.POSITIVE_INFINITY
      if (this.#groups.get(group.key) !== group) continue // evicted
      if (group.due(this.rules) < this.#horizon) this.#settle(group, changes, derived)
      this.#schedule(group)
    }
    for (const group of touched) {
      // a group that is never quiet lets go of its past half by half
      const middle = group.matches[group.matches.length >> 1]
      if (group.matches.length > 64 && middle && middle.t < this.#horizon - this.spec.timespanMs)
        this.#settle(group, changes, derived)
    }
  }

  snapshot(): CorrelationSnapshot {
    const packer = new MatchPacker()
    const groups = [...this.#groups.values()].map((group) => group.snapshot(packer))
    return { id: this.spec.id, version: this.spec.version, table: packer.table, groups }
  }

  restore(snapshot: CorrelationSnapshot, horizon: number): void {
    this.#horizon = horizon
    const unpack = unpackMatches(snapshot.table)
    for (const saved of snapshot.groups) {
      const group = Group.restore(saved, unpack)
      this.#groups.set(group.key, group)
      this.#schedule(group)
    }
  }

  #touch(group: Group): void {
    if (!group.touched) {
      group.touched = true
      this.#touched.push(group)
    }
    this.#groups.delete(group.key)
    this.#groups.set(group.key, group)
  }

  #schedule(group: Group): void {
    if (group.idle) {
      this.#groups.delete(group.key)
      return
    }
    const due = group.due(this.rules)
    if (due >= group.dueAt) return
    group.dueAt = due
    this.#due.push(due, group)
  }

  #settle(group: Group, changes: AlertChange[], derived: Derived[]): void {
    if (this.rules.judging !== 'rising') this.#tell(group, changes, derived)
    group.settle(this.rules, this.#horizon)
  }

  /**
   * Makes room: the least recently touched hundredth of the groups goes, but for those whose alert is still growing while
   * there are others. Many at once, because the start of a Map from which much was deleted is slow to find again.
   */
  #evict(): void {
    let left = Math.max(1, Math.floor(this.#options.maxKeys / 100))
    const spared: Group[] = []
    for (const group of this.#groups.values()) {
      if (group.told && spared.length < this.#options.maxKeys / 2) {
        spared.push(group)
        continue
      }
      this.#groups.delete(group.key)
      this.#options.leaveOut('evicted', group.matches.length)
      if (--left === 0) break
    }
    for (const group of spared) {
      // behind the others, so that the next search does not meet them first
      this.#groups.delete(group.key)
      if (left > 0) {
        left--
        this.#options.leaveOut('evicted', group.matches.length)
      } else this.#groups.set(group.key, group)
    }
    if (this.#due.size > 2 * this.#options.maxKeys) this.#due.keep((group) => this.#groups.get(group.key) === group)
  }

  /** Says how the group's alerts differ from what was said before. */
  #tell(group: Group, changes: AlertChange[], derived: Derived[]): void {
    const episodes = group.episodes(this.rules, this.#horizon)
    if (this.rules.points) this.#derive(group, episodes, derived)
    if (this.spec.alerts === false) return
    const told = group.told
    if (!told && episodes.length === 0) return
    const now = new Map<string, Episode>()
    for (const episode of episodes) now.set(alertId(this.spec, group.key, episode), episode)
    const gone = told ? [...told].filter(([id]) => !now.has(id)) : []
    for (const [id, { alert, revision }] of gone) {
      told?.delete(id)
      changes.push({ alert, state: 'withdrawn', revision: revision + 1, supersedes: [] })
    }
    for (const [id, episode] of now) {
      const before = group.told?.get(id)
      // an episode only ever grows by matches: the same one with the same count was told
      if (before && before.episode === episode && before.alert.count === episode.count) continue
      const alert = alertOf(
        this.#options.kind,
        this.spec,
        this.#options.ruleId,
        this.#measure,
        group.key,
        group.record,
        episode,
      )
      if (before && before.alert.digest === alert.digest && isSame(before.alert, alert)) continue
      const revision = (before?.revision ?? 0) + 1
      const supersedes = gone
        .filter(([, one]) => one.alert.firstSeen >= alert.firstSeen && one.alert.lastSeen <= alert.lastSeen)
        .map(([goneId]) => goneId)
      changes.push({ alert, state: before ? 'changed' : 'raised', revision, supersedes })
      group.told ??= new Map()
      group.told.set(id, { alert, revision, episode })
    }
    if (group.told?.size === 0) group.told = undefined
  }

  #pointId(group: Group, point: Point): string {
    let id = ids.get(point)
    if (id === undefined) {
      id = shortHash('point', this.spec.id, this.spec.version, group.key, String(point.t))
      ids.set(point, id)
    }
    return id
  }

  #derive(group: Group, episodes: readonly Episode[], derived: Derived[]): void {
    const now = new Map<string, Point>()
    for (const { points } of episodes) for (const point of points) now.set(this.#pointId(group, point), point)
    for (const [id, sent] of group.sent ?? []) {
      const point = now.get(id)
      if (point && markOf(point) === sent.mark) continue
      derived.push({ take: 'remove', id, point: sent.point })
      group.sent?.delete(id)
    }
    for (const [id, point] of now) {
      if (group.sent?.has(id)) continue
      derived.push({ take: 'add', id, point })
      group.sent ??= new Map()
      group.sent.set(id, { t: point.t, mark: markOf(point), point })
    }
  }
}

/** The same events, but perhaps by one more rule, or by another way: then count and reasons differ. */
function isSame(before: Alert, now: Alert): boolean {
  return JSON.stringify(before) === JSON.stringify(now)
}

const ids = new WeakMap<Point, string>()
const marks = new WeakMap<Point, string>()
function markOf(point: Point): string {
  let mark = marks.get(point)
  if (mark === undefined) marks.set(point, (mark = shortHash(JSON.stringify(point))))
  return mark
}

/** The least number of events with which a rising event_count can hold. */
function leastCount(spec: CorrelationSpec): number {
  let least = 1
  for (const { op, value } of spec.condition.bounds)
    least = Math.max(least, op === 'gt' ? Math.floor(value) + 1 : Math.ceil(value))
  return least
}
