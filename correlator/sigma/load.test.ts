import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { loadRules, parseRules } from './load.ts'
import { loadPlaceholders } from './placeholders.ts'
import { detectIds, matches, refusal, ruleText } from './testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'haetae-sigma-'))
afterAll(() => rmSync(folder, { recursive: true }))

const rule = (name: string, more = '') => `title: ${name}
id: ${name}-id
name: ${name}
logsource: { product: test }
detection:
  s: { f: ${name} }
  condition: s
${more}`

test('a map means all of it, a list of maps any of them, a list of texts keywords', () => {
  expect(matches('s: { a: 1, b: 2 }\ncondition: s', { a: 1, b: 3 })).toBe(false)
  expect(matches('s:\n  - { a: 1 }\n  - { b: 2 }\ncondition: s', { a: 0, b: 2 })).toBe(true)
  expect(matches(`s: ['bad thing', 'worse']\ncondition: s`, { message: 'a BAD THING happened' })).toBe(true)
  expect(matches(`s:\n  '|all': ['one', 'two']\ncondition: s`, { message: 'one', deep: { er: 'and two' } })).toBe(true)
  expect(matches(`s:\n  '|all': ['one', 'two']\ncondition: s`, { message: 'one' })).toBe(false)
})

test('keywords look at every text but ids, hashes and times', () => {
  const has = (event: object) => matches('s: [needle]\ncondition: s', event as never)
  expect(has({ a: { b: ['x', 'a needle here'] } })).toBe(true)
  expect(has({ event: { original: 'needle' } })).toBe(true)
  expect(has({ event: { id: 'needle' } })).toBe(false)
  expect(has({ file: { hash: { md5: 'needle' } } })).toBe(false)
  expect(has({ '@timestamp': 'needle' })).toBe(false)
})

test('a list of conditions means any of them', () => {
  const text = 's: { a: 1 }\nt: { b: 2 }\ncondition:\n  - s and t\n  - t'
  expect(matches(text, { b: 2 })).toBe(true)
  expect(matches(text, { a: 1 })).toBe(false)
})

test('the version is the meaning: describing fields and order of keys do not change it, the detection does', () => {
  const version = (text: string) => parseRules(text, 'x.yml').rules[0]?.version
  const first = version(rule('one'))
  expect(version(`# a comment\n${rule('one', 'level: high\nauthor: someone\n')}`)).toBe(first)
  expect(version(rule('one').replace('f: one', 'f: two'))).not.toBe(first)
  expect(version(rule('one').replace('product: test', 'product: other'))).not.toBe(first)
})

test('describing fields are kept', () => {
  const found = parseRules(
    `${rule('one')}author: A, B\nlicense: MIT\nlevel: High\nstatus: test\ntags: [attack.t1110]\nfalsepositives: [backup]\nreferences: [https://example.org]\nrelated:\n  - { id: x, type: derived }\ntaxonomy: ecs\n`,
    'x.yml',
  ).rules[0]
  expect(found).toMatchObject({
    author: 'A, B',
    license: 'MIT',
    level: 'high',
    status: 'test',
    tags: ['attack.t1110'],
    falsePositives: ['backup'],
    references: ['https://example.org'],
    related: [{ id: 'x', type: 'derived' }],
    taxonomy: 'ecs',
    line: 1,
    alerts: true,
    fieldsNeeded: ['f'],
  })
})

test.each<[string, string, string, number | undefined]>([
  ['a text', 'just a text', 'a rule is a map', 1],
  ['no detection', 'title: x\nlogsource: { product: a }', 'there is no detection', 1],
  ['no logsource', 'title: x\ndetection: { s: { a: 1 }, condition: s }', 'there is no logsource', 1],
  ['an empty logsource', 'title: x\nlogsource: {}\ndetection: { s: { a: 1 }, condition: s }', 'names no product', 2],
  ['no condition', 'title: x\nlogsource: { product: a }\ndetection: { s: { a: 1 } }', 'there is no condition', 3],
  ['an empty selection', 'title: x\nlogsource: { product: a }\ndetection:\n  s: {}\n  condition: s', 'empty map', 4],
  ['an empty list', 'title: x\nlogsource: { product: a }\ndetection:\n  s: []\n  condition: s', 'empty list', 4],
  [
    'a level that is none',
    'title: x\nlevel: huge\nlogsource: { product: a }\ndetection: { s: { a: 1 }, condition: s }',
    `level 'huge'`,
    2,
  ],
  ['a field without name', ruleText(`s: { '': x }\ncondition: s`), 'a field without a name', 5],
  ['an unknown selection', ruleText('s: { a: 1 }\ncondition: t'), `no selection named 't'`, 6],
  ['a key twice', ruleText('s: { a: 1 }\ns: { a: 2 }\ncondition: s'), 'not YAML', 6],
  ['broken YAML', 'title: [', 'not YAML', 1],
  ['an aggregation without a time', ruleText('s: { a: 1 }\ncondition: s | count() > 5'), 'without a timeframe', 6],
  [
    'an aggregation that is none',
    ruleText('s: { a: 1 }\ntimeframe: 5m\ncondition: s | median(a) > 5'),
    'no aggregation',
    7,
  ],
  ['min', ruleText('s: { a: 1 }\ntimeframe: 5m\ncondition: s | min(a) > 5'), 'no correlation of the same meaning', 7],
])('refused: %s', (_why, text, reason, line) => {
  const found = refusal(text)
  expect(found.reason).toContain(reason)
  expect(found.line).toBe(line)
})

test('one bad document of a file does not take the others with it', () => {
  const loaded = parseRules(`${rule('one')}---\ntitle: bad\n---\n${rule('two')}`, 'x.yml')
  expect(loaded.rules.map(({ name, line }) => [name, line])).toEqual([
    ['one', 1],
    ['two', 11],
  ])
  expect(loaded.refused).toEqual([{ file: 'x.yml', line: 9, reason: 'there is no detection' }])
})

test('an id can be used once', () => {
  const loaded = parseRules(`${rule('one')}---\n${rule('one')}`, 'x.yml')
  expect(loaded.rules).toHaveLength(1)
  expect(loaded.refused[0]?.reason).toContain('used by x.yml:1 already')
})

test('old collections share what their global document says', () => {
  const text = `action: global\ntitle: shared\nid: shared\nlevel: low\ndetection: { condition: s }\n---\nlogsource: { product: a }\ndetection: { s: { f: 1 } }\n---\nlogsource: { product: b }\ndetection: { s: { f: 2 } }\n`
  const { rules } = parseRules(text, 'x.yml')
  expect(rules.map(({ id, level, logsource }) => [id, level, logsource.product])).toEqual([
    ['shared', 'low', 'a'],
    ['shared#2', 'low', 'b'],
  ])
})

test('an old aggregation becomes a correlation that carries the id of the rule', () => {
  const loaded = parseRules(
    ruleText('s: { a: 1 }\ntimeframe: 90s\ncondition: s | count(user) by host, site >= 5', 'level: high\n'),
    'x.yml',
  )
  const [base] = loaded.rules
  expect(base).toMatchObject({ alerts: false, fieldsForCorrelations: ['host', 'site', 'user'] })
  expect(loaded.correlations).toMatchObject([
    {
      id: '11111111-2222-4333-8444-555555555555',
      level: 'high',
      type: 'value_count',
      groupBy: ['host', 'site'],
      timespanMs: 90_000,
      condition: { bounds: [{ op: 'gte', value: 5 }], fields: ['user'] },
      rules: [{ id: base?.id, kind: 'rule' }],
      alerts: true,
    },
  ])
  expect(loaded.notes.some(({ text }) => text.includes('became a value_count correlation'))).toBe(true)
})

test('near becomes a temporal correlation of a rule for each selection', () => {
  const loaded = parseRules(
    ruleText('a: { f: 1 }\nb: { f: 2 }\nc: { f: 3 }\ntimeframe: 1m\ncondition: a | near b and not c'),
    'x.yml',
  )
  expect(loaded.rules.map(({ id }) => id.split('/')[1])).toEqual(['base', 'b', 'c'])
  const [base, b, c] = loaded.rules.map(({ id }) => id)
  expect(loaded.correlations[0]?.condition.expression).toEqual({
    kind: 'and',
    of: [
      { kind: 'rule', id: base },
      { kind: 'rule', id: b },
      { kind: 'not', of: { kind: 'rule', id: c } },
    ],
  })
})

const filter = (rules: string, detection: string, logsource = '{ product: test }') =>
  `title: our filter\nid: filter-id\nlogsource: ${logsource}\nfilter:\n  rules: ${rules}\n  ${detection.replaceAll('\n', '\n  ')}\n`

test.each<[string, string, string, object, boolean]>([
  [
    'excludes what it names with not',
    '[one]',
    `sel: { user: adm }\ncondition: not sel`,
    { f: 'one', user: 'adm' },
    false,
  ],
  ['lets the rest pass', '[one-id]', `sel: { user: adm }\ncondition: not sel`, { f: 'one', user: 'kim' }, true],
  [
    'without not keeps only what it selects',
    '[one]',
    `sel: { user: adm }\ncondition: sel`,
    { f: 'one', user: 'kim' },
    false,
  ],
  ['leaves other rules alone', '[two]', `sel: { user: adm }\ncondition: not sel`, { f: 'one', user: 'adm' }, true],
  ['any means every rule', 'any', `sel: { user: adm }\ncondition: not sel`, { f: 'one', user: 'adm' }, false],
  ['has selections of its own', '[one]', `s: { user: adm }\ncondition: not 1 of s*`, { f: 'one', user: 'adm' }, false],
])('a filter %s', (_why, rules, detection, event, expected) => {
  const loaded = parseRules(`${rule('one')}---\n${filter(rules, detection)}`, 'x.yml')
  expect(loaded.refused).toEqual([])
  expect(detectIds(loaded, event as never).length > 0).toBe(expected)
})

test('a filter applies to an equal or narrower logsource only, changes the version and warns without a not', () => {
  const plain = parseRules(rule('one'), 'x.yml').rules[0]
  const wider = parseRules(`${rule('one')}---\n${filter('[one]', 'sel: { u: 1 }\ncondition: not sel')}`, 'x.yml')
  expect(wider.rules[0]?.filters).toEqual(['filter-id'])
  expect(wider.rules[0]?.version).not.toBe(plain?.version)
  const other = filter('[one]', 'sel: { u: 1 }\ncondition: sel', '{ product: test, service: x }')
  const narrower = parseRules(`${rule('one')}---\n${other}`, 'x.yml')
  expect(narrower.rules[0]?.filters).toEqual([])
  expect(narrower.rules[0]?.version).toBe(plain?.version)
  expect(narrower.notes.map(({ text }) => text).join()).toMatch(/without a 'not'.*another logsource/)
})

test('a folder is read in order, other files are left alone, a missing path is said', () => {
  writeFileSync(join(folder, 'b.yml'), rule('two'))
  writeFileSync(join(folder, 'a.yaml'), rule('one'))
  writeFileSync(join(folder, 'notes.txt'), 'nothing')
  const loaded = loadRules([folder, join(folder, 'none')])
  expect(loaded.rules.map(({ name }) => name)).toEqual(['one', 'two'])
  expect(loaded.refused[0]?.reason).toContain('ENOENT')
})

test('placeholder lists are files with a value a line', () => {
  writeFileSync(join(folder, 'Admins.txt'), '# who may\nroot\n\n  adm_*  \r\n')
  expect(loadPlaceholders(folder).get('Admins')).toEqual(['root', 'adm_*'])
  const loaded = parseRules(ruleText(`s: { f|expand: '%admins%' }\ncondition: s`), 'x.yml', {
    placeholders: loadPlaceholders(folder),
  })
  expect(loaded.rules[0]?.needsPlaceholders).toEqual([])
})

test('names of the prototype are names like others', () => {
  expect(matches(`s: { __proto__: x, constructor: y }\ncondition: s`, { a: 1 })).toBe(false)
  expect(matches(`s: { constructor: null }\ncondition: s`, { a: 1 })).toBe(true)
  expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  const own = JSON.parse('{"__proto__": "x"}') as never
  expect(matches(`s: { __proto__: x }\ncondition: s`, own)).toBe(true)
})

test('any text is read or refused', () => {
  const line = fc.constantFrom(
    ...[
      'title: x',
      'id: 1',
      'logsource: {product: a}',
      'detection:',
      '  s:',
      '    f|contains: x',
      '    - y',
      '  condition: s',
    ],
    ...[
      '---',
      'correlation:',
      '  type: event_count',
      '  rules: [x]',
      'filter:',
      '  rules: any',
      '&a [*a]',
      '<<: *a',
      '\t',
      '"',
      '%x',
      '? a',
    ],
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(line, { maxLength: 14 }).map((lines) => lines.join('\n')),
        fc.string({ unit: 'binary' }),
      ),
      (text) => {
        const loaded = parseRules(text, 'x.yml')
        for (const { reason } of loaded.refused) expect(reason).not.toBe('')
      },
    ),
    { numRuns: 1500 },
  )
})
