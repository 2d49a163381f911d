// What follows from the rest of network.*: the protocol's number from its name and back, the kind of addresses, sums.

import type { EcsEvent, EcsValue } from '../../core/event.ts'

/** Names of IANA protocol numbers, as network.transport writes them. */
const TRANSPORTS: readonly (readonly [number, string])[] = [
  [1, 'icmp'],
  [2, 'igmp'],
  [4, 'ipip'],
  [6, 'tcp'],
  [8, 'egp'],
  [17, 'udp'],
  [41, 'ipv6'],
  [46, 'rsvp'],
  [47, 'gre'],
  [50, 'esp'],
  [51, 'ah'],
  [58, 'ipv6-icmp'],
  [88, 'eigrp'],
  [89, 'ospf'],
  [103, 'pim'],
  [112, 'vrrp'],
  [115, 'l2tp'],
  [132, 'sctp'],
  [136, 'udplite'],
]
const byNumber = new Map(TRANSPORTS.map(([number, name]) => [String(number), name]))
const byName = new Map(TRANSPORTS.map(([number, name]) => [name, String(number)]))

const sum = (a: EcsValue, b: EcsValue) => (typeof a === 'number' && typeof b === 'number' ? a + b : undefined)

/** Completes network.* in place, for events that say what was transported. */
export function completeNetwork(network: EcsEvent, source: EcsEvent | undefined, target: EcsEvent | undefined): void {
  const { transport, iana_number: number } = network
  if (source && target) {
    network['bytes'] ??= sum(source['bytes'], target['bytes'])
    network['packets'] ??= sum(source['packets'], target['packets'])
  }
  if (transport === undefined && number === undefined) return
  if (transport === undefined) network['transport'] = byNumber.get(String(number))
  else if (number === undefined) network['iana_number'] = byName.get(String(transport))
  const ip = source?.['ip'] ?? target?.['ip']
  if (network['type'] === undefined && typeof ip === 'string') network['type'] = ip.includes(':') ? 'ipv6' : 'ipv4'
}
