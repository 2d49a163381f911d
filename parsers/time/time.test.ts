import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyTime, compileTimeFormat, formatTime, type TimeContext } from './time.ts'
import { withYear } from './year.ts'
import { localToUtc, openZone, utc } from './zone.ts'

const context: TimeContext = { receivedAtMs: Date.UTC(2026, 0, 15), zone: utc }
const read = (format: string, value: unknown, at = context) => {
  const ms = compileTimeFormat(format)?.(value, at)
  return ms === undefined ? undefined : formatTime(ms)
}

test.each([
  ['iso', '2026-01-14T10:00:00Z', '2026-01-14T10:00:00.000Z'],
  ['iso', '2026-01-14T10:00:00.123456789+09:00', '2026-01-14T01:00:00.123456Z'],
  ['iso', '2026-01-14 10:00:00,250 -0330', '2026-01-14T13:30:00.250Z'],
  ['iso', '2026/01/14 10:00:00', '2026-01-14T10:00:00.000Z'],
  ['iso', '20260114T100000Z', '2026-01-14T10:00:00.000Z'],
  ['iso', '2026-01-14T10:00+09', '2026-01-14T01:00:00.000Z'],
  ['iso', '2026-01-14 10:00:00 KST', '2026-01-14T01:00:00.000Z'],
  ['iso', '2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'], // a leap second
  ['clf', '14/Jan/2026:10:00:00 +0900', '2026-01-14T01:00:00.000Z'],
  ['bsd', 'Jan  4 10:00:00', '2026-01-04T10:00:00.000Z'],
  ['bsd', 'Jan 14 2025 10:00:00.5', '2025-01-14T10:00:00.500Z'],
  ['bsd', 'Jan 14 10:00:00 2024', '2024-01-14T10:00:00.000Z'],
  ['epoch_s', 1768384800, '2026-01-14T10:00:00.000Z'],
  ['epoch_s', '1768384800.000001', '2026-01-14T10:00:00.000001Z'],
  ['epoch_ms', '1768384800000', '2026-01-14T10:00:00.000Z'],
  ['epoch_us', 1768384800000000, '2026-01-14T10:00:00.000Z'],
  ['epoch_ns', '1768384800000000000', '2026-01-14T10:00:00.000Z'],
  ['epoch', 1768384800000, '2026-01-14T10:00:00.000Z'],
  ['YY/MM/DD HH:mm:ss', '26/01/14 10:00:00', '2026-01-14T10:00:00.000Z'],
  ['D MMM YYYY h', '1 Jan 2026 h', '2026-01-01T00:00:00.000Z'],
  ['MM/DD/YYYY hh:mm:ss A', '01/14/2026 12:00:00 AM', '2026-01-14T00:00:00.000Z'],
  ['YYYY-MM-DD HH:mm:ss.SSS ZZ', '2026-01-14 10:00:00.1 +09:00', '2026-01-14T01:00:00.100Z'],
])('%s reads %s', (format, value, expected) => expect(read(format, value)).toBe(expected))

test.each([
  ['iso', '2026-13-01T00:00:00Z'],
  ['iso', '2026-02-30T00:00:00Z'],
  ['iso', '2025-02-29T00:00:00Z'],
  ['iso', '2026-01-14T24:00:01Z'],
  ['iso', '2026-01-14T10:61:00Z'],
  ['iso', '2026-01-14T10:00:00Z and more'],
  ['iso', '2026-01-14'],
  ['iso', ''],
  ['iso', 42],
  ['clf', '14/Foo/2026:10:00:00 +0900'],
  ['clf', '99/Jan/2026:10:00:00 +0900'],
  ['bsd', 'Jan 32 10:00:00'],
  ['bsd', 'Janissary'],
  ['epoch_s', -1],
  ['epoch_s', 1e18],
  ['epoch_s', '1e3'],
  ['epoch_s', 'Infinity'],
  ['YY/MM/DD', '26/1/14'],
  ['HH:mm', '25:00'],
  ['YYYY-MM-DD HH:mm:ss.SSS', '2026-01-14 10:00:00.'],
])('%s refuses %s', (format, value) => expect(read(format, value)).toBeUndefined())

const day = (y: number, m: number, d: number, h = 0) => Date.UTC(y, m - 1, d, h)
test.each([
  ['31 December seen on 1 January', day(2000, 12, 31, 23), day(2026, 1, 1, 1), '2025-12-31T23:00:00.000Z'],
  ['1 January seen on 31 December, 25 h ahead', day(2000, 1, 1, 23), day(2025, 12, 31, 22), '2026-01-01T23:00:00.000Z'],
  ['1 January seen on 30 December, 27 h ahead', day(2000, 1, 1, 3), day(2025, 12, 31, 0), '2025-01-01T03:00:00.000Z'],
  ['July seen in January', day(2000, 7, 10), day(2026, 1, 15), '2025-07-10T00:00:00.000Z'],
  ['29 February', day(2000, 2, 29), day(2026, 1, 15), '2024-02-29T00:00:00.000Z'],
])('the year of %s', (_why, wall, received, expected) =>
  expect(formatTime(withYear(wall, received, utc))).toBe(expected),
)

test('the year is found in the zone of the sender', () => {
  const seoul = openZone('Asia/Seoul')!
  // 08:00 on 1 January in Seoul is 23:00 on 31 December in UTC
  expect(formatTime(withYear(day(2000, 1, 1, 8), day(2025, 12, 31, 23), seoul))).toBe('2025-12-31T23:00:00.000Z')
})

test.each([
  ['Europe/Berlin', '2026-07-01T12:00:00', '2026-07-01T10:00:00.000Z'],
  ['Europe/Berlin', '2026-10-25T02:30:00', '2026-10-25T00:30:00.000Z'], // comes twice: the first
  ['Europe/Berlin', '2026-03-29T02:30:00', '2026-03-29T01:30:00.000Z'], // never comes: as if not yet moved
  ['Asia/Kolkata', '2026-01-01T00:00:00', '2025-12-31T18:30:00.000Z'],
  ['-03:30', '2026-01-01T00:00:00', '2026-01-01T03:30:00.000Z'],
])('local time in %s', (zone, local, expected) => {
  expect(formatTime(localToUtc(Date.parse(`${local}Z`), openZone(zone)!))).toBe(expected)
})

test.each(['Nowhere/Land', '+99:00', '', '__proto__', 'a b', '../../etc'])('there is no zone %s', (name) =>
  expect(openZone(name)).toBeUndefined(),
)

test('any text is a time or is not, without a throw, and what is read can be written', () => {
  const readers = ['any', 'clf', 'YYYY-MM-DD HH:mm:ss', 'MMM D YY h A'].map((format) => compileTimeFormat(format)!)
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\dTZ:.+\-/ ]{0,30}$/), fc.double()), (value) => {
      for (const reader of readers) {
        const ms = reader(value, context)
        if (ms !== undefined) expect(Number.isNaN(Date.parse(formatTime(ms)))).toBe(false)
      }
      anyTime(value, context)
    }),
    { interruptAfterTimeLimit: 1000, numRuns: 5000 },
  )
})

test('the quick way to a year and the search agree on every day', () => {
  for (const received of [
    Date.UTC(2026, 0, 1, 1),
    Date.UTC(2024, 1, 29, 12),
    Date.UTC(2025, 11, 31, 23),
    Date.UTC(2026, 6, 15),
  ]) {
    for (let day = 0; day < 366; day++) {
      const wall = Date.UTC(2000, 0, 1, 7) + day * 86_400_000
      const instant = withYear(wall, received, utc)
      const [read, meant] = [new Date(instant), new Date(wall)]
      expect([read.getUTCMonth(), read.getUTCDate(), read.getUTCHours()]).toEqual([
        meant.getUTCMonth(),
        meant.getUTCDate(),
        7,
      ])
      expect(instant).toBeLessThanOrEqual(received + 26 * 3_600_000)
      const isLeapDay = meant.getUTCMonth() === 1 && meant.getUTCDate() === 29
      if (!isLeapDay) expect(instant).toBeGreaterThan(received - 366 * 86_400_000)
    }
  }
})
