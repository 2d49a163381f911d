import { expect, test } from 'vitest'
import { completeNetwork } from './network.ts'

test.each([
  ['a name gives its number', { transport: 'tcp' }, undefined, { transport: 'tcp', iana_number: '6' }],
  ['a number gives its name', { iana_number: '58' }, undefined, { transport: 'ipv6-icmp', iana_number: '58' }],
  ['a number nobody named', { iana_number: '253' }, undefined, { iana_number: '253' }],
  ['a name without a number', { transport: 'carrier-pigeon' }, undefined, { transport: 'carrier-pigeon' }],
  ['both given stay', { transport: 'udp', iana_number: '6' }, undefined, { transport: 'udp', iana_number: '6' }],
  [
    'an address tells the type',
    { transport: 'udp' },
    '2001:db8::1',
    { transport: 'udp', iana_number: '17', type: 'ipv6' },
  ],
  ['nothing transported, no type', { protocol: 'ssh' }, '192.0.2.1', { protocol: 'ssh' }],
])('completeNetwork: %s', (_why, network, ip, expected) => {
  const event = { ...network }
  completeNetwork(event, ip ? { ip } : undefined, undefined)
  expect(JSON.parse(JSON.stringify(event))).toEqual(expected)
})

test('sums need both ends, and never replace what was counted', () => {
  const counted = { bytes: 7 }
  completeNetwork(counted, { bytes: 1 }, { bytes: 2 })
  expect(counted).toEqual({ bytes: 7 })
  const half: { bytes?: number } = {}
  completeNetwork(half, { bytes: 1 }, {})
  expect(half.bytes).toBeUndefined()
  const both: { bytes?: number; packets?: number } = {}
  completeNetwork(both, { bytes: 1, packets: 3 }, { bytes: 2, packets: 4 })
  expect(both).toMatchObject({ bytes: 3, packets: 7 })
})
