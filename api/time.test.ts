import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isPipelineError } from '../core/errors.ts'
import { parseRange, parseTime } from './time.ts'

const now = Date.UTC(2026, 10, 22, 10, 30, 15, 250)

test.each([
  ['now', now],
  [' NOW ', now],
  ['now-15m', now - 900_000],
  ['now - 15m', now - 900_000],
  ['now+1h', now + 3_600_000],
  ['15m', now - 900_000],
  ['2d', now - 172_800_000],
  ['1w', now - 604_800_000],
  ['today', Date.UTC(2026, 10, 22)],
  ['yesterday', Date.UTC(2026, 10, 21)],
  ['2026-11-22', Date.UTC(2026, 10, 22)],
  ['2026-11-22T10:00', Date.UTC(2026, 10, 22, 10)],
  ['2026-11-22 10:00:01', Date.UTC(2026, 10, 22, 10, 0, 1)],
  ['2026-11-22T10:00:00Z', Date.UTC(2026, 10, 22, 10)],
  ['2026-11-22T10:00:00.123456789Z', Date.UTC(2026, 10, 22, 10, 0, 0, 123)],
  ['2026-11-22T10:00:00+09:00', Date.UTC(2026, 10, 22, 1)],
  ['2026-11-22T10:00:00-0330', Date.UTC(2026, 10, 22, 13, 30)],
  ['2024-02-29', Date.UTC(2024, 1, 29)],
  ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
  ['0099-01-01', new Date('0099-01-01T00:00:00Z').getTime()],
  ['1795000000000', 1_795_000_000_000],
])('parseTime reads %j', (text, expected) => expect(parseTime(text, now)).toBe(expected))

test.each([
  ['nothing', ''],
  ['a word', 'soon'],
  ['a unit we do not know', '15y'],
  ['a number without unit', '15'],
  ['a sign without now', '-15m'],
  ['30 February', '2026-02-30'],
  ['29 February of a common year', '2026-02-29'],
  ['month 13', '2026-13-01'],
  ['day 0', '2026-01-00'],
  ['hour 24', '2026-01-01T24:00'],
  ['zone of 25 hours', '2026-01-01T10:00:00+25:00'],
  ['the day first', '22.11.2026'],
  ['before year 0', '999999999w'],
  ['after year 9999', 'now+999999999w'],
  ['digits of Arabic script', '٢٠٢٦-01-01'],
])('parseTime refuses %s', (_why, text) => {
  expect(() => parseTime(text, now, 'since')).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }))
})

test('a range is by default the last 15 minutes', () => {
  expect(parseRange({}, now)).toEqual({ since: now - 900_000, until: now })
})

test('a range that ends before it begins, or is empty, is refused', () => {
  expect(() => parseRange({ since: 'now', until: 'now-1h' }, now)).toThrow('before')
  expect(() => parseRange({ since: 'now', until: 'now' }, now)).toThrow('before')
})

test('any text is a finite time or REQUEST_INVALID', () => {
  const piece = fc.constantFrom('now', '-', '+', '15', 'm', 'T', ':', '2026', '-11', 'Z', '.', ' ', '٣', '\u0000')
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          expect(Number.isFinite(parseTime(text, now))).toBe(true)
        } catch (error) {
          if (!isPipelineError(error, 'REQUEST_INVALID')) throw error
        }
      },
    ),
    { numRuns: 2000, interruptAfterTimeLimit: 1000 },
  )
})
