// Numbers as rules compare them.

import type { FieldValue } from './event-access.ts'
import type { CompareOp } from './types.ts'

export function compareNumbers(op: CompareOp, a: number, b: number): boolean {
  if (op === 'lt') return a < b
  if (op === 'lte') return a <= b
  if (op === 'gt') return a > b
  return op === 'gte' ? a >= b : a === b
}

/** Numbers, and texts that are written as decimal ones: Windows events carry all values as text. */
export function numberOf(value: FieldValue): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || value.length > 40) return undefined
  return /^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?\s*$/.test(value) ? Number(value) : undefined
}
