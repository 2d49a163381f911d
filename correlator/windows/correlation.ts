// One correlation: matches in, groups kept within bounds, changes of alerts out.

import type { Alert, AlertChange, RuleMatch } from '../../core/detect.ts'
import type { Scalar } from '../../core/event.ts'
import { DueHeap } from './due-heap.ts'
import { alertId, alertOf, type Episode, type Point, shortHash } from './episode.ts'
import { Group, type GroupSnapshot, type Sent } from './group.ts'
import { fieldName, fieldValues, fullKey, GroupKeys, type Valued } from './group-key.ts'
import { type GroupRules, groupRules } from './group-rules.ts'
import { indexList } from './intern.ts'
import { OldestGroups } from './oldest-groups.ts'
import type { MatchPacker, MatchUnpacker } from './packed-matches.ts'
import type { CorrelationSpec } from './spec.ts'
import { MAX_ELEMENTS, type Mark, newMark, type StoredMatch, storedMatch } from './stored-match.ts'

/** Why matches or groups were not (fully) counted; labels of `correlate_left_out_matches_total{rule,reason}`. */
export const leftOutReasons = ['late', 'no_group', 'too_many_values', 'flooded', 'evicted'] as const
export type LeftOut = (typeof leftOutReasons)[number]

const NO_REASONS: StoredMatch['why'] = [[]]

export interface CorrelationOptions {
  readonly maxKeys: number
  readonly maxMatchesPerGroup: number
  /** The fields that correlations built on this one ask for; undefined when there are none. */
  readonly pointFields: readonly string[] | undefined
  /** This one builds on others. */
  readonly above: boolean
  /** The groups of matches by these fields: the same object for the same fields, so that work is shared. */
  readonly keysOf: (fields: readonly string[]) => GroupKeys
  /** Event time this correlation lags behind others: what a correlation it builds on waits before it judges. */
  readonly holdMs: number
  readonly kind: 'event' | 'correlation'
  /** The rule that alerts name: the correlation, or the rule whose alerts it folds. */
  readonly ruleId: string
  readonly leaveOut: (reason: LeftOut, count: number) => void
  readonly budget: Budget
  /** Of several correlators that share the groups out: whether this one keeps the group. Undefined: all. */
  readonly owns: ((key: string) => boolean) | undefined
}

/** What the groups of all correlations may take together. */
export interface Budget {
  readonly maxBytes: number
  bytes: number
  /** Called when it is more: makes room. */
  relieve(): void
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
  /** Alerts that will not change any more, with the time of their last event; as far back as a crash may ask for. */
  readonly final: readonly (readonly [string, number])[]
  /** Id, revision and time of the last event of alerts that were withdrawn. */
  readonly gone: readonly (readonly [string, number, number])[]
  /** Their matches are packed in this order. */
  readonly groups: readonly GroupSnapshot[]
}

/** One rule of the correlation: where its matches have what is asked. */
interface Side {
  readonly rules: readonly [number]
  readonly keys: GroupKeys
  /** Of the condition. */
  readonly fields: readonly string[]
}

export class Correlation {
  readonly spec: CorrelationSpec
  readonly rules: GroupRules
  readonly holdMs: number
  readonly #options: CorrelationOptions
  readonly #sides: readonly Side[]
  /** A stored match is the same for every such correlation. */
  readonly #plain: boolean
  readonly #groups = new Map<string, Group>()
  readonly #oldest = new OldestGroups(this.#groups)
  readonly #due = new DueHeap<Group>()
  #touched: Group[] = []
  /** Of its groups, as counted in the budget. */
  #bytes = 0
  /** The most values that a match had. */
  #widest = 1
  readonly #measure: string
  /** Its values are counted, not measured. */
  readonly #counts: boolean
  #horizon = Number.NEGATIVE_INFINITY
  /** Windows that end before were judged, though events may still come that change it; see `WindowCorrelator.anticipate`. */
  #anticipated = Number.NEGATIVE_INFINITY
  readonly #final = new Map<string, number>()
  /** Alerts that were withdrawn and may be true again: what is told then must come after these revisions. */
  readonly #gone = new Map<string, { readonly revision: number; readonly lastSeen: number }>()
  readonly #onFinal = (id: string, lastSeen: number) => void this.#final.set(id, lastSeen)
  /** Alerts whose last event is older were final when this began. */
  unsettledSince = Number.NEGATIVE_INFINITY

  constructor(spec: CorrelationSpec, options: CorrelationOptions) {
    this.spec = spec
    this.#options = options
    this.holdMs = options.holdMs
    this.rules = groupRules(spec, options)
    this.#measure = spec.condition.fields.length > 0 ? spec.condition.fields.join(', ') : spec.type
    this.#counts = spec.type === 'value_count' || spec.type === 'first_seen'
    this.#plain = spec.condition.fields.length === 0 && !this.rules.points
    this.#sides = spec.rules.map(({ id }, index) => ({
      rules: indexList(index),
      keys: options.keysOf(spec.groupBy.map((name) => fieldName(spec, id, name))),
      fields: spec.condition.fields.map((name) => fieldName(spec, id, name)),
    }))
  }

  get groupCount(): number {
    return this.#groups.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Takes a match of `spec.rules[index]` into its groups.
   * @param why its reasons and entities, kept once for equal ones
   * @param mark the same for all correlations of this match
   * @param plain the same match as another correlation keeps it
   * @returns the match as others may keep it too
   */
  insert(
    match: RuleMatch,
    index: number,
    why: StoredMatch['why'],
    entities: StoredMatch['entities'],
    mark: Mark,
    plain: StoredMatch | undefined,
  ): StoredMatch | undefined {
    const side = this.#sides[index] as Side
    if (match.timestamp < this.#horizon) {
      if (this.#isOwn(side.keys.of(match))) this.#options.leaveOut('late', 1)
      return plain
    }
    const keys = this.#keysOf(match, side)
    if (keys.length === 0) return plain
    if (this.#plain && plain?.rules === side.rules) {
      this.#insert(keys, plain)
      return plain
    }
    const { timestamp, eventId } = match
    const values = side.fields.length > 0 ? this.#measured(match, side) : undefined
    const fields = this.rules.points ? this.#pointFields(match, keys) : undefined
    const stored = storedMatch(timestamp, eventId, side.rules, why, entities, values, fields, undefined, mark)
    this.#insert(keys, stored)
    return this.#plain ? stored : plain
  }

  /** Takes or gives back what the correlation `spec.rules[index]` made of a group. */
  derive({ take, id, point }: Derived, index: number): void {
    const side = this.#sides[index] as Side
    if (take === 'remove') {
      for (const key of side.keys.of(point)) {
        const group = this.#groups.get(key)
        if (!group?.remove(point.t, id)) continue
        this.#weigh(group)
        this.#touch(group)
      }
      return
    }
    const keys = this.#keysOf(point, side)
    if (keys.length === 0) return
    const values = side.fields.length > 0 ? this.#measured(point, side) : undefined
    const fields = this.rules.points ? this.#pointFields(point, keys) : undefined
    const parts = { ids: point.ids, count: point.count, firstSeen: point.firstSeen }
    this.#insert(
      keys,
      storedMatch(point.t, id, side.rules, NO_REASONS, point.entities, values, fields, parts, newMark()),
    )
  }

  #keysOf(match: Valued, side: Side): readonly string[] {
    const keys = side.keys.of(match)
    if (keys.length === 0) {
      if (this.#isOwn(keys)) this.#options.leaveOut('no_group', 1)
    } else if (side.keys.left > 0 && this.#isOwn(keys)) this.#options.leaveOut('too_many_values', side.keys.left)
    return this.#options.owns ? keys.filter(this.#options.owns) : keys
  }

  /** Whether this one, of all that are given the match, counts what is left out of it. */
  #isOwn(keys: readonly string[]): boolean {
    return this.#options.owns?.(keys[0] ?? '') ?? true
  }

  #insert(keys: readonly string[], stored: StoredMatch): void {
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string
      let group = this.#groups.get(key)
      if (group === undefined) {
        if (this.#groups.size >= this.#options.maxKeys) this.#evict()
        if (this.#options.budget.bytes > this.#options.budget.maxBytes) this.#options.budget.relieve()
        group = new Group(key)
        this.#groups.set(key, group)
      }
      const done = group.insert(stored)
      if (done === 'flooded') this.#options.leaveOut('flooded', 1)
      if (done !== 'new') continue
      if (group.counted === 0) this.#oldest.see(group)
      if (group.matches.length > this.rules.maxMatches) {
        this.#options.leaveOut('flooded', group.matches.length >> 1)
        group.shed(this.rules)
      }
      this.#weigh(group)
      this.#touch(group)
    }
  }

  /** Only what is asked for above, by names of rules; the matches of a group mostly have the same, kept once. */
  #pointFields({ fields }: Valued, keys: readonly string[]): RuleMatch['fields'] {
    const before = this.#groups.get(keys[0] as string)?.matches.at(-1)?.fields
    if (before !== undefined && this.#saysTheSame(before, fields)) return before
    let asked: Record<string, Scalar | readonly Scalar[]> = {}
    for (const name of this.rules.pointFields) {
      const value = Object.hasOwn(fields, name) ? fields[name] : undefined
      if (value === undefined) continue
      if (name === '__proto__') asked = { ...asked, [name]: value }
      else asked[name] = value
    }
    return asked
  }

  /** Of what is asked for above; lists are never the same. */
  #saysTheSame(before: RuleMatch['fields'], fields: RuleMatch['fields']): boolean {
    const names = this.rules.pointFields
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string
      const known = Object.hasOwn(before, name) ? before[name] : undefined
      if (known !== (Object.hasOwn(fields, name) ? fields[name] : undefined)) return false
    }
    return true
  }

  /** What the condition's fields say of a match. */
  #measured(match: Valued, { fields }: Side): StoredMatch['values'] {
    const name = fields[0] as string
    if (fields.length === 1 && this.#counts && Object.hasOwn(match.fields, name)) {
      const value = match.fields[name]
      if (typeof value === 'string') return value // the usual case, without a list
    }
    const first = fieldValues(match, name)
    if (!this.#counts) {
      const numbers = first
        .slice(0, MAX_ELEMENTS)
        .map((value) => (typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)))
      return numbers.filter(Number.isFinite)
    }
    if (fields.length === 1 && first.length <= 1) return first.length === 1 ? String(first[0]) : undefined
    let tuples: string[] = ['']
    for (const field of fields) {
      const values = fieldValues(match, field).slice(0, MAX_ELEMENTS).map(String)
      tuples = tuples
        .flatMap((tuple) => values.map((value) => (fields.length === 1 ? value : `${tuple}${value.length}:${value}`)))
        .slice(0, MAX_ELEMENTS)
    }
    const values = [...new Set(tuples)]
    this.#seeWidth(values.length)
    return values
  }

  /** The more values a match may have, the fewer matches fill a window. */
  #seeWidth(values: number): void {
    if (values <= this.#widest) return
    this.#widest = values
    this.rules.minMatches = Math.max(1, Math.ceil(this.rules.least / values))
  }

  /**
   * Judges the groups that changed, then moves event time on to `horizon` and judges what that closes.
   * @param anticipated when later: what would be closed then is told, but may still change
   */
  advance(horizon: number, anticipated: number, changes: AlertChange[], derived: Derived[]): void {
    const touched = this.#touched
    if (touched.length > 0) this.#touched = []
    for (const group of touched) {
      group.touched = false
      if (group.counted === 0) continue // dropped to make room
      if (this.rules.judging === 'rising' && group.mayTell(this.rules)) this.#tell(group, changes, derived)
      this.#schedule(group)
    }
    if (horizon > this.#horizon) this.#horizon = horizon
    for (let group = this.#due.popBefore(this.#horizon); group; group = this.#due.popBefore(this.#horizon)) {
      group.dueAt = Number.POSITIVE_INFINITY
      if (this.#groups.get(group.key) !== group) continue // evicted
      if (group.due(this.rules) < this.#horizon) this.#settle(group, changes, derived)
      this.#schedule(group)
    }
    if (this.#anticipated > this.#horizon || anticipated > this.#horizon)
      this.#anticipate(anticipated, touched, changes, derived)
    for (const group of touched) {
      // a group that is never quiet lets go of its past half by half
      const middle = group.matches[group.matches.length >> 1]
      if (group.matches.length > 64 && middle && middle.t < this.#horizon - this.spec.timespanMs)
        this.#settle(group, changes, derived)
    }
    // at last: what was withdrawn may have been raised again just now
    if (this.#final.size + this.#gone.size > 0) this.#prune()
  }

  #anticipate(until: number, touched: readonly Group[], changes: AlertChange[], derived: Derived[]): void {
    if (this.rules.judging === 'rising') return
    const further = until > this.#anticipated
    if (further) this.#anticipated = until
    for (const group of further ? this.#groups.values() : touched)
      if (group.counted > 0 && group.due(this.rules) < this.#anticipated) {
        this.#tell(group, changes, derived)
        this.#weigh(group)
      }
  }

  snapshot(packer: MatchPacker): CorrelationSnapshot {
    const groups = Array.from(this.#groups.values(), (group) => group.snapshot(packer))
    const final = [...this.#final].filter(([, lastSeen]) => lastSeen >= this.#unsettledAt(this.#horizon))
    const gone = Array.from(this.#gone, ([id, { revision, lastSeen }]) => [id, revision, lastSeen] as const)
    return { id: this.spec.id, version: this.spec.version, final, gone, groups }
  }

  /** @param unpacker where the matches of its groups are next */
  restore(snapshot: CorrelationSnapshot, unpacker: MatchUnpacker): void {
    for (const [id, lastSeen] of snapshot.final) this.#final.set(id, lastSeen)
    for (const [id, revision, lastSeen] of snapshot.gone) this.#gone.set(id, { revision, lastSeen })
    for (const saved of snapshot.groups) {
      const group = Group.restore(saved, unpacker)
      for (const { values } of group.matches) if (Array.isArray(values)) this.#seeWidth(values.length)
      this.#groups.set(group.key, group)
      this.#schedule(group)
    }
  }

  /**
   * Begins where event time has come to already.
   * @param reconciled where it had come to when the book was known to be right
   */
  startAt(horizon: number, anticipated: number, reconciled: number): void {
    this.#horizon = horizon
    this.#anticipated = anticipated
    this.unsettledSince = this.#unsettledAt(reconciled)
  }

  /** Whatever was told of events before is final. */
  #unsettledAt(horizon: number): number {
    return this.spec.type === 'first_seen' ? horizon : horizon - this.spec.timespanMs
  }

  /** The oldest in front go; one behind a younger one stays a while longer. */
  #prune(): void {
    const until = this.#unsettledAt(this.#horizon)
    for (const [id, lastSeen] of this.#final) {
      if (lastSeen >= until) break
      this.#final.delete(id)
    }
    for (const [id, { lastSeen }] of this.#gone) {
      if (lastSeen >= until - this.spec.timespanMs) return
      this.#gone.delete(id)
    }
  }

  /** Somebody was told that it is none, in this revision. */
  setGone({ id, lastSeen }: Alert, revision: number): void {
    const known = this.#gone.get(id)
    if (!known || known.revision < revision) this.#gone.set(id, { revision, lastSeen })
  }

  /** Ids of the alerts that may still change or came to rest a short time ago. */
  *toldIds(): Generator<string> {
    yield* this.#final.keys()
    for (const { told } of this.#groups.values()) if (told) yield* told.keys()
  }

  /** Whether the alert's group is kept here, and not by another one that shares the groups out. */
  keeps(alert: Alert): boolean {
    return this.#options.owns?.(this.#keyOf(alert)) ?? true
  }

  /**
   * @param revision that somebody was told already; the next change comes after it
   * @returns what people were told last under the alert's id; undefined when it is no alert (any more) or final
   */
  toldAs({ id, group: names }: Alert, revision: number): Alert | undefined {
    const told = this.#groups.get(this.#keyOf({ group: names }))?.told
    const found = told?.get(id)
    if (found && found.revision < revision) told?.set(id, { ...found, revision })
    return found?.alert
  }

  /** The alert that holds the events of one that is none any more, while it may still change. */
  successorOf(gone: Alert): Alert | undefined {
    for (const { alert } of this.#groups.get(this.#keyOf(gone))?.told?.values() ?? [])
      if (alert.firstSeen <= gone.firstSeen && alert.lastSeen >= gone.lastSeen) return alert
    return undefined
  }

  /** Counts one revision on, without a change of what is told. */
  nextRevision(alert: Alert): number | undefined {
    const told = this.#groups.get(this.#keyOf(alert))?.told
    const found = told?.get(alert.id)
    if (!found) return undefined
    const revision = found.revision + 1
    told?.set(alert.id, { ...found, revision })
    return revision
  }

  #keyOf({ group }: Pick<Alert, 'group'>): string {
    const { groupBy } = this.spec
    return new GroupKeys(groupBy).of({ fields: group, entities: {} })[0] ?? ''
  }

  #touch(group: Group): void {
    if (group.touched) return
    group.touched = true
    this.#touched.push(group)
  }

  #schedule(group: Group): void {
    if (group.idle) {
      this.#forget(group)
      return
    }
    this.#weigh(group)
    const due = group.due(this.rules)
    if (due >= group.dueAt) return
    group.dueAt = due
    this.#due.push(due, group)
  }

  #settle(group: Group, changes: AlertChange[], derived: Derived[]): void {
    if (this.rules.judging !== 'rising') this.#tell(group, changes, derived)
    group.settle(this.rules, this.#horizon, this.#onFinal)
  }

  /** Makes room: the oldest hundredth of the groups goes. Many at once, because to find them all are looked through. */
  #evict(): void {
    for (let left = Math.max(1, Math.floor(this.#options.maxKeys / 100)); left > 0; left--)
      if (!this.#dropOldest()) break
    this.#tidy()
  }

  /** Drops its oldest groups until at least so many bytes are free, or nothing is left. */
  release(bytes: number): void {
    const until = this.#bytes - bytes
    while (this.#bytes > until && this.#dropOldest());
    this.#tidy()
  }

  #dropOldest(): boolean {
    const group = this.#oldest.take()
    if (!group) return false
    this.#options.leaveOut('evicted', group.matches.length)
    for (const [id, { alert }] of group.told ?? []) this.#onFinal(id, alert.lastSeen)
    this.#forget(group)
    return true
  }

  /** What is due is asked when its time comes; until then the heap would keep what was dropped. */
  #tidy(): void {
    if (this.#due.size > 1.25 * this.#groups.size + 64) this.#due.keep((group) => this.#groups.get(group.key) === group)
  }

  #forget(group: Group): void {
    if (this.#groups.get(group.key) === group) this.#groups.delete(group.key)
    this.#count(group, 0)
  }

  #weigh(group: Group): void {
    const { weight } = group
    if (weight !== group.counted && this.#groups.get(group.key) === group) this.#count(group, weight)
  }

  #count(group: Group, bytes: number): void {
    const more = bytes - group.counted
    group.counted = bytes
    this.#bytes += more
    this.#options.budget.bytes += more
  }

  /** Says how the group's alerts differ from what was said before. */
  #tell(group: Group, changes: AlertChange[], derived: Derived[]): void {
    const episodes = group.episodes(this.rules, this.#horizon, this.#anticipated)
    if (this.rules.points) this.#derive(group, episodes, derived)
    if (this.spec.alerts === false) return
    const { told } = group
    if (!told && episodes.length === 0) return
    const now = new Map<string, Episode>()
    for (const episode of episodes) now.set(alertId(this.spec, group.key, episode), episode)
    const gone = told ? [...told].filter(([id]) => !now.has(id)) : []
    for (const [id, { alert, revision }] of gone) {
      told?.delete(id)
      this.#gone.set(id, { revision: revision + 1, lastSeen: alert.lastSeen })
      changes.push({ alert, state: 'withdrawn', revision: revision + 1, supersedes: [] })
    }
    for (const [id, episode] of now) {
      const before = group.told?.get(id)
      // an episode only ever grows by matches: the same one with the same count was told; one from below may bring no event
      if (before && before.episode === episode && before.alert.count === episode.count && !this.rules.above) continue
      const alert = alertOf(this.#options.kind, this.spec, this.#options.ruleId, this.#measure, group.key, episode)
      if (before && before.alert.digest === alert.digest && isSame(before.alert, alert)) continue
      const revision = (before?.revision ?? this.#gone.get(id)?.revision ?? 0) + 1
      this.#gone.delete(id)
      const supersedes = gone
        .filter(([, one]) => one.alert.firstSeen >= alert.firstSeen && one.alert.lastSeen <= alert.lastSeen)
        .map(([goneId]) => goneId)
      changes.push({ alert, state: before ? 'changed' : 'raised', revision, supersedes })
      group.course.told ??= new Map()
      group.course.told.set(id, { alert, revision, episode })
    }
    if (group.told?.size === 0) group.course.told = undefined
  }

  /** Gives the points that are new or different, takes back those that are none any more. */
  #derive(group: Group, episodes: readonly Episode[], derived: Derived[]): void {
    const { course } = group
    if (!course.given && course.sent) takeBack(course.sent, episodes, derived)
    let from = course.given ? episodes.lastIndexOf(course.given.episode) : 0
    let index = course.given?.index ?? 0 // the last one given may have grown since
    for (; from < episodes.length; from++, index = 0) {
      const { points } = episodes[from] as Episode
      for (; index < points.length; index++) this.#give(group, points[index] as Point, derived)
    }
    const last = episodes.at(-1)
    // only a running scan goes on where it was
    course.given = last && course.running ? { episode: last, index: Math.max(0, last.points.length - 1) } : undefined
  }

  #give(group: Group, point: Point, derived: Derived[]): void {
    const sent = (group.course.sent ??= new Map())
    const before = sent.get(point.t)
    if (before?.point === point) return
    const { id: rule, version, groupBy } = this.spec
    const id = before?.id ?? shortHash('point', rule, version, fullKey(groupBy, group.key), String(point.t))
    if (before) derived.push({ take: 'remove', id, point: before.point })
    derived.push({ take: 'add', id, point })
    sent.set(point.t, { id, point })
  }
}

/** Of what was given, takes back what is no point any more, or another one. */
function takeBack(sent: Map<number, Sent>, episodes: readonly Episode[], derived: Derived[]): void {
  const now = new Map<number, Point>()
  for (const { points } of episodes) for (const point of points) now.set(point.t, point)
  for (const [t, before] of sent) {
    const point = now.get(t)
    if (point && (point === before.point || isSame(point, before.point))) {
      sent.set(t, { id: before.id, point })
      continue
    }
    derived.push({ take: 'remove', id: before.id, point: before.point })
    sent.delete(t)
  }
}

/** The same events, but perhaps by one more rule, or by another way: then count and reasons differ. */
export function isSame<T extends Alert | Point>(before: T, now: T): boolean {
  return JSON.stringify(before) === JSON.stringify(now)
}
