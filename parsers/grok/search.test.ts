import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expand } from './expand.ts'
import { compileGrok, LONG_LINE, standardPatterns, takeCutSearches } from './grok.ts'
import { hostileLines, shuffledLines } from './hostile.ts'
import { mayBeQuadratic } from './search-cost.ts'

const quadratic = (pattern: string) => mayBeQuadratic(expand(pattern, standardPatterns(), 'test').tree)

test.each([
  ['a run that goes over places to begin at', '"a[^x]*x'],
  ['words, then anything', '\\w+ .*x'],
  ['a repeated group', '\\w+(?:,\\w+)*;x'],
  ['a long bounded repetition', 'a.{0,5000}x'],
  ['a run that may be empty, before a path', '\\s*(?:/[^/ ]*)+ x'],
  ['lines that each may begin', '^a.*x'],
  ['a look-ahead that goes far', 'a(?=[^x]*x)b'],
  ['a letter of the run twice', '[a-f]\\w+ [^!]*!'],
  ['one branch of several', '\\d+!|ab.*x'],
  ['a beginning that may be empty', '(?:a)?.*x'],
  ['a run in an atomic group', '\\{(?>.*? \\})!'],
  ['a run of lines in the middle', 'a(?:[^\\n]*\\n)*b'],
])('a search is flagged: %s', (_why, pattern) => expect(quadratic(pattern)).toBe(true))

test.each([
  ['one run, from its beginning', '\\w+!'],
  ['one run after a letter of it', '[a-z][\\w.]+://'],
  ['runs over other characters', '\\w+\\s+!'],
  ['a run that no other match begins in', '<[^<>]*>x'],
  ['a run at the end cannot fail', 'a.*'],
  ['one run after any of it', 'a[^x]*x'],
  ['anchored', '\\Aa.*b.*c'],
  ['short repetitions', '\\d{1,3}(?:\\.\\d{1,3}){3}'],
  ['an e-mail address of the legacy kind', '[a-zA-Z][\\w.+,\\-/:;<=]+@'],
])('a search is not flagged: %s', (_why, pattern) => expect(quadratic(pattern)).toBe(false))

const texts = [
  ['a[^x]*x', 'ab x'],
  ['%{WORD:a} .*stop', 'ab stop\n'],
  ['^a(?<b>.*)x', 'ab\nx'],
  ['%{URIPROTO:p}://%{HOSTNAME:h}', 'ab:/.+'],
  ['[ab][abc]+(?<t>[! ]).*x', 'abc! x'],
  ['(?<k>\\w+)=(?<v>"[^"]*")', 'ab="'],
] as const

test('a long line is searched as a short one: the same first match', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...texts).chain(([pattern, alphabet]) =>
        fc.record({
          pattern: fc.constant(pattern),
          line: fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 40 }),
          filler: fc.constantFrom('~', '\u00e9', '~\n'),
        }),
      ),
      ({ pattern, line, filler }) => {
        const grok = compileGrok(pattern)
        const plain = new RegExp(compileGrok(pattern).source.replaceAll('[^]', '.'), 's')
        const lead = filler.repeat(LONG_LINE)
        takeCutSearches()
        const found = grok.patterns[0]?.exec(`${lead}${line}`)
        expect(takeCutSearches()).toBe(0)
        // what is expected comes from the same line without the part that makes it long
        const short = grok.patterns[0]?.exec(`${filler.repeat(3)}${line}`)
        expect(found?.slice(0)).toEqual(short?.slice(0))
        if (!line.includes('\n') && !filler.includes('\n'))
          expect(found?.[0]).toBe(plain.exec(`${filler.repeat(3)}${line}`)?.[0])
      },
    ),
    { interruptAfterTimeLimit: 2000, numRuns: 100 },
  )
})

test('AS+ begins at the first A of a run, and finds what a plain search finds', () => {
  const pattern = '[ab][abc.]+(?=!)'
  const grok = compileGrok(`(?<t>${pattern})`)
  const plain = new RegExp(pattern)
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'abc.! '), maxLength: 30 }), (line) => {
      expect(grok.match(line)?.['t']).toBe(plain.exec(line)?.[0])
    }),
    { interruptAfterTimeLimit: 2000, numRuns: 1000 },
  )
})

test('a search that would take too long ends as no match, and is counted', () => {
  const grok = compileGrok('ab[^x]*(?:x|y)')
  expect(grok.guarded).toBe(true)
  takeCutSearches()
  expect(grok.match(`${'ab'.repeat(32 * 1024)}`)).toBeUndefined()
  // a machine so quick that it reads two thousand million characters in 25 ms would reach the end
  expect(takeCutSearches()).toBe(1)
})

test('hostile lines, from seeds: every standard pattern ends, with no throw', () => {
  for (const ecs of [true, false]) {
    const patterns = standardPatterns(ecs)
    for (const name of patterns.keys()) {
      const { tree } = expand(`%{${name}}`, patterns, name)
      const grok = compileGrok(`%{${name}}`, { ecs })
      for (const line of [...hostileLines(tree, 200).slice(0, 6), ...shuffledLines(tree, 200, 7, 4)]) grok.match(line)
    }
  }
})

test('hostile lines of a seed are the same each time, and others for another seed', () => {
  const { tree } = expand('%{URI}', standardPatterns(), 'test')
  expect([...shuffledLines(tree, 200, 1, 4)]).toEqual([...shuffledLines(tree, 200, 1, 4)])
  expect([...shuffledLines(tree, 200, 1, 4)]).not.toEqual([...shuffledLines(tree, 200, 2, 4)])
  for (const line of shuffledLines(tree, 200, 3, 4)) expect(line).toHaveLength(200)
})
