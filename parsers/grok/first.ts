// Which characters a part of a pattern can begin with.

import { anySet, type CharSet, emptySet, union } from './charset.ts'
import type { Node } from './ir.ts'

export interface First {
  readonly set: CharSet
  /** It may match nothing, so what follows can come first too. */
  readonly empty: boolean
}

/** undefined where it cannot be told (back-references). */
export function first(node: Node): First | undefined {
  switch (node.t) {
    case 'set':
      return { set: node.set, empty: false }
    case 'seq': {
      let set: CharSet = emptySet
      for (const item of node.items) {
        const f = first(item)
        if (!f) return undefined
        set = union(set, f.set)
        if (!f.empty) return { set, empty: false }
      }
      return { set, empty: true }
    }
    case 'alt': {
      let set: CharSet = emptySet
      let empty = false
      for (const item of node.items) {
        const f = first(item)
        if (!f) return undefined
        set = union(set, f.set)
        empty ||= f.empty
      }
      return { set, empty }
    }
    case 'rep': {
      const f = first(node.body)
      if (!f) return undefined
      return node.max === 0 ? { set: emptySet, empty: true } : { set: f.set, empty: f.empty || node.min === 0 }
    }
    case 'cap':
    case 'ref':
    case 'atomic':
      return first(node.body)
    case 'back':
      return { set: anySet, empty: true }
    default:
      return { set: emptySet, empty: true }
  }
}

/** Every character the node can consume. */
export function allOf(node: Node): CharSet {
  switch (node.t) {
    case 'set':
      return node.set
    case 'seq':
    case 'alt':
      return union(...node.items.map(allOf))
    case 'rep':
    case 'cap':
    case 'ref':
    case 'atomic':
      return allOf(node.body)
    case 'back':
      return anySet
    default:
      return []
  }
}

/** Where a match can begin: only at the start of the subject, only at starts of lines, or (undefined) anywhere. */
export function anchorOf(node: Node): 'start' | 'line' | undefined {
  switch (node.t) {
    case 'assert':
      return node.kind === 'start' ? 'start' : node.kind === 'line_start' ? 'line' : undefined
    case 'cap':
    case 'ref':
    case 'atomic':
      return anchorOf(node.body)
    case 'seq':
      return node.items[0] && anchorOf(node.items[0])
    case 'alt': {
      const anchors = node.items.map(anchorOf)
      if (anchors.includes(undefined)) return undefined
      return anchors.includes('line') ? 'line' : anchors[0]
    }
    default:
      return undefined
  }
}
