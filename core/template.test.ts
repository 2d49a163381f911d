import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_CHARACTERS, templateOf } from './template.ts'

test.each([
  ['a number is what differs', 'order 17 failed', 'order * failed'],
  [
    'an address and a port',
    'Failed password for root from 203.0.113.7 port 41000 ssh2',
    'Failed password for root from * port * *',
  ],
  ['a key keeps its name', 'took=17ms id:9f8e state=open', 'took=* id:* state=open'],
  ['signs at the ends stay', 'retry (3), giving up.', 'retry (*), giving up.'],
  ['quoted text', 'user "Kim Minsu" logged in', 'user "*" logged in'],
  ['a quote that is never closed', 'it"s said', '*'.replace('*', '* said')],
  ['hex digits', 'commit deadbeef done', 'commit * done'],
  ['a short word of hex letters is a word', 'bad dad', 'bad dad'],
  ['blanks are one', '  a \t b\n', 'a b'],
  ['nothing', '', ''],
])('templateOf: %s', (_why, text, template) => expect(templateOf(text)).toBe(template))

test('a template is short whatever the text, and every text has one', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
      expect(templateOf(text).length).toBeLessThanOrEqual(1100)
    }),
    { interruptAfterTimeLimit: 1000 },
  )
  expect(templateOf('a '.repeat(100))).toMatch(/^(a ){40}…$/)
})

test('which word with a digit it is does not show', () => {
  const part = fc.constantFrom(
    'a',
    'k7',
    '9',
    'dead',
    'beef',
    '"',
    "'",
    '=',
    ':',
    ' ',
    ',',
    '(',
    ')',
    '-',
    '_',
    '.',
    'zz',
    '<',
  )
  const run = fc
    .string({ unit: fc.constantFrom('a', 'F', '3', '_'), minLength: 1, maxLength: 80 })
    .map((one) => `${one}7`)
  fc.assert(
    fc.property(fc.array(fc.oneof(part, run), { maxLength: 12 }), (parts) => {
      const text = parts.join('').slice(0, MAX_CHARACTERS)
      expect(templateOf(text.replace(/\w*\d\w*/g, '0'))).toBe(templateOf(text))
    }),
    { numRuns: 5000, interruptAfterTimeLimit: 3000 },
  )
})
