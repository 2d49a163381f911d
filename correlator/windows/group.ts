// One group of one correlation: its matches in order, what they amount to, and what people were told of it.
//
// Most groups never come near their condition. Such a group is its matches and little else; what an alert needs is in
// `#course`, which is there only once a window could be full.

import type { Alert } from '../../core/detect.ts'
import { alertId, type Episode, type Point } from './episode.ts'
import { historyOf } from './first-seen.ts'
import { type GroupRules, rulesSeen } from './group-rules.ts'
import type { MatchPacker, MatchUnpacker } from './packed-matches.ts'
import {
  cloneState,
  closeEpisode,
  measureAt,
  newState,
  type ScanState,
  scanClosed,
  scanRising,
  scanStarting,
} from './scan.ts'
import { findMatch, mergeMatches, type StoredMatch } from './stored-match.ts'
import type { Measure } from './window-measure.ts'

export interface Told {
  readonly alert: Alert
  /** What the alert was made of; not in snapshots. */
  readonly episode?: Episode
  readonly revision: number
}

/** Told the id of an alert and the time of its last event. */
export type OnFinal = (id: string, lastSeen: number) => void

/** A point given to correlations above as a match of this id. */
export interface Sent {
  readonly id: string
  readonly point: Point
}

/** JSON-safe. */
export interface GroupSnapshot {
  readonly key: string
  /** How many of the packed matches are its own. */
  readonly matches: number
  readonly settled?: ScanState
  readonly told?: readonly (readonly [string, Told])[]
  readonly sent?: readonly Sent[]
  readonly floor?: number
}

interface Course {
  /** Alerts that may still change, by id. */
  told: Map<string, Told> | undefined
  /** Matches given to correlations above that may still be taken back, by time. */
  sent: Map<number, Sent> | undefined
  /** Up to where points of the running scan were given; undefined when they have to be compared from the start. */
  given: { readonly episode: Episode; readonly index: number } | undefined
  settled: ScanState | undefined
  running: { readonly state: ScanState; readonly measure: Measure } | undefined
  /** Flooded: matches before this time are no longer taken. */
  floor: number
}

/** The running scan begins anew, from what is settled. */
function redo(course: Course): void {
  course.running = undefined
  course.given = undefined
}

const GROUP_BYTES = 400
const MATCH_BYTES = 300
/** An alert with a hundred event ids, entities and reasons. */
const COURSE_BYTES = 8_000

const NO_EPISODES: readonly Episode[] = []

/** A text condition with `not`: what comes before is looked at as well. */
function isNegated({ judging, spec }: GroupRules): boolean {
  return judging === 'starting' && spec.condition.expression !== undefined
}

export class Group {
  /** As its correlation knows it; see group-key.ts. */
  readonly key: string
  matches: StoredMatch[] = []
  touched = false
  /** Bytes it was last counted with; see `weight`. */
  counted = 0
  /** The earliest time the due heap knows this group by. */
  dueAt = Number.POSITIVE_INFINITY
  /** Bits of rules: those of the matches kept, and perhaps of some that went. */
  #seen = 0
  #course: Course | undefined

  constructor(key: string) {
    this.key = key
  }

  /** Event time of its last match. */
  get newest(): number {
    return this.matches[this.matches.length - 1]?.t ?? this.#course?.settled?.open?.lastTime ?? 0
  }

  /** What it takes in memory, estimated from above (measured: 0.6 kB for a group with one match). */
  get weight(): number {
    return GROUP_BYTES + 2 * this.key.length + MATCH_BYTES * this.matches.length + (this.#course ? COURSE_BYTES : 0)
  }

  get told(): Map<string, Told> | undefined {
    return this.#course?.told
  }

  /** What belongs to alerts and to correlations above. */
  get course(): Course {
    return (this.#course ??= {
      told: undefined,
      sent: undefined,
      given: undefined,
      settled: undefined,
      running: undefined,
      floor: Number.NEGATIVE_INFINITY,
    })
  }

  /** False: `episodes` has nothing to say and nothing was said before. */
  mayTell(rules: GroupRules): boolean {
    const course = this.#course
    return this.#possible(rules) || (course !== undefined && Boolean(course.told ?? course.sent ?? course.settled))
  }

  /** @returns 'known': it changed nothing; 'flooded': it comes too late for a flooded group */
  insert(match: StoredMatch): 'new' | 'known' | 'flooded' {
    const found = findMatch(this.matches, match.t, match.id)
    if (found >= 0) {
      const merged = mergeMatches(this.matches[found] as StoredMatch, match)
      if (!merged) return 'known'
      this.matches[found] = merged
      this.#seen |= rulesSeen(merged)
      this.#redoFrom(found)
      return 'new'
    }
    if (this.#course && match.t < this.#course.floor) return 'flooded'
    if (~found === this.matches.length) this.#append(match)
    else this.matches.splice(~found, 0, match)
    this.#seen |= rulesSeen(match)
    this.#redoFrom(~found)
    return 'new'
  }

  remove(t: number, id: string): boolean {
    const found = findMatch(this.matches, t, id)
    if (found < 0) return false
    this.matches.splice(found, 1)
    this.#redoFrom(found)
    return true
  }

  /**
   * Judges what can be judged now.
   * @param anticipated when later than `horizon`: windows that end before are judged as if nothing earlier would come; that
   *   leaves no trace
   * @returns episodes that may still change or are new since the last call
   */
  episodes(rules: GroupRules, horizon: number, anticipated: number): readonly Episode[] {
    if (rules.judging !== 'rising') {
      const scan = rules.judging === 'closed' ? scanClosed : scanStarting
      let state = (this.course.settled ??= newState())
      scan(rules, this.matches, state, horizon)
      if (anticipated > horizon) {
        state = cloneState(state)
        scan(rules, this.matches, state, anticipated)
      }
      return state.open ? [...state.closed, state.open.episode] : state.closed
    }
    if (!this.#possible(rules) && !this.#course?.settled?.open) return NO_EPISODES
    const course = this.course
    if (!course.running) {
      const state = course.settled ? cloneState(course.settled) : newState()
      course.running = { state, measure: measureAt(rules.spec, this.matches, state) }
    }
    const { state, measure } = course.running
    scanRising(rules, this.matches, state, measure, this.matches.length)
    return state.open ? [...state.closed, state.open.episode] : state.closed
  }

  /**
   * Makes final what lies before `horizon`, lets go of what no later window can hold. Call `episodes` before: what is
   * final is not looked at again.
   * @param final told the alerts that will not change any more
   */
  settle(rules: GroupRules, horizon: number, final: OnFinal): void {
    const { spec, judging } = rules
    const keepFrom = horizon - spec.timespanMs
    if (judging === 'rising' && !this.#course?.settled && !this.#possible(rules)) {
      // no window was full so far, and none that ends before the horizon ever will be
      let drop = 0
      while (drop < this.matches.length && (this.matches[drop] as StoredMatch).t < keepFrom) drop++
      if (drop > 0) this.matches.splice(0, drop)
      if (this.#course) redo(this.#course)
      return
    }
    const course = this.course
    const state = (course.settled ??= newState())
    if (judging === 'rising') {
      let until = state.at
      while (until < this.matches.length && (this.matches[until] as StoredMatch).t < horizon) until++
      scanRising(rules, this.matches, state, measureAt(spec, this.matches, state), until)
      if (state.open && state.open.lastTime < keepFrom) closeEpisode(state)
    } else if (state.open) {
      // `starting`: the next window begins at a match that is not judged yet, so not before keepFrom
      if (spec.type === 'absence' ? state.open.lastTime + spec.timespanMs < keepFrom : state.open.last < state.at)
        closeEpisode(state)
    }
    for (const episode of state.closed) this.#forget(rules, episode, final)
    state.closed = []
    if (state.open) state.open.episode.points = state.open.episode.points.filter(({ t }) => t >= horizon)
    if (course.sent) for (const t of course.sent.keys()) if (t < horizon) course.sent.delete(t)
    if (course.sent?.size === 0) course.sent = undefined
    if (spec.type === 'first_seen') {
      const history = historyOf(this.matches, state.at, keepFrom)
      if (history.length < state.at) this.matches = [...history, ...this.matches.slice(state.at)]
      state.at = state.low = history.length
    } else if (isNegated(rules)) this.#keepUnwanted(rules, keepFrom - spec.timespanMs, state)
    else this.#trim(judging === 'rising' ? keepFrom : Number.POSITIVE_INFINITY, state, rules)
    if (!state.open && state.at === 0 && state.low === 0) course.settled = undefined
    redo(course)
    if (!course.settled && !course.told && !course.sent && course.floor === Number.NEGATIVE_INFINITY)
      this.#course = undefined
  }

  /** Flooded: gives up the older half, so that counts become lower bounds. */
  shed(rules: GroupRules): void {
    const middle = this.matches[this.matches.length >> 1] as StoredMatch
    const course = this.course
    course.floor = middle.t
    const state = (course.settled ??= newState())
    if (rules.judging === 'rising') {
      const until = this.matches.length >> 1
      if (until > state.at) scanRising(rules, this.matches, state, measureAt(rules.spec, this.matches, state), until)
      if (state.open) state.open.episode.approximate = true
      // a few stay, so that the next window is full at once and joins the episode it continues
      this.#drop(Math.min(until, state.at) - rules.keptMatches, state)
    } else {
      // the history of first_seen is judged, but not done with
      const half = this.matches.length >> 1
      this.#drop(rules.spec.type === 'first_seen' ? half : Math.max(state.at, half), state)
      if (state.open) state.open.episode.approximate = true
    }
    redo(course)
  }

  /** When there is something to judge or to let go: the horizon must be past this. Infinity: nothing is left. */
  due(rules: GroupRules): number {
    const { judging, spec } = rules
    if (judging === 'rising') {
      const newest = this.matches[this.matches.length - 1]
      if (newest) return newest.t + spec.timespanMs
      return this.#course?.settled?.open?.lastTime ?? Number.POSITIVE_INFINITY
    }
    const settled = this.#course?.settled
    const next = this.matches[settled?.at ?? 0]
    if (spec.type === 'first_seen' && this.matches.length > 0) return next ? next.t : this.newest + spec.timespanMs
    if (next) return next.t + spec.timespanMs
    if (isNegated(rules) && this.matches.length > 0) return this.newest + 2 * spec.timespanMs
    return settled?.open ? settled.open.lastTime + 2 * spec.timespanMs : Number.POSITIVE_INFINITY
  }

  get idle(): boolean {
    return this.matches.length === 0 && !this.#course?.settled?.open
  }

  snapshot(packer: MatchPacker): GroupSnapshot {
    packer.pack(this.matches)
    const { key } = this
    const course = this.#course
    if (!course) return { key, matches: this.matches.length }
    const { told, sent, settled, floor } = course
    return {
      key,
      matches: this.matches.length,
      ...(settled ? { settled: cloneState(settled) } : {}),
      ...(told?.size ? { told: [...told].map(([id, { alert, revision }]) => [id, { alert, revision }] as const) } : {}),
      ...(sent?.size ? { sent: [...sent.values()] } : {}),
      ...(Number.isFinite(floor) ? { floor } : {}),
    }
  }

  static restore(snapshot: GroupSnapshot, unpacker: MatchUnpacker): Group {
    const group = new Group(snapshot.key)
    group.matches = unpacker.unpack(snapshot.matches)
    for (const match of group.matches) group.#seen |= rulesSeen(match)
    const { settled, told, sent, floor } = snapshot
    if (settled) group.course.settled = cloneState(settled)
    if (told) group.course.told = new Map(told)
    if (sent) group.course.sent = new Map(sent.map((one) => [one.point.t, one]))
    if (floor !== undefined) group.course.floor = floor
    return group
  }

  /** Can any window be full? */
  #possible(rules: GroupRules): boolean {
    return this.matches.length >= rules.minMatches && (this.#seen & rules.needed) === rules.needed
  }

  /** In exact lists while they are short: an array that grows by itself begins with room for 17. */
  #append(match: StoredMatch): void {
    const { matches } = this
    const { length } = matches
    if (length === 0) this.matches = [match]
    else if (length === 1) this.matches = [matches[0] as StoredMatch, match]
    else if (length === 2) this.matches = [matches[0] as StoredMatch, matches[1] as StoredMatch, match]
    else matches.push(match)
  }

  #redoFrom(index: number): void {
    const course = this.#course
    if (course?.running && index < course.running.state.at) redo(course)
  }

  #forget(rules: GroupRules, episode: Episode, final: OnFinal): void {
    const course = this.course
    if (!course.told) return
    const id = alertId(rules.spec, this.key, episode)
    if (course.told.delete(id)) final(id, episode.lastSeen)
    if (course.told.size === 0) course.told = undefined
  }

  /** Of what is judged, only what must not be seen before a later match. */
  #keepUnwanted({ unwanted }: GroupRules, keepFrom: number, state: ScanState): void {
    const kept: StoredMatch[] = []
    for (let i = 0; i < state.at; i++) {
      const match = this.matches[i] as StoredMatch
      if (match.t >= keepFrom && unwanted(match)) kept.push(match)
    }
    const gone = state.at - kept.length
    if (gone === 0) return
    this.matches = [...kept, ...this.matches.slice(state.at)]
    state.at = state.low = kept.length
    state.seen = undefined
    if (state.open) state.open.last -= gone
  }

  #trim(keepFrom: number, state: ScanState, { spec }: GroupRules): void {
    let drop = 0
    // rising: settled matches that no window to come can hold; otherwise: matches before the next window's start
    const limit = state.at
    while (drop < limit && (this.matches[drop] as StoredMatch).t < keepFrom) drop++
    if (spec.type === 'absence') {
      // an answer may stand beside its question at the same time
      const next = this.matches[drop]
      while (next && drop > 0 && (this.matches[drop - 1] as StoredMatch).t === next.t) drop--
    }
    this.#drop(drop, state)
  }

  #drop(count: number, state: ScanState): void {
    if (count <= 0) return
    this.matches.splice(0, count)
    state.at = Math.max(0, state.at - count)
    state.low = Math.max(0, state.low - count)
    state.seen = undefined
    if (state.open) state.open.last -= count
  }
}
