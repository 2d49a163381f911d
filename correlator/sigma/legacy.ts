// Conditions of before Sigma 2: `selection | count(field) by group > 10` and `a | near b and not c`, with `timeframe`.
// They are read as the correlation they always meant.

import { SigmaProblem } from './problem.ts'
import type { Bound, CorrelationType } from './types.ts'

export interface LegacyAggregation {
  /** What stands before the pipe. */
  readonly condition: string
  readonly type: CorrelationType
  readonly fields: readonly string[]
  readonly groupBy: readonly string[]
  readonly bounds: readonly Bound[]
  /** `near`: selections that must (not) be seen as well. */
  readonly near: readonly { readonly selection: string; readonly negated: boolean }[]
}

const ops = { '>': 'gt', '>=': 'gte', '<': 'lt', '<=': 'lte', '=': 'eq', '==': 'eq' } as const
const types: Record<string, CorrelationType> = { sum: 'value_sum', avg: 'value_avg' }
const aggregation =
  /^(count|sum|avg|min|max)\s*\(\s*([^()\s]*)\s*\)(?:\s+by\s+([^<>=]+?))?\s*(>=|<=|==|>|<|=)\s*(\d+(?:\.\d+)?)$/i

/** @returns undefined when the condition has no pipe */
export function parseLegacy(text: string, path: readonly (string | number)[]): LegacyAggregation | undefined {
  const bar = text.indexOf('|')
  if (bar < 0) return undefined
  const fail = (reason: string): never => {
    throw new SigmaProblem(`condition '${text}': ${reason}`, path)
  }
  const condition = text.slice(0, bar).trim()
  const after = text.slice(bar + 1).trim()
  if (condition === '') fail('nothing stands before the pipe')
  const near = /^near\s+(.+)$/is.exec(after)
  if (near) {
    const wanted = (near[1] as string).split(/\s+and\s+/i).map((part) => {
      const negated = /^not\s+/i.test(part)
      const selection = part.replace(/^not\s+/i, '').trim()
      if (!/^[^\s()|]+$/.test(selection)) fail(`'near' takes selections joined by 'and', with 'not' before one`)
      return { selection, negated }
    })
    return { condition, type: 'temporal', fields: [], groupBy: [], bounds: [], near: wanted }
  }
  const found = aggregation.exec(after)
  if (!found) return fail(`'${after}' is no aggregation that is known`)
  const [, fn = '', field = '', by = '', op = '', value = ''] = found
  const kind = fn.toLowerCase()
  if (kind === 'min' || kind === 'max') fail(`'${kind}' has no correlation of the same meaning`)
  if (kind !== 'count' && field === '') fail(`'${kind}' wants a field`)
  return {
    condition,
    type: types[kind] ?? (field === '' ? 'event_count' : 'value_count'),
    fields: field === '' ? [] : [field],
    groupBy: by
      .split(',')
      .map((one) => one.trim())
      .filter(Boolean),
    bounds: [{ op: ops[op as keyof typeof ops], value: Number(value) }],
    near: [],
  }
}

const units: Record<string, number> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  // A mean Gregorian month and year, 365.2425 days: as the reference implementation counts them.
  M: 2_629_746_000,
  y: 31_556_952_000,
}

/** `90m` -> ms; undefined when it is no time span. */
export function parseTimespan(node: unknown): number | undefined {
  const found = typeof node === 'string' ? /^(\d{1,9})\s*([smhdwMy])$/.exec(node.trim()) : null
  const ms = found ? Number(found[1]) * (units[found[2] as string] as number) : 0
  return ms > 0 ? ms : undefined
}
