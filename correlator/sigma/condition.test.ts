import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Named, parseCondition } from './condition.ts'
import { SigmaProblem } from './problem.ts'

const names = ['a', 'b', 'c', 'sel_one', 'sel_two', '_hidden', 'filter']
const show = (named: Named): string =>
  named.kind === 'name'
    ? named.name
    : named.kind === 'not'
      ? `!${show(named.of)}`
      : `(${named.of.map(show).join(named.kind === 'and' ? '&' : '|')})`
const read = (text: string) => show(parseCondition(text, names, []))

test.each([
  ['a name', 'a', 'a'],
  ['and binds more than or', 'a or b and c', '(a|(b&c))'],
  ['not binds more than and', 'not a and b', '(!a&b)'],
  ['parentheses', '(a or b) and c', '((a|b)&c)'],
  ['operators in any case', 'a AND NOT b Or c', '((a&!b)|c)'],
  ['1 of a pattern', '1 of sel*', '(sel_one|sel_two)'],
  ['any is 1', 'any of sel*', '(sel_one|sel_two)'],
  ['all of a pattern', 'all of sel_*', '(sel_one&sel_two)'],
  ['a star inside', '1 of s*_two', 'sel_two'],
  ['them leaves out what begins with an underscore', 'all of them', '(a&b&c&sel_one&sel_two&filter)'],
  ['a pattern does so too', '1 of *', '(a|b|c|sel_one|sel_two|filter)'],
  ['a hidden one by name', '_hidden', '_hidden'],
  ['x of binds more than not', 'not 1 of sel*', '!(sel_one|sel_two)'],
  ['not twice', 'not not a', '!!a'],
])('%s', (_why, text, expected) => expect(read(text)).toBe(expected))

test.each([
  ['an unknown name', 'd', `no selection named 'd'`],
  ['names mind case', 'A', `no selection named 'A'`],
  ['nothing', '', 'ends where'],
  ['an operator at the end', 'a and', 'ends where'],
  ['two names', 'a b', `'b' is not understood`],
  ['an open parenthesis', '(a', `a ')' is missing`],
  ['a closing one', 'a)', `')' is not understood`],
  ['a number that is not 1', '2 of sel*', '1, any or all'],
  ['a pattern without a match', '1 of none*', 'no selection fits'],
  ['of without a pattern', '1 of', 'wants a pattern'],
  ['an operator for a name', 'a and or b', 'where a selection is expected'],
  ['depth', `${'not '.repeat(500)}a`, 'too deeply'],
])('refused: %s', (_why, text, reason) => expect(() => read(text)).toThrow(reason))

test('any words are read or refused', () => {
  const word = fc.constantFrom('a', 'b', 'and', 'or', 'not', '(', ')', '1', 'of', 'them', 'sel*', 'all', '|', 'x')
  fc.assert(
    fc.property(fc.array(word, { maxLength: 14 }), (words) => {
      try {
        read(words.join(' '))
      } catch (error) {
        expect(error).toBeInstanceOf(SigmaProblem)
      }
    }),
    { numRuns: 3000 },
  )
})
