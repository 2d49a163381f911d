import { globSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EcsEvent } from '../../core/event.ts'
import { loadPacks } from '../packs.ts'
import { createParser } from '../parser.ts'
import { readCode, writeCode } from './code.ts'
import { compilePack, type Pack } from './pack.ts'
import { GOLDEN_NOW_MS, readGolden } from './test-pack.ts'

const event: EcsEvent = {
  a: { b: { 'c"d': 1 }, list: [1, 2], text: 'abc', none: null, number: 5 },
  text: 'abc',
}
const read = (names: readonly string[]) => new Function('e', `let v\nv = ${readCode('e', names)}\nreturn v`)(event)
const write = (names: readonly string[], into: EcsEvent) =>
  new Function('c', 'v', `let o, n\n${writeCode(names)}`)({ event: into }, 9)

test.each([
  ['a value', ['a', 'b', 'c"d'], 1],
  ['an object', ['a', 'b'], { 'c"d': 1 }],
  ['nothing there', ['a', 'x', 'y'], undefined],
  ['null', ['a', 'none'], undefined],
  ['below null', ['a', 'none', 'x'], undefined],
  ['below a text', ['text', 'x'], undefined],
  ['below a list', ['a', 'list', 'x'], undefined],
  ['below a number', ['a', 'number', 'x'], undefined],
])('reads %s', (_why, names, expected) => expect(read(names)).toEqual(expected))

test.each([
  ['of every object', ['a', 'constructor']],
  ['of every list', ['a', 'list', 'length']],
  ['of every text', ['text', 'trim']],
  ['of every number', ['a', 'number', 'toFixed']],
  ['of an element', ['a', 'list', '0']],
  ['without any', []],
])('leaves names %s to a look at what is own', (_why, names) => expect(readCode('e', names)).toBeUndefined())

test.each([
  ['one name', {}, ['a'], { a: 9 }],
  ['two names', {}, ['a', 'b'], { a: { b: 9 } }],
  ['three names', {}, ['a', 'b', 'c'], { a: { b: { c: 9 } } }],
  ['beside others', { a: { x: 1 } }, ['a', 'b', 'c'], { a: { x: 1, b: { c: 9 } } }],
  ['a text in the way', { a: 'x' }, ['a', 'b'], { a: { b: 9 } }],
  ['a list in the way', { a: { b: [1] } }, ['a', 'b', 'c'], { a: { b: { c: 9 } } }],
  ['null in the way', { a: null }, ['a', 'b', 'c'], { a: { b: { c: 9 } } }],
  ['a name every object has', {}, ['constructor', 'name'], { constructor: { name: 9 } }],
  ['a quote in a name', {}, ['a"]', "b'"], { 'a"]': { "b'": 9 } }],
])('writes: %s', (_why, into: EcsEvent, names, expected) => {
  write(names, into)
  expect(into).toEqual(expected)
})

// One pack that has every step and conversion that reads as code, and texts that could break out of it.
const everything = `
pack: all.steps
dataset: all.steps
tables: {t: {a: one, '*': other}}
detect: {content: true}
parse:
  - grok: 'A (?<_.a>.*?) (?<source.port>.*?) (?<source.ip>.*?)(?<user.name>x?)(?<user.name>y?)(?<_."q\\"q">z?)'
    when: _.a in [b, c, '"', '\`'] or not (source.port > 80) and _.a != d
    fields: {labels.k: _.a}
  - grok: ['B (?<_.a>.*)', 'BB (?<_.a>.*)', '(?<_.b>B+)']
    json: {from: _.a}
    keep: vendor
  - kv: true
    first:
      - when: .a exists
        grok: {from: .a, match: '(?<_.a>\\d+).*'}
        set: {event.outcome: success, event.category: [web]}
        kv: {from: .b, pairs: ','}
      - when: .b contains '''' or .b starts '\`' or .b ends '\${' or .b == '"'
        set: {vendor.text: 'x \${.b} \`"\\ \${.a}'}
    keep: {into: vendor.rest}
steps:
  - fields:
      vendor.any: .a ?? .b ?? .s.x ?? .constructor ?? .n
      '@timestamp': .t ?? _.t | time any
      source.port: .port ?? source.port
      destination.ip: .ip
      process.args: .args | args
      event.duration: .d | duration
      vendor.number: .n | times 10 | string
      vendor.first: .list | split ',' | first | upper
      vendor.quoted: .nothing ?? 'IT''S "' | before ' ' | lower
      tags: .tags | split ';' | default '\`\${x}\\'
      url.domain: .a | lookup t | unless .b
    append: {host.ip: .ip, tags: [one, two], vendor.list: .a}
    address: {client: .peer, server: .ip}
    url: {url: .url}
  - switch:
      on: .s
      cases: {'1, 2': {set: {event.action: one}}, '3': [{when: .a missing, set: {event.action: three}}, {set: {vendor.x: 1}}]}
      else: {fields: {event.reason: .s}}
  - steps:
      - {when: .a == '1', set: {vendor.one: [1, 2]}}
      - {move: {user.id: user.name}, remove: [labels.k]}
`
const inBothWays = (packs: readonly Pack[]) =>
  [packs, packs.map((pack) => ({ ...pack, run: pack.runSteps }))].map((list) =>
    createParser({ packs: list, now: () => GOLDEN_NOW_MS }),
  )

const words = fc.constantFrom(
  ...['a', 'b', 'n', 't', 'ip', 'port', 'peer', 'url', 's', 'list', 'tags', 'args', 'd', '__proto__', 'constructor'],
)
const values = fc.oneof(
  fc.constantFrom(
    '1',
    '3',
    '-',
    '',
    '10.0.0.1',
    'h:99',
    '99999999',
    "it's",
    '`',
    'x${',
    '"q r"',
    'a,b',
    '1:02:03',
    'http://h/p?q',
  ),
  fc.string({ maxLength: 8 }),
)
const pairs = fc
  .array(fc.tuple(words, values), { maxLength: 12 })
  .map((list) => list.map(([key, value]) => `${key}=${value}`).join(' '))
const bodies = fc.oneof(
  pairs,
  fc.tuple(values, values, values).map((list) => `A ${list.join(' ')}xyz`),
  fc.dictionary(words, fc.oneof(values, fc.jsonValue())).map((object) => `BB ${JSON.stringify(object)}`),
  fc.dictionary(words, fc.oneof(values, fc.jsonValue())).map((object) => JSON.stringify(object)),
)

test('a pack as code does to any text what its steps do one by one', () => {
  const parsers = inBothWays([compilePack(everything, 'all.yaml')])
  const origin = { source: 't', kind: 'syslog', peer: '192.0.2.1', dataset: 'all.steps' } as const
  let hits = 0
  fc.assert(
    fc.property(bodies, (body) => {
      const input = { bytes: Buffer.from(body), origin, receivedAtMs: GOLDEN_NOW_MS, flags: 0 }
      const [code, steps] = parsers.map((parser) => parser.parse(input))
      expect(JSON.stringify(code)).toBe(JSON.stringify(steps))
      if (code?.unparsed === undefined) hits++
    }),
    { numRuns: 3000 },
  )
  expect(hits).toBeGreaterThan(300)
})

const folder = join(import.meta.dirname, '../packs')

test('every pack as code makes of its golden lines, whole and damaged, what its steps make one by one', {
  timeout: 120_000,
}, () => {
  const parsers = inBothWays(loadPacks(folder))
  let lines = 0
  for (const log of globSync('*/*.log', { cwd: folder })) {
    const golden = readGolden(join(folder, log))
    for (const line of golden.lines)
      for (const damaged of [line, line.slice(0, line.length * 0.7).replaceAll(/\d{2,}/g, '-')]) {
        const input = { bytes: Buffer.from(damaged), origin: golden.origin, receivedAtMs: GOLDEN_NOW_MS, flags: 0 }
        const [code, steps] = parsers.map((parser) => parser.parse(input))
        expect(JSON.stringify(code), damaged).toBe(JSON.stringify(steps))
        lines++
      }
  }
  expect(lines).toBeGreaterThan(1000)
})
