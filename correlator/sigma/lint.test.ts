import { expect, test } from 'vitest'
import { coverage } from './coverage.ts'
import { explainRule, lintRules } from './lint.ts'
import { parseRules } from './load.ts'
import { ruleText } from './testing.ts'

const codes = (text: string) => lintRules(parseRules(text, 'x.yml')).map(({ code }) => code)

test.each([
  ['nothing that must be there', ruleText('s: { f: x }\ncondition: not s'), 'only-negative'],
  ['an or with a negative side', ruleText('s: { f: x }\nt: { g: y }\ncondition: s or not t'), 'only-negative'],
  ['one character', ruleText(`s: { f|contains: 'x' }\ncondition: s`), 'short-literal'],
  ['a missing list', ruleText(`s: { f|expand: '%x%' }\ncondition: s`), 'needs-placeholder'],
  ['a tag without namespace', ruleText('s: { f: x }\ncondition: s', 'tags: [Bad Tag]\n'), 'tag-form'],
  ['an unknown logsource', ruleText('s: { f: x }\ncondition: s'), 'unknown-logsource'],
  ['a refused document', 'title: x', 'refused'],
  [
    'two that mean the same',
    `${ruleText('s: { f: x }\ncondition: s')}---\n${ruleText('s: { f: x }\ncondition: s').replace('id: 1', 'id: 2')}`,
    'same-meaning',
  ],
])('finds %s', (_why, text, code) => {
  expect(codes(text)).toContain(code)
})

test('a plain good rule has no warning', () => {
  const text = ruleText('s: { f: xyz }\ncondition: s', 'description: d\n').replace('product: test', 'product: windows')
  expect(codes(text)).toEqual([])
})

test('explainRule tells which atom decided', () => {
  const [rule] = parseRules(ruleText('s: { f: x }\nt: { g: y }\ncondition: s and not t'), 'x.yml').rules
  if (!rule) throw new Error('the rule was refused')
  const found = explainRule(rule, { f: 'x', g: 'y' }, { logsource: 'open' })
  expect(found).toMatchObject({
    matched: false,
    tree: { of: [{ held: true }, { kind: 'not', held: false, of: [{ held: true, values: ['y'] }] }] },
  })
})

const windows = { product: 'windows', category: 'process_creation' }
const seen = (...fields: string[]) => [{ logsource: windows, events: 10, fields: new Set(fields) }]
const onWindows = (detection: string) =>
  parseRules(
    ruleText(detection).replace('{ product: test }', '{ product: windows, category: process_creation }'),
    'x.yml',
  )

test.each<[string, string, ReturnType<typeof seen>, string, string[]]>([
  ['its field is seen under the ECS name', 's: { Image: x }\ncondition: s', seen('process.executable'), 'ready', []],
  [
    'one of two ways is open',
    's: { Image: x }\nt: { Nope: y }\ncondition: s or t',
    seen('process.executable'),
    'ready',
    ['Nope'],
  ],
  [
    'a field in a not was never seen',
    's: { Image: x }\nt: { Nope: y }\ncondition: s and not t',
    seen('process.executable'),
    'ready',
    ['Nope'],
  ],
  [
    'every way needs a field that never came',
    's: { Image: x, Nope: y }\ncondition: s',
    seen('process.executable'),
    'blind',
    ['Nope'],
  ],
  ['null needs nothing', 's: { Nope: null }\ncondition: s', seen('x'), 'ready', ['Nope']],
  ['no such events yet', 's: { Image: x }\ncondition: s', [], 'waiting', []],
  ['it needs a list', `s: { Image|expand: '%a%' }\ncondition: s`, seen('process.executable'), 'waiting', []],
])('coverage when %s', (_why, detection, given, state, missing) => {
  expect(coverage(onWindows(detection), given)[0]).toMatchObject({ state, missing })
})

test('coverage of a correlation is that of its weakest rule; refused documents are in it', () => {
  const text = `${ruleText('s: { Nope: x }\ncondition: s').replace('{ product: test }', '{ product: windows, category: process_creation }')}---\ntitle: c\nid: c\ncorrelation: { type: event_count, rules: [11111111-2222-4333-8444-555555555555], timespan: 1m, condition: { gte: 2 } }\n---\ntitle: broken\n`
  expect(coverage(parseRules(text, 'x.yml'), seen('a')).map(({ ruleId, state }) => [ruleId, state])).toEqual([
    ['11111111-2222-4333-8444-555555555555', 'blind'],
    ['', 'refused'],
    ['c', 'blind'],
  ])
})
