// Texts that Windows programs write: command lines, lists of hashes, answers of the DNS client. Kept out of packs, which have
// no loops.

import { isIP } from 'node:net'
import type { EcsEvent, EcsValue } from '../../core/event.ts'

const MAX_ARGUMENTS = 1000

/** A command line as its program sees it: blanks separate, double quotes hold together (CommandLineToArgvW, without `\\"`). */
export function splitArguments(line: string): string[] {
  const args: string[] = []
  let at = 0
  while (at < line.length && args.length < MAX_ARGUMENTS) {
    while (line[at] === ' ' || line[at] === '\t') at++
    if (at >= line.length) break
    let word = ''
    let quoted = false
    for (; at < line.length && (quoted || (line[at] !== ' ' && line[at] !== '\t')); at++) {
      if (line[at] === '"') quoted = !quoted
      else word += line[at]
    }
    args.push(word)
  }
  return args
}

const HASHES = new Set(['md5', 'sha1', 'sha256', 'sha384', 'sha512', 'imphash'])

/** `MD5=…,SHA256=…,IMPHASH=…`, lower case; a bare one by its length. */
export function readHashes(text: string): EcsEvent | undefined {
  const out: EcsEvent = {}
  for (const part of text.slice(0, 1024).split(/[,;|\s]+/)) {
    const equals = part.indexOf('=')
    const hash = part.slice(equals + 1).toLowerCase()
    if (!/^[0-9a-f]{32,128}$/.test(hash) || /^0+$/.test(hash)) continue
    const name =
      equals > 0 ? part.slice(0, equals).toLowerCase() : ({ 32: 'md5', 40: 'sha1', 64: 'sha256' }[hash.length] ?? '')
    if (HASHES.has(name)) out[name] = hash
  }
  return Object.keys(out).length > 0 ? out : undefined
}

/** Types that Sysmon and the DNS client number. RFC 1035 section 3.2.2, RFC 3596, RFC 2782. */
const DNS_TYPES: Readonly<Record<string, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  35: 'NAPTR',
  39: 'DNAME',
  41: 'OPT',
  43: 'DS',
  46: 'RRSIG',
  47: 'NSEC',
  48: 'DNSKEY',
  52: 'TLSA',
  64: 'SVCB',
  65: 'HTTPS',
  255: 'ANY',
  257: 'CAA',
}
export const dnsType = (number: EcsValue): string | undefined => DNS_TYPES[String(number)]

/** `type:  5 name.example;::ffff:192.0.2.1;` as dns.answers. */
export function readDnsAnswers(text: string): EcsValue {
  const answers: EcsEvent[] = []
  for (const part of text.split(';', 200)) {
    const one = part.trim()
    const typed = /^type: {1,4}(\d{1,5}) (.*)$/.exec(one)
    if (typed) answers.push({ data: typed[2], type: dnsType(typed[1]) ?? typed[1] })
    else if (one !== '' && one !== '-') {
      const ip = one.replace(/^::ffff:(?=\d+\.)/i, '')
      const version = isIP(ip)
      if (version > 0) answers.push({ data: ip, type: version === 4 ? 'A' : 'AAAA' })
    }
  }
  return answers.length > 0 ? answers : undefined
}
