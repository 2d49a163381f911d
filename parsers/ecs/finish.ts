// What every event gets, whatever pack made it: addresses told from names, and `related` for pivoting.

import type { EcsEvent, EcsValue } from '../../core/event.ts'
import { splitAddress } from './address.ts'
import { completeDomain } from './domain.ts'
import { ipVersion } from './ip.ts'
import { completeNetwork } from './network.ts'
import { completeFile, completeProcess } from './path.ts'

const ENDS = ['source', 'destination', 'client', 'server'] as const

const asObject = (value: EcsValue): EcsEvent | undefined =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined

function addAll(list: string[], value: EcsValue): void {
  if (typeof value === 'string') {
    if (value !== '' && !list.includes(value)) list.push(value)
  } else if (Array.isArray(value)) for (const one of value) if (typeof one === 'string') addAll(list, one)
}

/** Completes the event in place. */
export function finishEvent(event: EcsEvent): void {
  const had = asObject(event['related'])
  const ips: string[] = []
  const users: string[] = []
  const hosts: string[] = []
  const hashes: string[] = []
  if (had) {
    addAll(ips, had['ip'])
    addAll(users, had['user'])
    addAll(hosts, had['hosts'])
    addAll(hashes, had['hash'])
  }
  for (let i = 0; i < ENDS.length; i++) {
    const end = asObject(event[ENDS[i] as string])
    if (!end) continue
    completeAddress(end)
    addAll(ips, end['ip'])
    const nat = asObject(end['nat'])
    if (nat) addAll(ips, nat['ip'])
    addAll(hosts, end['domain'])
    const user = asObject(end['user'])
    if (user) addAll(users, user['name'])
  }
  completeNames(event)
  const network = asObject(event['network'])
  if (network) completeNetwork(network, asObject(event['source']), asObject(event['destination']))
  const user = asObject(event['user'])
  if (user) {
    addAll(users, user['name'])
    for (const role of ['effective', 'target', 'changes']) {
      const other = asObject(user[role])
      if (other) addAll(users, other['name'])
    }
  }
  const host = asObject(event['host'])
  if (host) {
    addAll(hosts, host['name'])
    addAll(hosts, host['hostname'])
    addAll(ips, host['ip'])
  }
  const file = asObject(event['file'])
  const hash = file && asObject(file['hash'])
  if (hash) for (const kind in hash) addAll(hashes, hash[kind])
  if (ips.length + users.length + hosts.length + hashes.length === 0) return
  const related: EcsEvent = had ?? {}
  if (ips.length > 0) related['ip'] = ips
  if (users.length > 0) related['user'] = users
  if (hosts.length > 0) related['hosts'] = hosts
  if (hashes.length > 0) related['hash'] = hashes
  event['related'] = related
}

/** Where a URL that names no port goes. RFC 9110 section 4.2, RFC 959. */
const PORTS: Readonly<Record<string, number | undefined>> = { http: 80, https: 443, ftp: 21, ws: 80, wss: 443 }

/** What is in a path or a domain name. */
function completeNames(event: EcsEvent): void {
  const file = asObject(event['file'])
  if (file) completeFile(file)
  const process = asObject(event['process'])
  if (process) completeProcess(process)
  const url = asObject(event['url'])
  if (url && typeof url['domain'] === 'string') {
    completeDomain(url, url['domain'])
    if (url['port'] === undefined && typeof url['scheme'] === 'string') url['port'] = PORTS[url['scheme']]
  }
  const dns = asObject(event['dns'])
  const question = dns && asObject(dns['question'])
  if (question && typeof question['name'] === 'string') completeDomain(question, question['name'])
}

/** `address` says which of ip and domain it is; an ip alone is also the address. */
function completeAddress(end: EcsEvent): void {
  const { address, ip, domain } = end
  if (typeof address === 'string' && ip === undefined && ipVersion(address) > 0) end['ip'] = address
  else if (typeof address === 'string' && ip === undefined && domain === undefined) {
    const found = splitAddress(address)
    if (!found) return
    if (found.ip !== undefined) end['ip'] = found.ip
    else end['domain'] = found.domain
    if (found.port !== undefined && end['port'] === undefined) end['port'] = found.port
    if (found.port !== undefined || found.address !== address) end['address'] = found.address
  } else if (address === undefined && typeof ip === 'string') end['address'] = ip
  else if (address === undefined && typeof domain === 'string') end['address'] = domain
}
