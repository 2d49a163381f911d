import { expect, test } from 'vitest'
import type { EcsEvent } from '../../core/event.ts'
import { createParser } from '../parser.ts'
import { pairsToObject, snakeName, toSnake, withoutEmpty } from './objects.ts'
import { compilePack } from './pack.ts'
import { readDnsAnswers, readHashes, splitArguments } from './windows-texts.ts'

test.each([
  ['userIdentity', 'user_identity'],
  ['sourceIPAddress', 'source_ip_address'],
  ['arn', 'arn'],
  ['with space', 'with space'],
  ['a.b', 'a.b'],
  ['__proto__', '__proto__'],
])('%s in snake case', (name, expected) => expect(snakeName(name)).toBe(expected))

test('names change however deep they are, values never', () =>
  expect(toSnake({ aB: [{ cD: 'eF' }, 'gH'], iJ: null })).toEqual({ a_b: [{ c_d: 'eF' }, 'gH'], i_j: null }))

test.each([
  [
    'the usual',
    [
      { Name: 'a', Value: '1' },
      { name: 'b.c d', value: 2 },
    ],
    { a: '1', b_c_d: 2 },
  ],
  ['what is no pair', [7, null, 'x', { Value: 1 }, { Name: 'n' }], undefined],
  ['a prototype', [{ Name: '__proto__', Value: 'x' }], undefined],
  ['no list', 'text', undefined],
  ['an object as it is', { a: 1 }, { a: 1 }],
])('pairs of %s', (_why, value, expected) => expect(pairsToObject(value)).toEqual(expected))

test('empty parts go, however deep', () =>
  expect(withoutEmpty({ a: '', b: { c: null, d: [] }, e: [{}, 0, false] })).toEqual({ e: [0, false] }))

test.each([
  ['quotes hold together', '"C:\\a b.exe" -x "1 2"', ['C:\\a b.exe', '-x', '1 2']],
  ['an open quote ends with the line', 'a "b c', ['a', 'b c']],
  ['an empty argument', 'a "" b', ['a', '', 'b']],
  ['nothing', '   ', []],
])('arguments: %s', (_why, line, expected) => expect(splitArguments(line)).toEqual(expected))

test.each([
  ['named', `MD5=${'A'.repeat(32)},IMPHASH=${'b'.repeat(32)}`, { md5: 'a'.repeat(32), imphash: 'b'.repeat(32) }],
  ['a bare one', 'c'.repeat(64), { sha256: 'c'.repeat(64) }],
  ['zeros only', `MD5=${'0'.repeat(32)}`, undefined],
  ['none', 'MD5=xyz', undefined],
  ['an unknown kind', `__proto__=${'a'.repeat(32)}`, undefined],
])('hashes: %s', (_why, text, expected) => expect(readHashes(text)).toEqual(expected))

test.each([
  [
    'both kinds',
    'type:  5 a.example;::ffff:192.0.2.1;2001:db8::1;',
    [
      { data: 'a.example', type: 'CNAME' },
      { data: '192.0.2.1', type: 'A' },
      { data: '2001:db8::1', type: 'AAAA' },
    ],
  ],
  ['none', '-', undefined],
])('answers: %s', (_why, text, expected) => expect(readDnsAnswers(text)).toEqual(expected))

const parser = createParser({
  packs: [
    compilePack(
      'pack: e\ndataset: e\ndetect: {json: {ecs.version: }}\nparse:\n  - json: true\n    adopt: true',
      'e.yaml',
    ),
  ],
})
const adopted = (json: unknown): EcsEvent => {
  const bytes = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json))
  return parser.parse({ bytes, origin: { source: 's', kind: 'http', peer: '' }, receivedAtMs: 0, flags: 0 }).event
}

test('an event that is ECS is taken as it is, nested or dotted', () =>
  expect(
    adopted({
      ecs: { version: '8' },
      'source.ip': '192.0.2.1',
      user: { name: 'kim' },
      event: { category: ['network', 'nonsense'] },
    }),
  ).toMatchObject({
    source: { ip: '192.0.2.1' },
    user: { name: 'kim' },
    event: { category: ['network'], dataset: 'e' },
    ecs: { version: '9.0.0' },
  }))

test.each([
  ['an address that is none', { source: { ip: 'x' } }, 'source'],
  ['a text where ECS has an object', { user: 'kim' }, 'user'],
  ['a mark of ours', { haetae: { unparsed: 'x' } }, 'unparsed'],
])('an adopted event does not keep %s', (_why, part, absent) => {
  const event = adopted({ ecs: { version: '8' }, ...part })
  expect(event[absent]).toBeUndefined()
  expect((event['haetae'] as EcsEvent)['unparsed']).toBeUndefined()
})

test('a key that reaches for a prototype is no field', () => {
  const event = adopted('{"ecs":{"version":"8"},"__proto__":{"polluted":1},"a.__proto__.polluted":1}')
  expect(event['polluted']).toBeUndefined()
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})
