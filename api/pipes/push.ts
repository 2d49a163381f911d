// Conditions of a leading `where` that the store can test itself, as its filter: only where both mean exactly the same.
// What is left stays a stage.

import { fieldType } from '../../core/fields.ts'
import type { Expression, Filter, Pipe } from '../../core/query.ts'
import { toNumber } from '../../core/scalars.ts'
import { allOf, anyOf, not } from '../query/build.ts'

export function pushConditions(filter: Filter, pipes: readonly Pipe[]): { filter: Filter; pipes: readonly Pipe[] } {
  const pushed: Filter[] = []
  const kept: Pipe[] = []
  let at = 0
  for (; pipes[at]?.kind === 'where'; at++) {
    const { condition } = pipes[at] as Pipe & { kind: 'where' }
    const left: Expression[] = []
    for (const part of condition.kind === 'and' ? condition.of : [condition]) {
      const found = filterOf(part)
      if (found) pushed.push(found)
      else left.push(part)
    }
    const [only] = left
    if (only) kept.push({ kind: 'where', condition: left.length === 1 ? only : { kind: 'and', of: left } })
  }
  if (pushed.length === 0) return { filter, pipes }
  const own = filter.kind === 'all' ? pushed : [filter, ...pushed]
  return { filter: allOf(own), pipes: [...kept, ...pipes.slice(at)] }
}

/** Undefined where the store would answer otherwise for some value. */
function filterOf(e: Expression): Filter | undefined {
  switch (e.kind) {
    case 'and':
    case 'or': {
      const of = e.of.map(filterOf)
      if (of.some((part) => part === undefined)) return undefined
      return e.kind === 'and' ? allOf(of as Filter[]) : anyOf(of as Filter[])
    }
    case 'not': {
      const of = filterOf(e.of)
      return of && not(of)
    }
    case 'compare':
      return comparison(e)
    case 'call':
      return textTest(e)
    default:
      return undefined
  }
}

function comparison({ op, left, right }: Expression & { kind: 'compare' }): Filter | undefined {
  if (left.kind !== 'column' || right.kind !== 'literal' || left.name === '@timestamp') return undefined
  const { name: field } = left
  const { value } = right
  const type = fieldType(field)
  if (op === '=' || op === '!=') {
    const negate = (filter: Filter) => (op === '!=' ? not(filter) : filter)
    if (value === null) return op === '=' ? not({ kind: 'exists', field }) : { kind: 'exists', field }
    // Text compares as text on keyword fields, numbers by value on fields of numbers; elsewhere the two differ.
    const isText = type === 'keyword' && typeof value === 'string' && toNumber(value) === undefined
    const isNumber = (type === 'long' || type === 'float') && typeof value === 'number'
    return isText || isNumber ? negate({ kind: 'equals', field, value }) : undefined
  }
  if ((type !== 'long' && type !== 'float') || typeof value !== 'number') return undefined
  const bound = ({ '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte' } as const)[op]
  return { kind: 'range', field, [bound]: value }
}

function textTest({ name, args }: Expression & { kind: 'call' }): Filter | undefined {
  const [column, text] = args
  if (column?.kind !== 'column' || text?.kind !== 'literal' || typeof text.value !== 'string') return undefined
  if (fieldType(column.name) !== 'keyword' || text.value === '') return undefined
  const literal = text.value.replace(/[\\*?]/g, '\\$&')
  const pattern = { contains: `*${literal}*`, startswith: `${literal}*`, endswith: `*${literal}` }[name as 'contains']
  return pattern === undefined ? undefined : { kind: 'wildcard', field: column.name, pattern }
}
