// What a query means, the simplest way: everything in arrays, one stage after the other. Written from core/query.ts alone;
// shares no code with the store's or the API's execution.

import { ecsFieldTypes } from '../../core/ecs-fields.ts'
import type { EcsEvent, EcsValue, Scalar } from '../../core/event.ts'
import type { Expression, GroupKey, Measure, Pipe } from '../../core/query.ts'
import { templateOf } from '../../core/template.ts'

type Cell = Scalar | null
type Many = readonly Scalar[]
export interface OracleRow {
  readonly id?: string
  readonly cells: ReadonlyMap<string, Many>
}

/** An event's fields, `@timestamp` as given. */
export function rowOf(id: string, timestamp: string, event: EcsEvent): OracleRow {
  const cells = new Map<string, Many>([['@timestamp', [timestamp]]])
  const walk = (value: EcsValue, path: string): void => {
    if (value === null || value === undefined) return
    if (Array.isArray(value)) for (const one of value) walk(one, path)
    else if (typeof value === 'object') for (const [k, v] of Object.entries(value)) walk(v, path ? `${path}.${k}` : k)
    else cells.set(path, [...(cells.get(path) ?? []), value])
  }
  walk(event, '')
  return { id, cells }
}

const all = (row: OracleRow, name: string): Many => row.cells.get(name) ?? []
const first = (row: OracleRow, name: string): Cell => all(row, name)[0] ?? null

const asNumber = (value: Cell): number | undefined => {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value)) return undefined
  return Number.isFinite(Number(value)) ? Number(value) : undefined
}
const byCodePoint = (a: string, b: string): number => {
  const [x, y] = [[...a], [...b]]
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const order = (x[i]?.codePointAt(0) ?? 0) - (y[i]?.codePointAt(0) ?? 0)
    if (order !== 0) return order
  }
  return x.length - y.length
}
const kindOf = (value: Cell) => (value === null ? 3 : typeof value === 'number' ? 0 : typeof value === 'string' ? 1 : 2)
const inOrder = (a: Cell, b: Cell): number => {
  if (kindOf(a) !== kindOf(b)) return kindOf(a) - kindOf(b)
  if (typeof a === 'string') return byCodePoint(a, b as string)
  return Number(a) - Number(b)
}
const sorted = <T>(rows: readonly T[], by: readonly { get: (row: T) => Cell; descending: boolean }[]): T[] =>
  [...rows].sort((a, b) => {
    for (const { get, descending } of by) {
      const [x, y] = [get(a), get(b)]
      if (x === null || y === null) {
        if (x !== y) return x === null ? 1 : -1
      } else if (inOrder(x, y) !== 0) return descending ? -inOrder(x, y) : inOrder(x, y)
    }
    return 0
  })

/** Columns of the answer (undefined: events) and its rows. `percentileSlack` is how far p… may be off. */
export function runOracle(
  rows: readonly OracleRow[],
  pipes: readonly Pipe[],
  intervalMs: number,
): { columns: readonly string[] | undefined; rows: OracleRow[] } {
  let out = [...rows]
  let columns: string[] | undefined
  for (const pipe of pipes) {
    switch (pipe.kind) {
      case 'head':
        out = out.slice(0, pipe.count)
        break
      case 'where':
        out = out.filter((row) => evaluate(pipe.condition, row)[0] === true)
        break
      case 'eval':
        out = out.map((row) => {
          const value = evaluate(pipe.value, row)
          const cells = new Map(row.cells)
          // What has no value leaves an event's field as it was in the answer, but nothing to later stages.
          cells.set(pipe.column, value)
          return { ...row, cells }
        })
        if (columns && !columns.includes(pipe.column)) columns.push(pipe.column)
        break
      case 'fields':
        columns = [...pipe.columns]
        out = out.map((row) => ({ cells: new Map(pipe.columns.map((name) => [name, all(row, name)])) }))
        break
      case 'dedup': {
        const seen = new Set<string>()
        out = out.filter((row) => {
          const key = JSON.stringify(pipe.columns.map((name) => all(row, name)))
          if (seen.has(key)) return false
          seen.add(key)
          return true
        })
        break
      }
      case 'sort':
        out = sorted(
          out,
          pipe.by.map(({ column, descending }) => ({ get: (row) => first(row, column), descending })),
        )
        break
      case 'stats':
        ;({ columns, rows: out } = stats(out, pipe.of, pipe.by, false))
        break
      case 'timechart': {
        const by: GroupKey[] = [{ kind: 'bin', intervalMs: pipe.intervalMs ?? intervalMs }]
        if (pipe.by !== undefined) by.push({ kind: 'field', field: pipe.by })
        ;({ columns, rows: out } = stats(out, pipe.of, by, false))
        break
      }
      case 'top':
      case 'rare': {
        const total = out.length
        const by = pipe.fields.map((field): GroupKey => ({ kind: 'field', field }))
        out = stats(out, [{ name: 'count', as: 'count' }], by, true).rows
        out = sorted(out, [{ get: (row) => first(row, 'count'), descending: pipe.kind === 'top' }])
        out = withPercent(out.slice(0, pipe.count), total)
        columns = [...pipe.fields, 'count', 'percent']
        break
      }
      case 'patterns': {
        const total = out.length
        const of: Measure[] = [
          { name: 'count', as: 'count' },
          { name: 'min', field: '@timestamp', as: 'first' },
          { name: 'max', field: '@timestamp', as: 'last' },
        ]
        out = stats(out, of, [{ kind: 'pattern', field: 'message' }], true).rows
        out = sorted(out, [{ get: (row) => first(row, 'count'), descending: true }])
        out = withPercent(out.slice(0, pipe.count), total)
        columns = ['pattern', 'count', 'percent', 'first', 'last']
        break
      }
      default:
        throw new Error(`the oracle knows no ${pipe.kind}`)
    }
  }
  return { columns, rows: out }
}

function withPercent(rows: readonly OracleRow[], total: number): OracleRow[] {
  return rows.map((row) => {
    const percent = Math.round((Number(first(row, 'count')) / total) * 10_000) / 100
    return { cells: new Map([...row.cells, ['percent', [percent]]]) }
  })
}

const distinct = (values: Many): Many => values.filter((value, i) => values.indexOf(value) === i)

function keysOf(row: OracleRow, key: GroupKey): Many {
  if (key.kind === 'field') return distinct(all(row, key.field))
  if (key.kind === 'pattern')
    return all(row, key.field)
      .slice(0, 1)
      .map((text) => templateOf(String(text)))
  const text = first(row, '@timestamp')
  if (typeof text !== 'string') return []
  const ms = Date.parse(text)
  return [new Date(ms - (((ms % key.intervalMs) + key.intervalMs) % key.intervalMs)).toISOString()]
}

function stats(rows: readonly OracleRow[], of: readonly Measure[], by: readonly GroupKey[], whole: boolean) {
  const names = by.map((key) => (key.kind === 'bin' ? '@timestamp' : key.kind === 'pattern' ? 'pattern' : key.field))
  const groups = new Map<string, { keys: Cell[]; rows: OracleRow[] }>()
  if (by.length === 0) groups.set('[]', { keys: [], rows: [] })
  for (const row of rows) {
    let all: Cell[][] = [[]]
    for (const key of by) {
      const values = keysOf(row, key)
      const wanted: readonly Cell[] = values.length > 0 ? values : whole ? [] : [null]
      all = all.flatMap((keys) => wanted.map((value) => [...keys, value]))
    }
    for (const keys of all) {
      const name = JSON.stringify(keys)
      const group = groups.get(name) ?? { keys, rows: [] }
      groups.set(name, group)
      group.rows.push(row)
    }
  }
  const made = [...groups.values()].map(({ keys, rows: own }) => {
    const cells = new Map<string, Many>()
    names.forEach((name, i) => {
      cells.set(name, keys[i] === null || keys[i] === undefined ? [] : [keys[i] as Scalar])
    })
    for (const measure of of) {
      const value = figure(measure, own)
      cells.set(measure.as, value === null ? [] : [value])
    }
    return { cells }
  })
  const order = names.map((name) => ({ get: (row: OracleRow) => first(row, name), descending: false }))
  return { columns: [...names, ...of.map((measure) => measure.as)], rows: sorted(made, order) as OracleRow[] }
}

function figure({ name, field }: Measure, rows: readonly OracleRow[]): Cell {
  if (field === undefined) return rows.length
  if (name === 'count') return rows.filter((row) => all(row, field).length > 0).length
  const values = rows.flatMap((row) => all(row, field))
  if (name === 'dc') return distinct(values).length
  const date = ecsFieldTypes.get(field) === 'date'
  const read = (value: Scalar) =>
    date ? (typeof value === 'string' && /^\d{4}-/.test(value) ? Date.parse(value) : undefined) : asNumber(value)
  const numbers = values.map(read).filter((n) => n !== undefined && !Number.isNaN(n)) as number[]
  if (name === 'min' || name === 'max') {
    const ends = numbers.sort((a, b) => a - b)
    if (ends.length > 0) {
      const end = (name === 'min' ? ends[0] : ends.at(-1)) as number
      return date ? new Date(end).toISOString() : end
    }
    const texts = values.filter((value) => typeof value === 'string').sort(byCodePoint)
    return (name === 'min' ? texts[0] : texts.at(-1)) ?? null
  }
  if (numbers.length === 0) return null
  const sum = numbers.reduce((a, b) => a + b, 0)
  if (name === 'sum') return sum
  if (name === 'avg') return sum / numbers.length
  numbers.sort((a, b) => a - b)
  return numbers[Math.ceil((Number(name.slice(1)) / 100) * numbers.length) - 1] ?? null
}

const places = {
  contains: (value: string, part: string) => value.indexOf(part) >= 0,
  startswith: (value: string, part: string) => value.slice(0, part.length) === part,
  endswith: (value: string, part: string) =>
    value.length >= part.length && value.slice(value.length - part.length) === part,
}

/** Several values, or none. */
function evaluate(e: Expression, row: OracleRow): Many {
  const one = (of: Expression): Cell => evaluate(of, row)[0] ?? null
  const is = (value: Cell): Many => (value === null ? [] : [value])
  switch (e.kind) {
    case 'literal':
      return is(e.value)
    case 'column':
      return all(row, e.name)
    case 'not':
      return [one(e.of) !== true]
    case 'and':
      return [e.of.every((part) => one(part) === true)]
    case 'or':
      return [e.of.some((part) => one(part) === true)]
    case 'negate': {
      const n = asNumber(one(e.of))
      return n === undefined ? [] : [0 - n]
    }
    case 'math': {
      const [a, b] = [asNumber(one(e.left)), asNumber(one(e.right))]
      if (a === undefined || b === undefined) return []
      const value = { '+': a + b, '-': a - b, '*': a * b, '/': a / b, '%': a % b }[e.op]
      return Number.isFinite(value) ? [value === 0 ? 0 : value] : []
    }
    case 'compare': {
      const [left, right] = [evaluate(e.left, row), evaluate(e.right, row)]
      const none = left.length === 0 || right.length === 0
      if (e.op === '=' && none) return [left.length === right.length]
      if (e.op === '!=' && none) return [left.length !== right.length]
      const orders = left.flatMap((a) =>
        right.map((b) => {
          const [x, y] = [asNumber(a), asNumber(b)]
          if ((x === undefined) !== (y === undefined)) return Number.NaN
          return x !== undefined && y !== undefined ? x - y : byCodePoint(String(a), String(b))
        }),
      )
      if (e.op === '!=') return [!orders.includes(0)]
      const test = { '=': (o: number) => o === 0, '<': (o: number) => o < 0, '<=': (o: number) => o <= 0 }
      const more = { '>': (o: number) => o > 0, '>=': (o: number) => o >= 0 }
      return [orders.some({ ...test, ...more }[e.op])]
    }
    case 'call': {
      const text = one(e.args[0] as Expression)
      const n = asNumber(text)
      if (e.name === 'upper') return text === null ? [] : [String(text).toUpperCase()]
      if (e.name === 'len') return text === null ? [] : [[...String(text)].length]
      if (e.name === 'floor') return n === undefined ? [] : [Math.floor(n) + 0]
      if (e.name === 'coalesce') return e.args.map((arg) => evaluate(arg, row)).find((v) => v.length > 0) ?? []
      if (e.name === 'if') return evaluate((text === true ? e.args[1] : e.args[2]) as Expression, row)
      if (e.name === 'contains' || e.name === 'startswith' || e.name === 'endswith') {
        const wanted = one(e.args[1] as Expression)
        const given = evaluate(e.args[0] as Expression, row)
        return [wanted !== null && given.some((value) => places[e.name as 'contains'](String(value), String(wanted)))]
      }
      throw new Error(`the oracle knows no ${e.name}`)
    }
  }
}
