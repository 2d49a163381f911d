// What every event gets, whatever pack made it: addresses told from names, and `related` for pivoting.

import type { EcsEvent, EcsValue } from '../../core/event.ts'
import { splitAddress } from './address.ts'
import { completeDomain } from './domain.ts'
import { ipVersion } from './ip.ts'
import { completeNetwork } from './network.ts'
import { completeFile, completeProcess } from './path.ts'

const asObject = (value: EcsValue): EcsEvent | undefined =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined

/** Distinct texts; undefined while there is none, for most events have none of most kinds. */
type Texts = string[] | undefined

function add(list: Texts, value: EcsValue): Texts {
  if (typeof value === 'string') {
    if (value === '') return list
    if (list === undefined) return [value]
    if (!list.includes(value)) list.push(value)
    return list
  }
  let all = list
  if (Array.isArray(value)) for (const one of value) if (typeof one === 'string') all = add(all, one)
  return all
}

/** Completes the event in place. */
export function finishEvent(event: EcsEvent): void {
  const had = asObject(event['related'])
  let ips = had && add(undefined, had['ip'])
  let users = had && add(undefined, had['user'])
  let hosts = had && add(undefined, had['hosts'])
  let hashes = had && add(undefined, had['hash'])
  const source = asObject(event['source'])
  const destination = asObject(event['destination'])
  const visit = (end: EcsEvent): void => {
    completeAddress(end)
    ips = add(ips, end['ip'])
    const nat = asObject(end['nat'])
    if (nat) ips = add(ips, nat['ip'])
    hosts = add(hosts, end['domain'])
    const user = asObject(end['user'])
    if (user) users = add(users, user['name'])
  }
  if (source) visit(source)
  if (destination) visit(destination)
  const client = asObject(event['client'])
  if (client) visit(client)
  const server = asObject(event['server'])
  if (server) visit(server)
  completeNames(event)
  const network = asObject(event['network'])
  if (network) completeNetwork(network, source, destination)
  const user = asObject(event['user'])
  if (user) {
    users = add(users, user['name'])
    const effective = asObject(user['effective'])
    if (effective) users = add(users, effective['name'])
    const target = asObject(user['target'])
    if (target) users = add(users, target['name'])
    const changes = asObject(user['changes'])
    if (changes) users = add(users, changes['name'])
  }
  const host = asObject(event['host'])
  if (host) {
    hosts = add(hosts, host['name'])
    hosts = add(hosts, host['hostname'])
    ips = add(ips, host['ip'])
  }
  const file = asObject(event['file'])
  const hash = file && asObject(file['hash'])
  if (hash) for (const kind in hash) hashes = add(hashes, hash[kind])
  if (!ips && !users && !hosts && !hashes) return
  const related: EcsEvent = had ?? {}
  if (ips) related['ip'] = ips
  if (users) related['user'] = users
  if (hosts) related['hosts'] = hosts
  if (hashes) related['hash'] = hashes
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
