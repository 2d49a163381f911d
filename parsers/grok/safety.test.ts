import { expect, test } from 'vitest'
import { expand } from './expand.ts'
import { compileGrok, LONG_LINE, standardPatterns, takeCutSearches } from './grok.ts'
import { findDanger } from './safety.ts'

const danger = (pattern: string) => findDanger(expand(pattern, standardPatterns(), 'test').tree)

test.each([
  ['a run in a run', '(?:a+)*b'],
  ['a run in a run over words', '(?:\\w+\\s*)*x'],
  ['two runs side by side', '\\d*\\w*-'],
  ['two runs with a character of both between', '.*a.*b'],
  ['two lazy runs', '%{DATA} %{DATA}x'],
  ['runs with an optional separator', '\\w+,?\\w+!'],
  ['branches that begin alike', '(?:a|ab)*c'],
  ['a run, then an atomic one that reads it again', '\\s+(?>.*?x)'],
  ['a repeated group and a run', '(?:[^"]|"")*.*z'],
  ['a run handed over a choice', '\\S+(?:,|\\S)\\S+ '],
  ['many turns count as endless', 'a{0,5000}a{0,5000}b'],
  ['a back-reference', '(\\w+)\\1\\w+!'],
])('findDanger sees %s', (_why, pattern) => expect(danger(pattern)?.problem).toBeTypeOf('string'))

test.each([
  ['a run in a run', '(?:a+)*b', true],
  ['words with optional separators', '(?:%{INT:n},?)+$', true],
  ['branches that begin alike', '(?:\\w|[ab])*c', true],
  ['two runs side by side', '\\d*\\w*-', false],
  ['three runs side by side', '.*a.*b.*c', false],
])('findDanger tells whether %s is exponential', (_why, pattern, exponential) =>
  expect(danger(pattern)?.exponential).toBe(exponential),
)

test.each([
  ['a run up to a separator', '[^"]*"'],
  ['runs over different characters', '\\d+\\.\\d+\\s'],
  ['a run at the end cannot fail', '(?:a+)*'],
  ['a quoted string', '"(?:[^"\\\\]|\\\\.)*"'],
  ['a choice of words of which none begins another', '(?:GET|GONE|[a-c]x)*!'],
  ['lines', '(?:[^\\n]*\\n)*x'],
  ['an atomic group gives nothing back', '(?>\\w+)\\w*x'],
  ['a word boundary holds a run of word characters', '\\b\\w+\\b.*x'],
  ['a look-ahead holds the run', ' +(?! )[^:]*:'],
  ['a bounded repetition', '\\w+(?:\\s+\\w+){0,15} x'],
])('findDanger accepts: %s', (_why, pattern) => expect(danger(pattern)).toBeUndefined())

test.each([true, false])('every standard pattern is safe (ecs %s)', (ecs) => {
  const patterns = standardPatterns(ecs)
  const found = [...patterns.keys()].filter((name) => findDanger(expand(`%{${name}}`, patterns, name).tree))
  expect(found).toEqual([])
})

test('a pattern that can take exponential time is refused, whatever is asked', () => {
  expect(() => compileGrok('(?:%{WORD}?%{INT:n},?)+!', { refuseUnsafe: false })).toThrow(
    expect.objectContaining({ code: 'GROK_UNSAFE' }),
  )
})

test('a pattern that can take polynomial time reads long lines, and gives up hostile ones, which is counted', () => {
  const grok = compileGrok('^%{DATA:a} %{DATA:b};')
  takeCutSearches()
  expect(grok.match(`x ${'y'.repeat(3 * LONG_LINE)};`)).toEqual({ a: 'x', b: 'y'.repeat(3 * LONG_LINE) })
  expect(takeCutSearches()).toBe(0)
  // two thousand million steps: no machine takes them in 12 ms
  expect(grok.match(`;${' '.repeat(64_000)}`)).toBeUndefined()
  expect(takeCutSearches()).toBe(1)
  expect(takeCutSearches()).toBe(0)
})

test('an unsafe pattern says so, or is refused when asked', () => {
  const grok = compileGrok('%{DATA:a} %{DATA:b};')
  expect(grok.safe).toBe(false)
  expect(grok.match('x y;')).toEqual({ a: 'x', b: 'y' })
  expect(() => compileGrok('%{DATA:a} %{DATA:b};', { refuseUnsafe: true })).toThrow(
    expect.objectContaining({ code: 'GROK_UNSAFE' }),
  )
})
