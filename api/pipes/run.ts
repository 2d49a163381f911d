// Runs a plan: rows in pages from stage to stage, pulled from the end, so that `head` stops the store's work too.

import { setImmediate } from 'node:timers/promises'
import { compareCells } from '../../core/cells.ts'
import { tooMany } from '../../core/measures.ts'
import type { Filter, Pipe, TimeRange } from '../../core/query.ts'
import type { AggregateResult, EventStore } from '../../core/store.ts'
import { compareHits, neighbours } from '../neighbours.ts'
import { compileExpression } from './expression.ts'
import { RowGatherer } from './gather.ts'
import { demand, type Gathering, MAX_ROWS, type Plan, type Step } from './plan.ts'
import { firstOf, Row } from './row.ts'

/** Events read from the store at a time: few at first, so that the first ones come soon, then a block of them. */
const FIRST_PAGE = 1000
const NEXT_PAGE = 4096
/** Rows of a table handed on at a time. */
const PAGE = 1000
/** Combinations of values that dedup remembers. */
const MAX_DEDUP = 200_000
/** Events whose surroundings are read. */
const MAX_CONTEXT_EVENTS = 200

type Rows = AsyncGenerator<Row[], void, undefined>

export interface RunOptions {
  readonly store: EventStore
  readonly range: TimeRange
  readonly plan: Plan
  readonly signal: AbortSignal
  /** Rows the caller takes; Infinity for all. */
  readonly limit: number
  readonly order?: 'desc' | 'asc'
  /** What the asking user may see at all: surroundings are read beside the filter. */
  readonly restriction?: Filter
  /** Told what each step gave: for explain. */
  readonly trace?: (step: number, rows: number) => void
  /** Told the store's work. */
  readonly worked?: (stats: { segments: number; pruned: number; rows: number }) => void
}

/** @throws QUERY_INVALID where more would have to be held than may */
export function runPlan(options: RunOptions): Rows {
  const { plan, trace } = options
  const [first, ...others] = plan.steps
  const pushed = first && 'gather' in first
  let rows = pushed ? storeGathers(options, first.gather) : storeEvents(options, demand(plan.steps, options.limit))
  const steps = pushed ? others : plan.steps
  if (trace) rows = counted(rows, (n) => trace(0, n))
  steps.forEach((step, i) => {
    rows = run(step, rows, options, demand(steps.slice(i + 1), options.limit))
    if (trace) rows = counted(rows, (n) => trace(i + 1, n))
  })
  return rows
}

async function* counted(rows: Rows, tell: (rows: number) => void): Rows {
  tell(0)
  for await (const page of rows) {
    tell(page.length)
    yield page
  }
}

async function* storeEvents({ store, plan, range, signal, order, worked }: RunOptions, needed: number): Rows {
  const { filter } = plan
  let cursor: string | undefined
  let left = needed
  let size = FIRST_PAGE
  do {
    const limit = Math.min(size, left)
    size = NEXT_PAGE
    if (limit <= 0) return
    const page = await store.search({ filter, range, limit, cursor, ...(order && { order }) }, signal)
    worked?.(page.stats)
    left -= page.hits.length
    cursor = page.cursor
    yield page.hits.map((hit) => new Row(hit))
  } while (cursor !== undefined)
}

async function* storeGathers({ store, plan, range, signal, worked }: RunOptions, gathering: Gathering): Rows {
  const { filter } = plan
  const result = await store.aggregate({ filter, range, aggregation: gathering.aggregation }, signal)
  if (result.stats) worked?.(result.stats)
  yield* gatheredRows(gathering, result, signal)
}

async function* gatheredRows(gathering: Gathering, result: AggregateResult | Found, signal: AbortSignal): Rows {
  const { rows = [], groups = rows.length, total } = result
  const { aggregation, columns, exact, percentAfter } = gathering
  if (exact && groups > aggregation.limit) {
    tooMany(`${groups} groups, and ${aggregation.limit} fit in a table; put '| sort … | head 1000' behind`)
  }
  for (let at = 0; at < rows.length; at += PAGE) {
    yield rows.slice(at, at + PAGE).map((cells) => {
      if (percentAfter === undefined) return Row.of(columns, cells)
      const percent = total === 0 ? 0 : Math.round(((cells[percentAfter] as number) / total) * 1e4) / 100
      return Row.of(columns, [...cells.slice(0, percentAfter + 1), percent, ...cells.slice(percentAfter + 1)])
    })
    await setImmediate()
    signal.throwIfAborted()
  }
}

type Found = Pick<AggregateResult, 'total' | 'rows' | 'groups'>

async function* gatherRows(rows: Rows, gathering: Gathering, signal: AbortSignal): Rows {
  const gatherer = new RowGatherer(gathering.aggregation)
  for await (const page of rows) {
    for (const row of page) gatherer.add(row)
    signal.throwIfAborted()
  }
  yield* gatheredRows(gathering, gatherer.result(), signal)
}

function run(step: Step, rows: Rows, options: RunOptions, needed: number): Rows {
  if ('gather' in step) return gatherRows(rows, step.gather, options.signal)
  const { pipe } = step
  switch (pipe.kind) {
    case 'where': {
      const test = compileExpression(pipe.condition)
      return eachPage(rows, (page) => page.filter((row) => test(row) === true))
    }
    case 'eval': {
      const value = compileExpression(pipe.value)
      return eachPage(rows, (page) => page.map((row) => row.with(pipe.column, value(row))))
    }
    case 'fields': {
      const { columns } = pipe
      const cut = (row: Row) =>
        Row.of(
          columns,
          columns.map((column) => row.get(column)),
        )
      return eachPage(rows, (page) => page.map(cut))
    }
    case 'head':
      return takeRows(rows, pipe.count)
    case 'dedup':
      return dedupRows(rows, pipe.columns)
    case 'sort':
      return sortRows(rows, pipe, needed)
    case 'context':
      return contextRows(rows, pipe.count, options)
  }
}

async function* eachPage(rows: Rows, change: (page: Row[]) => Row[]): Rows {
  for await (const page of rows) yield change(page)
}

export async function* takeRows(rows: Rows, count: number): Rows {
  let left = count
  if (left <= 0) return
  for await (const page of rows) {
    yield page.length <= left ? page : page.slice(0, left)
    left -= page.length
    if (left <= 0) return
  }
}

async function* dedupRows(rows: Rows, columns: readonly string[]): Rows {
  const seen = new Set<string>()
  for await (const page of rows) {
    yield page.filter((row) => {
      const key = JSON.stringify(columns.map((column) => row.get(column)))
      if (seen.has(key)) return false
      seen.add(key)
      if (seen.size > MAX_DEDUP) tooMany(`dedup holds more than ${MAX_DEDUP} combinations`)
      return true
    })
  }
}

async function* sortRows(rows: Rows, { by }: Pipe & { kind: 'sort' }, needed: number): Rows {
  const order = (a: Keyed, b: Keyed) => {
    for (const [i, { descending }] of by.entries()) {
      const [x, y] = [a.keys[i] ?? null, b.keys[i] ?? null]
      const sign = x === null || y === null || !descending ? compareCells(x, y) : compareCells(y, x)
      if (sign !== 0) return sign
    }
    return a.place - b.place // as they came
  }
  let held: Keyed[] = []
  let place = 0
  for await (const page of rows) {
    for (const row of page) held.push({ row, keys: by.map(({ column }) => firstOf(row.get(column))), place: place++ })
    if (needed <= MAX_ROWS && held.length >= needed * 2 + PAGE) held = held.sort(order).slice(0, needed)
    else if (needed > MAX_ROWS && held.length > MAX_ROWS) {
      tooMany(`sort holds ${MAX_ROWS} rows at most; put '| head 1000' behind it`)
    }
  }
  held.sort(order)
  const wanted = Math.min(needed, held.length)
  for (let at = 0; at < wanted; at += PAGE) yield held.slice(at, Math.min(at + PAGE, wanted)).map(({ row }) => row)
}

interface Keyed {
  readonly row: Row
  readonly keys: readonly ReturnType<typeof firstOf>[]
  readonly place: number
}

/** Newest first; `haetae.context` says what found an event. */
async function* contextRows(rows: Rows, count: number, { store, signal, restriction }: RunOptions): Rows {
  const found = new Map<string, Row>()
  let events = 0
  for await (const page of rows) {
    for (const row of page) {
      const { hit } = row
      if (!hit) continue
      if (++events > MAX_CONTEXT_EVENTS) {
        tooMany(`context reads the surroundings of ${MAX_CONTEXT_EVENTS} events at most; put '| head 20' before it`)
      }
      for (const [order, what] of [
        ['desc', 'before'],
        ['asc', 'after'],
      ] as const) {
        for (const other of await neighbours(store, hit, count, order, signal, restriction)) {
          if (!found.has(other.id)) found.set(other.id, new Row(other).with('haetae.context', what))
        }
      }
      found.set(hit.id, row.with('haetae.context', 'match'))
    }
  }
  type Held = NonNullable<Row['hit']>
  yield [...found.values()].sort((a, b) => compareHits(b.hit as Held, a.hit as Held))
}
