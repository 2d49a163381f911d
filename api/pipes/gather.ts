// `stats` over rows, where the store could not do it: the same figures, the same order (core/measures.ts, core/cells.ts).

import { type Cell, compareRows } from '../../core/cells.ts'
import type { Scalar } from '../../core/event.ts'
import { MAX_GROUPS, numberReader, openGatherer, tooMany } from '../../core/measures.ts'
import { PairTable } from '../../core/pair-table.ts'
import type { GroupKey } from '../../core/query.ts'
import { toDateMs, toIso } from '../../core/scalars.ts'
import type { AggregateResult, Aggregation } from '../../core/store.ts'
import { templateOf } from '../../core/template.ts'
import { eachOf, firstOf, type Row } from './row.ts'

type Stats = Extract<Aggregation, { kind: 'stats' }>
const MAX_VALUES = 2_000_000

export class RowGatherer {
  readonly #stats: Stats
  readonly #figures
  readonly #tables: readonly PairTable[]
  /** By level and group: the group before and the id of the key's value. */
  readonly #parents: readonly number[][]
  readonly #ids: readonly number[][]
  readonly #values = new Map<Cell, number>([[null, 0]])
  readonly #cells: Cell[] = [null]
  #total = 0

  constructor(stats: Stats) {
    this.#stats = stats
    this.#tables = stats.by.map(() => new PairTable())
    this.#parents = stats.by.map(() => [])
    this.#ids = stats.by.map(() => [])
    this.#figures = stats.of.map((measure) => ({
      measure,
      gatherer: openGatherer(measure),
      read: numberReader(measure.field ?? ''),
    }))
  }

  add(row: Row): void {
    this.#total++
    let groups = [0]
    this.#stats.by.forEach((key, level) => {
      const values = valuesOf(row, key)
      const table = this.#tables[level] as PairTable
      groups = groups.flatMap((group) =>
        (values.length > 0 ? values : this.#stats.whole ? [] : [null]).map((value) => {
          const id = this.#idOf(value)
          const made = table.idOf(group, id)
          const parents = this.#parents[level] as number[]
          if (made === parents.length) {
            parents.push(group)
            this.#ids[level]?.push(id)
            if (made >= MAX_GROUPS) tooMany(`more than ${MAX_GROUPS} groups`)
          }
          return made
        }),
      )
    })
    for (const group of groups) this.#measure(row, group)
  }

  #measure(row: Row, group: number): void {
    for (const { measure, gatherer, read } of this.#figures) {
      if (measure.field === undefined) {
        gatherer.row(group)
        continue
      }
      const value = row.get(measure.field)
      if (value === null) continue
      gatherer.row(group)
      if (gatherer.wants === 'ids') for (const one of eachOf(value)) gatherer.id(group, this.#idOf(one))
      if (gatherer.wants === 'rows' || gatherer.wants === 'ids') continue
      for (const one of typeof value === 'object' ? value : [value]) {
        if (typeof one === 'boolean') continue
        const number = typeof one === 'number' ? one : read(one)
        if (number !== undefined) gatherer.number(group, number)
        else gatherer.text(group, one as string)
      }
    }
  }

  result(): Pick<AggregateResult, 'total' | 'rows' | 'groups'> {
    const { by, sort = [], limit } = this.#stats
    const count = by.length === 0 ? 1 : (this.#tables.at(-1) as PairTable).count
    const rows = Array.from({ length: count }, (_, group) => [
      ...this.#keysOf(group),
      ...this.#figures.map(({ gatherer }) => gatherer.result(group)),
    ])
    const order = compareRows([...sort, ...by.map((_key, column) => ({ column, descending: false }))])
    return { total: this.#total, rows: rows.sort(order).slice(0, limit), groups: count }
  }

  #keysOf(group: number): Cell[] {
    const out: Cell[] = []
    for (let level = this.#tables.length - 1; level >= 0; level--) {
      out.unshift(this.#cells[this.#ids[level]?.[group] as number] as Cell)
      group = this.#parents[level]?.[group] as number
    }
    return out
  }

  #idOf(value: Cell): number {
    let id = this.#values.get(value)
    if (id === undefined) {
      id = this.#cells.push(value) - 1
      this.#values.set(value, id)
      if (id > MAX_VALUES) tooMany(`more than ${MAX_VALUES} distinct values`)
    }
    return id
  }
}

function valuesOf(row: Row, key: GroupKey): readonly Scalar[] {
  if (key.kind === 'field') return eachOf(row.get(key.field))
  if (key.kind === 'pattern') {
    const text = firstOf(row.get(key.field))
    return text === null ? [] : [templateOf(String(text))]
  }
  const cell = firstOf(row.get('@timestamp'))
  const ms = cell === null ? undefined : toDateMs(cell)
  return ms === undefined ? [] : [toIso(Math.floor(ms / key.intervalMs) * key.intervalMs)]
}
