// The public rule set, where it is at hand: everything loads, every recorded attack is found, both evaluators agree.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compileDetector } from './engine.ts'
import { evtxToEvent } from './evtx.ts'
import { loadRules, parseRules } from './load.ts'
import { factsOf, matchLogsource } from './logsource.ts'
import { matchesNaively } from './naive.ts'
import { sampleEvents } from './sample-events.ts'

const data = join(process.env['HAETAE_SHARED_DATA'] ?? join(import.meta.dirname, '../../../shared/data'), 'sigma')
const absent = !existsSync(join(data, 'rules.tar.gz'))
if (absent) console.warn(`no rule set at ${data}: the tests over it are skipped`)
const loaded = absent ? parseRules('', '') : loadRules([join(data, 'rules.tar.gz')])
const detector = compileDetector(loaded)
const isOld = (file: string) => /!(deprecated|unsupported)\//.test(file)

test.skipIf(absent)(
  'every current rule loads, and of the old ones all but those without a time span or a grammar',
  () => {
    expect(loaded.refused.filter(({ file }) => !isOld(file))).toEqual([])
    expect(loaded.rules.filter(({ file }) => !isOld(file)).length).toBe(3780)
    for (const { reason } of loaded.refused) expect(reason).toMatch(/without a timeframe|there is no selection named/)
    expect(loaded.correlations.length).toBeGreaterThan(40)
  },
)

test.skipIf(absent)('every recorded event is found by its rule, and both evaluators agree on every rule', () => {
  const cases = readFileSync(join(data, 'regression.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const missed: string[] = []
  for (const { rule_id: id, rule_path: path, events, min_match: least } of cases) {
    let found = 0
    for (const record of events) {
      const event = evtxToEvent(record)
      if (!event) throw new Error(`${path}: not a record`)
      const ids = detector.detect(event, 'e', 0, 0, 0).map(({ ruleId }) => ruleId)
      const facts = factsOf(event)
      const plain = loaded.rules.filter(
        (rule) => matchLogsource(rule.logsource).check(facts) && matchesNaively(rule, event),
      )
      expect(ids).toEqual(plain.map((rule) => rule.id))
      if (ids.includes(id)) found++
    }
    if (found < least) missed.push(`${path}: ${found} of ${least}`)
  }
  expect(missed).toEqual([])
  expect(cases.length).toBeGreaterThan(60)
})

test.skipIf(absent)('both evaluators agree on made-up events, after the witnesses were measured', () => {
  const events = sampleEvents(4000, 11)
  for (const event of events) detector.detect(event, 'e', 0, 0, 0)
  for (const event of events.slice(0, 30)) {
    const ids = detector.detect(event, 'e', 0, 0, 0).map(({ ruleId }) => ruleId)
    const facts = factsOf(event)
    const plain = loaded.rules.filter(
      (rule) => matchLogsource(rule.logsource).check(facts) && matchesNaively(rule, event),
    )
    expect(ids).toEqual(plain.map((rule) => rule.id))
  }
})

test.skipIf(absent)("the specification's own examples are read", () => {
  const found = loadRules([join(data, 'spec/tests/schema/rules'), join(data, 'spec/tests/schema/filter')])
  // The two example rules share one id, so one of them is refused for that and nothing else.
  expect(found.refused.map(({ reason }) => reason.replace(/used by .* already/, 'used already'))).toEqual([
    'the id is used already',
  ])
  expect(found.filters).toHaveLength(2)
  const missing = loadRules([join(data, 'spec/tests/schema/correlation')])
  for (const { reason } of missing.refused) expect(reason).toMatch(/no rule with the id or name|the id is used/)
  const names = [
    'recon_cmd_a',
    'recon_cmd_b',
    'recon_cmd_c',
    'website_access',
    'rule_a_id',
    'process_creation',
    '5638f7c0-ac70-491d-8465-2a65075e0d86',
  ]
  const rules = names.map(
    (name) => `title: ${name}\nid: ${name}\nlogsource: { product: x }\ndetection: { s: { a: 1 }, condition: s }\n`,
  )
  const dir = join(data, 'spec/tests/schema/correlation')
  for (const file of [
    'event_count',
    'value_count',
    'temporal',
    'temporal_ordered',
    'value_sum',
    'value_avg',
    'value_percentile',
    'event_count_ecs',
  ]) {
    const one = parseRules([...rules, readFileSync(join(dir, `${file}.yml`), 'utf8')].join('---\n'), file)
    expect(one.refused).toEqual([])
    expect(one.correlations).toHaveLength(1)
  }
})
