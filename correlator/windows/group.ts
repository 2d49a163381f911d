// One group of one correlation: its matches in order, what they amount to, and what people were told of it.

import type { Alert } from '../../core/detect.ts'
import { alertId, type Episode, type Point } from './episode.ts'
import type { MatchPacker, PackedMatch } from './packed-matches.ts'
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
import type { CorrelationSpec, Judging } from './spec.ts'
import { findMatch, mergeMatches, type StoredMatch } from './stored-match.ts'
import type { Measure } from './window-measure.ts'

export interface Told {
  readonly alert: Alert
  /** What the alert was made of; not in snapshots. */
  readonly episode?: Episode
  readonly revision: number
}

export interface Sent {
  readonly t: number
  readonly mark: string
  readonly point: Point
}

/** What a correlation knows of itself that its groups need. */
export interface GroupRules {
  readonly spec: CorrelationSpec
  readonly judging: Judging
  /** rising: no window can be full with fewer matches. */
  readonly minMatches: number
  readonly maxMatches: number
  /** Another correlation builds on this one. */
  readonly points: boolean
  readonly wanted: (match: StoredMatch) => boolean
}

/** JSON-safe. */
export interface GroupSnapshot {
  readonly key: string
  readonly record: Readonly<Record<string, string>>
  readonly matches: readonly PackedMatch[]
  readonly settled?: ScanState
  readonly told?: readonly (readonly [string, Told])[]
  readonly sent?: readonly (readonly [string, Sent])[]
  readonly floor?: number
}

export class Group {
  readonly key: string
  readonly record: Readonly<Record<string, string>>
  matches: StoredMatch[] = []
  /** Alerts that may still change, by id. */
  told: Map<string, Told> | undefined
  /** Matches given to correlations above that may still be taken back. */
  sent: Map<string, Sent> | undefined
  touched = false
  /** The earliest time the due heap knows this group by. */
  dueAt = Number.POSITIVE_INFINITY
  /** Flooded: matches before this time are no longer taken. */
  floor = Number.NEGATIVE_INFINITY
  #settled: ScanState | undefined
  #running: { state: ScanState; measure: Measure } | undefined

  constructor(key: string, record: Readonly<Record<string, string>>) {
    this.key = key
    this.record = record
  }

  /** @returns false when it was known or comes too late for a flooded group */
  insert(match: StoredMatch): 'new' | 'known' | 'flooded' {
    const found = findMatch(this.matches, match.t, match.id)
    if (found >= 0) {
      const merged = mergeMatches(this.matches[found] as StoredMatch, match)
      if (!merged) return 'known'
      this.matches[found] = merged
      this.#redoFrom(found)
      return 'new'
    }
    if (match.t < this.floor) return 'flooded'
    if (~found === this.matches.length) this.matches.push(match)
    else this.matches.splice(~found, 0, match)
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

  /** Judges what can be judged now. @returns episodes that may still change or are new since the last call */
  episodes(rules: GroupRules, horizon: number): Episode[] {
    const { spec, judging, points } = rules
    if (judging !== 'rising') {
      const state = (this.#settled ??= newState())
      if (judging === 'closed') scanClosed(spec, this.matches, state, horizon, points)
      else scanStarting(spec, this.matches, state, horizon, points, rules.wanted)
      return state.open ? [...state.closed, state.open.episode] : state.closed
    }
    if (this.matches.length < rules.minMatches && !this.#settled?.open) return []
    const running = (this.#running ??= this.#startRunning(spec))
    scanRising(spec, this.matches, running.state, running.measure, this.matches.length, points)
    const { state } = running
    return state.open ? [...state.closed, state.open.episode] : state.closed
  }

  /**
   * Makes final what lies before `horizon`, lets go of what no later window can hold. Call `episodes` before: what is
   * final is not looked at again.
   */
  settle(rules: GroupRules, horizon: number): void {
    const { spec, judging, points } = rules
    const state = (this.#settled ??= newState())
    const keepFrom = horizon - spec.timespanMs
    if (judging === 'rising') {
      let until = state.at
      while (until < this.matches.length && (this.matches[until] as StoredMatch).t < horizon) until++
      scanRising(spec, this.matches, state, measureAt(spec, this.matches, state), until, points)
      if (state.open && state.open.lastTime < keepFrom) closeEpisode(state)
    } else if (state.open) {
      // `starting`: the next window begins at a match that is not judged yet, so not before keepFrom
      if (spec.type === 'absence' ? state.open.lastTime + spec.timespanMs < keepFrom : state.open.last < state.at)
        closeEpisode(state)
    }
    for (const episode of state.closed) this.#forget(spec, episode)
    state.closed = []
    if (state.open) state.open.episode.points = state.open.episode.points.filter(({ t }) => t >= horizon)
    if (this.sent) for (const [id, { t }] of this.sent) if (t < horizon) this.sent.delete(id)
    this.#trim(judging === 'rising' ? keepFrom : Number.POSITIVE_INFINITY, state, spec)
    if (!state.open && state.at === 0 && state.low === 0) this.#settled = undefined
    this.#running = undefined
  }

  /** Flooded: gives up the older half, so that counts become lower bounds. */
  shed(rules: GroupRules): void {
    const middle = this.matches[this.matches.length >> 1] as StoredMatch
    const settled = this.#settled
    this.floor = middle.t
    if (rules.judging === 'rising') {
      const state = settled ?? newState()
      const until = this.matches.length >> 1
      if (until > state.at)
        scanRising(rules.spec, this.matches, state, measureAt(rules.spec, this.matches, state), until, rules.points)
      if (state.open) state.open.episode.approximate = true
      this.#settled = state
      // a few stay, so that the next window is full at once and joins the episode it continues
      this.#drop(Math.min(until, state.at) - Math.max(rules.minMatches, 16), state)
    } else {
      const state = (this.#settled ??= newState())
      this.#drop(Math.max(state.at, this.matches.length >> 1), state)
      if (state.open) state.open.episode.approximate = true
    }
    this.#running = undefined
  }

  /** When there is something to judge or to let go: the horizon must be past this. Infinity: nothing is left. */
  due(rules: GroupRules): number {
    const { judging, spec } = rules
    const newest = this.matches.at(-1)
    if (judging === 'rising')
      return newest ? newest.t + spec.timespanMs : (this.#settled?.open?.lastTime ?? Number.POSITIVE_INFINITY)
    const next = this.matches[this.#settled?.at ?? 0]
    if (next) return next.t + spec.timespanMs
    const open = this.#settled?.open
    return open ? open.lastTime + 2 * spec.timespanMs : Number.POSITIVE_INFINITY
  }

  get idle(): boolean {
    return this.matches.length === 0 && !this.#settled?.open
  }

  snapshot(packer: MatchPacker): GroupSnapshot {
    return {
      key: this.key,
      record: this.record,
      matches: this.matches.map((match) => packer.pack(match)),
      ...(this.#settled ? { settled: cloneState(this.#settled) } : {}),
      ...(this.told?.size
        ? { told: [...this.told].map(([id, { alert, revision }]) => [id, { alert, revision }] as const) }
        : {}),
      ...(this.sent?.size ? { sent: [...this.sent] } : {}),
      ...(Number.isFinite(this.floor) ? { floor: this.floor } : {}),
    }
  }

  static restore(snapshot: GroupSnapshot, unpack: (row: PackedMatch) => StoredMatch): Group {
    const group = new Group(snapshot.key, snapshot.record)
    group.matches = snapshot.matches.map(unpack)
    if (snapshot.settled) group.#settled = cloneState(snapshot.settled)
    if (snapshot.told) group.told = new Map(snapshot.told)
    if (snapshot.sent) group.sent = new Map(snapshot.sent)
    group.floor = snapshot.floor ?? Number.NEGATIVE_INFINITY
    return group
  }

  #startRunning(spec: CorrelationSpec) {
    const state = this.#settled ? cloneState(this.#settled) : newState()
    return { state, measure: measureAt(spec, this.matches, state) }
  }

  #redoFrom(index: number): void {
    if (this.#running && index < this.#running.state.at) this.#running = undefined
  }

  #forget(spec: CorrelationSpec, episode: Episode): void {
    if (!this.told) return
    this.told.delete(alertId(spec, this.key, episode))
    if (this.told.size === 0) this.told = undefined
  }

  #trim(keepFrom: number, state: ScanState, spec: CorrelationSpec): void {
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
    if (state.open) state.open.last -= count
  }
}
