// haetae rules test: every test a rule file carries, through the pipeline's own parser, detector and correlator.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PipelineError } from '../../core/errors.ts'
import { createCorrelator } from '../../correlator/correlator.ts'
import { checkExceptions, partOf } from '../../correlator/exceptions/own-tests.ts'
import { loadRuleSet, openCorrelator, openDetector, type RuleSet } from '../../correlator/rule-set.ts'
import { type RuleDocument, type RuleTest, readRuleTests } from '../../correlator/rules/rule-tests.ts'
import { alertsOfTest, type TestRun, testStart } from '../../correlator/rules/run-test.ts'
import { explainLines } from './explain-text.ts'
import { isUnder, lineParser, pathsOf, placeOf, type RuleValues } from './options.ts'

export interface TestResult {
  readonly file: string
  readonly rule: string
  readonly name: string
  readonly ms: number
  /** Lines for people; undefined: it is as it must be. */
  readonly failure?: readonly string[]
}

export interface TestReport {
  readonly results: readonly TestResult[]
  /** Alerting rules that carry no test. */
  readonly untested: readonly string[]
}

/** @param named files and folders; none: our own rules */
export function testRules(named: readonly string[], values: RuleValues): TestReport {
  const paths = pathsOf(values, named)
  const wanted = named.length > 0 ? named : paths.rules
  const results: TestResult[] = []
  const documents = wanted.flatMap(ruleFilesOf).flatMap((file): RuleDocument[] => {
    try {
      return readRuleTests(readFileSync(file, 'utf8'), file)
    } catch (error) {
      results.push({ file, rule: file, name: 'the tests can be read', ms: 0, failure: [(error as Error).message] })
      return []
    }
  })
  const placeholders = new Map(documents.flatMap(({ lists }) => Object.entries(lists)))
  const set = loadRuleSet(paths, { placeholders })
  const parse = lineParser(paths)
  for (const refusal of set.loaded.refused)
    if (isUnder(refusal.file, wanted)) results.push(refused(refusal.file, 'the rule loads', refusal))
  const exceptions = [...set.refusedExceptions, ...checkExceptions(set.loaded, set.exceptions, parse).refused]
  for (const refusal of exceptions) results.push(refused(refusal.file, 'the exception can be', refusal))

  const detector = openDetector(set)
  const byFile = new Map(
    [...set.loaded.rules, ...set.loaded.correlations].map((rule) => [`${rule.file}\n${rule.id}`, rule]),
  )
  const untested: string[] = []
  for (const document of documents) {
    const run = { detector, openCorrelator: correlatorsOf(set, document.id), parse }
    const rule = byFile.get(`${document.file}\n${document.id}`)
    if (rule?.alerts && document.tests.length === 0) untested.push(`${placeOf(rule)}: ${rule.title}`)
    for (const test of document.tests) {
      const started = performance.now()
      const failure = rule ? failureOf(set, run, document.id, test) : ['the rule is not loaded']
      const { file, title, id } = document
      results.push({
        file,
        rule: title || id,
        name: test.name,
        ms: performance.now() - started,
        ...(failure && { failure }),
      })
    }
  }
  return { results, untested }
}

/** Of the rule alone and what it builds on: one with every rule would cost more than the test. */
function correlatorsOf(set: RuleSet, id: string): TestRun['openCorrelator'] {
  const rule = set.rulesById.get(id)
  if (!rule) return () => openCorrelator(set)
  const { rules, correlations } = partOf(set.loaded, rule)
  const rulesById = new Map([...rules, ...correlations].map((one) => [one.id, one]))
  const grouping = new Map([...set.grouping].filter(([of]) => of === id))
  return () => createCorrelator(correlations, { rulesById, grouping })
}

function refused(file: string, name: string, one: { line?: number; reason: string; id?: string }): TestResult {
  return { file, rule: one.id ?? file, name, ms: 0, failure: [`${placeOf({ file, line: one.line })}: ${one.reason}`] }
}

/** Rule files of a path, as the loader takes them. Tests of archives are not run: they carry none of ours. */
function ruleFilesOf(path: string): string[] {
  let stat: ReturnType<typeof statSync>
  try {
    stat = statSync(path)
  } catch (error) {
    throw new PipelineError('REQUEST_INVALID', { problem: `${path} cannot be read (${(error as Error).message})` })
  }
  if (!stat.isDirectory()) return /\.ya?ml$/i.test(path) ? [path] : []
  return readdirSync(path)
    .sort()
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => ruleFilesOf(join(path, name)))
}

function failureOf(set: RuleSet, run: TestRun, id: string, test: RuleTest): string[] | undefined {
  let alerts: ReturnType<typeof alertsOfTest>
  try {
    alerts = alertsOfTest(run, test)
  } catch (error) {
    return [(error as Error).message]
  }
  const mine = alerts.filter(({ ruleId }) => ruleId === id)
  if (test.match === mine.length > 0) return undefined
  if (!test.match)
    return mine.flatMap(({ eventIds, why }) => [
      `alerted on event ${eventIds.map((event) => Number(event.slice(2)) + 1).join(', ')}`,
      ...why.map(({ selection, field, value }) => `  ${selection}: ${field} = ${String(value)}`),
    ])
  return [
    `no alert on ${test.events.length} event${test.events.length === 1 ? '' : 's'}`,
    ...whyNot(set, run, id, test),
  ]
}

/** What the last event lacked, for the rule or for each rule a correlation counts. */
function whyNot(set: RuleSet, { detector, parse }: TestRun, id: string, test: RuleTest): string[] {
  const last = test.events.at(-1)
  const event = last?.event ?? parse?.(Buffer.from(last?.raw ?? ''), testStart).event
  const rule = set.rulesById.get(id)
  if (!event || !rule) return []
  const ids = 'rules' in rule ? rule.rules.map((one) => one.id) : [id]
  return ids.flatMap((one) => {
    const explanation = detector.explain(event, one)
    return explanation ? explainLines(explanation, set.rulesById.get(one)?.title ?? one) : []
  })
}
