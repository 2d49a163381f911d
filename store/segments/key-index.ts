// The keys of a sealed segment: sorted for lookup, with a Bloom filter that spares most lookups.

import type { KeyTable } from './key-table.ts'

const BLOOM_BITS_PER_KEY = 16 // with 8 probes: one lookup in 2,000 is made in vain
const BLOOM_PROBES = 8

/** hashes ascending, and for each the address of its row. */
export function sortKeys(keys: KeyTable): { hashes: Buffer; addresses: Uint32Array } {
  const { count } = keys
  // The first 32 bits and the index in one double sort natively; equal prefixes (rare) are put right afterwards.
  const order = new Float64Array(count)
  for (let i = 0; i < count; i++) order[i] = keys.hashes.readUInt32BE(i * 16) * 2 ** 20 + i
  order.sort()
  const index = Uint32Array.from(order, (value) => value % 2 ** 20)
  const compare = (a: number, b: number) => keys.hashes.compare(keys.hashes, b * 16, b * 16 + 16, a * 16, a * 16 + 16)
  for (let i = 1; i < count; i++) {
    for (let k = i; k > 0 && compare(index[k - 1] as number, index[k] as number) > 0; k--) {
      const swap = index[k] as number
      index[k] = index[k - 1] as number
      index[k - 1] = swap
    }
  }
  const hashes = Buffer.allocUnsafeSlow(count * 16)
  const addresses = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    const from = index[i] as number
    keys.hashes.copy(hashes, i * 16, from * 16, from * 16 + 16)
    addresses[i] = keys.addresses[from] as number
  }
  return { hashes, addresses }
}

export function buildBloom(hashes: Buffer): Buffer {
  const count = hashes.length / 16
  const bloom = Buffer.alloc(Math.max(8, Math.ceil((count * BLOOM_BITS_PER_KEY) / 8)))
  for (let i = 0; i < count; i++) {
    eachBit(bloom, hashes, i * 16, (byte, bit) => {
      bloom[byte]! |= bit
      return true
    })
  }
  return bloom
}

export function bloomHas(bloom: Buffer, source: Buffer, at: number): boolean {
  return eachBit(bloom, source, at, (byte, bit) => ((bloom[byte] as number) & bit) !== 0)
}

function eachBit(bloom: Buffer, source: Buffer, at: number, visit: (byte: number, bit: number) => boolean): boolean {
  const bits = bloom.length * 8
  let place = source.readUInt32LE(at + 4) % bits
  const step = 1 + (source.readUInt32LE(at + 8) % (bits - 1))
  for (let probe = 0; probe < BLOOM_PROBES; probe++) {
    if (!visit(place >>> 3, 1 << (place & 7))) return false
    place = (place + step) % bits
  }
  return true
}

/** Index of the hash among `count` sorted ones, or -1. @param readHash 16 bytes by index */
export function searchKeys(count: number, hash: Buffer, readHash: (i: number) => Buffer): number {
  let low = 0
  let high = count - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const order = hash.compare(readHash(middle))
    if (order === 0) return middle
    if (order > 0) low = middle + 1
    else high = middle - 1
  }
  return -1
}
