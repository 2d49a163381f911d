import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EcsEvent } from '../../core/event.ts'
import { compileDetector } from './engine.ts'
import { parseRules } from './load.ts'
import { factsOf, matchLogsource } from './logsource.ts'
import { matchesNaively } from './naive.ts'
import { sampleEvents } from './sample-events.ts'
import { ruleText } from './testing.ts'

const detect = (detection: string, event: EcsEvent) =>
  compileDetector(parseRules(ruleText(detection), 'x.yml'), { logsource: 'open' }).detect(event, 'e', 0, 0, 0)

test('reasons name the selection, the field and the value that satisfied it', () => {
  const detection = `
    sel_a: { f|contains: ['one', 'two'], g|re: 'b+' }
    sel_b: { h|gt: 3 }
    not_this: { f: 'x' }
    condition: 1 of sel_* and not not_this`
  expect(detect(detection, { f: ['zero', 'two'], g: 'abbc', h: 4 })[0]?.why).toEqual([
    { selection: 'sel_a', field: 'f', value: 'two' },
    { selection: 'sel_a', field: 'g', value: 'abbc' },
    { selection: 'sel_b', field: 'h', value: 4 },
  ])
})

test('long values in reasons are cut, and there are only so many', () => {
  const many = Array.from({ length: 100 }, (_, i) => `'w${i} '`).join(', ')
  const why = detect(`s: [${many}]\ncondition: s`, {
    message: `${Array.from({ length: 100 }, (_, i) => `w${i} `).join('')}${'x'.repeat(5000)}`,
  })[0]?.why
  expect(why?.length).toBe(1)
  expect(String(why?.[0]?.value).length).toBeLessThan(600)
})

test('one match per rule and event, in the order of the rules', () => {
  const text = [1, 2, 3]
    .map((n) => `${ruleText('s: { f: [x, x*, "*x"] }\ncondition: s').replace('555555555555', `55555555555${n}`)}`)
    .join('---\n')
  const found = compileDetector(parseRules(text, 'x.yml'), { logsource: 'open' }).detect(
    { f: ['x', 'x'] },
    'e',
    0,
    0,
    0,
  )
  expect(found.map(({ ruleId }) => ruleId.slice(-1))).toEqual(['1', '2', '3'])
})

test('a rule sees events of its logsource only', () => {
  const text =
    'title: x\nid: x\nlogsource: { product: windows, category: process_creation }\ndetection: { s: { Image: a }, condition: s }'
  const detector = compileDetector(parseRules(text, 'x.yml'))
  const event = (channel: string, id: number) => ({ winlog: { channel, event_id: id }, process: { executable: 'a' } })
  expect(detector.detect(event('Microsoft-Windows-Sysmon/Operational', 1), 'e', 0, 0, 0)).toHaveLength(1)
  expect(detector.detect(event('Microsoft-Windows-Sysmon/Operational', 5), 'e', 0, 0, 0)).toHaveLength(0)
  expect(detector.detect(event('Security', 4688), 'e', 0, 0, 0)).toHaveLength(1)
  expect(detector.detect({ process: { executable: 'a' } }, 'e', 0, 0, 0)).toHaveLength(0)
})

test('explain shows every atom with what the event has there', () => {
  const detector = compileDetector(parseRules(ruleText('s: { f: x, g: y }\ncondition: s'), 'x.yml'), {
    logsource: 'open',
  })
  const found = detector.explain({ f: 'x', g: 'z' }, '11111111-2222-4333-8444-555555555555')
  expect(found).toMatchObject({
    matched: false,
    logsource: true,
    tree: {
      kind: 'and',
      held: false,
      of: [
        { held: true, values: ['x'] },
        { held: false, field: 'g', values: ['z'] },
      ],
    },
  })
  expect(detector.explain({}, 'nobody')).toBeUndefined()
})

test('events of any shape are taken: cycles, functions, deep nests, odd names', () => {
  const cyclic: EcsEvent = { f: {} }
  cyclic['f'] = cyclic
  let deep: EcsEvent = {}
  for (let i = 0; i < 5000; i++) deep = { d: deep }
  const text = 's: { f|contains: x }\nk: [needle]\ncondition: s or k'
  for (const event of [
    cyclic,
    deep,
    { f: () => 'x' } as never,
    { f: Object.create(null) as never },
    { '': 'x', f: [[['x']]] },
  ])
    expect(() => detect(text, event)).not.toThrow()
  expect(detect(text, { f: [[['x']]] })).toHaveLength(1)
})

test('a field is found nested, flat with dots, and through lists', () => {
  const text = 's: { a.b: x }\ncondition: s'
  expect(detect(text, { a: { b: 'x' } })).toHaveLength(1)
  expect(detect(text, { 'a.b': 'x' })).toHaveLength(1)
  expect(detect(text, { a: [{ b: 'y' }, { b: 'x' }] })).toHaveLength(1)
  expect(detect('s: { a.1: x }\ncondition: s', { a: ['y', 'x'] })).toHaveLength(1)
  expect(detect('s: { a.1: x }\ncondition: s', { a: ['x', 'y'] })).toHaveLength(0)
})

test('many combinations of logsources cost no memory without end, and change no answer', () => {
  const categories = ['process', 'file', 'network', 'registry', 'driver', 'library', 'malware', 'web', 'authentication']
  const names = ['process_creation', 'file_event', 'network_connection', 'registry_event', 'driver_load', 'image_load']
  const text = names
    .map(
      (name) =>
        `title: ${name}\nid: ${name}\nlogsource: { product: windows, category: ${name} }\ndetection: { s: { f: x }, condition: s }\n`,
    )
    .join('---\n')
  const loaded = parseRules(text, 'x.yml')
  const detector = compileDetector(loaded)
  for (let bits = 0; bits < 2 ** categories.length; bits++) {
    const category = categories.filter((_, i) => (bits >> i) & 1)
    const event: EcsEvent = {
      f: 'x',
      host: { os: { type: 'windows' } },
      event: { category, type: ['start', 'creation'] },
    }
    const found = detector.detect(event, 'e', 0, 0, 0).map(({ ruleId }) => ruleId)
    const expected = loaded.rules
      .filter((rule) => matchLogsource(rule.logsource).check(factsOf(event)))
      .map(({ id }) => id)
    expect(found).toEqual(expected)
  }
})

// --- the indexed engine against the plain one ---

const words = [
  'cmd',
  'power',
  'shell',
  '\\',
  '.exe',
  ' -enc ',
  'system32',
  'Ärger',
  'ß',
  '😀',
  '한글',
  'a',
  'b',
  '1',
  '10.0.0.1',
  ' ',
  'aaaaaaaa',
]
const text = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''))
const fields = ['Image', 'CommandLine', 'n.est', 'EventID']
const quoted = (value: string) => `'${value.replaceAll("'", "''")}'`
const value = fc.oneof(
  { weight: 6, arbitrary: text.map(quoted) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(text, fc.constantFrom('*', '?'), text)
      .map(([a, w, b]) => quoted(`${a.replace(/\\$/, '')}${w}${b}`)),
  },
)
const item = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(...fields),
      fc.constantFrom(
        '',
        '|contains',
        '|startswith',
        '|endswith',
        '|cased',
        '|contains|all',
        '|neq',
        '|windash|contains',
      ),
      fc.array(value, { minLength: 1, maxLength: 10 }),
    )
    .map(([field, modifier, values]) => `${field}${modifier}: [${values.join(', ')}]`),
  fc
    .tuple(
      fc.constantFrom(...fields),
      fc.constantFrom('a+b', '(?:cmd|shell)\\.exe', '^.{3,9}$', '(?i)POWER\\w*', '\\d+', '[^a]$'),
    )
    .map(([field, source]) => `${field}|re: ${quoted(source)}`),
  fc
    .tuple(
      fc.constantFrom(...fields),
      fc.constantFrom(
        '|gt: 1',
        '|lte: 10',
        ': null',
        ": ''",
        ": '*'",
        '|exists: true',
        '|exists: false',
        '|cidr: 10.0.0.0/8',
        '|fieldref: CommandLine',
        '|fieldref|startswith: EventID',
      ),
    )
    .map(([field, rest]) => `${field}${rest}`),
)
const selection = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .array(item, { minLength: 1, maxLength: 3 })
      .map((items) =>
        [...new Map(items.map((one) => [one.split(':')[0], one])).values()].map((one) => `  ${one}`).join('\n'),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(item, { minLength: 2, maxLength: 3 })
      .map((items) => items.map((one) => `  - ${one}`).join('\n')),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(value, { minLength: 1, maxLength: 4 })
      .map((values) => values.map((one) => `  - ${one}`).join('\n')),
  },
)
const condition = fc.constantFrom(
  's1',
  'not s1',
  's1 and s2',
  's1 or s2',
  's1 and not s2',
  's1 and (s2 or not s3)',
  '1 of s*',
  'all of s* and not s3',
  'not s1 and not s2',
  'not (s1 and s2) or s3',
)
const rule = fc
  .tuple(selection, selection, selection, condition)
  .map(
    ([a, b, c, cond]) =>
      `logsource: { product: test }\ndetection:\n s1:\n${a.replace(/^/gm, '  ')}\n s2:\n${b.replace(/^/gm, '  ')}\n s3:\n${c.replace(/^/gm, '  ')}\n condition: ${cond}\n`,
  )
const leaf = fc.oneof(
  { weight: 6, arbitrary: text },
  fc.constantFrom(null, 1, 10, 4688, true, '', '10.1.2.3', '5'),
  fc.array(text, { maxLength: 3 }),
)
const event = fc.record(
  {
    Image: leaf,
    CommandLine: leaf,
    n: fc.oneof(fc.record({ est: leaf }), fc.array(fc.record({ est: leaf }), { maxLength: 2 })),
    EventID: leaf,
    message: text,
    'n.est': text,
  },
  { requiredKeys: [] },
)

test('the indexed engine and the plain one agree on random rules and events, before and after witnesses are chosen again', () => {
  let compared = 0
  let held = 0
  const until = Date.now() + 6000 // time-boxed; the count below says how much was done
  fc.assert(
    fc.property(
      fc.array(rule, { minLength: 1, maxLength: 12 }),
      fc.array(event, { minLength: 4, maxLength: 10 }),
      fc.boolean(),
      (texts, events, warm) => {
        if (Date.now() > until) return
        const loaded = parseRules(texts.map((one, i) => `title: r${i}\nid: r${i}\n${one}`).join('---\n'), 'x.yml')
        expect(loaded.refused).toEqual([])
        const detector = compileDetector(loaded, { logsource: 'open' })
        // 4 x 256 events make the program choose its witnesses anew.
        if (warm) for (let i = 0; i < 1100; i++) detector.detect(events[i % events.length] as EcsEvent, 'e', 0, 0, 0)
        for (const one of events) {
          const found = detector.detect(one as EcsEvent, 'e', 0, 0, 0).map(({ ruleId }) => ruleId)
          const expected = loaded.rules.filter((each) => matchesNaively(each, one as EcsEvent)).map(({ id }) => id)
          expect(found).toEqual(expected)
          compared += loaded.rules.length
          held += expected.length
        }
      },
    ),
    { numRuns: 400 },
  )
  expect(compared).toBeGreaterThan(500)
  expect(held).toBeGreaterThan(compared / 50) // events that match nothing would prove little
})

test('every sample event is of a logsource that rules can name', () => {
  const of = (product: string, category?: string, service?: string) =>
    matchLogsource({ product, category, service }).check
  const checks = [
    of('windows'),
    of('linux'),
    of('kubernetes', undefined, 'audit'),
    of('aws', undefined, 'cloudtrail'),
    matchLogsource({ category: 'webserver' }).check,
  ]
  for (const one of sampleEvents(200, 3)) expect(checks.filter((check) => check(factsOf(one))).length).toBe(1)
})
