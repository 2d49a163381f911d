import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileGrok, debugGrok } from './grok.ts'

test('a pattern that matches is told with its extent', () => {
  expect(debugGrok('%{WORD:a} %{INT:b}', '.. ab 12 ..')).toMatchObject({
    matched: true,
    start: 3,
    column: 9,
    text: 'ab 12',
    wanted: undefined,
  })
})

test.each<[string, string, string, number, string]>([
  ['the first named pattern that did not fit', '%{WORD:a} %{INT:b}', 'ab cd', 4, 'INT'],
  ['inside a reference', '%{SYSLOGBASE} x', 'Nov  3 04:05:06 host', 21, 'SYSLOGBASE'],
  ['a missing literal', 'from %{IP:ip} port', '^from 192.0.2.1 prt'.slice(1), 15, ''],
  ['nothing at all', '^%{INT:n}', 'x', 1, 'INT'],
  ['an empty line', '%{INT:n}', '', 1, 'INT'],
])('debugGrok names %s', (_why, pattern, line, column, name) => {
  const found = debugGrok(pattern, line)
  expect(found.matched).toBe(false)
  expect(found.column).toBe(column)
  expect(found.wanted?.name).toBe(name)
})

test('debugGrok agrees with match, and its column stays within the line', () => {
  const patterns = ['%{SYSLOGLINE}', '%{COMBINEDAPACHELOG}', '^%{IP:a} (?:x|%{INT:b},)+$', '%{QS} %{NUMBER}']
  fc.assert(
    fc.property(fc.constantFrom(...patterns), fc.string({ maxLength: 80 }), (pattern, line) => {
      const found = debugGrok(pattern, line)
      expect(found.matched).toBe(compileGrok(pattern).match(line) !== undefined)
      expect(found.column).toBeLessThanOrEqual(line.length + 1)
    }),
    { interruptAfterTimeLimit: 3000, numRuns: 300 },
  )
})
