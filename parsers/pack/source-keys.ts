// Which of the names a pack knows a source has: told by its keys, one after the other, with no look-up for a name it lacks.
//
//   lists   0: level, severity, lvl   1: user, username   …      one a field that has several names, 31 bits of names each
//   tree    {} -level-> [1, 0] -msg-> [1, 0] -user-> [1, 1]      objects of one program have the same keys in the same order
//
// The tree is only remembered work: it is thrown away when it grows, for senders choose their keys.

import type { EcsEvent } from '../../core/event.ts'

interface KeyNode {
  readonly key: string
  /** One a list: the bits of the names met so far. */
  readonly found: Int32Array
  readonly after: Map<string, KeyNode>
  /** The one that followed last. */
  next: KeyNode | undefined
}

const BITS = 31
const MAX_NODES = 1000
/** Keys of a longer object are not remembered one after the other. */
const MAX_KEYS = 64

/** The bit of a name in its list; those past the 31st share the last. */
export const bitOf = (keys: readonly string[], i: number): number =>
  1 << Math.min(keys.indexOf(keys[i] as string), BITS - 1)

export class SourceKeys {
  #lists = 0
  readonly #bitsOf = new Map<string, { readonly list: number; readonly bit: number }[]>()
  #root: KeyNode = { key: '', found: new Int32Array(0), after: new Map(), next: undefined }
  #nodes = 0
  #source: EcsEvent | undefined
  #found = this.#root.found

  /** @returns the number of the list */
  add(keys: readonly string[]): number {
    const list = this.#lists++
    keys.forEach((key, i) => {
      const bits = this.#bitsOf.get(key) ?? []
      bits.push({ list, bit: bitOf(keys, i) })
      this.#bitsOf.set(key, bits)
    })
    this.#forget()
    return list
  }

  /** One number a list. Valid until lists are added; the source must not change between two questions about it. */
  find(source: EcsEvent | undefined): Int32Array {
    if (source === this.#source && source !== undefined) return this.#found
    this.#source = source
    let node = this.#root
    let count = 0
    let long: Int32Array | undefined
    for (const key in source) {
      if (++count > MAX_KEYS) this.#mark((long ??= node.found.slice()), key)
      else {
        const { next } = node
        node = next !== undefined && next.key === key ? next : this.#follow(node, key)
      }
    }
    this.#found = long ?? node.found
    return this.#found
  }

  #follow(from: KeyNode, key: string): KeyNode {
    let node = from.after.get(key)
    if (node === undefined) {
      node = this.#node(key, from)
      if (++this.#nodes > MAX_NODES) this.#forget()
      from.after.set(key, node)
    }
    from.next = node
    return node
  }

  #node(key: string, before: KeyNode): KeyNode {
    let { found } = before
    if (this.#bitsOf.has(key)) this.#mark((found = found.slice()), key)
    return { key, found, after: new Map(), next: undefined }
  }

  #mark(found: Int32Array, key: string): void {
    const bits = this.#bitsOf.get(key)
    if (bits) for (const { list, bit } of bits) found[list] = (found[list] as number) | bit
  }

  #forget(): void {
    this.#nodes = 0
    this.#source = undefined
    this.#root = { key: '', found: new Int32Array(this.#lists), after: new Map(), next: undefined }
  }
}
