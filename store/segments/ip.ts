// Addresses by value: IPv4 as ::ffff:a.b.c.d, so that both families compare in one space.

import { isIPv6 } from 'node:net'

/** 128 bits, most significant word first. */
export type Address = readonly [number, number, number, number]

/** Undefined where the text is no address. A zone (`%eth0`) is left out of the value. */
export function parseIp(text: string): Address | undefined {
  const v4 = parseV4(text)
  if (v4 !== undefined) return [0, 0, 0xffff, v4]
  if (text.length > 64 || !text.includes(':') || !isIPv6(text)) return undefined
  let body = text.split('%', 1)[0] as string
  const dotted = body.lastIndexOf('.') >= 0 ? parseV4(body.slice(body.lastIndexOf(':') + 1)) : undefined
  if (dotted !== undefined) {
    const head = body.slice(0, body.lastIndexOf(':') + 1)
    body = `${head}${(dotted >>> 16).toString(16)}:${(dotted & 0xffff).toString(16)}`
  }
  const [left = '', right] = body.split('::')
  const before = left ? left.split(':') : []
  const after = right ? right.split(':') : []
  const groups = [...before, ...new Array<string>(8 - before.length - after.length).fill('0'), ...after]
  const word = (i: number) =>
    Number.parseInt(groups[i] as string, 16) * 65_536 + Number.parseInt(groups[i + 1] as string, 16)
  return [word(0), word(2), word(4), word(6)]
}

function parseV4(text: string): number | undefined {
  if (text.length < 7 || text.length > 15) return undefined
  let value = 0
  let octet = -1
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 46) {
      if (octet < 0 || ++dots > 3) return undefined
      value = value * 256 + octet
      octet = -1
    } else if (c >= 48 && c <= 57) {
      if (octet === 0) return undefined // a leading zero might mean octal: no address
      octet = octet < 0 ? c - 48 : octet * 10 + c - 48
      if (octet > 255) return undefined
    } else return undefined
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : undefined
}

export function compareIp(a: Address, b: Address): number {
  for (let i = 0; i < 4; i++) if (a[i] !== b[i]) return (a[i] as number) < (b[i] as number) ? -1 : 1
  return 0
}

/** A test for membership; undefined where the text is no network. An address alone is a network of one. */
export function compileCidr(text: string): ((address: Address) => boolean) | undefined {
  const slash = text.indexOf('/')
  const base = parseIp(slash < 0 ? text : text.slice(0, slash))
  if (!base) return undefined
  const most = text.includes(':') ? 128 : 32
  const digits = slash < 0 ? String(most) : text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(digits) || Number(digits) > most) return undefined
  const bits = Number(digits) + 128 - most
  const masks = [0, 1, 2, 3].map((i) => {
    const ones = Math.min(32, Math.max(0, bits - i * 32))
    return ones === 0 ? 0 : (0xffffffff << (32 - ones)) >>> 0
  })
  return (address) => masks.every((mask, i) => (((address[i] as number) ^ (base[i] as number)) & mask) === 0)
}
