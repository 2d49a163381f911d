// `host`, `ip`, `ip:port`, `[ip]:port`, `host:port` taken apart.

import { ipVersion } from './ip.ts'

export interface Address {
  readonly address: string
  readonly ip?: string
  readonly domain?: string
  readonly port?: number
}

/** @returns undefined for an empty text, `-`, or one too long to be an address */
export function splitAddress(text: string): Address | undefined {
  let host = text.trim()
  let port: number | undefined
  if (host === '' || host === '-' || host.length > 300) return undefined
  const m = /^(?:\[([^\]]+)\]|([^:\s]+))(?::(\d{1,5}))?$/.exec(host)
  if (m) {
    host = (m[1] ?? m[2]) as string
    if (m[3] !== undefined && Number(m[3]) <= 65_535) port = Number(m[3])
  }
  const zone = host.indexOf('%')
  const plain = zone > 0 ? host.slice(0, zone) : host
  const found: Address =
    ipVersion(plain) > 0 ? { address: host, ip: plain } : { address: host, domain: host.toLowerCase() }
  return port === undefined ? found : { ...found, port }
}
