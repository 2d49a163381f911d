// Panther's correlation rules as Sigma correlations, written by a program from their groups, and their own tests through
// our detector and correlator. Nothing is tuned by hand: what has no counterpart counts as wrong.

import { readFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { nest } from '../core/event.ts'
import { openCorrelator, openDetector, ruleSetOf } from '../correlator/rule-set.ts'
import { parseRules } from '../correlator/sigma/load.ts'

interface Group {
  readonly ID: string
  readonly Absence?: boolean
  readonly MinMatchCount?: number
}
interface Detection {
  readonly Group?: readonly Group[]
  readonly MatchCriteria?: Readonly<Record<string, readonly { readonly GroupID: string; readonly Match: string }[]>>
  readonly LookbackWindowMinutes: number
}
interface Output {
  readonly ID: string
  readonly Matches: Readonly<Record<string, Readonly<Record<string, readonly (number | string)[]>>>>
}
export interface CorrelationRule {
  readonly rule_id: string
  readonly detection: readonly Detection[]
  readonly tests: readonly {
    readonly Name: string
    readonly ExpectedResult: boolean
    readonly RuleOutputs: readonly Output[]
  }[]
}

const T0 = Date.UTC(2026, 0, 1)
const TARGET = 'target'

/** One YAML text: a base rule a group, counts where a group wants several, what must be there and what must not. */
export function toSigma({ detection: [detection] }: CorrelationRule): string {
  const groups = detection?.Group ?? []
  const criteria = Object.values(detection?.MatchCriteria ?? {})[0] ?? []
  const fieldOf = (group: Group) => criteria.find(({ GroupID }) => GroupID === group.ID)?.Match
  const timespan = `${detection?.LookbackWindowMinutes ?? 60}m`
  const name = (group: Group) => `g${groups.indexOf(group)}`
  const documents: object[] = groups.map((group) => ({
    title: group.ID,
    id: name(group),
    name: name(group),
    logsource: { product: 'panther' },
    detection: { selection: { group: group.ID }, condition: 'selection' },
  }))
  const grouped = (members: readonly { ref: string; group: Group }[]) => {
    const fields = members.map(({ ref, group }) => [ref, fieldOf(group)] as const)
    if (fields.some(([, field]) => field === undefined)) return {}
    return { aliases: { entity: Object.fromEntries(fields) }, 'group-by': ['entity'] }
  }
  const correlate = (
    id: string,
    type: string,
    members: readonly { ref: string; group: Group }[],
    condition?: unknown,
  ) =>
    documents.push({
      title: id,
      id,
      name: id,
      correlation: {
        type,
        rules: members.map(({ ref }) => ref),
        ...grouped(members),
        timespan,
        ...(condition === undefined ? {} : { condition }),
      },
    })

  const wanted = groups.filter(({ Absence }) => !Absence)
  const absent = groups.filter(({ Absence }) => Absence)
  const members = wanted.map((group) => {
    if ((group.MinMatchCount ?? 1) <= 1) return { ref: name(group), group }
    correlate(`${name(group)}many`, 'event_count', [{ ref: name(group), group }], { gte: group.MinMatchCount })
    return { ref: `${name(group)}many`, group }
  })
  // What must be absent must be so before as well as after: "b, then a" is a correlation of its own.
  const before = absent.flatMap((group) =>
    members.map((member, i) => {
      const ref = `${name(group)}before${i}`
      correlate(ref, 'temporal_ordered', [{ ref: name(group), group }, member])
      return { ref, group: member.group }
    }),
  )
  const unwanted = [...absent.map((group) => ({ ref: name(group), group })), ...before]
  const condition = [...members.map(({ ref }) => ref), ...unwanted.map(({ ref }) => `not ${ref}`)].join(' and ')
  correlate(TARGET, 'temporal', [...members, ...unwanted], unwanted.length > 0 ? condition : undefined)
  return documents.map((document) => stringify(document)).join('---\n')
}

/** @returns whether the converted rule alerts on the test's matches */
export function runCase(rule: CorrelationRule, outputs: readonly Output[]): boolean {
  const set = ruleSetOf(parseRules(toSigma(rule), rule.rule_id))
  if (set.loaded.refused.length > 0) throw new Error(set.loaded.refused.map(({ reason }) => reason).join('; '))
  const detector = openDetector(set, { logsource: 'open' })
  const correlator = openCorrelator(set)
  const events = outputs.flatMap(({ ID, Matches }) =>
    Object.entries(Matches).flatMap(([field, values]) =>
      Object.entries(values).flatMap(([value, times]) =>
        times.map((time) => ({
          at: typeof time === 'number' ? T0 + time * 60_000 : Date.parse(time),
          event: nest({ group: ID, [field]: value }),
        })),
      ),
    ),
  )
  const standing = new Set<string>()
  let watermark = Number.NEGATIVE_INFINITY
  const note = (changes: ReturnType<typeof correlator.finish>) => {
    for (const { alert, state } of changes)
      if (alert.ruleId !== TARGET) continue
      else if (state === 'withdrawn') standing.delete(alert.id)
      else standing.add(alert.id)
  }
  events
    .sort((a, b) => a.at - b.at)
    .forEach(({ at, event }, i) => {
      watermark = Math.max(watermark, at)
      note(correlator.push(detector.detect(event, `0-${i}`, at, 0, i), watermark))
    })
  note(correlator.finish())
  return standing.size > 0
}

export interface CorrelationScore {
  rules: number
  rulesRight: number
  cases: number
  right: number
  readonly misses: string[]
}

/** @param file `correlation_rules.jsonl` */
export function scoreCorrelations(file: string): CorrelationScore {
  const score: CorrelationScore = { rules: 0, rulesRight: 0, cases: 0, right: 0, misses: [] }
  for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
    const rule = JSON.parse(line) as CorrelationRule
    score.rules++
    let all = true
    for (const { Name, ExpectedResult, RuleOutputs } of rule.tests) {
      score.cases++
      let words = ''
      try {
        const told = runCase(rule, RuleOutputs)
        if (told === ExpectedResult) {
          score.right++
          continue
        }
        words = told ? 'alerts' : 'does not alert'
      } catch (error) {
        words = (error as Error).message
      }
      all = false
      score.misses.push(`${rule.rule_id}: ${Name}: ${words}`)
    }
    if (all) score.rulesRight++
  }
  return score
}
