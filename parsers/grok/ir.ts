// A grok pattern after expansion: a small tree that the translator, the prefilter, the safety analysis and debug walk.

import { anySet, type CharSet, isSubset } from './charset.ts'

export type Assertion = 'start' | 'end' | 'end_newline' | 'line_start' | 'line_end' | 'word' | 'not_word'

/** One `%{NAME}` or one named group: who wrote this part of the tree. */
export interface Origin {
  /** Name of the definition, '' for the pattern itself. */
  readonly name: string
  readonly place: string
  readonly source: string
}

export type Node =
  | { readonly t: 'set'; readonly set: CharSet }
  | { readonly t: 'seq'; readonly items: readonly Node[] }
  | { readonly t: 'alt'; readonly items: readonly Node[] }
  | {
      readonly t: 'rep'
      readonly body: Node
      readonly min: number
      readonly max: number
      readonly kind: 'greedy' | 'lazy' | 'possessive'
    }
  | { readonly t: 'cap'; readonly slot: number; readonly body: Node }
  | { readonly t: 'atomic'; readonly body: Node }
  | { readonly t: 'look'; readonly behind: boolean; readonly negate: boolean; readonly body: Node }
  | { readonly t: 'assert'; readonly kind: Assertion }
  | { readonly t: 'back'; readonly slot: number }
  /** `%{NAME}`: transparent to matching. */
  | { readonly t: 'ref'; readonly origin: Origin; readonly column: number; readonly body: Node }

/** A capture that is read after a match, or only referred back to (`path` undefined). */
export interface Slot {
  readonly path: readonly string[] | undefined
  readonly type: CaptureType | undefined
}

export type CaptureType = 'int' | 'float' | 'boolean' | 'string'

export const emptyNode: Node = { t: 'seq', items: [] }

export function seq(items: readonly Node[]): Node {
  return items.length === 1 ? items[0]! : { t: 'seq', items }
}

/** The node without transparent wrappers. */
export function bare(node: Node): Node {
  let n = node
  for (;;) {
    if (n.t === 'ref' || n.t === 'cap') n = n.body
    else if (n.t === 'seq' && n.items.length === 1) n = n.items[0]!
    else return n
  }
}

/** Lengths a node can match: [least, most]. */
export function widths(node: Node): [number, number] {
  switch (node.t) {
    case 'set':
      return [1, 1]
    case 'seq': {
      let least = 0
      let most = 0
      for (const item of node.items) {
        const [a, b] = widths(item)
        least += a
        most += b
      }
      return [least, most]
    }
    case 'alt': {
      let least = Number.POSITIVE_INFINITY
      let most = 0
      for (const item of node.items) {
        const [a, b] = widths(item)
        least = Math.min(least, a)
        most = Math.max(most, b)
      }
      return [least, most]
    }
    case 'rep': {
      const [a, b] = widths(node.body)
      return [a * node.min, b === 0 || node.max === 0 ? 0 : b * node.max]
    }
    case 'cap':
    case 'atomic':
    case 'ref':
      return widths(node.body)
    case 'back':
      return [0, Number.POSITIVE_INFINITY]
    default:
      return [0, 0]
  }
}

/** How many steps a translation takes: nodes times their finite repetitions. Bounds what one pattern may cost at load. */
export function sizeOf(node: Node): number {
  switch (node.t) {
    case 'seq':
    case 'alt':
      return node.items.reduce((sum, item) => sum + sizeOf(item), 1)
    case 'rep':
      return 1 + sizeOf(node.body) * Math.max(1, node.min, Number.isFinite(node.max) ? node.max : 1)
    case 'cap':
    case 'atomic':
    case 'ref':
    case 'look':
      return 1 + sizeOf(node.body)
    default:
      return 1
  }
}

/** True when the node consists of one set repeated without bound. */
export function asRun(node: Node): { set: CharSet; min: number } | undefined {
  const n = bare(node)
  if (n.t !== 'rep' || n.max !== Number.POSITIVE_INFINITY) return undefined
  const body = bare(n.body)
  return body.t === 'set' ? { set: body.set, min: n.min } : undefined
}

export function isAny(set: CharSet): boolean {
  return isSubset(anySet, set)
}

export function hasBackReference(node: Node): boolean {
  if (node.t === 'back') return true
  if (node.t === 'seq' || node.t === 'alt') return node.items.some(hasBackReference)
  return 'body' in node && hasBackReference(node.body)
}
