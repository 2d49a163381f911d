// An episode: full windows that share a match, told as one alert. Grows match by match, in event-time order.

import { hash } from 'node:crypto'
import type { Alert, Reason } from '../../core/detect.ts'
import type { Scalar } from '../../core/event.ts'
import { fullKey, groupRecord } from './group-key.ts'
import type { CorrelationSpec } from './spec.ts'
import type { StoredMatch } from './stored-match.ts'

const KEPT_IDS = 50 // at each end: Alert.eventIds holds 100
const MAX_ENTITIES = 20 // values of one entity
const MAX_REASONS = 8

/** JSON-safe: part of the snapshot. */
export interface Episode {
  firstId: string
  firstSeen: number
  lastSeen: number
  count: number
  head: string[]
  tail: string[]
  /** sha256(digest before, LF, event id), base64url, over every event. */
  digest: string
  entities: Record<string, string[]>
  /** The first reasons of each rule that took part, by rule index. */
  why: Record<number, readonly Reason[]>
  /** Greatest value of what the condition measures, over the full windows. */
  peak?: number
  /** When windows were full, for correlations built on this one; empty otherwise. */
  points: Point[]
  /** A point was made already: the next ones are not the opening one. */
  opened?: boolean
  approximate?: true
  /** alertId() of it, once asked for. */
  id?: string
}

export interface Point {
  readonly t: number
  /** The first full window of its episode: what counting correlations count. */
  readonly opening: boolean
  /** The events that joined the episode with this window, at most 100. */
  readonly ids: string[]
  readonly count: number
  readonly firstSeen: number
  /** Values the window's matches had. */
  readonly fields: Record<string, Scalar[]>
  readonly entities: Record<string, string[]>
}

export function newEpisode(first: StoredMatch): Episode {
  return {
    firstId: first.id,
    firstSeen: first.parts?.firstSeen ?? first.t,
    lastSeen: first.t,
    count: 0,
    head: [],
    tail: [],
    digest: '',
    entities: Object.create(null),
    why: {},
    points: [],
  }
}

export function cloneEpisode(episode: Episode): Episode {
  const entities: Record<string, string[]> = Object.create(null)
  for (const name in episode.entities) entities[name] = [...(episode.entities[name] as string[])]
  return {
    ...episode,
    head: [...episode.head],
    tail: [...episode.tail],
    entities,
    why: { ...episode.why },
    points: [...episode.points],
  }
}

/**
 * @param before the match that was added last, if it is at hand: what both share is known already
 * @param twoWays an event may come twice, by another correlation and by itself
 */
export function addToEpisode(
  episode: Episode,
  match: StoredMatch,
  before: StoredMatch | undefined,
  twoWays: boolean,
): void {
  if (match.t > episode.lastSeen) episode.lastSeen = match.t
  const first = match.parts?.firstSeen ?? match.t
  if (first < episode.firstSeen) episode.firstSeen = first
  if (match.parts) for (const id of match.parts.ids) addId(episode, id, twoWays)
  else addId(episode, match.id, twoWays)
  episode.count += match.parts?.count ?? 1
  if (match.entities !== before?.entities)
    for (const name in match.entities) {
      const known = (episode.entities[name] ??= [])
      if (known.length === MAX_ENTITIES) continue
      const value = match.entities[name] as string | readonly string[]
      if (typeof value === 'string') {
        if (!known.includes(value)) known.push(value)
      } else for (const one of value) if (known.length < MAX_ENTITIES && !known.includes(one)) known.push(one)
    }
  if (match.why !== before?.why)
    for (let i = 0; i < match.rules.length; i++)
      episode.why[match.rules[i] as number] ??= match.why[i] as readonly Reason[]
}

function addId(episode: Episode, id: string, twoWays: boolean): void {
  const { head, tail } = episode
  if (twoWays && (head.includes(id) || tail.includes(id))) return
  if (head.length < KEPT_IDS) head.push(id)
  else if (tail.push(id) > KEPT_IDS) tail.shift()
  episode.digest = chain(episode.digest, id)
}

function chain(digest: string, id: string): string {
  return hash('sha256', `${digest}\n${id}`, 'base64url')
}

/** The digest of events in event-time order: what `Alert.digest` must be for them. */
export function digestOf(eventIds: Iterable<string>): string {
  let digest = ''
  for (const id of eventIds) digest = chain(digest, id)
  return digest
}

/** 22 characters base64url: the first 128 bits of SHA-256 over the parts, each behind its length. */
export function shortHash(...parts: readonly string[]): string {
  let text = ''
  for (const part of parts) text += `${part.length}:${part}`
  return hash('sha256', text, 'base64url').slice(0, 22)
}

export function alertId(rule: CorrelationSpec, groupKey: string, episode: Episode): string {
  // by the rule's id too: two rules may mean the same
  episode.id ??= shortHash(rule.id, rule.version, fullKey(rule.groupBy, groupKey), episode.firstId)
  return episode.id
}

/** Folded alerts of single events say nothing of what their events do not have. */
function groupOf(kind: Alert['kind'], { groupBy }: CorrelationSpec, groupKey: string): Alert['group'] {
  const group = groupRecord(groupBy, fullKey(groupBy, groupKey))
  if (kind !== 'event') return group
  return Object.fromEntries(Object.entries(group).filter(([, value]) => value !== ''))
}

export function alertOf(
  kind: Alert['kind'],
  rule: CorrelationSpec,
  ruleId: string,
  measure: string,
  groupKey: string,
  episode: Episode,
): Alert {
  const entities: Record<string, readonly string[]> = {}
  for (const name of Object.keys(episode.entities).sort())
    if (name !== '__proto__') entities[name] = [...(episode.entities[name] as string[])].sort()
  const why: Reason[] = []
  for (const index of Object.keys(episode.why)
    .map(Number)
    .sort((a, b) => a - b))
    for (const reason of episode.why[index] as readonly Reason[]) if (why.length < MAX_REASONS) why.push(reason)
  if (episode.peak !== undefined) why.unshift({ selection: 'correlation', field: measure, value: episode.peak })
  return {
    id: alertId(rule, groupKey, episode),
    digest: episode.digest,
    ruleId,
    ruleVersion: rule.version,
    title: rule.title,
    description: rule.description,
    level: rule.level,
    kind,
    firstSeen: episode.firstSeen,
    lastSeen: episode.lastSeen,
    group: groupOf(kind, rule, groupKey),
    eventIds: [...episode.head, ...episode.tail],
    count: episode.count,
    entities,
    why,
    tags: rule.tags,
    falsePositives: rule.falsePositives,
    ...(episode.approximate ? { approximate: true as const } : {}),
  }
}
