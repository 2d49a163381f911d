import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isPipelineError } from '../../core/errors.ts'
import type { EcsEvent } from '../../core/event.ts'
import { createParser } from '../parser.ts'
import { reasons } from '../reasons.ts'
import { timeFormatNames } from '../time/time.ts'
import { compilePack } from './pack.ts'
import { stepNames } from './steps.ts'
import { converterNames } from './value.ts'

const NOW = Date.UTC(2026, 0, 15)
const pack = (body: string, detect = 'detect: {content: true}') => `pack: p\ndataset: acme.log\n${detect}\n${body}`

/** The event of one line under one pack, without what every event has. */
function run(yaml: string, line: string): EcsEvent {
  const parser = createParser({ packs: [compilePack(yaml, 'p.yaml')], now: () => NOW })
  const origin = { source: 's', kind: 'http', peer: '' } as const
  const { event } = parser.parse({ bytes: Buffer.from(line), origin, receivedAtMs: NOW, flags: 0 })
  const plain = JSON.parse(JSON.stringify(event)) as EcsEvent
  const about = plain['event'] as EcsEvent
  for (const name of ['original', 'created', 'ingested', 'dataset', 'module']) delete about[name]
  for (const name of ['ecs', 'haetae', 'log', 'message', '@timestamp']) delete plain[name]
  return plain
}

test('a pack of a few lines: pattern, constants, types, related', () => {
  const yaml = pack(
    "parse:\n  - grok: '%{WORD:user.name} from %{NOTSPACE:source.address} port %{NUMBER:source.port}'\n    set: {event.category: [authentication]}",
  )
  expect(run(yaml, 'kim from 192.0.2.1 port 22')).toEqual({
    event: { kind: 'event', category: ['authentication'] },
    user: { name: 'kim' },
    source: { address: '192.0.2.1', ip: '192.0.2.1', port: 22 },
    related: { ip: ['192.0.2.1'], user: ['kim'] },
  })
})

test.each([
  ['fallback', '.x ?? .b', { 'a.v': 'two' }],
  ['a text as the last resort', ".x ?? 'none'", { 'a.v': 'none' }],
  ['a dash is nothing to fall back from', ".dash ?? 'none'", { 'a.v': 'none' }],
  ['lower', '.up | lower', { 'a.v': 'loud' }],
  ['split and first', ".list | split ',' | first", { 'a.v': 'x' }],
  ['an element', '.array[1]', { 'a.v': 2 }],
  ['every element', '.objects[].k', { 'a.v': ['m', 'n'] }],
  ['a key with dots', '."dotted.key"', { 'a.v': 'd' }],
  ['before and after', ".mail | after '@' | before '.'", { 'a.v': 'example' }],
  ['lookup', '.b | lookup t', { 'a.v': 'zwei' }],
  ['lookup of nothing known', '.up | lookup t', { 'a.v': 'other' }],
  ['times', '.seconds | times 1000000000', { 'a.v': 1_500_000_000 }],
  ['a duration on a clock', '.clock | duration', { 'a.v': 69_000_000_000 }],
  ['a duration with days', '.days | duration', { 'a.v': 90_061_000_000_000 }],
  ['a duration in words', '.words | duration', { 'a.v': 3_605_020_000_000 }],
  ['a duration that is none', '.up | duration', {}],
  ['a time moved back', "'2026-01-15T00:00:10Z' | minus .span", { 'a.v': '2026-01-15T00:00:09.000Z' }],
  ['a time moved by nothing', "'2026-01-15T00:00:10Z' | plus .nothing", {}],
  ['a time past all times', "'2026-01-15T00:00:10Z' | plus .huge", {}],
  ["the event's time", '@time', { 'a.v': '2026-01-15T00:00:00.000Z' }],
  ['unless the same', '.b | unless .b', {}],
  ['unless another', '.b | unless .up', { 'a.v': 'two' }],
  ['a conversion of nothing', '.nothing | lower | first', {}],
  ['a number that is none', '.up | long', {}],
])('a value: %s', (_why, expression, expected) => {
  const yaml = pack(
    `tables:\n  t: {two: zwei, '*': other}\nparse:\n  - json: true\n    fields:\n      a.v: ${JSON.stringify(expression)}`,
    'detect: {json: {b: null}}',
  )
  const line =
    '{"b":"two","up":"LOUD","list":"x, y","array":[1,2],"objects":[{"k":"m"},{"k":"n"}],"dotted.key":"d","mail":"a@example.org","seconds":1.5,"dash":"-","clock":"0:01:09","days":"1d 1:01:01","words":"1h 5s20ms","span":1e9,"huge":1e300}'
  const event = run(yaml, line)
  expect(event['a'] ?? {}).toEqual('a.v' in expected ? { v: expected['a.v'] } : {})
})

test.each([
  ['.n > 5', true],
  ['.n > 7', false],
  ['.n >= 7 and .n <= 7', true],
  ['.s == on', true],
  [".s == 'on' and not (.n == 1 or .n == 2)", true],
  ['.s in [off, on]', true],
  ['.s != on', false],
  ['.list contains b', true],
  ['.s starts o and .s ends n', true],
  ['.gone missing', true],
  ['.gone exists or .n exists', true],
  ['.gone > 0', false],
  ['.gone != x', true],
  ['@body contains list', true],
])('a condition: %s is %s', (when, expected) => {
  const yaml = pack(
    `parse:\n  - json: true\nsteps:\n  - when: ${JSON.stringify(when)}\n    set: {a.yes: true}`,
    'detect: {json: {n: null}}',
  )
  expect(run(yaml, '{"n":7,"s":"on","list":["abc"]}')['a'] !== undefined).toBe(expected)
})

test('switch, first, append, keep: what nobody took stays with the vendor', () => {
  const yaml = pack(
    `parse:
  - kv: true
    switch:
      on: .id
      cases:
        '1, 2': {set: {event.action: low}}
        '9': {set: {event.action: high}}
      else: {set: {event.action: other}}
    fields: {source.ip: .src, user.name: .user, destination.port: .dport}
    append: {event.type: [info]}
    keep: acme`,
  )
  expect(run(yaml, 'id=2 src=192.0.2.1 user=kim dport=ssh extra="x y"')).toMatchObject({
    event: { action: 'low', type: ['info'] },
    source: { ip: '192.0.2.1' },
    acme: { id: '2', dport: 'ssh', extra: 'x y' }, // ssh is no port: it stays as it came
  })
  expect(run(yaml, 'id=9')).toMatchObject({ event: { action: 'high' } })
  expect(run(yaml, 'id=7')).toMatchObject({ event: { action: 'other' } })
})

test('csv, cef and delimiters', () => {
  const csv = pack(
    'parse:\n  - csv: {columns: [kind, null, source.name, port], at_least: 4}\n    fields: {source.port: .port, user.name: \'."source.name"\'}',
  )
  expect(run(csv, 'a,b,"kim, lee",22')).toMatchObject({ source: { port: 22 }, user: { name: 'kim, lee' } })
  const cef = pack(
    'parse:\n  - cef: true\n    fields: {observer.vendor: .vendor, source.ip: .src}\n    keep: cef',
    "detect: {contains: ['CEF:']}",
  )
  expect(run(cef, 'CEF:0|V|P|1|7|n|3|src=192.0.2.9 cs1=x')).toMatchObject({
    observer: { vendor: 'V' },
    source: { ip: '192.0.2.9' },
    cef: { eventId: '7', cs1: 'x' },
  })
})

test('an earlier failed attempt leaves nothing in the event', () => {
  const yaml = pack(
    "parse:\n  - grok: '%{WORD:wrong.a} %{GREEDYDATA:_.rest}'\n    when: _.rest == never\n  - grok: '%{WORD:right.a} .*'",
  )
  expect(run(yaml, 'one two')).not.toHaveProperty('wrong')
})

test.each([
  ['no YAML', 'pack: [', /p\.yaml:\d+: /],
  ['not a block', '- a', /p\.yaml:1: a pack is a block/],
  ['an unknown key', `${pack('parse: [{json: true}]')}\nparsers: 1`, /p\.yaml:5: 'parsers' is not known here/],
  ['no name', 'dataset: x\nparse: [{json: true}]', /'pack' is missing/],
  ['a bad name', 'pack: ../x\ndataset: x\nparse: [{json: true}]', /p\.yaml:1: .*a name is/],
  ['nothing to read with', 'pack: p\ndataset: x', /'parse' is missing/],
  ['an unknown step', pack('parse:\n  - groc: x'), /p\.yaml:5: no step named 'groc'/],
  [
    'a value ECS forbids',
    pack('parse:\n  - json: true\n    set:\n      event.kind: events'),
    /p\.yaml:7: ECS does not allow 'events' in event\.kind/,
  ],
  [
    'an unknown conversion',
    pack('parse:\n  - json: true\n    fields:\n      a.b: .c | shout'),
    /p\.yaml:7: no conversion named 'shout'/,
  ],
  ['an unknown table', pack('parse:\n  - json: true\n    fields: {a.b: .c | lookup gone}'), /no table named 'gone'/],
  ['a bad time format', pack('parse:\n  - json: true\n    fields: {a.b: .c | time soon}'), /neither a time format/],
  ['a bad condition', pack('parse:\n  - json: true\n    when: .a =='), /it ends too early/],
  ['a condition with a word too many', pack('parse:\n  - json: true\n    when: .a exists b'), /one word too many/],
  ['a comparison with words', pack('parse:\n  - json: true\n    when: .a > much'), /compares with a number/],
  ['the source on the left', pack('parse:\n  - json: true\n    fields: {.a: .b}'), /left side is a field of the event/],
  ['a prototype on the left', pack('parse:\n  - json: true\n    set: {a.__proto__.b: 1}'), /is not a path/],
  ['an unknown detection', pack('parse: [{json: true}]', 'detect: {magic: yes}'), /'magic' is not known here/],
  [
    'an alias bomb',
    `pack: p\ndataset: d\ntables:\n  a: &a {x: 1}\n  b: &b {${Array.from({ length: 60 }, (_, i) => `k${i}: *a`).join(', ')}}\nparse: [{json: true}]`,
    /./,
  ],
])('a mistake is named with its line: %s', (_why, yaml, message) => {
  let thrown: unknown
  try {
    compilePack(yaml, 'p.yaml')
  } catch (error) {
    thrown = error
  }
  expect((thrown as Error | undefined)?.message).toMatch(message)
})

test('a mistake in a pattern names the file', () => {
  expect(() => compilePack(pack("parse:\n  - grok: '%{NOSUCH:a}'"), 'p.yaml')).toThrow(/p\.yaml/)
  try {
    compilePack(pack("parse:\n  - grok: '%{NOSUCH:a}'"), 'p.yaml')
  } catch (error) {
    expect(isPipelineError(error, 'GROK_UNKNOWN_PATTERN')).toBe(true)
  }
})

test('the example of docs/packs.md is a pack and does what the page says', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/packs.md'), 'utf8')
  const yaml = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] as string
  expect(run(yaml, '<13>Jan 14 10:00:00 gate doormand: door=7 user=kim peer=[2001:db8::1]:99 result=D')).toMatchObject({
    event: { outcome: 'failure', type: ['start', 'denied'] },
    source: { address: '2001:db8::1', ip: '2001:db8::1', port: 99 },
    doorman: { door: '7' },
    user: { name: 'kim' },
  })
  for (const name of [...stepNames, ...converterNames, ...timeFormatNames, ...reasons])
    expect(page, name).toMatch(new RegExp(`\\b${name}\\b`))
})

test('the message id and the structured data of an envelope are within reach', () => {
  const yaml = pack(
    "parse:\n  - json: {from: '@data'}\n    fields: {source.ip: .peer, user.name: .user, event.code: '@msgid'}\n    set: {event.action: read}",
    'detect: {program: [door]}',
  )
  const event = run(
    yaml,
    '<14>1 2026-01-14T00:00:00Z h door - OPEN [a@1 peer="192.0.2.1" __proto__="x"][b@1 peer="no" user="kim"]',
  )
  expect(event['event']).toMatchObject({ code: 'OPEN', action: 'read' })
  expect(event['source']).toMatchObject({ ip: '192.0.2.1' })
  expect(event['user']).toEqual({ name: 'kim' })
  const without = run(yaml, '<14>1 2026-01-14T00:00:00Z h door - OPEN - text')
  expect((without['event'] as EcsEvent)['action']).toBeUndefined()
})
