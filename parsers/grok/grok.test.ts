import { expect, test } from 'vitest'
import { isPipelineError } from '../../core/errors.ts'
import type { EcsEvent } from '../../core/event.ts'
import { compileGrok } from './grok.ts'

const failure = (run: () => unknown): { code: string; message: string } => {
  try {
    run()
  } catch (error) {
    if (isPipelineError(error)) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('nothing was thrown')
}

test.each<[string, string, string, EcsEvent | undefined]>([
  ['a plain reference captures nothing', '%{INT}', 'a 12', {}],
  ['a field', '%{INT:n}', 'a 12', { n: '12' }],
  ['an int', '%{INT:n:int}', 'a -12', { n: -12 }],
  ['a float', '%{NUMBER:n:float}', 'a 1.5', { n: 1.5 }],
  ['a boolean', '%{WORD:ok:boolean}', 'True', { ok: true }],
  ['a nested field', '%{INT:[a][b][c]:int}', '7', { a: { b: { c: 7 } } }],
  ['a dotted field nests', '%{INT:a.b:long}', '7', { a: { b: 7 } }],
  ['an inline group', '(?<x>b+)', 'abbc', { x: 'bb' }],
  ['an inline group with path and type', '(?<[a][b]:int>\\d+)', 'x42', { a: { b: 42 } }],
  ['a name twice makes an array', '%{INT:n:int},%{INT:n:int}', '1,2', { n: [1, 2] }],
  ['one branch only', '(?:%{INT:n:int}|%{WORD:w})', 'abc', { w: 'abc' }],
  ['an empty capture is dropped', 'a%{DATA:d}b', 'ab', {}],
  ['text after the name is ignored', '%{INT:n whatever}', '5', { n: '5' }],
  ['an inline definition', '%{MINE:n:int=\\d{2}}', 'x123', { n: 12 }],
  ['a dot matches a newline', 'a%{DATA:d}b', 'a\nb', { d: '\n' }],
  ['@metadata is not output', '%{WORD:[@metadata][x]} %{INT:n}', 'a 1', { n: '1' }],
  ['parentheses do not capture beside names', '(a|b)%{INT:n}', 'b1', { n: '1' }],
  ['a back-reference by name', '(?<q>["\'])x\\k<q>', "'x'", { q: "'" }],
  ['a back-reference by name, unequal', '(?<q>["\'])x\\k<q>', '\'x"', undefined],
  ['a numbered back-reference', '(.)\\1', 'abb', {}],
  ['a numbered back-reference, unequal', '^(.)\\1$', 'ab', undefined],
  ['an atomic group does not give back', '^(?>a*)ab', 'aaab', undefined],
  ['a possessive repetition does not give back', '^a++ab', 'aaab', undefined],
  ['an atomic choice keeps its first branch', '^(?>a|ab)c', 'abc', undefined],
  ['captures inside an atomic group are kept', '(?>%{INT:n})x', '12x', { n: '12' }],
  ['POSIX classes know letters of all scripts', '^[[:alpha:]]+$', '해태é', {}],
  ['\\w is ASCII', '^\\w+$', 'é', undefined],
  ['\\h is a hex digit', '^\\h+$', 'fF09', {}],
  ['\\h is not a blank', '\\h', ' \t', undefined],
  ['class intersection', '^[a-z&&[^m]]+$', 'abm', undefined],
  ['inline flag until the group ends', '(?:(?i)error|warn)x', 'WARNx', {}],
  ['inline flag ends with its group', '(?i:a)b', 'AB', undefined],
  ['\\A and \\z', '\\Aab\\z', 'ab\n', undefined],
  ['\\Z stands before a last newline', 'ab\\Z', 'ab\n', {}],
  ['^ and $ are ends of lines', '^b$', 'a\nb\nc', {}],
  ['^ is not after a carriage return', '^b', 'a\rb', undefined],
  ['an astral character in a class', '^[😀b]+$', '😀b', {}],
  ['{,n} is {0,n}', '^a{,2}b', 'aab', {}],
  ['absence', '/\\*(?<c>(?~\\*/))\\*/', '/* x */ */', { c: ' x ' }],
])('match: %s', (_why, pattern, line, expected) => expect(compileGrok(pattern).match(line)).toEqual(expected))

test.each<[string, string, string, RegExp]>([
  ['an unknown name', '%{INT} %{IPORHOTS:h}', 'GROK_UNKNOWN_PATTERN', /^pack:8: .*IPORHOTS; did you mean IPORHOST/],
  ['an unclosed reference', 'a %{INT', 'GROK_INVALID', /^pack:3:/],
  ['a reference without name', '%{:x}', 'GROK_INVALID', /^pack:1:/],
  ['an unknown type', '%{INT:n:number}', 'GROK_INVALID', /no type number/],
  ['an unclosed group', 'abc(de', 'GROK_INVALID', /^pack:4:/],
  ['a stray parenthesis', 'abc)', 'GROK_INVALID', /^pack:4:/],
  ['__proto__ as field', '%{INT:[a][__proto__]}', 'GROK_INVALID', /cannot be a field name/],
  ['a broken path', '%{INT:[a]b]}', 'GROK_INVALID', /nested field/],
  ['a field that is value and parent', '%{INT:a} %{INT:[a][b]}', 'GROK_INVALID', /value here and an object there/],
  ['repetition without bound on size', '((((a{900}){900}){900}){900})', 'GROK_INVALID', /limit/],
])('compileGrok refuses %s', (_why, pattern, code, message) => {
  const found = failure(() => compileGrok(pattern, { place: 'pack' }))
  expect(found.code).toBe(code)
  expect(found.message).toMatch(message)
})

test('patterns that refer to each other in a circle are refused, not followed for ever', () => {
  const patterns = new Map([
    ['A', 'x%{B}'],
    ['B', 'y%{A}'],
  ])
  expect(failure(() => compileGrok('%{A}', { patterns })).message).toMatch(/cycle/)
})

test('patterns that double at every step are refused', () => {
  const patterns = new Map(Array.from({ length: 40 }, (_, i) => [`P${i}`, `%{P${i + 1}}%{P${i + 1}}`]))
  patterns.set('P40', 'a')
  expect(failure(() => compileGrok('%{P0}', { patterns })).code).toBe('GROK_INVALID')
})

test('the first of several patterns wins, or every one adds with breakOnMatch false', () => {
  const patterns = ['%{INT:a}', '%{WORD:b}', '%{INT:a}$']
  expect(compileGrok(patterns).match('1 x 2')).toEqual({ a: '1' })
  expect(compileGrok(patterns, { breakOnMatch: false }).match('1 x 2')).toEqual({ a: ['1', '2'], b: '1' })
})

test('apply appends to what the event has', () => {
  const event: EcsEvent = { message: 'all of it', source: { port: 1 }, n: ['x'] }
  expect(compileGrok('%{WORD:message} %{INT:[source][ip]} %{INT:n}').apply('it 2 3', event)).toBe(true)
  expect(event).toEqual({ message: ['all of it', 'it'], source: { port: 1, ip: '2' }, n: ['x', '3'] })
  expect(compileGrok('nothing').apply('it', event)).toBe(false)
})

test('field names that objects inherit are plain names', () => {
  const grok = compileGrok('%{WORD:constructor} %{WORD:[toString][valueOf]} %{WORD:hasOwnProperty}')
  const event = grok.match('a b c') as EcsEvent
  expect(Object.entries(event)).toEqual([
    ['constructor', 'a'],
    ['toString', { valueOf: 'b' }],
    ['hasOwnProperty', 'c'],
  ])
  const into: EcsEvent = {}
  grok.apply('a b c', into)
  expect(into).toEqual(event)
})

test('field names with quotes and line ends stay names', () => {
  expect(compileGrok('(?<a"];throw 1//\n>x)').match('x')).toEqual({ 'a"];throw 1//\n': 'x' })
})

test('custom definitions win over standard ones', () => {
  const patterns = new Map([['INT', 'i+']])
  expect(compileGrok('%{INT:n}', { patterns }).match('1 ii')).toEqual({ n: 'ii' })
})

test('anchored patterns begin, or begin and end, with the line', () => {
  expect(compileGrok('b|a', { anchored: 'start' }).match('xab')).toBeUndefined()
  expect(compileGrok('a|ab', { anchored: 'both' }).match('ab')).toEqual({})
  expect(compileGrok('a', { anchored: 'both' }).match('ab')).toBeUndefined()
})

test('only the first 64 KiB of a line are matched', () => {
  expect(compileGrok('x$').match(`${'a'.repeat(64 * 1024)}x`)).toBeUndefined()
  expect(compileGrok('x$').match(`${'a'.repeat(64 * 1024 - 1)}x`)).toEqual({})
})

test.each<[string, string, string, EcsEvent | undefined]>([
  [
    'the last value of a capture in a loop is kept',
    '^(?:(?:a=(?<a>\\d)|b=(?<b>\\d)) ?)+$',
    'a=1 b=2 a=3',
    { a: '3', b: '2' },
  ],
  ['a longer second branch is not reached', '^(?>\\d|\\d\\d)-', '12-', undefined],
  ['an optional part is not given up', '^(?>a?(?:ab)?)c', 'abc', undefined],
  ['an atomic number before its own characters', '^(?>\\d+)\\d', '12', undefined],
  ['an atomic number before others', '^(?>\\d+(?:\\.\\d+)?)"', '1.5"', {}],
  ['a word boundary inside a run', '%{WORD:w}x!', 'ab abx!', undefined],
  ['a search with a sign', '%{INT:n}!', '1-23!', { n: '-23' }],
  ['a search within a choice', '(?:-|%{NOTSPACE:v})!', 'ab -! ', {}],
])('match: %s', (_why, pattern, line, expected) => expect(compileGrok(pattern).match(line)).toEqual(expected))

test.each([
  ['a line that begins otherwise', '^<%{INT:a}>', 'x<1>', undefined],
  ['a later line of a subject with several', '^<%{INT:a}>', 'x\n<1>', { a: '1' }],
  ['\\A, which later lines cannot have', '\\A<%{INT:a}>', 'x\n<1>', undefined],
  ['an empty line', '^<%{INT:a}>', '', undefined],
  ['a beginning past ASCII', '^[é日]%{INT:a}', '日1', { a: '1' }],
  ['branches with an anchor each', '(?:^<|^\\[)%{INT:a}', '[1', { a: '1' }],
  ['branches of which one may stand anywhere', '(?:^<|\\[)%{INT:a}', 'x[1', { a: '1' }],
  ['a look-behind before the anchor', '(?<=\\n)^<%{INT:a}>', '\n<1>', { a: '1' }],
  ['an optional beginning', '^<?%{INT:a}', '1', { a: '1' }],
  ['a required text without its frequent beginning', ' connection %{INT:a}', 'connection 1', undefined],
])('the tests before the expression keep %s', (_why, pattern, line, expected) => {
  expect(compileGrok(pattern).match(line)).toEqual(expected)
})
