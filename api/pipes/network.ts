// Addresses in a network, through node:net.

import { BlockList, isIP } from 'node:net'

/** A test for membership; undefined where the text is no network. IPv4 in IPv6 form (`::ffff:10.0.0.1`) counts as IPv4. */
export function compileNetwork(text: string): ((address: string) => boolean) | undefined {
  const [base = '', bits, ...more] = text.split('/')
  const version = isIP(base)
  if (version === 0 || more.length > 0 || base.includes('%')) return undefined
  const most = version === 4 ? 32 : 128
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  if (prefix < 0 || prefix > most) return undefined
  const list = new BlockList()
  list.addSubnet(base, prefix, version === 4 ? 'ipv4' : 'ipv6')
  return (address) => {
    const plain = address.split('%', 1)[0] as string
    const kind = isIP(plain)
    return kind !== 0 && list.check(plain, kind === 4 ? 'ipv4' : 'ipv6')
  }
}
