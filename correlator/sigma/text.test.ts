import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fold, matchParts, parsePattern } from './text.ts'
import { wild } from './types.ts'

test.each([
  ['plain', 'abc', ['abc']],
  ['wildcards', 'a*b?c', ['a', wild.run, 'b', wild.one, 'c']],
  ['a backslash before nothing special is itself', 'C:\\Windows', ['C:\\Windows']],
  ['two backslashes are one', 'a\\\\b', ['a\\b']],
  ['four backslashes are two', '\\\\\\\\srv', ['\\\\srv']],
  ['three at the end are two', 'a\\\\\\', ['a\\\\']],
  ['an escaped star', 'a\\*b', ['a*b']],
  ['a backslash and a wildcard', 'a\\\\*', ['a\\', wild.run]],
  ['a backslash and a plain star', 'a\\\\\\*', ['a\\*']],
  ['stars in a row are one', 'a**b', ['a', wild.run, 'b']],
  ['nothing', '', []],
])('parsePattern: %s', (_why, raw, parts) => expect(parsePattern(raw)).toEqual(parts))

test('a part of a folded text is the folded part', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      expect(fold(a + b)).toBe(fold(a) + fold(b))
    }),
    { numRuns: 500 },
  )
})

test('a folded text folds to itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(fold(fold(text))).toBe(fold(text))
    }),
    { numRuns: 500 },
  )
})

test('patterns match what the same regular expression matches', () => {
  const part = fc.oneof(
    fc.constantFrom<0 | 1>(wild.run, wild.one),
    fc.string({ unit: fc.constantFrom('a', 'b', '😀'), minLength: 1, maxLength: 3 }),
  )
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '😀'), maxLength: 12 })
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), text, (parts, candidate) => {
      const source = parts.map((one) => (one === wild.run ? '.*' : one === wild.one ? '.' : one)).join('')
      expect(matchParts(parts, candidate)).toBe(new RegExp(`^(?:${source})$`, 'su').test(candidate))
    }),
    { numRuns: 3000 },
  )
})

test('a pattern of many runs does not explode', () => {
  const parts = Array.from({ length: 60 }, (_, i) => (i % 2 ? wild.run : 'a'))
  expect(matchParts([...parts, 'b'], 'a'.repeat(20_000))).toBe(false)
})

test('characters that folding passes over have no other case', () => {
  for (const [from, to] of [
    [0x1100, 0x11ff],
    [0x3000, 0xa63f],
    [0xac00, 0xd7ff],
    [0xe000, 0xf8ff],
  ] as const)
    for (let code = from; code <= to; code++) {
      const char = String.fromCharCode(code)
      expect(char.toLowerCase() === char && char.toUpperCase() === char).toBe(true)
    }
})
