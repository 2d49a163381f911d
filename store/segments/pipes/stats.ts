// `stats` over the rows that match: rows become groups of small numbers, key by key, and figures are columns of numbers.
//
//   rows of a block   [ 0  2  5  5 ]     a row with two values of a key stands there twice
//   key user.name     [ 4  6  4  8 ]     ids of key-columns.ts
//   key bin(5m)       [ 1  1  1  1 ]
//   groups            [ 0  1  0  2 ]     the id of the pair (group so far, id)

import { type Cell, compareRows, type SortKey } from '../../../core/cells.ts'
import { type Gatherer, MAX_GROUPS, openGatherer, tooMany } from '../../../core/measures.ts'
import { PairTable } from '../../../core/pair-table.ts'
import type { Measure } from '../../../core/query.ts'
import type { AggregateResult, Aggregation } from '../../../core/store.ts'
import { eachBlock, type Selected } from '../aggregate.ts'
import type { QueryContext } from '../plan.ts'
import { BlockValues, presentRows } from './block-values.ts'
import { FieldIds, type KeyColumn, openKeyColumn, type RowIds } from './key-columns.ts'

type Stats = Extract<Aggregation, { kind: 'stats' }>

export async function runStats(context: QueryContext, stats: Stats): Promise<Omit<AggregateResult, 'tookMs'>> {
  const grouping = new Grouping(stats)
  const figures = stats.of.map((measure) => openFigure(measure))
  let total = 0
  // `count()` over whole segments needs no rows.
  const whole = stats.by.length === 0 && stats.of.every(({ name, field }) => name === 'count' && field === undefined)
  if (whole) {
    await eachBlock(context, true, ({ count }) => {
      total += count
    })
    return { total, rows: [stats.of.map(() => total)], groups: 1 }
  }
  await eachBlock(context, false, (selected) => {
    total += selected.count
    const placed = grouping.place(selected)
    for (const figure of figures) figure(selected, placed)
  })
  const count = stats.by.length === 0 ? 1 : grouping.count
  return {
    total,
    rows: chosen(
      stats,
      grouping,
      figures.map(({ gatherer }) => gatherer),
      count,
    ),
    groups: count,
  }
}

/** Rows ascending, each beside its group. */
interface Placed {
  readonly rows: Int32Array
  readonly groups: Int32Array
  readonly length: number
}

/** A level of the groups: which pair of (group so far, id) each of its groups is. */
interface Key {
  readonly column: KeyColumn
  readonly table: PairTable
  readonly parents: number[]
  readonly ids: number[]
}

class Grouping {
  readonly #whole: boolean
  readonly #keys: readonly Key[]

  constructor({ by, whole }: Stats) {
    this.#whole = whole === true
    this.#keys = by.map((key) => ({ column: openKeyColumn(key), table: new PairTable(), parents: [], ids: [] }))
  }

  get count(): number {
    return this.#keys.at(-1)?.table.count ?? 0
  }

  place(selected: Selected): Placed {
    let rows = new Int32Array(selected.count)
    for (let i = 0, at = 0; i < selected.n; i++) if (selected.rows[i] === 1) rows[at++] = i
    let groups = new Int32Array(rows.length)
    let length = rows.length
    for (const { column, table, parents, ids } of this.#keys) {
      const found = column.ids(selected)
      if (found.more || this.#whole) {
        const expanded = expand(rows, groups, length, found, this.#whole)
        rows = expanded.rows
        groups = expanded.groups
        length = rows.length
        this.#pair(table, parents, ids, groups, expanded.ids, length)
      } else {
        const own = new Int32Array(length)
        for (let i = 0; i < length; i++) own[i] = found.first[rows[i] as number] as number
        this.#pair(table, parents, ids, groups, own, length)
      }
    }
    return { rows, groups, length }
  }

  #pair(table: PairTable, parents: number[], ids: number[], groups: Int32Array, own: Int32Array, length: number): void {
    let [lastGroup, lastId, last] = [-1, -1, -1]
    for (let i = 0; i < length; i++) {
      const group = groups[i] as number
      const id = own[i] as number
      if (group !== lastGroup || id !== lastId) {
        last = table.idOf(group, id)
        if (last === parents.length) {
          parents.push(group)
          ids.push(id)
          if (last >= MAX_GROUPS) tooMany(`more than ${MAX_GROUPS} groups`)
        }
        lastGroup = group
        lastId = id
      }
      groups[i] = last
    }
  }

  keysOf(group: number): Cell[] {
    const out: Cell[] = new Array(this.#keys.length)
    for (let k = this.#keys.length - 1; k >= 0; k--) {
      const { column, parents, ids } = this.#keys[k] as Key
      out[k] = column.value(ids[group] as number)
      group = parents[group] as number
    }
    return out
  }
}

/** A row for each of its values; with `whole` none for a row without. */
function expand(rows: Int32Array, groups: Int32Array, length: number, { first, more }: RowIds, whole: boolean) {
  let size = 0
  for (let i = 0; i < length; i++) {
    const row = rows[i] as number
    if (first[row] !== 0 || !whole) size += more?.get(row)?.length ?? 1
  }
  const out = { rows: new Int32Array(size), groups: new Int32Array(size), ids: new Int32Array(size) }
  let at = 0
  for (let i = 0; i < length; i++) {
    const row = rows[i] as number
    if (first[row] === 0 && whole) continue
    for (const id of more?.get(row) ?? [first[row] as number]) {
      out.rows[at] = row
      out.groups[at] = groups[i] as number
      out.ids[at++] = id
    }
  }
  return out
}

type Gather = (selected: Selected, placed: Placed) => void
type Figure = Gather & { gatherer: Gatherer }

function openFigure(measure: Measure): Figure {
  const gatherer = openGatherer(measure)
  return Object.assign(gather(measure, gatherer), { gatherer })
}

function gather({ field }: Measure, gatherer: Gatherer): (selected: Selected, placed: Placed) => void {
  if (field === undefined) {
    return (_selected, { groups, length }) => {
      for (let i = 0; i < length; i++) gatherer.row(groups[i] as number)
    }
  }
  if (gatherer.wants === 'rows') {
    return (selected, { rows, groups, length }) => {
      const present = presentRows(selected, field)
      for (let i = 0; i < length; i++) if (present[rows[i] as number] === 1) gatherer.row(groups[i] as number)
    }
  }
  if (gatherer.wants === 'ids') {
    const values = new FieldIds(field)
    return (selected, { rows, groups, length }) => {
      const { first, more } = values.ids(selected)
      for (let i = 0; i < length; i++) {
        const row = rows[i] as number
        const id = first[row] as number
        if (id === 0) continue
        const all = more?.get(row)
        if (all) for (const one of all) gatherer.id(groups[i] as number, one)
        else gatherer.id(groups[i] as number, id)
      }
    }
  }
  const values = new BlockValues(field)
  const texts = gatherer.wants === 'values'
  return (selected, placed) => {
    const number = inGroups(placed, (group, value: number) => gatherer.number(group, value))
    const text = texts ? inGroups(placed, (group, value: string) => gatherer.text(group, value)) : undefined
    values.each(selected, number, text)
  }
}

/** A visitor of rows ascending becomes one of their groups. */
function inGroups<T>(
  { rows, groups, length }: Placed,
  visit: (group: number, value: T) => void,
): (row: number, value: T) => void {
  let at = 0
  let last = -1
  return (row, value) => {
    if (row < last) at = 0 // another column of the field begins
    last = row
    while (at < length && (rows[at] as number) < row) at++
    for (let i = at; i < length && rows[i] === row; i++) visit(groups[i] as number, value)
  }
}

/** The wanted groups in order. Where a figure alone decides who can be among them, only those are made. */
function chosen(stats: Stats, grouping: Grouping, figures: readonly Gatherer[], count: number): Cell[][] {
  const { by, sort = [], limit } = stats
  const width = by.length
  const keys: SortKey[] = [...sort, ...by.map((_key, column) => ({ column, descending: false }))]
  let groups: Iterable<number> = Array.from({ length: count }, (_, group) => group)
  const [main] = sort
  if (main && main.column >= width && limit > 0 && limit < count) {
    const figure = figures[main.column - width] as Gatherer
    const sign = main.descending ? -1 : 1
    const values = new Float64Array(count)
    let numbers = true
    for (let group = 0; group < count; group++) {
      const value = figure.result(group)
      if (typeof value === 'string') numbers = false
      values[group] = typeof value === 'number' ? sign * value : Number.POSITIVE_INFINITY
    }
    if (numbers) {
      const edge = values.slice().sort()[limit - 1] as number
      groups = [...groups].filter((group) => (values[group] as number) <= edge)
    }
  }
  const rows: Cell[][] = []
  for (const group of groups) {
    rows.push([...(width > 0 ? grouping.keysOf(group) : []), ...figures.map((figure) => figure.result(group))])
  }
  return rows.sort(compareRows(keys)).slice(0, limit)
}
