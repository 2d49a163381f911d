// An exception that would hide what its rule is for is refused: the rule's own positive tests must alert all the same.

import { readFileSync } from 'node:fs'
import { createCorrelator } from '../correlator.ts'
import { type RuleTest, readRuleTests } from '../rules/rule-tests.ts'
import { alertsOfTest, isRunnable, type TestRun } from '../rules/run-test.ts'
import { compileDetector } from '../sigma/engine.ts'
import type { LoadedRules, Refusal, SigmaCorrelation, SigmaRule } from '../sigma/types.ts'
import { namedBy, servedAlone, withExceptions } from './excepting.ts'
import type { RuleException } from './read.ts'

export interface CheckedExceptions {
  readonly exceptions: readonly RuleException[]
  readonly refused: readonly Refusal[]
}

/** @param parse for tests with raw lines, which are left out without it */
export function checkExceptions(
  loaded: LoadedRules,
  exceptions: readonly RuleException[],
  parse?: TestRun['parse'],
): CheckedExceptions {
  const kept: RuleException[] = []
  const refused: Refusal[] = []
  for (const exception of exceptions) {
    const reason = whyNot(loaded, exception, parse)
    if (reason === undefined) kept.push(exception)
    else refused.push({ file: exception.file, line: exception.line, id: exception.id, reason })
  }
  return { exceptions: kept, refused }
}

/** @returns why the exception cannot be, or undefined */
export function whyNot(loaded: LoadedRules, exception: RuleException, parse?: TestRun['parse']): string | undefined {
  const { rules, correlations } = namedBy(exception, loaded)
  for (const one of correlations) {
    const { shared } = servedAlone(one, loaded)
    if (shared)
      return `'${one.title}' counts what '${shared.title}' finds, which others need too: make the exception for '${shared.name ?? shared.id}'`
  }
  for (const rule of [...rules, ...correlations]) {
    const hidden = hiddenTest(loaded, rule, exception, parse)
    if (hidden !== undefined) return `it would hide '${rule.title}' from its own test '${hidden}'`
  }
  return undefined
}

function hiddenTest(
  loaded: LoadedRules,
  rule: SigmaRule | SigmaCorrelation,
  exception: RuleException,
  parse: TestRun['parse'],
): string | undefined {
  const tests = testsOf(rule).filter(({ match }) => match)
  if (tests.length === 0) return undefined
  const part = partOf(loaded, rule)
  const rulesById = new Map([...part.rules, ...part.correlations].map((one) => [one.id, one]))
  const openCorrelator = () => createCorrelator(part.correlations, { rulesById })
  const detector = compileDetector(part)
  // Whenever it holds: a test has made-up times.
  const always = { ...exception, from: undefined, until: Number.POSITIVE_INFINITY }
  const before: TestRun = { detector, openCorrelator, parse }
  const after: TestRun = { ...before, detector: withExceptions(detector, part, [always]) }
  const alerts = (run: TestRun, test: RuleTest) => alertsOfTest(run, test).some(({ ruleId }) => ruleId === rule.id)
  return tests.find((test) => isRunnable(test, before) && alerts(before, test) && !alerts(after, test))?.name
}

/** None where the file cannot be read (an archive) or its tests cannot: `rules test` says so. */
function testsOf(rule: SigmaRule | SigmaCorrelation): readonly RuleTest[] {
  try {
    return readRuleTests(readFileSync(rule.file, 'utf8'), rule.file).find(({ id }) => id === rule.id)?.tests ?? []
  } catch {
    return []
  }
}

/** The rule and what it builds on, alone; it alerts, whatever uses it elsewhere. */
export function partOf(loaded: LoadedRules, rule: SigmaRule | SigmaCorrelation): LoadedRules {
  const wanted = new Set<string>()
  const byId = new Map(loaded.correlations.map((one) => [one.id, one]))
  const add = (id: string): void => {
    if (wanted.has(id)) return
    wanted.add(id)
    for (const below of byId.get(id)?.rules ?? []) add(below.id)
  }
  add(rule.id)
  const loud = <T extends SigmaRule | SigmaCorrelation>(one: T): T =>
    one.id === rule.id ? { ...one, alerts: true } : one
  return {
    rules: loaded.rules.filter(({ id }) => wanted.has(id)).map(loud),
    correlations: loaded.correlations.filter(({ id }) => wanted.has(id)).map(loud),
    filters: [],
    refused: [],
    notes: [],
  }
}
