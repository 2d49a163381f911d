// What a filter means for one event that was read: the segments store's own leaves, over a flat object.

import type { FlatEvent, Scalar } from '../../core/event.ts'
import type { Filter } from '../../core/query.ts'
import { compileFilter, type Node } from '../segments/filter.ts'

export type Matcher = (flat: FlatEvent, timestampMs: number) => boolean

/** @throws QUERY_INVALID */
export function compileMatcher(filter: Filter): Matcher {
  const node = compileFilter(filter)
  return (flat, timestampMs) => holds(node, flat, timestampMs)
}

function holds(node: Node, flat: FlatEvent, timestampMs: number): boolean {
  switch (node.kind) {
    case 'all':
      return true
    case 'none':
      return false
    case 'and':
      return node.of.every((part) => holds(part, flat, timestampMs))
    case 'or':
      return node.of.some((part) => holds(part, flat, timestampMs))
    case 'not':
      return !holds(node.of, flat, timestampMs)
    case 'exists':
      return Object.hasOwn(flat, node.field)
    case 'time':
      return node.test(timestampMs)
    case 'leaf': {
      const { leaf } = node
      if (!Object.hasOwn(flat, leaf.field)) return false
      const given = flat[leaf.field] as Scalar | Scalar[]
      const test = (value: Scalar) =>
        typeof value === 'string'
          ? leaf.text(value)
          : typeof value === 'number'
            ? leaf.number(value)
            : leaf.boolean(value)
      return Array.isArray(given) ? given.some(test) : test(given)
    }
  }
}
