import { globSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { type EcsEvent, getPath } from '../../core/event.ts'
import { decodeEvents, EventBatchWriter } from '../../core/event-batch.ts'
import { fieldType } from '../../core/fields.ts'
import type { ParseInput } from '../../core/parser.ts'
import { RawBatchWriter } from '../../core/raw-batch.ts'
import { compilePack } from '../pack/pack.ts'
import { GOLDEN_NOW_MS, readGolden } from '../pack/test-pack.ts'
import { loadPacks } from '../packs.ts'
import { parseBatch } from '../parse-batch.ts'
import { createParser } from '../parser.ts'
import { normalizeEvent, placeOf } from './normalize.ts'

test('an event whose values fit is left as it is', () => {
  const event: EcsEvent = {
    '@timestamp': '2026-01-15T00:00:00.000Z',
    message: 'hello',
    tags: ['a', 'b'],
    labels: { site: 'seoul', any: { deep: 1 } },
    source: { ip: '192.0.2.7', port: 443, as: { number: 64500 } },
    related: { ip: ['192.0.2.7', '2001:db8::1'] },
    event: { created: '2026-01-15T00:00:00.000001Z', category: ['network'], risk_score: 4.5 },
    dns: { answers: [{ data: '192.0.2.9', ttl: 60 }] },
    tls: { established: true },
    acme: { source: { ip: 'not an address' }, pid: 'x' },
  }
  const before = structuredClone(event)
  expect(normalizeEvent(event)).toBeUndefined()
  expect(event).toEqual(before)
})

test.each<[string, EcsEvent, EcsEvent, Record<string, unknown>]>([
  ['text in an ip field', { source: { ip: 'gateway-3' } }, { source: {} }, { 'source.ip': 'gateway-3' }],
  ['an address with a zone', { source: { ip: 'fe80::1%eth0' } }, { source: {} }, { 'source.ip': 'fe80::1%eth0' }],
  [
    'an address out of range',
    { host: { ip: ['10.0.0.1', '300.1.1.1'] } },
    { host: { ip: ['10.0.0.1'] } },
    { 'host.ip': '300.1.1.1' },
  ],
  ['text in a long field', { process: { pid: 'init' } }, { process: {} }, { 'process.pid': 'init' }],
  [
    'a fraction in a long field',
    { http: { response: { bytes: 1.5 } } },
    { http: { response: {} } },
    { 'http.response.bytes': '1.5' },
  ],
  ['an empty text in a long field', { source: { port: '' } }, { source: {} }, { 'source.port': '' }],
  ['text in a date field', { event: { start: 'yesterday' } }, { event: {} }, { 'event.start': 'yesterday' }],
  [
    'a day that does not exist',
    { event: { start: '2026-13-41T00:00:00Z' } },
    { event: {} },
    { 'event.start': '2026-13-41T00:00:00Z' },
  ],
  ['a number in a date field', { event: { start: 1_760_000_000 } }, { event: {} }, { 'event.start': '1760000000' }],
  ['a word in a boolean field', { tls: { established: 'maybe' } }, { tls: {} }, { 'tls.established': 'maybe' }],
  ['an object where a number belongs', { source: { port: { n: 1 } } }, { source: {} }, { 'source.port': '{"n":1}' }],
  [
    'an object where a keyword belongs',
    { user: { name: { first: 'Mina' } } },
    { user: {} },
    { 'user.name': '{"first":"Mina"}' },
  ],
  ['an object where the message belongs', { message: { a: 1 } }, {}, { message: '{"a":1}' }],
  ['a text where an object belongs', { host: 'web-1' }, {}, { host: 'web-1' }],
  ['a number where an object belongs', { process: { parent: 12 } }, { process: {} }, { 'process.parent': '12' }],
  ['a list of texts where objects belong', { user: ['mina', 'joon'] }, {}, { user: '["mina","joon"]' }],
  ['a key that is a path', { 'source.ip': 'nowhere' }, {}, { 'source.ip': 'nowhere' }],
  [
    'values in a list of objects',
    { dns: { answers: [{ ttl: 'x' }, { ttl: 'y' }, { ttl: 5 }] } },
    { dns: { answers: [{}, {}, { ttl: 5 }] } },
    { 'dns.answers.ttl': ['x', 'y'] },
  ],
  [
    'an object in a list',
    { related: { ip: [{ a: 1 }, '10.0.0.1'] } },
    { related: { ip: ['10.0.0.1'] } },
    { 'related.ip': '{"a":1}' },
  ],
  ['a list in which nothing fits', { related: { ip: ['a', 'b'] } }, { related: {} }, { 'related.ip': '["a","b"]' }],
])('%s moves aside, with a mark', (_why, event, kept, conflict) => {
  expect(normalizeEvent(event)).toEqual(conflict)
  expect(JSON.parse(JSON.stringify(event))).toEqual(kept)
})

test.each<[string, EcsEvent, EcsEvent]>([
  ['digits in a long field', { source: { port: '443' } }, { source: { port: 443 } }],
  ['digits in a float field', { event: { risk_score: '7.5' } }, { event: { risk_score: 7.5 } }],
  ['true as text', { tls: { established: 'true' } }, { tls: { established: true } }],
  ['a number in a keyword field', { event: { code: 4624 } }, { event: { code: '4624' } }],
  ['a key that is a path', { 'http.response.status_code': '404' }, { 'http.response.status_code': 404 }],
  [
    'one list in another',
    { related: { ip: [['10.0.0.1'], '10.0.0.2'] } },
    { related: { ip: ['10.0.0.1', '10.0.0.2'] } },
  ],
])('%s is made to fit, without a mark', (_why, event, expected) => {
  expect(normalizeEvent(event)).toBeUndefined()
  expect(event).toEqual(expected)
})

test('a parsed line with a value that does not fit is parsed, marked, and searchable by its field of conflicts', () => {
  const pack = compilePack(
    'pack: beats\ndataset: beats\ndetect: {json: {beat: }}\nparse:\n  - json: true\n    keep: source\n',
    'beats.yaml',
  )
  const parser = createParser({ packs: [pack], now: () => 0 })
  const line = '{"beat": 1, "ip": "gateway-3", "port": "443", "event": "x"}'
  const origin = { source: 'test', kind: 'http', peer: '' } as const
  const { event, unparsed } = parser.parse({ bytes: Buffer.from(line), origin, receivedAtMs: 0, flags: 0 })
  expect(unparsed).toBeUndefined()
  expect(event['source']).toMatchObject({ port: 443 })
  expect(event['haetae']).toEqual({ source: 'test', conflict: { 'source.ip': 'gateway-3' }, conflicts: ['source.ip'] })
  expect(event['related']).toBeUndefined()
  expect(getPath(event, 'event.original')).toBe(line)
})

test('keys that reach a prototype do nothing', () => {
  const event = JSON.parse('{"__proto__": {"ip": "x"}, "constructor": "y", "source": {"__proto__": 1}}') as EcsEvent
  expect(normalizeEvent(event)).toBeUndefined()
  expect(({} as Record<string, unknown>)['ip']).toBeUndefined()
})

const names = [
  'source',
  'ip',
  'port',
  'event',
  'start',
  'user',
  'name',
  'tls',
  'established',
  'process',
  'pid',
  'risk_score',
  'acme',
  'source.ip',
]
const { value: anything } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom('10.0.0.1', '12', 'true', '2026-01-15T00:00:00Z'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 5 }),
  ),
}))

test('whatever comes in, every ECS field that is written has values of its type, and a second look changes nothing', () => {
  const isFit = { long: 'number', float: 'number', boolean: 'boolean', ip: 'string', date: 'string' } as const
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), anything as fc.Arbitrary<never>), (event: EcsEvent) => {
      normalizeEvent(event)
      const again = structuredClone(event)
      expect(normalizeEvent(again)).toBeUndefined()
      const writer = new EventBatchWriter()
      writer.write(event, 0, 0, 0)
      for (const { fields } of decodeEvents(writer.finish())) {
        for (const [field, value] of Object.entries(fields)) {
          const wanted = isFit[fieldType(field) as keyof typeof isFit]
          if (wanted) for (const one of [value].flat()) expect([field, typeof one]).toEqual([field, wanted])
        }
      }
    }),
    { numRuns: 3000, interruptAfterTimeLimit: 4000 },
  )
})

test.each([
  ['source.ip', 'value'],
  ['source', 'object'],
  ['source.ip.x', 'object'],
  ['dns.answers', 'object'],
  ['source.unheard_of', 'anything'],
  ['acme.x', 'anything'],
  ['message', 'value'],
  ['constructor', 'anything'],
])('%s is the place of: %s', (name, place) => expect(placeOf(name)).toBe(place))

test('events of packs that fit by themselves have nothing to move, whatever their lines say', {
  timeout: 120_000,
}, () => {
  const folder = join(import.meta.dirname, '../packs')
  const packs = loadPacks(folder)
  const parsers = [packs, packs.map((pack) => ({ ...pack, fits: false }))].map((list) =>
    createParser({ packs: list, now: () => GOLDEN_NOW_MS }),
  )
  expect(packs.filter(({ fits }) => fits).length).toBeGreaterThan(packs.length / 2)
  for (const log of globSync('*/*.log', { cwd: folder })) {
    const { origin, lines } = readGolden(join(folder, log))
    for (const line of lines)
      for (const text of [line, line.replaceAll(/\d+/g, 'x'), line.replaceAll(/"(?=[,}])/g, '": {"a": [1, "b"]}')]) {
        const input = { bytes: Buffer.from(text), origin, receivedAtMs: GOLDEN_NOW_MS, flags: 0 }
        const [unseen, seen] = parsers.map((parser) => parser.parse(input))
        expect(JSON.stringify(unseen), text).toBe(JSON.stringify(seen))
      }
  }
})

const doorman = compilePack(
  `
pack: doorman
dataset: doorman.access
detect: {content: true}
parse:
  - grok: '(?<source.ip>\\S+) (?<source.port>\\S+) (?<_.more>.*)'
    kv: {from: _.more}
    when: source.ip exists or .a exists
steps:
  - fields: {process.pid: .pid, url.port: .b, host.ip: ".list | split ','"}
    append: {related.ip: .rel}
`,
  'doorman.yaml',
)
const readDoorman = (text: string) => {
  const input = {
    bytes: Buffer.from(text),
    origin: { source: 's', kind: 'syslog', peer: 'p' },
    receivedAtMs: 0,
    flags: 0,
  }
  return createParser({ packs: [doorman] }).parse(input as ParseInput).event['haetae']
}

test.each([
  ['a pattern’s captures', 'gate-3 https a=1', { 'source.ip': 'gate-3', 'source.port': 'https' }],
  ['a step’s value', '10.0.0.1 1 pid=abc', { 'process.pid': 'abc' }],
  ['some of a list', '10.0.0.1 1 list=10.0.0.2,x,y', { 'host.ip': ['x', 'y'] }],
  ['what is appended', '10.0.0.1 1 rel=z', { 'related.ip': 'z' }],
])('what does not fit is kept aside, not dropped: %s', (_why, text, conflict) =>
  expect(readDoorman(text)).toEqual({ source: 's', conflict, conflicts: Object.keys(conflict) }),
)

test.each([
  ['a dash', '10.0.0.1 - x=1'],
  ['a block that says no in the end', 'gate-3 https x=1'],
])('nothing is kept aside for %s', (_why, text) => {
  expect(readDoorman(text)).not.toHaveProperty('conflict')
})

test('conflicts are counted by source', () => {
  const writer = new RawBatchWriter()
  for (const text of ['10.0.0.1 1 a=1', 'gate-3 https a=1', '10.0.0.1 x b=y'])
    writer.append({ source: 'door', kind: 'syslog', peer: 'p' }, 0, Buffer.from(text))
  const counters = new Counters()
  parseBatch(createParser({ packs: [doorman] }), writer.finish(), 0, 0, new EventBatchWriter(), { counters })
  expect(counters.get('parse_conflicts_total', { source: 'door' })).toBe(4)
})
