// Filters in normal form: `and` and `or` hold two or more children and none of their own kind. Parser, printer and tests
// build them here, so that equal meaning written in two ways is one tree.

import type { Filter } from '../../core/query.ts'

export function allOf(filters: readonly Filter[]): Filter {
  return join('and', filters)
}

export function anyOf(filters: readonly Filter[]): Filter {
  return join('or', filters)
}

export function not(filter: Filter): Filter {
  return { kind: 'not', of: filter }
}

function join(kind: 'and' | 'or', filters: readonly Filter[]): Filter {
  const of = filters.flatMap((filter) => (filter.kind === kind ? filter.of : [filter]))
  return of.length === 1 ? (of[0] as Filter) : { kind, of }
}

/** The field names a filter looks at, each once. Bare words look at `message` and `event.original`: not listed. */
export function fieldsOf(filter: Filter, into = new Set<string>()): Set<string> {
  switch (filter.kind) {
    case 'and':
    case 'or':
      for (const child of filter.of) fieldsOf(child, into)
      break
    case 'not':
      fieldsOf(filter.of, into)
      break
    case 'all':
    case 'text':
      break
    default:
      into.add(filter.field)
  }
  return into
}
