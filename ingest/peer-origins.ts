// One Origin object per sender, shared by everything that listens. RawBatchWriter tells origins apart by identity, so the
// same sender must be the same object; and a flood of forged senders must not grow the map for ever.

import type { Origin } from '../core/raw-batch.ts'

export class PeerOrigins {
  readonly #maxPeers: number
  readonly #make: (peer: string) => Origin
  /** Insertion order is recency: a hit that is not the newest is put last again. */
  readonly #byPeer = new Map<string, Origin>()
  #lastAddress = ''
  #last: Origin | undefined

  /** @param make the Origin of a sender, from its address in normal form */
  constructor(make: (peer: string) => Origin, maxPeers = 8192) {
    this.#make = make
    this.#maxPeers = maxPeers
  }

  get size(): number {
    return this.#byPeer.size
  }

  of(address: string): Origin {
    if (this.#last !== undefined && address === this.#lastAddress) return this.#last
    const peer = normalizeAddress(address)
    let origin = this.#byPeer.get(peer)
    if (origin) this.#byPeer.delete(peer)
    else {
      origin = this.#make(peer)
      if (this.#byPeer.size >= this.#maxPeers) this.#byPeer.delete(this.#byPeer.keys().next().value as string)
    }
    this.#byPeer.set(peer, origin)
    this.#lastAddress = address
    this.#last = origin
    return origin
  }
}

/** `::ffff:192.0.2.1` is 192.0.2.1 on a dual-stack socket; the zone of a link-local address is ours, not the sender's. */
export function normalizeAddress(address: string): string {
  const zone = address.indexOf('%')
  const bare = zone === -1 ? address : address.slice(0, zone)
  return bare.startsWith('::ffff:') && bare.includes('.') ? bare.slice(7) : bare
}
