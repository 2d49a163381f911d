import { isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ipVersion } from './ip.ts'

test.each([
  '10.0.0.1',
  '255.255.255.255',
  '256.1.1.1',
  '1.2.3',
  '1.2.3.4.5',
  '1..2.3',
  '.1.2.3',
  '1.2.3.',
  '01.2.3.4',
  '00.0.0.0',
  '0.0.0.0',
  '1.2.3.1000',
  '::',
  '::1',
  '1::',
  '1234:5:6:7::',
  '::ffff:10.0.0.1',
  '64:ff9b::192.0.2.33',
  'fe80::1%eth0',
  '2001:db8::g',
  'web-1',
  '',
  '1',
  ':',
  '1.2.3.4 ',
  '1.2.3.4:80',
  '١.2.3.4',
])('tells what node:net tells of %j', (text) => expect(ipVersion(text)).toBe(isIP(text)))

test('tells what node:net tells, whatever the text', () => {
  const piece = fc.constantFrom('0', '1', '25', '255', '256', '.', ':', '::', 'f', 'ffff', '%', 'eth0', ' ')
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 2 })), { maxLength: 12 }), (parts) => {
      expect(ipVersion(parts.join(''))).toBe(isIP(parts.join('')))
    }),
    { numRuns: 20_000, interruptAfterTimeLimit: 1500 },
  )
})
