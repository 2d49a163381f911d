import { expect, test } from 'vitest'
import { matches, refusal, ruleText } from './testing.ts'

const one = (item: string) => `s:\n  ${item}\ncondition: s`

test.each<[string, string, unknown, boolean]>([
  ['a text equals whatever its case', `f: 'Whoami'`, 'WHOAMI', true],
  ['a text is the whole value', `f: 'whoami'`, 'whoami.exe', false],
  ['case is folded beyond ASCII', `f: 'STRASSE'`, 'straße', true],
  ['a final sigma is a sigma', `f|endswith: 'ΟΔΟΣ'`, 'μια οδος', true],
  ['dotless i is not i', `f: 'i'`, 'ı', false],
  ['cased keeps case apart', `f|cased: 'Admin'`, 'admin', false],
  ['cased and contains', `f|cased|contains: 'Adm'`, 'xAdmx', true],
  ['contains', `f|contains: 'min'`, 'administrator', true],
  ['contains nothing there', `f|contains: 'min'`, 'user', false],
  ['contains with a short literal', `f|contains: 'z'`, 'abcZ', true],
  ['contains a long literal anywhere', `f|contains: 'abcdefgh'`, 'xx-abcdefgh-yy', true],
  ['startswith', `f|startswith: 'adm'`, 'ADMIN', true],
  ['startswith is not contains', `f|startswith: 'min'`, 'admin', false],
  ['endswith', `f|endswith: '\\cmd.exe'`, 'C:\\Windows\\CMD.EXE', true],
  ['endswith is not contains', `f|endswith: 'cmd'`, 'cmd.exe', false],
  ['a trailing backslash is plain', `f|endswith: 'Temp\\'`, 'C:\\Temp\\', true],
  ['all wants every value', `f|contains|all: ['a1', 'b2']`, 'b2 then a1', true],
  ['all fails when one is missing', `f|contains|all: ['a1', 'b2']`, 'a1 only', false],
  ['neq', `f|neq: 'x'`, 'y', true],
  ['neq of the value', `f|neq: ['x', 'y']`, 'y', false],
  ['neq of a missing field holds', `g|neq: 'x'`, 'y', true],
  ['exists true', `f|exists: true`, 'x', true],
  ['exists counts null as there', `f|exists: true`, null, true],
  ['exists false', `g|exists: false`, 'x', true],
  ['exists is about the field, not its value', `f|exists: false`, '', false],
  ['null is null', `f: null`, null, true],
  ['null is missing too', `g: null`, 'x', true],
  ['null is not the empty text', `f: null`, '', false],
  ['the empty text is not null', `f: ''`, null, false],
  ['the empty text', `f: ''`, '', true],
  ['an empty list is null', `f: []`, null, true],
  ['a star is any value', `f: '*'`, '', true],
  ['a star is not null', `f: '*'`, null, false],
  ['a number as text', `f: 1`, '1', true],
  ['a text as number', `f: '1'`, 1, true],
  ['a boolean as text', `f: true`, 'True', true],
  ['a number inside a text', `f|contains: 42`, 'x42y', true],
  ['large numbers keep their digits', `f: 18446744073709551615`, '18446744073709551615', true],
  ['lt', `f|lt: 10`, 9, true],
  ['lt is strict', `f|lt: 10`, 10, false],
  ['lte', `f|lte: 10`, 10, true],
  ['gt over a text of digits', `f|gt: 10`, '11', true],
  ['gte', `f|gte: 10.5`, 10.5, true],
  ['compare on text is false', `f|gt: 1`, 'many', false],
  ['compare on an empty text is false', `f|lt: 1`, '', false],
  ['compare on hexadecimal text is false', `f|gt: 1`, '0x10', false],
  ['cidr v4', `f|cidr: 10.0.0.0/8`, '10.9.8.7', true],
  ['cidr outside', `f|cidr: 10.0.0.0/8`, '11.0.0.1', false],
  ['cidr of an address mapped to v6', `f|cidr: 10.0.0.0/8`, '::ffff:10.1.1.1', true],
  ['cidr v6', `f|cidr: fe80::/10`, 'fe80::1%eth0', true],
  ['cidr v4 is not v6', `f|cidr: 0.0.0.0/0`, '2001:db8::1', false],
  ['cidr on no address is false', `f|cidr: 10.0.0.0/8`, '10.9.8', false],
  ['re searches', `f|re: 'b+c'`, 'aabbcc', true],
  ['re minds case', `f|re: 'B'`, 'b', false],
  ['re|i does not', `f|re|i: 'B'`, 'b', true],
  ['re|m', `f|re|m: '^b$'`, 'a\nb\nc', true],
  ['without m an anchor is the text edge', `f|re: '^b$'`, 'a\nb\nc', false],
  ['re|s', `f|re|s: 'a.c'`, 'a\nc', true],
  ['a dot is no newline', `f|re: 'a.c'`, 'a\nc', false],
  ['inline flags lead', `f|re: '(?i)ABC'`, 'xabcx', true],
  ['a star in re is a repetition', `f|re: 'ab*c'`, 'ac', true],
  ['base64', `f|base64: 'ping'`, 'cGluZw==', true],
  [
    'base64offset, shifted by one',
    `f|base64offset|contains: 'secret'`,
    Buffer.from('1secret').toString('base64'),
    true,
  ],
  [
    'base64offset, shifted by two',
    `f|base64offset|contains: 'secret'`,
    Buffer.from('12secret34').toString('base64'),
    true,
  ],
  [
    'base64offset of something else',
    `f|base64offset|contains: 'secret'`,
    Buffer.from('12public34').toString('base64'),
    false,
  ],
  [
    'wide then base64',
    `f|wide|base64offset|contains: 'run'`,
    Buffer.from('say run it', 'utf16le').toString('base64'),
    true,
  ],
  ['utf16be', `f|utf16be|base64: 'hi'`, 'AGgAaQ==', true],
  ['utf16 has a byte order mark', `f|utf16|base64: 'hi'`, '//5oAGkA', true],
  ['windash: a slash for a dash', `f|windash|contains: ' -enc '`, 'x /enc y', true],
  ['windash: an em dash', `f|contains|windash: ' -enc '`, 'x —enc y', true],
  ['windash leaves dashes inside words', `f|windash|contains: 'a-b'`, 'a/b', false],
  ['windash: each dash by itself', `f|windash|contains: '-a -b'`, '/a –b', true],
  ['windash with many dashes', `f|windash|contains: '-a -b -c -d'`, '/a –b -c ―d', true],
  ['windash wants a dash', `f|windash|contains: '-a -b -c -d'`, '+a -b -c -d', false],
  ['fieldref', `f|fieldref: other`, 'Same', true],
  ['fieldref to a missing field', `f|fieldref: nowhere`, 'same', false],
  ['fieldref|endswith', `f|fieldref|endswith: other`, 'it is the same', true],
  ['fieldref|neq', `f|fieldref|neq: other`, 'same', false],
  ['hour', `f|hour: 3`, '2026-01-02T03:04:05Z', true],
  ['minute and gte', `f|minute|gte: 5`, '2026-01-02T03:04:05Z', false],
  ['hour is read as written', `f|hour: 3`, '2026-01-02T03:04:05+09:00', true],
  ['day', `f|day: 2`, '2026-01-02', true],
  ['week', `f|week: 53`, '2026-12-31T00:00:00Z', true],
  ['month of a number of milliseconds', `f|month: 1`, Date.UTC(2026, 0, 15), true],
  ['year of no date', `f|year: 2026`, 'tomorrow', false],
  ['any element of a list', `f: 'b'`, ['a', 'b'], true],
  ['an object is compared as its JSON', `f|contains: '"k":1'`, { k: 1 }, true],
  ['wildcards', `f: 'a*c?e'`, 'abcde', true],
  ['a question mark is one character', `f: 'a?'`, 'a', false],
  ['a question mark takes an emoji', `f: 'a?b'`, 'a😀b', true],
  ['a wildcard spans lines', `f: 'a*c'`, 'a\nc', true],
])('%s', (_why, item, value, expected) => {
  expect(matches(one(item), { f: value as never, other: 'same' })).toBe(expected)
})

test('not over a list means that no element may match', () => {
  const detection = `s: { f: '*' }\nn: { f: 'b' }\ncondition: s and not n`
  expect(matches(detection, { f: ['a', 'b'] })).toBe(false)
  expect(matches(detection, { f: ['a', 'c'] })).toBe(true)
})

const lists = { placeholders: new Map([['Admins', ['root', 'adm_*']]]) }

test('expand takes every value of the list, wildcards included', () => {
  expect(matches(one(`f|expand: '%Admins%'`), { f: 'adm_kim' }, lists)).toBe(true)
  expect(matches(one(`f|expand: '%Admins%'`), { f: 'kim' }, lists)).toBe(false)
  expect(matches(one(`f|contains|expand: 'x%Admins%y'`), { f: 'axrooty' }, lists)).toBe(true)
  expect(matches(one(`f|expand: '\\%Admins%Admins%'`), { f: '%Adminsroot' }, lists)).toBe(true)
})

test('without expand a placeholder is plain text', () => {
  expect(matches(one(`f: '%Admins%'`), { f: '%admins%' }, lists)).toBe(true)
})

test('a missing list means waiting, even where the rule could match without it', () => {
  const detection = `s: { f|expand: '%Nobody%' }\nt: { f: 'x' }\ncondition: s or t`
  expect(matches(detection, { f: 'x' })).toBe(false)
})

test.each([
  ['an unknown modifier', `f|sounds_like: 'x'`, `there is no modifier 'sounds_like'`],
  ['a modifier twice', `f|contains|contains: 'x'`, 'given twice'],
  ['text where a number belongs', `f|lt: 'many'`, `modifier 'lt' cannot be applied`],
  ['contains of null', `f|contains: null`, `'contains' cannot be applied to a null value`],
  ['contains of a boolean', `f|contains: true`, 'cannot be applied to true'],
  ['base64 of a wildcard', `f|base64: 'a*b'`, 'a text with wildcards'],
  ['a network that is none', `f|cidr: '10.0.0.0/40'`, 'is no network'],
  ['a network that is a word', `f|cidr: 'intranet'`, 'is no network'],
  ['look-around', `f|re: 'a(?=b)'`, 'look-around is not supported'],
  ['a back reference', `f|re: '(a)\\1'`, 'back references are not supported'],
  ['a broken expression', `f|re: 'a('`, `a ')' is missing`],
  ['a flag without re', `f|i: 'x'`, `modifier 'i' cannot be applied`],
  ['exists of a word', `f|exists: 'maybe'`, `'exists' cannot be applied`],
  ['a map for a value', `f: { g: 1 }`, 'holds a map'],
  ['a list in a list', `f: [['x']]`, 'not a plain value'],
  ['plain wide bytes that are no text', `f|utf16: 'hi'`, 'not a text'],
  ['a fraction of an hour', `f|hour: 1.5`, `'hour' cannot be applied`],
])('refused: %s', (_why, item, reason) => {
  const found = refusal(ruleText(one(item)))
  expect(found.reason).toContain(reason)
  expect(found.line).toBe(6)
})
