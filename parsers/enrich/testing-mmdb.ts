// Writes small MMDB files (MaxMind DB format 2.0, IPv4 tree, records of 24 bits) for tests.

type Value = string | number | { readonly [key: string]: Value } | readonly Value[]

function encode(value: Value): Buffer {
  const control = (type: number, size: number) => {
    const extended = type > 7
    if (size >= 285) throw new RangeError('too long for a test')
    const first = ((extended ? 0 : type) << 5) | (size < 29 ? size : 29)
    return Buffer.from([first, ...(extended ? [type - 7] : []), ...(size < 29 ? [] : [size - 29])])
  }
  if (typeof value === 'string') return Buffer.concat([control(2, Buffer.byteLength(value)), Buffer.from(value)])
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(Number.isInteger(value) && value >= 0 ? 4 : 8)
    if (bytes.length === 4) bytes.writeUInt32BE(value)
    else bytes.writeDoubleBE(value)
    return Buffer.concat([control(bytes.length === 4 ? 6 : 3, bytes.length), bytes])
  }
  if (Array.isArray(value)) return Buffer.concat([control(11, value.length), ...value.map(encode)])
  const entries = Object.entries(value as Record<string, Value>)
  return Buffer.concat([control(7, entries.length), ...entries.flatMap(([key, inner]) => [encode(key), encode(inner)])])
}

/** @param networks `192.0.2.0/24` -> record */
export function writeMmdb(networks: Readonly<Record<string, Value>>): Buffer {
  type Node = [number | undefined, number | undefined]
  const nodes: Node[] = [[undefined, undefined]]
  const leaves: { node: number; side: 0 | 1; at: number }[] = []
  const data: Buffer[] = []
  let dataBytes = 0
  for (const [network, record] of Object.entries(networks)) {
    const [address = '', length = '32'] = network.split('/')
    const bits = address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('')
      .slice(0, Number(length))
    let node = 0
    for (let i = 0; i < bits.length; i++) {
      const side = Number(bits[i]) as 0 | 1
      if (i === bits.length - 1) leaves.push({ node, side, at: dataBytes })
      else {
        const next = nodes[node]?.[side] ?? nodes.push([undefined, undefined]) - 1
        ;(nodes[node] as Node)[side] = next
        node = next
      }
    }
    const bytes = encode(record)
    data.push(bytes)
    dataBytes += bytes.length
  }
  const { length: count } = nodes
  for (const { node, side, at } of leaves) (nodes[node] as Node)[side] = count + 16 + at
  const tree = Buffer.alloc(count * 6)
  for (const [i, record] of nodes.flat().entries()) tree.writeUIntBE(record ?? count, i * 3, 3)
  const metadata = encode({
    node_count: count,
    record_size: 24,
    ip_version: 4,
    database_type: 'Test',
    languages: ['en'],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1,
    description: { en: 'test' },
  })
  return Buffer.concat([tree, Buffer.alloc(16), ...data, Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'), metadata])
}
