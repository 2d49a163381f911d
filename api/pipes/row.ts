// What goes from stage to stage: an event with what eval added, or a row of a table.

import type { Cell } from '../../core/cells.ts'
import { type EcsEvent, type EcsValue, getPath, type Scalar, setPath } from '../../core/event.ts'
import type { Hit } from '../../core/store.ts'

/** A cell, or several values of an event's field. */
export type Value = Cell | readonly Scalar[]

export class Row {
  readonly hit: Hit | undefined
  readonly #made: Map<string, Value>

  constructor(hit: Hit | undefined, made: Map<string, Value> = new Map()) {
    this.hit = hit
    this.#made = made
  }

  static of(columns: readonly string[], cells: readonly Value[]): Row {
    return new Row(undefined, new Map(columns.map((column, i) => [column, cells[i] ?? null])))
  }

  get(column: string): Value {
    const made = this.#made.get(column)
    if (made !== undefined) return made
    return this.hit ? scalarsOf(getPath(this.hit.event, column)) : null
  }

  /** A row of its own: the one before stays as it is. */
  with(column: string, value: Value): Row {
    return new Row(this.hit, new Map(this.#made).set(column, value))
  }

  /** The event with what was added. */
  toHit(): Hit {
    const hit = this.hit as Hit
    if (this.#made.size === 0) return hit
    const event = structuredClone(hit.event) as EcsEvent
    for (const [column, value] of this.#made) if (value !== null) setPath(event, column, value as EcsValue)
    return { ...hit, event }
  }
}

function scalarsOf(value: EcsValue): Value {
  if (value === undefined || value === null) return null
  if (typeof value !== 'object') return value
  if (!Array.isArray(value)) return null
  const scalars = value
    .flat(8)
    .filter((one) => one !== null && one !== undefined && typeof one !== 'object') as Scalar[]
  return scalars.length === 0 ? null : scalars.length === 1 ? (scalars[0] as Scalar) : scalars
}

/** The distinct values of a cell, none for null. */
export function eachOf(value: Value): readonly Scalar[] {
  if (value === null) return []
  return typeof value === 'object' ? [...new Set(value)] : [value]
}

/** The first value, for whatever takes one. */
export function firstOf(value: Value): Cell {
  return value !== null && typeof value === 'object' ? (value[0] as Scalar) : value
}
