// Made-up rules and match streams for tests and scripts. Seeded: the same seed, the same stream.

import type { Alert, AlertChange, RuleMatch } from '../../core/detect.ts'
import type { CorrelationSpec, RuleInfo } from './spec.ts'

export const MINUTE = 60_000

export function info(id: string, more: Partial<RuleInfo> = {}): RuleInfo {
  return {
    id,
    version: `v-${id}`,
    title: id,
    description: '',
    level: 'medium',
    tags: [],
    falsePositives: [],
    alerts: false,
    ...more,
  }
}

export function correlation(
  id: string,
  rules: readonly string[],
  more: Partial<CorrelationSpec> = {},
): CorrelationSpec {
  return {
    ...info(id, { alerts: true }),
    type: 'event_count',
    rules: rules.map((rule) => ({ id: rule })),
    groupBy: ['source.ip'],
    aliases: {},
    timespanMs: 10 * MINUTE,
    condition: { bounds: [], fields: [] },
    ...more,
  }
}

export function match(ruleId: string, eventId: string, timestamp: number, fields: RuleMatch['fields'] = {}): RuleMatch {
  const { 'source.ip': ip } = fields
  return {
    ruleId,
    ruleVersion: `v-${ruleId}`,
    eventId,
    timestamp,
    partition: 0,
    offset: 0,
    why: [{ selection: 'selection', field: 'event.code', value: ruleId }],
    fields,
    entities: typeof ip === 'string' ? { 'source.ip': ip } : {},
  }
}

/** mulberry32 */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** What a store does with changes: the newest of each alert, without those withdrawn. */
export function applyChanges(changes: readonly AlertChange[], into: Map<string, Alert>): void {
  for (const { alert, state } of changes)
    if (state === 'withdrawn') into.delete(alert.id)
    else into.set(alert.id, alert)
}

/** What is told in the end: every alert that was not withdrawn, as bytes. */
export function finalAlerts(changes: readonly AlertChange[], into = new Map<string, Alert>()): string[] {
  applyChanges(changes, into)
  return [...into.values()].map((alert) => JSON.stringify(alert)).sort()
}
