// One cause, one alert: how alerts about single events fold by default. By who acted, from where, on which machine; where
// nobody acted (a pod that crashes), by the thing itself.

import type { RuleMatch } from '../core/detect.ts'
import { changeMatches } from './change-matches.ts'
import type { Grouping } from './correlator.ts'
import { defaultFoldMs } from './sigma/document.ts'
import type { SigmaDetector } from './sigma/engine.ts'
import type { SigmaRule } from './sigma/types.ts'

const actorFields = ['user.name', 'source.ip', 'host.name', 'cloud.account.id', 'orchestrator.cluster.name'] as const
const objectFields = ['kubernetes.namespace', 'kubernetes.pod.name', 'container.name'] as const
const defaultBy: readonly string[] = [...actorFields, ...objectFields]

/** What the correlator folds: each rule that alerts by itself, unless its file says `group-by: none`. */
export function foldings(rules: readonly SigmaRule[]): Map<string, Grouping> {
  const out = new Map<string, Grouping>()
  for (const { id, alerts, folding } of rules)
    if (alerts && folding !== 'none') out.set(id, folding ?? { by: defaultBy, timespanMs: defaultFoldMs })
  return out
}

/**
 * Gives every match of a folded rule a value for each field it is folded by, '' where the event has none: a match without
 * one of them would be in no group, and its alert lost.
 */
export function withFoldFields(inner: SigmaDetector, grouping: ReadonlyMap<string, Grouping>): SigmaDetector {
  return changeMatches(inner, (match) => {
    const folding = grouping.get(match.ruleId)
    return folding ? { ...match, fields: foldFields(match, folding.by) } : match
  })
}

function foldFields({ fields, entities }: RuleMatch, by: readonly string[]): RuleMatch['fields'] {
  const out: Record<string, RuleMatch['fields'][string]> = { ...fields }
  const acted = by !== defaultBy || entities['user.name'] !== undefined || entities['source.ip'] !== undefined
  for (const name of by) {
    if (Object.hasOwn(out, name)) continue
    const known = Object.hasOwn(entities, name) ? (entities[name] as string) : ''
    out[name] = acted && by === defaultBy && (objectFields as readonly string[]).includes(name) ? '' : known
  }
  return out
}
