// The keys of a head: 16-byte hashes in the order of their rows, found by hash or by row.

export class KeyTable {
  hashes: Buffer = Buffer.allocUnsafeSlow(16 * 16)
  /** block * 4096 + row, ascending. */
  addresses: Uint32Array = new Uint32Array(16)
  count = 0
  #table = new Int32Array(64).fill(-1)

  get heldBytes(): number {
    return this.hashes.length + this.addresses.byteLength + this.#table.byteLength
  }

  /** The address stored with source[at .. at + 16), or -1. */
  find(source: Buffer, at: number): number {
    const mask = this.#table.length - 1
    let slot = source.readUInt32LE(at) & mask
    for (let i = this.#table[slot] as number; i >= 0; i = this.#table[slot] as number) {
      if (source.compare(this.hashes, i * 16, i * 16 + 16, at, at + 16) === 0) return this.addresses[i] as number
      slot = (slot + 1) & mask
    }
    return -1
  }

  /** Adds a key that `find` did not find. Addresses must ascend. */
  add(source: Buffer, at: number, address: number): void {
    const i = this.count++
    if (i >= this.addresses.length) {
      const addresses = new Uint32Array(this.addresses.length * 2)
      addresses.set(this.addresses)
      this.addresses = addresses
      const hashes = Buffer.allocUnsafeSlow(this.hashes.length * 2)
      this.hashes.copy(hashes)
      this.hashes = hashes
    }
    source.copy(this.hashes, i * 16, at, at + 16)
    this.addresses[i] = address
    this.#insert(i)
    if (this.count * 2 > this.#table.length) {
      this.#table = new Int32Array(this.#table.length * 2).fill(-1)
      for (let k = 0; k < this.count; k++) this.#insert(k)
    }
  }

  /** The key of the row at this address. */
  at(address: number): Buffer | undefined {
    let low = 0
    let high = this.count - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const found = this.addresses[middle] as number
      if (found === address) return this.hashes.subarray(middle * 16, middle * 16 + 16)
      if (found < address) low = middle + 1
      else high = middle - 1
    }
    return undefined
  }

  #insert(i: number): void {
    const mask = this.#table.length - 1
    let slot = this.hashes.readUInt32LE(i * 16) & mask
    while ((this.#table[slot] as number) >= 0) slot = (slot + 1) & mask
    this.#table[slot] = i
  }
}
