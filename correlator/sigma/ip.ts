// IP addresses and networks, as far as `cidr` needs them.

import { isIPv4, isIPv6 } from 'node:net'

/** 16 bytes as a number; IPv4 as ::ffff:a.b.c.d, so that both spellings of one address are one value. */
export function parseIp(text: string): bigint | undefined {
  if (text.length > 64) return undefined
  const plain = text
    .trim()
    .replace(/%.*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
  if (isIPv4(plain)) return 0xffff00000000n | BigInt(ipv4(plain))
  if (!isIPv6(plain)) return undefined
  let rest = plain
  const dotted = /(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1]
  if (dotted) {
    const number = ipv4(dotted)
    rest = `${plain.slice(0, -dotted.length)}${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`
  }
  const [head = '', tail] = rest.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  let value = 0n
  for (const part of [...left, ...Array<string>(zeros).fill('0'), ...right])
    value = (value << 16n) | BigInt(Number.parseInt(part, 16))
  return value
}

function ipv4(text: string): number {
  let value = 0
  for (const part of text.split('.')) value = value * 256 + Number(part)
  return value
}

export interface Network {
  readonly base: bigint
  /** Bits to drop before comparing. */
  readonly shift: bigint
}

/** `10.0.0.0/8`, `fe80::/10`, a plain address is a network of one. Undefined when it is none. Host bits are ignored. */
export function parseCidr(text: string): Network | undefined {
  const [address = '', bits, more] = text.trim().split('/')
  const value = parseIp(address)
  if (value === undefined || more !== undefined) return undefined
  const width = isIPv4(address) ? 32 : 128
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) return undefined
  const length = bits === undefined ? width : Number(bits)
  if (length > width) return undefined
  const shift = BigInt(width - length)
  return { base: value >> shift, shift }
}

export function inNetwork(network: Network, address: bigint): boolean {
  return address >> network.shift === network.base
}
