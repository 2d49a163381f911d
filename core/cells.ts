// Cells of a table, and the one order they have everywhere.

import type { Scalar } from './event.ts'
import { compareScalars } from './scalars.ts'

/** Null: the row has no value there. */
export type Cell = Scalar | null

/** Ascending: numbers, text by code points, booleans, null. */
export function compareCells(a: Cell, b: Cell): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  return compareScalars(a, b)
}

export interface SortKey {
  readonly column: number
  readonly descending: boolean
}

/** By the keys, null last either way. */
export function compareRows(keys: readonly SortKey[]): (a: readonly Cell[], b: readonly Cell[]) => number {
  return (a, b) => {
    for (const { column, descending } of keys) {
      const [x, y] = [a[column] ?? null, b[column] ?? null]
      const order = x === null || y === null || !descending ? compareCells(x, y) : compareCells(y, x)
      if (order !== 0) return order
    }
    return 0
  }
}
