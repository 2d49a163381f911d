import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readW3c } from './w3c.ts'

const header = '#Fields: date time c-ip cs-method cs-uri-stem sc-status'

test('a line is its columns by name, and a dash is no value', () => {
  expect(readW3c('2026-01-14 09:00:00 192.0.2.1 GET - 200', header)).toEqual({
    date: '2026-01-14',
    time: '09:00:00',
    'c-ip': '192.0.2.1',
    'cs-method': 'GET',
    'sc-status': '200',
  })
})

test('the order of the columns is that of the header', () => {
  expect(readW3c('POST 192.0.2.1', '#Fields: cs-method c-ip')).toEqual({ 'cs-method': 'POST', 'c-ip': '192.0.2.1' })
})

test.each([
  ['a directive', '#Date: 2026-01-14 09:00:00', header],
  ['a column too few', '2026-01-14 09:00:00 192.0.2.1 GET /', header],
  ['a column too many', '2026-01-14 09:00:00 192.0.2.1 GET / 200 7', header],
  ['two blanks in a row', '2026-01-14 09:00:00 192.0.2.1  / 200', header],
  ['nothing', '', header],
  ['a header of something else', 'a b', '#Fields: x y'],
  ['a header with a column twice', 'GET 192.0.2.1 x', '#Fields: cs-method c-ip c-ip'],
  ['a header with tabs', 'GET\t192.0.2.1', '#Fields: cs-method\tc-ip'],
  ['a header with commas', 'GET,192.0.2.1', '#Fields: cs-method,c-ip'],
  ['an empty header', 'a', '#Fields:'],
  ['a header that reaches for prototypes', 'GET 192.0.2.1 x', '#Fields: cs-method c-ip __proto__'],
])('is no line of a web server: %s', (_why, line, under) => expect(readW3c(line, under)).toBeUndefined())

test('any header and any line: no throw, and no value that is not in the line', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), fc.string({ maxLength: 60 }), (line, rest) => {
      const found = readW3c(line, `#Fields: cs-method c-ip ${rest}`)
      for (const value of Object.values(found ?? {})) expect(line).toContain(value)
    }),
    { interruptAfterTimeLimit: 1000, numRuns: 2000 },
  )
})
