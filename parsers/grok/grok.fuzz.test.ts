import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isPipelineError } from '../../core/errors.ts'
import { compileGrok, standardPatterns } from './grok.ts'

const names = [...standardPatterns().keys()]
const piece = fc.oneof(
  fc.constantFrom(...names).map((name) => `%{${name}}`),
  fc.constantFrom('%{INT:a:int}', '%{', '}', '(', ')', '(?<a>', '(?<[a][b]>', '[', ']', '[^', '\\', '|', '*', '+', '?'),
  fc.constantFrom(
    '(?>',
    '(?:',
    '(?!',
    '(?i)',
    '{2,3}',
    '\\h',
    '\\k<a>',
    '\\1',
    '&&',
    '[:alpha:]',
    '^',
    '$',
    '\\Z',
    '.',
  ),
  fc.string({ maxLength: 4 }),
)

test('any pattern text compiles or is refused with a place and a column', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      try {
        compileGrok(pieces.join(''), { place: 'here' })
      } catch (error) {
        if (!isPipelineError(error)) throw error
        expect(error.code).toMatch(/^GROK_/)
        if (error.code !== 'GROK_UNSAFE') expect(error.message).toMatch(/^[^\n]+:\d+: /)
      }
    }),
    { interruptAfterTimeLimit: 5000, numRuns: 1000 },
  )
})

test('any line is matched or not, without a throw', () => {
  const groks = ['SYSLOGLINE', 'COMBINEDAPACHELOG', 'EXIM', 'RAILS3', 'BACULA_LOG', 'NAGIOSLOGLINE', 'IPTABLES'].map(
    (name) => compileGrok(`%{${name}}`),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (line) => {
      for (const grok of groks) grok.match(line)
    }),
    { interruptAfterTimeLimit: 3000, numRuns: 500 },
  )
})
