// haetae rules coverage: can each rule match what really arrives? Against the events of a file or of a running node.

import type { FieldsOutput, SearchOutput, ValuesOutput } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import type { EcsEvent } from '../../core/event.ts'
import { loadRuleSet } from '../../correlator/rule-set.ts'
import { coverage, type Readiness } from '../../correlator/sigma/coverage.ts'
import { SeenFields } from '../../correlator/sigma/fields-seen.ts'
import { readLines } from '../lines.ts'
import type { NodeClient } from '../node-client.ts'
import { lineParser, pathsOf, type RuleValues } from './options.ts'

export interface CoverageAnswer extends Readiness {
  readonly tags: readonly string[]
  readonly level: string
}

export interface TechniqueCoverage {
  /** `t1110`, `t1110.001`; '' for rules that name none. */
  readonly technique: string
  readonly ready: number
  readonly waiting: number
  readonly blind: number
}

export interface CoverageSource {
  /** A file of events (ECS JSON or log lines), or undefined: the node. */
  readonly file?: string
  readonly dataset?: string
  readonly since: string
  readonly client: () => NodeClient
}

export async function coverRules(
  named: readonly string[],
  values: RuleValues,
  source: CoverageSource,
): Promise<CoverageAnswer[]> {
  const paths = pathsOf(values, named)
  const { loaded, rulesById } = loadRuleSet(named.length > 0 ? { ...paths, rules: named } : paths)
  const seen = new SeenFields(loaded)
  if (source.file !== undefined) await seeFile(seen, source.file, lineParser(paths), source.dataset)
  else await seeNode(seen, source.client(), source.since)
  return coverage(loaded, seen.seen()).map((one) => {
    const rule = rulesById.get(one.ruleId)
    return { ...one, tags: rule?.tags ?? [], level: rule?.level ?? '' }
  })
}

async function seeFile(
  seen: SeenFields,
  file: string,
  parse: ReturnType<typeof lineParser>,
  dataset: string | undefined,
): Promise<void> {
  const now = Date.now()
  for await (const line of readLines(file)) {
    if (line.length === 0) continue
    seen.add(ecsOf(line) ?? parse(line, now, dataset).event)
  }
}

function ecsOf(line: Buffer): EcsEvent | undefined {
  if (line[0] !== 0x7b) return undefined
  try {
    const value = JSON.parse(line.toString('utf8')) as EcsEvent
    const inner = value['event']
    if ('@timestamp' in value && 'ecs' in value) return value
    if (inner !== null && typeof inner === 'object' && !Array.isArray(inner) && 'ecs' in inner) return inner
  } catch {
    // a log line
  }
  return undefined
}

/** Newest events looked at for a kind; all names of fields are asked for beside them. */
const SAMPLE = 200
const MAX_KINDS = 1000

/** Kinds of events: by dataset, and those of Windows channels and Kubernetes by code or action as well. */
async function seeNode(seen: SeenFields, client: NodeClient, since: string): Promise<void> {
  const values = async (query: string, field: string) => {
    const { values: found } = await client.post<ValuesOutput>('/v1/values', { query, since, field, size: 200 })
    return found.map(({ value }) => value)
  }
  const see = async (query: string) => {
    const { fields } = await client.post<FieldsOutput>('/v1/fields', { query, since })
    const { hits } = await client.post<SearchOutput>('/v1/search', { query, since, limit: SAMPLE })
    const names = fields.map(({ name }) => name)
    for (const { event } of hits) seen.add(event, names)
  }
  let kinds = 0
  for (const dataset of await values('', 'event.dataset')) {
    const query = `event.dataset:${JSON.stringify(dataset)}`
    const codes = await values(query, 'event.code')
    await see(query)
    for (const code of codes.length > 1 ? codes : []) {
      if (++kinds > MAX_KINDS)
        throw new PipelineError('REQUEST_INVALID', {
          problem: `over ${MAX_KINDS} kinds of events; take a shorter --since`,
        })
      await see(`${query} AND event.code:${JSON.stringify(String(code))}`)
    }
  }
}

/** The ATT&CK view: how many rules of each technique can match. */
export function byTechnique(answers: readonly CoverageAnswer[]): TechniqueCoverage[] {
  const out = new Map<string, { ready: number; waiting: number; blind: number }>()
  for (const { tags, state } of answers) {
    if (state === 'refused') continue
    const techniques = tags.filter((tag) => /^attack\.t\d/i.test(tag)).map((tag) => tag.slice(7).toLowerCase())
    for (const technique of techniques.length > 0 ? techniques : ['']) {
      const counts = out.get(technique) ?? { ready: 0, waiting: 0, blind: 0 }
      counts[state]++
      out.set(technique, counts)
    }
  }
  return [...out].sort(([a], [b]) => (a < b ? -1 : 1)).map(([technique, counts]) => ({ technique, ...counts }))
}
