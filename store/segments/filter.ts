// A Filter made ready to run: leaves compiled, the cheapest test first.

import type { Filter } from '../../core/query.ts'
import { compileLeaf, invalid, type Leaf, phraseLeaf } from './leaf.ts'
import { compilePhrase } from './phrase.ts'
import { toIso } from './values.ts'

export type Node =
  | { readonly kind: 'all' | 'none' }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Node[] }
  | { readonly kind: 'not'; readonly of: Node }
  | { readonly kind: 'exists'; readonly field: string }
  | { readonly kind: 'leaf'; readonly leaf: Leaf }
  | { readonly kind: 'time'; readonly test: (timestampMs: number) => boolean }

const TIMESTAMP = '@timestamp'
const MAX_DEPTH = 200
const all: Node = { kind: 'all' }
const none: Node = { kind: 'none' }

/** @throws QUERY_INVALID */
export function compileFilter(filter: Filter, depth = 0): Node {
  if (depth > MAX_DEPTH) throw invalid(`the query nests deeper than ${MAX_DEPTH}`)
  switch (filter.kind) {
    case 'all':
      return all
    case 'and':
    case 'or': {
      const [unit, zero] = filter.kind === 'and' ? [all, none] : [none, all]
      const parts = filter.of.map((part) => compileFilter(part, depth + 1)).filter((part) => part.kind !== unit.kind)
      if (parts.some((part) => part.kind === zero.kind)) return zero
      if (parts.length === 0) return unit
      if (parts.length === 1) return parts[0] as Node
      return { kind: filter.kind, of: parts.sort((a, b) => costOf(a) - costOf(b)) }
    }
    case 'not': {
      const of = compileFilter(filter.of, depth + 1)
      if (of.kind === 'all') return none
      if (of.kind === 'none') return all
      return { kind: 'not', of }
    }
    case 'exists':
      return filter.field === TIMESTAMP ? all : { kind: 'exists', field: filter.field }
    case 'text': {
      const phrase = compilePhrase(filter.words, filter.prefix)
      if (!phrase) return none
      const of = ['message', 'event.original'].map((field) => ({
        kind: 'leaf' as const,
        leaf: phraseLeaf(field, phrase),
      }))
      return { kind: 'or', of }
    }
    default: {
      const leaf = compileLeaf(filter)
      if (!leaf) return none
      if (filter.field !== TIMESTAMP) return { kind: 'leaf', leaf }
      const byNumber = filter.kind === 'equals' || filter.kind === 'range'
      return { kind: 'time', test: byNumber ? leaf.number : (timestampMs) => leaf.text(toIso(timestampMs)) }
    }
  }
}

function costOf(node: Node): number {
  switch (node.kind) {
    case 'and':
    case 'or':
      return node.of.reduce((sum, part) => sum + costOf(part), 0)
    case 'not':
      return costOf(node.of)
    case 'leaf':
      return node.leaf.cost
    default:
      return 0
  }
}
