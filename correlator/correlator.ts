// The stateful half of detection: matches in, alerts out; the same alerts whatever the order. See docs/correlation.md.
//
//   RuleMatch ─┬─ rules that alert by themselves ────────────────────────────┐
//              └─ correlation ── points in time ── correlation above ── ... ─┴─> AlertChange

import type { Counters } from '../core/counters.ts'
import type { Alert, AlertChange, Correlator, RuleMatch } from '../core/detect.ts'
import { PipelineError } from '../core/errors.ts'
import { familiesOf, type Shard, shardOfEvent, shardOfGroup } from './route.ts'
import {
  type Budget,
  Correlation,
  type CorrelationSnapshot,
  type Derived,
  isSame,
  type LeftOut,
} from './windows/correlation.ts'
import { digestOf, shortHash } from './windows/episode.ts'
import { fieldName, GroupKeys } from './windows/group-key.ts'
import { isSameFlat, Reasons } from './windows/intern.ts'
import { MatchPacker, MatchUnpacker, type PackedMatches } from './windows/packed-matches.ts'
import { type CorrelationSpec, judgingOf, type RuleInfo } from './windows/spec.ts'
import { newMark, type StoredMatch } from './windows/stored-match.ts'

/** Folds the alerts of a rule about single events into one per group, while they are no further apart. */
export interface Grouping {
  readonly by: readonly string[]
  readonly timespanMs: number
}

export interface CorrelatorOptions {
  /** Every rule that can match, by id; a match of an unknown rule raises nothing and is counted. */
  readonly rulesById: ReadonlyMap<string, RuleInfo>
  /** What `snapshot()` gave. Correlations whose version changed since start empty; see `cold`. */
  readonly restore?: unknown
  /** Groups a correlation keeps at once; beyond, the oldest by event time go. Default 1,000,000. */
  readonly maxKeysPerRule?: number
  /**
   * Memory the groups of all correlations may take together, estimated from above. Beyond, the correlation that takes the
   * most lets go of its oldest groups by event time. Default 256 MiB.
   */
  readonly maxStateBytes?: number
  /** Matches a group keeps within timespan and lateness; beyond, its counts are lower bounds. Default 10,000. */
  readonly maxMatchesPerGroup?: number
  /** How far behind the newest event a match may come and still count. Default 10 minutes. */
  readonly allowedLatenessMs?: number
  readonly counters?: Counters
  /**
   * This is one of several correlators that share the groups out; it keeps what is its own of the matches it is given. All
   * must be given the same watermarks. See route.ts for who needs which match.
   */
  readonly shard?: Shard
  /** Rule id -> how its single-event alerts are folded; without, each match is an alert. */
  readonly grouping?: ReadonlyMap<string, Grouping>
}

/** An alert as the book has it. */
export type StoredAlert = Pick<AlertChange, 'alert' | 'state' | 'revision'>

export interface WindowCorrelator extends Correlator {
  /**
   * After a crash, once everything the lost run had been given was given again: how the book must change. The lost run told
   * alerts by portions of its own: one that a late event has undone meanwhile was never told by this run, and its revisions
   * counted differently. Nothing without `restore`. A snapshot taken before carries what is needed to do it later.
   * @param stored what the book has with `lastSeen` at or after `unsettledSince`; of single events too, they are passed over
   * @param more another part of what the book has comes with the next call
   */
  reconcile(stored: Iterable<StoredAlert>, more?: boolean): AlertChange[]
  /**
   * Nothing has come for a while, and time has passed: tells what would be judged if event time had come to `to`. Event time
   * stays where it is, so whatever comes later counts as it would have, and what it disproves is withdrawn or changed: in the
   * end alerts are the same, whether and when this was called.
   */
  anticipate(to: number): AlertChange[]
  /** Event time; alerts whose last event is older were final when the snapshot was taken. */
  readonly unsettledSince: number
  /** Judges everything that waits for time to pass, as if event time had ended: for files and backtests. */
  finish(): AlertChange[]
  /** Ids of rules that had to leave matches out to stay within bounds (groups evicted, groups flooded), and how many. */
  degraded(): { readonly rule: string; readonly reason: LeftOut; readonly matches: number }[]
  /** Ids of correlations that began without the state of the snapshot, because they are new or changed. */
  readonly cold: readonly string[]
  /** Groups held now, over all correlations, and what they take as it is counted against `maxStateBytes`. */
  readonly groupCount: number
  readonly stateBytes: number
}

interface Snapshot {
  readonly format: 4
  readonly watermark: number | null
  readonly anticipated?: number
  readonly matches: PackedMatches
  readonly correlations: readonly CorrelationSnapshot[]
  readonly recent: readonly string[]
  /** It was not reconciled yet since a restore. */
  readonly unreconciled?: {
    /** Of the snapshot that was restored; null: none. */
    readonly watermark: number | null
    readonly toldBefore: readonly string[]
    readonly retold: readonly AlertChange[]
  }
}

/** A rule that matches: what is to be done with its matches. */
interface Known {
  readonly rule: RuleInfo
  /** Each match is an alert. */
  readonly single: boolean
  /** Its alerts are folded. */
  readonly folded: boolean
  readonly users: readonly { readonly correlation: Correlation; readonly index: number }[]
  readonly reasons: Reasons
  /** Of its last match: a noisy account or host says the same again and again. */
  entities: RuleMatch['entities']
}

/**
 * A fold counts to one, so it needs few matches to tell where it begins and ends, and every rule has folds: beyond these
 * its alert stands and says `approximate`, its count is a lower bound.
 */
const MAX_FOLDED = 1000
const RECENT = 65_536 // alerts about single events that are not told twice; a repeat beyond that has the same id anyway

/** @throws RULE_INVALID when correlations build on each other in a circle */
export function createCorrelator(specs: readonly CorrelationSpec[], options: CorrelatorOptions): WindowCorrelator {
  const { rulesById, counters, allowedLatenessMs = 600_000 } = options
  const leftOut = new Map<string, number>()
  const leaveOut = (rule: string) => (reason: LeftOut, count: number) => {
    const key = `${reason} ${rule}`
    leftOut.set(key, (leftOut.get(key) ?? 0) + count)
    counters?.add('correlate_left_out_matches_total', count, { rule, reason })
  }

  const all = completeSpecs(specs, options)
  const { shard } = options
  const families = shard ? familiesOf(all) : undefined
  const ordered = inBuildOrder(all)
  const usedBy = new Map<string, { user: string; index: number }[]>()
  for (const spec of ordered)
    spec.rules.forEach(({ id }, index) => {
      const users = usedBy.get(id)
      if (users) users.push({ user: spec.id, index })
      else usedBy.set(id, [{ user: spec.id, index }])
    })

  const keysByFields = new Map<string, GroupKeys>()
  const keysOf = (fields: readonly string[]): GroupKeys => {
    const text = JSON.stringify(fields)
    const known = keysByFields.get(text) ?? new GroupKeys(fields)
    keysByFields.set(text, known)
    return known
  }
  const ownsOf = (id: string) => {
    const family = families?.get(id)
    return shard && family ? (key: string) => shardOfGroup(family, key, shard.count) === shard.index : undefined
  }
  const correlations = new Map<string, Correlation>()
  const budget: Budget = {
    maxBytes: options.maxStateBytes ?? 256 * 1024 * 1024,
    bytes: 0,
    relieve() {
      // A hundredth at once, in steps: what is the greatest changes meanwhile.
      const until = 0.99 * this.maxBytes
      const step = Math.max(1, (this.bytes - until) / 4)
      while (this.bytes > until) {
        let greatest: Correlation | undefined
        for (const one of correlations.values()) if (one.bytes > (greatest?.bytes ?? 0)) greatest = one
        if (!greatest) return
        greatest.release(step)
      }
    },
  }
  for (const spec of ordered) {
    const grouped = spec.id.startsWith(GROUPED)
    const ruleId = grouped ? spec.id.slice(GROUPED.length) : spec.id
    correlations.set(
      spec.id,
      new Correlation(spec, {
        maxKeys: options.maxKeysPerRule ?? 1_000_000,
        maxMatchesPerGroup: Math.min(options.maxMatchesPerGroup ?? 10_000, grouped ? MAX_FOLDED : 10_000_000),
        pointFields: usedBy.has(spec.id) ? fieldsAbove(spec.id, all) : undefined,
        above: spec.rules.some(({ id }) => correlations.has(id)),
        keysOf,
        holdMs: holdOf(spec, correlations, allowedLatenessMs),
        kind: grouped ? 'event' : 'correlation',
        ruleId,
        leaveOut: leaveOut(ruleId),
        budget,
        owns: ownsOf(spec.id),
      }),
    )
  }
  const users = new Map<string, { correlation: Correlation; index: number }[]>()
  for (const [id, list] of usedBy)
    users.set(
      id,
      list.map(({ user, index }) => ({ correlation: correlations.get(user) as Correlation, index })),
    )

  /** What builds on others comes after them. */
  const inOrder = [...correlations.values()]
  const derivedNow: Derived[] = []
  let watermark = Number.NEGATIVE_INFINITY
  /** See `anticipate`. */
  let anticipated = watermark
  /** The watermark of the first snapshot that was restored since the book was reconciled. */
  let reconciledTo = watermark
  /** Since a restore: what this run has said last of each alert, and which alerts the snapshot knew. */
  let retold: Map<string, AlertChange> | undefined
  const toldBefore = new Set<string>()
  /** Alerts found wrong by `reconcile`, with the alert that holds their events now. */
  const succeeded = new Map<string, { correlation: Correlation; by: Alert; ids: string[] }>()
  const knownRules = new Map<string, Known>()
  const recent = new Set<string>()
  const cold: string[] = []
  const isExcepted = (match: RuleMatch, rule: string) => match.excepted?.some((one) => one.rule === rule) === true
  const saved = options.restore as Snapshot | undefined
  // Another format is another version of us: start empty, and say so by `cold`.
  restore(saved?.format === 4 || saved === undefined ? saved : { ...saved, correlations: [] })

  function restore(saved: Snapshot | undefined): void {
    if (saved) watermark = saved.watermark ?? Number.NEGATIVE_INFINITY
    const { unreconciled } = saved ?? {}
    anticipated = saved?.anticipated ?? Number.NEGATIVE_INFINITY
    if (unreconciled) reconciledTo = unreconciled.watermark ?? Number.NEGATIVE_INFINITY
    else reconciledTo = watermark
    for (const id of saved?.recent ?? []) recent.add(id)
    for (const correlation of correlations.values()) {
      const behind = allowedLatenessMs + correlation.holdMs
      correlation.startAt(watermark - behind, anticipated - behind, reconciledTo - behind)
    }
    const warm = new Set<string>()
    if (saved && saved.correlations.length > 0) {
      const unpacker = new MatchUnpacker(saved.matches)
      for (const one of saved.correlations) {
        const correlation = correlations.get(one.id)
        if (correlation?.spec.version === one.version) {
          correlation.restore(one, unpacker)
          warm.add(one.id)
        } else for (const { matches } of one.groups) unpacker.skip(matches)
      }
    }
    // A folding that holds nothing is not saved: there is nothing it lost.
    if (saved) for (const id of correlations.keys()) if (!warm.has(id) && !id.startsWith(GROUPED)) cold.push(id)
    if (!saved) return
    retold = new Map(unreconciled?.retold.map((change) => [change.alert.id, change]))
    if (unreconciled) for (const id of unreconciled.toldBefore) toldBefore.add(id)
    else for (const correlation of correlations.values()) for (const id of correlation.toldIds()) toldBefore.add(id)
  }

  function known(ruleId: string): Known | undefined {
    const rule = rulesById.get(ruleId)
    if (!rule) return undefined
    const alerts = rule.alerts !== false
    const folded = alerts && options.grouping?.has(rule.id) === true
    const single = alerts && !folded
    const found: Known = { rule, single, folded, users: users.get(ruleId) ?? [], reasons: new Reasons(), entities: {} }
    knownRules.set(ruleId, found)
    return found
  }

  function single(rule: RuleInfo, match: RuleMatch, changes: AlertChange[]): void {
    if (shard && shardOfEvent(rule.id, match.eventId, shard.count) !== shard.index) return
    const alert = singleAlert(rule, match)
    if (recent.has(alert.id)) return
    recent.add(alert.id)
    if (recent.size > RECENT) recent.delete(recent.values().next().value as string)
    changes.push({ alert, state: 'raised', revision: 1, supersedes: [] })
  }

  /** @param settled event time before which nothing can come any more */
  function advance(settled: number, changes: AlertChange[]): void {
    const awaited = anticipated - allowedLatenessMs
    for (let i = 0; i < inOrder.length; i++) {
      const correlation = inOrder[i] as Correlation
      correlation.advance(settled - correlation.holdMs, awaited - correlation.holdMs, changes, derivedNow)
      if (derivedNow.length === 0) continue
      const derived = derivedNow.splice(0)
      for (const { correlation: above, index } of users.get(correlation.spec.id) ?? []) {
        const counts = above.spec.type !== 'temporal' && above.spec.type !== 'temporal_ordered'
        for (const one of derived) if (one.point.opening || !counts) above.derive(one, index)
      }
    }
  }

  function remember(changes: readonly AlertChange[]): void {
    for (const change of changes)
      if (change.alert.kind === 'correlation' || options.grouping?.has(change.alert.ruleId))
        retold?.set(change.alert.id, change)
  }

  /** What a stored alert must become; undefined when it is right or not ours to judge. */
  function mend({ alert, state, revision }: StoredAlert): AlertChange | undefined {
    const correlation = correlations.get(alert.ruleId) ?? correlations.get(`${GROUPED}${alert.ruleId}`)
    if (!correlation || correlation.spec.version !== alert.ruleVersion || !correlation.keeps(alert)) return undefined
    const next = revision + 1
    const now = correlation.toldAs(alert, revision)
    if (now) {
      if (state !== 'withdrawn' && isSame(now, alert)) return undefined
      correlation.toldAs(alert, next)
      return { alert: now, state: 'changed', revision: next, supersedes: [] }
    }
    const last = retold?.get(alert.id)
    if (last) {
      const right = (last.state === 'withdrawn') === (state === 'withdrawn') && isSame(last.alert, alert)
      if (last.state === 'withdrawn') correlation.setGone(alert, right ? revision : next)
      return right ? undefined : { ...last, revision: next }
    }
    if (state === 'withdrawn') correlation.setGone(alert, revision)
    if (state === 'withdrawn' || toldBefore.has(alert.id) || alert.lastSeen < correlation.unsettledSince)
      return undefined
    correlation.setGone(alert, next)
    const by = correlation.successorOf(alert)
    if (by) {
      const known = succeeded.get(by.id)
      if (known) known.ids.push(alert.id)
      else succeeded.set(by.id, { correlation, by, ids: [alert.id] })
    }
    return { alert, state: 'withdrawn', revision: next, supersedes: [] }
  }

  /** Triage goes over to the alerts that hold the events of those withdrawn: their revisions in the book are known by now. */
  function* succeed(): Generator<AlertChange> {
    for (const { correlation, by, ids } of succeeded.values()) {
      const revision = correlation.nextRevision(by)
      if (revision !== undefined) yield { alert: by, state: 'changed', revision, supersedes: ids }
    }
    succeeded.clear()
  }

  return {
    cold,

    reconcile(stored, more = false) {
      const changes: AlertChange[] = []
      if (retold)
        for (const one of stored) {
          const change = mend(one)
          if (change) changes.push(change)
        }
      if (more) return changes
      changes.push(...succeed())
      retold = undefined
      toldBefore.clear()
      return changes
    },

    get unsettledSince() {
      let since = Number.POSITIVE_INFINITY
      for (const correlation of correlations.values()) since = Math.min(since, correlation.unsettledSince)
      return since
    },

    get groupCount() {
      let sum = 0
      for (const correlation of correlations.values()) sum += correlation.groupCount
      return sum
    },

    get stateBytes() {
      return budget.bytes
    },

    push(matches, to) {
      const changes: AlertChange[] = []
      // By index, and nothing made that is not kept: this runs for every match.
      for (let m = 0; m < matches.length; m++) {
        const match = matches[m] as RuleMatch
        const found = knownRules.get(match.ruleId) ?? known(match.ruleId)
        if (!found || !Number.isFinite(match.timestamp)) {
          counters?.add('correlate_unusable_matches_total', 1, { reason: found ? 'no_time' : 'unknown_rule' })
          continue
        }
        if (match.excepted !== undefined) {
          for (const { rule, exception } of match.excepted)
            counters?.add('correlate_excepted_matches_total', 1, { rule, exception })
          if (isExcepted(match, match.ruleId)) continue
        }
        // Too late for its fold is not too late to be told: better an alert of its own than none.
        const late = found.folded && match.timestamp < watermark - allowedLatenessMs
        if (found.single || late) single(found.rule, match, changes)
        const interested = found.users
        if (interested.length === 0) continue
        const why = found.reasons.listOf(match.why)
        if (!isSameFlat(found.entities, match.entities)) found.entities = match.entities
        const mark = newMark()
        let plain: StoredMatch | undefined
        for (let i = 0; i < interested.length; i++) {
          const { correlation, index } = interested[i] as Known['users'][number]
          if (late && correlation.spec.id.startsWith(GROUPED)) continue
          if (match.excepted !== undefined && isExcepted(match, correlation.spec.id)) continue
          plain = correlation.insert(match, index, why, found.entities, mark, plain)
        }
      }
      if (to > watermark) watermark = to
      advance(watermark - allowedLatenessMs, changes)
      if (budget.bytes > budget.maxBytes) budget.relieve()
      counters?.add('correlate_matches_total', matches.length)
      if (retold) remember(changes)
      return changes
    },

    anticipate(to) {
      const changes: AlertChange[] = []
      if (to <= anticipated || to <= watermark) return changes
      anticipated = to
      advance(watermark - allowedLatenessMs, changes)
      if (retold) remember(changes)
      return changes
    },

    finish() {
      const changes: AlertChange[] = []
      advance(Number.POSITIVE_INFINITY, changes)
      return changes
    },

    snapshot(): Snapshot {
      const packer = new MatchPacker()
      return {
        format: 4,
        watermark: Number.isFinite(watermark) ? watermark : null,
        ...(anticipated > watermark && { anticipated }),
        correlations: [...correlations.values()]
          .filter(({ spec, groupCount }) => groupCount > 0 || !spec.id.startsWith(GROUPED))
          .map((correlation) => correlation.snapshot(packer)),
        matches: packer.packed,
        recent: [...recent],
        ...(retold && {
          unreconciled: {
            watermark: Number.isFinite(reconciledTo) ? reconciledTo : null,
            toldBefore: [...toldBefore],
            retold: [...retold.values()],
          },
        }),
      }
    },

    degraded() {
      const list: { rule: string; reason: LeftOut; matches: number }[] = []
      for (const [key, matches] of leftOut) {
        const [reason, rule] = [key.slice(0, key.indexOf(' ')) as LeftOut, key.slice(key.indexOf(' ') + 1)]
        if (reason === 'evicted' || reason === 'flooded') list.push({ rule, reason, matches })
      }
      return list
    },
  }
}

const GROUPED = 'grouped:'

/** The correlations with those that fold alerts about single events: all that keep groups. */
export const completeSpecs = (
  specs: readonly CorrelationSpec[],
  options: Pick<CorrelatorOptions, 'grouping' | 'rulesById'>,
): CorrelationSpec[] => [...specs, ...groupingSpecs(options)]

/** Folding single alerts is counting to one: the same episodes, the same proofs. */
function groupingSpecs({ grouping, rulesById }: Pick<CorrelatorOptions, 'grouping' | 'rulesById'>): CorrelationSpec[] {
  return [...(grouping ?? [])].flatMap(([id, { by, timespanMs }]) => {
    const rule = rulesById.get(id)
    if (!rule || rule.alerts === false) return []
    const spec: CorrelationSpec = {
      ...rule,
      id: `${GROUPED}${id}`,
      version: shortHash(rule.version, String(timespanMs), ...by),
      type: 'event_count',
      rules: [{ id }],
      groupBy: by,
      aliases: {},
      timespanMs,
      condition: { bounds: [{ op: 'gte', value: 1 }], fields: [] },
    }
    return [spec]
  })
}

/** What a correlation builds on comes before it. */
function inBuildOrder(specs: readonly CorrelationSpec[]): CorrelationSpec[] {
  const byId = new Map(specs.map((spec) => [spec.id, spec]))
  const done = new Set<CorrelationSpec>()
  const onTheWay = new Set<CorrelationSpec>()
  const visit = (spec: CorrelationSpec): void => {
    if (done.has(spec)) return
    if (onTheWay.has(spec))
      throw new PipelineError('RULE_INVALID', { place: spec.id, problem: `${spec.title} builds on itself` })
    onTheWay.add(spec)
    for (const { id } of spec.rules) {
      const below = byId.get(id)
      if (below) visit(below)
    }
    done.add(spec)
  }
  for (const spec of specs) visit(spec)
  return [...done]
}

/** Fields of this correlation's points that those above ask for, and those above them. */
function fieldsAbove(id: string, specs: readonly CorrelationSpec[]): string[] {
  const fields = new Set<string>()
  for (const spec of specs) {
    if (!spec.rules.some((rule) => rule.id === id)) continue
    for (const name of [...spec.groupBy, ...spec.condition.fields]) fields.add(fieldName(spec, id, name))
    for (const name of fieldsAbove(spec.id, specs)) fields.add(name)
  }
  return [...fields].sort()
}

/**
 * How much longer than the allowed lateness a correlation waits: its own lateness, and what those it builds on take to
 * judge their windows. Less than nothing when it allows less.
 */
function holdOf(spec: CorrelationSpec, below: ReadonlyMap<string, Correlation>, allowedLatenessMs: number): number {
  let hold = spec.latenessMs === undefined ? 0 : spec.latenessMs - allowedLatenessMs
  for (const { id } of spec.rules) {
    const correlation = below.get(id)
    if (!correlation) continue
    hold = Math.max(hold, correlation.holdMs + judgedAfter(correlation.spec))
  }
  return hold
}

/** How long after its time a point is given at the latest, beside the lateness. */
function judgedAfter(spec: CorrelationSpec): number {
  if (judgingOf(spec) === 'rising') return 0
  return spec.type === 'first_seen' ? 1 : spec.timespanMs + 1
}

function singleAlert(rule: RuleInfo, match: RuleMatch): Alert {
  const entities: Record<string, readonly string[]> = {}
  for (const name of Object.keys(match.entities).sort())
    if (name !== '__proto__') entities[name] = [match.entities[name] as string]
  return {
    id: shortHash(rule.id, rule.version, match.eventId),
    digest: digestOf([match.eventId]),
    ruleId: rule.id,
    ruleVersion: rule.version,
    title: rule.title,
    description: rule.description,
    level: rule.level,
    kind: 'event',
    firstSeen: match.timestamp,
    lastSeen: match.timestamp,
    group: {},
    eventIds: [match.eventId],
    count: 1,
    entities,
    why: match.why,
    tags: rule.tags,
    falsePositives: rule.falsePositives,
  }
}
