import { expect, test } from 'vitest'
import { parseRules } from './load.ts'

const base = (n: number, field = 'a') => `
title: Base ${n}
id: 00000000-0000-4000-8000-00000000000${n}
name: base${n}
logsource: {product: linux}
detection:
  selection: {${field}: 1}
  condition: selection
---`
const count = (n: number, refs: string, groupBy: string) => `
title: Count ${n}
id: 10000000-0000-4000-8000-00000000000${n}
correlation:
  type: ${refs.includes(',') ? 'temporal' : 'event_count'}
  rules: [${refs}]
  group-by: [${groupBy}]
  timespan: 1m
  ${refs.includes(',') ? '' : 'condition: {gte: 2}'}
---`

test('base rules that mean the same become one, with the fields all their correlations need', () => {
  const { rules, correlations } = parseRules(base(1) + base(2) + count(1, 'base1', 'x') + count(2, 'base2', 'y'), 'f')
  expect(rules.map((rule) => [rule.title, rule.fieldsForCorrelations])).toEqual([['Base 1', ['x', 'y']]])
  expect(correlations.map((one) => one.rules[0]?.id)).toEqual([rules[0]?.id, rules[0]?.id])
})

test('base rules that mean different things stay apart', () => {
  const { rules } = parseRules(base(1) + base(2, 'b') + count(1, 'base1', 'x') + count(2, 'base2', 'y'), 'f')
  expect(rules).toHaveLength(2)
})

test('a correlation that names both twins counts two rules', () => {
  const { rules } = parseRules(base(1) + base(2) + count(1, 'base1, base2', 'x'), 'f')
  expect(rules).toHaveLength(2)
})

test('a rule that alerts by itself is nobody’s twin', () => {
  const { rules } = parseRules(base(1) + base(2) + count(1, 'base1', 'x'), 'f')
  expect(rules.map((rule) => rule.alerts)).toEqual([false, true])
})
