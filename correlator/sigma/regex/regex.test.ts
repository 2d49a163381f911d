import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fold } from '../text.ts'
import { Automaton } from './automaton.ts'
import { requiredLiterals } from './literals.ts'
import { parseRegex } from './parse.ts'
import { printRegex } from './print.ts'

const found = (source: string, text: string, flags = '') => new Automaton(parseRegex(source, flags)).test(text)

test.each<[string, string, string, boolean]>([
  ['a class', '[a-c]+x', 'zzcabx', true],
  ['a negated class', '[^a]b', 'ab', false],
  ['a bracket first in a class', '[]a]', ']', true],
  ['a POSIX class', '[[:digit:]]{3}', 'ab123', true],
  ['an escape in a class', '[\\d\\-]+$', '12-3', true],
  ['alternatives', 'cat|dog', 'hotdog', true],
  ['an empty alternative', 'a(?:b|)c', 'ac', true],
  ['counts', '^a{2,3}$', 'aaaa', false],
  ['an open count', '^a{2,}$', 'aaaa', true],
  ['a brace that counts nothing is plain', 'a{x}', 'a{x}', true],
  ['a word boundary', '\\bcat\\b', 'a cat.', true],
  ['no word boundary', '\\bcat\\b', 'concatenate', false],
  ['inside a word', '\\Bcat', 'concat', true],
  ['the start', '^b', 'ab', false],
  ['the end', 'b$', 'ba', false],
  ['the end is not before a newline', 'b$', 'b\n', false],
  ['an emoji is one character', '^.$', '😀', true],
  ['a range beyond the first plane', '[😀-😎]', '😃', true],
  ['an empty expression', '', '', true],
  ['hexadecimal', '\\x41\\u0042', 'AB', true],
  ['flags for a part', 'a(?i:B)c', 'abc', true],
  ['flags end with their group', '(?:a(?i)b)C', 'aBc', false],
  ['flags turned off', '(?i)a(?-i)b', 'AB', false],
])('%s', (_why, source, text, expected) => expect(found(source, text)).toBe(expected))

test('without case, letters of one family are the same', () => {
  expect(found('strasse', 'STRASSE', 'i')).toBe(true)
  expect(found('[é-ì]', 'É', 'i')).toBe(true)
  expect(found('i', 'ı', 'i')).toBe(false)
})

test.each([
  ['(?=a)', 'look-around'],
  ['(?<!a)b', 'look-around'],
  ['(a)\\1', 'back references'],
  ['(?>a)', 'not supported'],
  ['a++', 'possessive'],
  ['\\p{L}', 'not supported'],
  ['\\Q', 'not supported'],
  ['(?x)a', `flag 'x'`],
  ['[z-a]', 'backwards'],
  ['a{3,2}', 'backwards'],
  ['*a', 'nothing to repeat'],
  ['^*', 'anchor'],
  ['(a', 'missing'],
  ['a)', 'too many'],
  ['[a', 'missing'],
  ['a\\', 'backslash'],
  ['[[:nope:]]', 'no class'],
  ['(?:a{1000}){1000}', 'too large'],
  ['('.repeat(500), 'too deeply'],
])('refused: %s', (source, reason) => expect(() => found(source, '')).toThrow(reason))

const piece = fc.constantFrom('a', 'b', 'ab', '.', '[ab]', '[^a]', '\\w', '\\s', '\\b', '^', '$', 'é', '😀', '\\d')
const expression = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    piece,
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => a + b),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(?:${a}|${b})`),
    fc
      .tuple(tie('node'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '{0,2}', '{2,}'))
      .map(([a, q]) => `(?:${a})${q}`),
  ),
})).node
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'A', ' ', '\n', 'é', 'É', '😀', '1'), maxLength: 12 })

test('the automaton finds what the built-in engine finds, and what it finds has a required literal', () => {
  fc.assert(
    fc.property(expression, text, fc.constantFrom('', 'i', 'm', 's', 'ims'), (source, candidate, flags) => {
      let parsed: ReturnType<typeof parseRegex>
      try {
        parsed = parseRegex(source, flags)
      } catch {
        return // an anchor was repeated
      }
      const automaton = new Automaton(parsed)
      const expected = new RegExp(printRegex(parsed), 'u').test(candidate)
      expect(automaton.test(candidate)).toBe(expected)
      expect(automaton.test(candidate)).toBe(expected) // states are kept between calls
      const literals = requiredLiterals(parsed)
      if (expected && literals) expect(literals.some((literal) => fold(candidate).includes(literal))).toBe(true)
    }),
    { numRuns: 4000 },
  )
})

test('any text as an expression is taken or refused, never more', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab(|)[]{}*+?^$\\.-:,1di<=!😀') }), (source) => {
      try {
        found(source, 'aab')
      } catch (error) {
        expect((error as Error).name).toBe('Error')
        expect((error as Error).message).toMatch(/regular expression/)
      }
    }),
    { numRuns: 3000 },
  )
})

test('expressions that make backtracking engines hang take time in proportion to the text', () => {
  const long = 'a'.repeat(50_000)
  for (const source of ['(a+)+$x', '(a|aa)+$x', '(?:a*)*b', '.*.*.*x', '(.*a){12}x'])
    expect(found(source, long)).toBe(false)
})
