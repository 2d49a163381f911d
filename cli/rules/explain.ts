// haetae rules explain: which selection, field and value decided that a rule matched an event, or did not.

import { existsSync, readFileSync } from 'node:fs'
import type { WireHit } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import type { EcsEvent } from '../../core/event.ts'
import { loadRuleSet, openDetector, type RuleSet } from '../../correlator/rule-set.ts'
import type { Explanation } from '../../correlator/sigma/explain.ts'
import type { NodeClient } from '../node-client.ts'
import { lineParser, type ParseLine, pathsOf, type RuleValues } from './options.ts'

export interface ExplainAnswer extends Explanation {
  readonly title: string
  /** Ids of exceptions that hold for the event, so that the match alerts nobody. */
  readonly excepted: readonly string[]
}

/**
 * @param wanted id, name, title or file of a rule; of a correlation the rules it counts are explained
 * @param place a file with one event (ECS JSON or a log line), `-`, or the id of an event on the node
 */
export async function explainEvent(
  wanted: string,
  place: string,
  values: RuleValues & { readonly dataset?: string },
  client: () => NodeClient,
): Promise<ExplainAnswer[]> {
  const paths = pathsOf(values, existsSync(wanted) ? [wanted] : [])
  const set = loadRuleSet(paths)
  const { event, timestamp } = await readEvent(place, lineParser(paths), values.dataset, client)
  const detector = openDetector(set)
  const excepted = detector.detect(event, '0-0', timestamp, 0, 0)
  return rulesOf(set, wanted).map((id) => {
    const explanation = detector.explain(event, id)
    const rule = set.rulesById.get(id)
    if (!explanation || !rule)
      throw new PipelineError('REQUEST_INVALID', {
        problem: `'${rule?.title ?? id}' cannot be asked: it waits for a list it needs (--lists DIR)`,
      })
    const held = excepted.find(({ ruleId }) => ruleId === id)?.excepted ?? []
    return { ...explanation, title: rule.title, excepted: held.map(({ exception }) => exception) }
  })
}

/** Ids of event rules. @throws NOT_FOUND, or REQUEST_INVALID with the reason a rule was refused */
function rulesOf({ loaded }: RuleSet, wanted: string): string[] {
  const all = [...loaded.rules, ...loaded.correlations]
  const found = all.filter((one) => [one.id, one.name, one.title, one.file].includes(wanted))
  if (found.length === 0) {
    const refusal = loaded.refused.find(({ file, id }) => id === wanted || file === wanted)
    if (refusal) throw new PipelineError('REQUEST_INVALID', { problem: `the rule was refused: ${refusal.reason}` })
    throw new PipelineError('NOT_FOUND', { what: `rule ${wanted.slice(0, 200)}` })
  }
  const ids = new Set<string>()
  const add = (id: string): void => {
    const correlation = loaded.correlations.find((one) => one.id === id)
    if (correlation) for (const rule of correlation.rules) add(rule.id)
    else ids.add(id)
  }
  for (const { id } of found) add(id)
  return [...ids]
}

async function readEvent(
  place: string,
  parse: ParseLine,
  dataset: string | undefined,
  client: () => NodeClient,
): Promise<{ event: EcsEvent; timestamp: number }> {
  if (place !== '-' && !existsSync(place)) {
    const hit = (await (await client().get(`/v1/events/${encodeURIComponent(place)}`)).json()) as WireHit
    return hit
  }
  const bytes = readFileSync(place === '-' ? 0 : place)
  const event = ecsOf(bytes)
  if (event) {
    const at = Date.parse(String(event['@timestamp']))
    return { event, timestamp: Number.isNaN(at) ? Date.now() : at }
  }
  const end = bytes.indexOf(10)
  return parse(end < 0 ? bytes : bytes.subarray(0, end), Date.now(), dataset)
}

/** An event in ECS, perhaps as `haetae parse` or the API answer it; anything else is a log line. */
function ecsOf(bytes: Buffer): EcsEvent | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
    const object = value as EcsEvent
    const inner = object['event']
    if ('@timestamp' in object || 'ecs' in object) return object
    if (inner !== null && typeof inner === 'object' && !Array.isArray(inner)) {
      if ('@timestamp' in inner || 'ecs' in inner) return inner
      return object
    }
  } catch {
    // a log line
  }
  return undefined
}
