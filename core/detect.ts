// The words of detection: what a rule said about one event (RuleMatch), and what people are told (Alert).

import type { EcsEvent, Scalar } from './event.ts'

export const levels = ['informational', 'low', 'medium', 'high', 'critical'] as const
export type Level = (typeof levels)[number]

/** Why a rule matched: the selection, the field and the value that satisfied it. */
export interface Reason {
  readonly selection: string
  readonly field: string
  readonly value: Scalar
}

/** One rule said yes to one event. Plain data: crosses threads and the bus. */
export interface RuleMatch {
  readonly ruleId: string
  /** Hash of the rule's meaning; a changed rule is another rule to the correlator. */
  readonly ruleVersion: string
  readonly eventId: string
  /** Event time, ms since 1970. */
  readonly timestamp: number
  /** Bus position of the event. */
  readonly partition: number
  readonly offset: number
  readonly why: readonly Reason[]
  /** The values correlations of this rule group by or count, by ECS field name; several values as an array. */
  readonly fields: Readonly<Record<string, Scalar | readonly Scalar[]>>
  /** user.name, source.ip, host.name, ... of the event, for the alert's entities. */
  readonly entities: Readonly<Record<string, string>>
  /**
   * Exceptions that hold for the event. Of the match's own rule: nobody counts it. Of a correlation: that one does not. Such
   * a match is told all the same, so that what is left out can be counted and shown.
   */
  readonly excepted?: readonly Excepted[]
}

export interface Excepted {
  /** The rule or correlation the exception is made for. */
  readonly rule: string
  readonly exception: string
}

/** The stateless half, in the worker: one call per event. Pure. */
export interface Detector {
  detect(event: EcsEvent, eventId: string, timestamp: number, partition: number, offset: number): RuleMatch[]
}

/**
 * What people are told. A pure function of the rules and the set of events: the same events give the same bytes in
 * whatever order they came, so nothing here depends on arrival. What does is in AlertChange.
 */
export interface Alert {
  /**
   * Deterministic. Single events: hash over rule (id and version) and event id. Correlations: hash over rule, group and the
   * first contributing event, so an alert keeps its id (and its triage) while it grows; only a late event that goes
   * before the first one changes it, and then the old id is withdrawn in favour of the new one.
   */
  readonly id: string
  /** Hash chained over every contributing event id in event-time order: proves which events made this alert. */
  readonly digest: string
  readonly ruleId: string
  readonly ruleVersion: string
  readonly title: string
  readonly description: string
  readonly level: Level
  readonly kind: 'event' | 'correlation'
  /** Event times of the first and last contributing event. */
  readonly firstSeen: number
  readonly lastSeen: number
  /** Group-by field -> value; empty for single-event rules. */
  readonly group: Readonly<Record<string, Scalar>>
  /** In event-time order, at most 100 (the first and last 50); `count` tells how many there were. */
  readonly eventIds: readonly string[]
  readonly count: number
  readonly entities: Readonly<Record<string, readonly string[]>>
  readonly why: readonly Reason[]
  /** Rule tags: `attack.t1110`, `compliance.pci-dss.10.2.1.4`. */
  readonly tags: readonly string[]
  readonly falsePositives: readonly string[]
  /** The group was flooded past its limit: the alert stands, its count is a lower bound. */
  readonly approximate?: true
}

/** How an alert came to be as it is: operational history, which does depend on what arrived when. */
export interface AlertChange {
  readonly alert: Alert
  /** raised (new), changed (further or late events), withdrawn (late events showed it was none, or another one). */
  readonly state: 'raised' | 'changed' | 'withdrawn'
  /** 1 when raised, +1 with each change of this id. */
  readonly revision: number
  /** raised, changed: ids withdrawn in the same push because this alert now holds their events. */
  readonly supersedes: readonly string[]
}

/** The stateful half, on one thread: matches in bus order in, alerts out. No clock of its own. */
export interface Correlator {
  /**
   * Feeds the matches of one delivery and how far event time has come with it (the greatest event time seen; allowed
   * lateness is taken off inside). Same input, same output; a delivery that comes twice changes nothing.
   */
  push(matches: readonly RuleMatch[], watermark: number): AlertChange[]
  /** Everything needed to go on as if never stopped; JSON-safe. */
  snapshot(): unknown
}
