// How a query is run: the filter and, where the first stage gathers, that stage go to the store; what is left runs over
// rows, one after the other, holding no more than it must.

import {
  type Filter,
  type GroupKey,
  keyName,
  type Measure,
  matchAll,
  type Pipe,
  type TimeRange,
} from '../../core/query.ts'
import type { Aggregation } from '../../core/store.ts'
import { roundInterval } from '../wire.ts'
import { pushConditions } from './push.ts'

/** Rows of a table a query may make in the middle; what is ordered and cut may come from more. */
export const MAX_ROWS = 50_000
const CHART_BARS = 60

/** A stage that gathers: what is asked of the store, or of rows, and how its answer becomes rows. */
export interface Gathering {
  readonly aggregation: Extract<Aggregation, { kind: 'stats' }>
  readonly columns: readonly string[]
  /** Adds `percent` of all events or rows, after the column of this place. */
  readonly percentAfter?: number
  /** More groups than the limit is an error: nothing said which of them are wanted. */
  readonly exact: boolean
  /** Stages it stands for. */
  readonly stages: readonly Pipe[]
}

export type Step = { readonly gather: Gathering } | { readonly pipe: Exclude<Pipe, { kind: GatheringKind }> }
type GatheringKind = 'stats' | 'timechart' | 'top' | 'rare' | 'patterns'

export interface Plan {
  /** What is asked of the store: the query's filter and the conditions of leading stages that the store can test. */
  readonly filter: Filter
  readonly steps: readonly Step[]
  /** The columns of the answer; undefined: events. */
  readonly columns: readonly string[] | undefined
}

export function planPipes(all: readonly Pipe[], range: TimeRange, asked: Filter = matchAll): Plan {
  const { filter, pipes } = pushConditions(asked, all)
  const steps: Step[] = []
  let columns: readonly string[] | undefined
  for (let at = 0; at < pipes.length; at++) {
    const pipe = pipes[at] as Pipe
    const gathering = gatheringOf(pipe, pipes.slice(at + 1), range)
    if (gathering) {
      // The order of what is gathered does not show in the figures.
      while (steps.at(-1) && isSort(steps.at(-1))) steps.pop()
      steps.push({ gather: gathering })
      columns = gathering.columns
      at += gathering.stages.length - 1
      continue
    }
    steps.push({ pipe: pipe as Exclude<Pipe, { kind: GatheringKind }> })
    if (pipe.kind === 'fields') columns = pipe.columns
    else if (pipe.kind === 'eval' && columns && !columns.includes(pipe.column)) columns = [...columns, pipe.column]
  }
  return { filter, steps, columns }
}

const isSort = (step: Step | undefined) => step !== undefined && 'pipe' in step && step.pipe.kind === 'sort'

function gatheringOf(pipe: Pipe, next: readonly Pipe[], range: TimeRange): Gathering | undefined {
  const count: Measure = { name: 'count', as: 'count' }
  switch (pipe.kind) {
    case 'stats':
      return ordered(pipe, pipe.of, pipe.by, next)
    case 'timechart': {
      const intervalMs = pipe.intervalMs ?? roundInterval(range, CHART_BARS)
      const by: GroupKey[] = [{ kind: 'bin', intervalMs }]
      if (pipe.by !== undefined) by.push({ kind: 'field', field: pipe.by })
      return ordered(pipe, pipe.of, by, next)
    }
    case 'top':
    case 'rare': {
      const by = pipe.fields.map((field): GroupKey => ({ kind: 'field', field }))
      const sort = [{ column: by.length, descending: pipe.kind === 'top' }]
      return {
        aggregation: { kind: 'stats', of: [count], by, sort, limit: pipe.count, whole: true },
        columns: [...pipe.fields, 'count', 'percent'],
        percentAfter: by.length,
        exact: false,
        stages: [pipe],
      }
    }
    case 'patterns': {
      const of: Measure[] = [
        count,
        { name: 'min', field: '@timestamp', as: 'first' },
        { name: 'max', field: '@timestamp', as: 'last' },
      ]
      const by: GroupKey[] = [{ kind: 'pattern', field: 'message' }]
      const sort = [{ column: 1, descending: true }]
      return {
        aggregation: { kind: 'stats', of, by, sort, limit: pipe.count, whole: true },
        columns: ['pattern', 'count', 'percent', 'first', 'last'],
        percentAfter: 1,
        exact: false,
        stages: [pipe],
      }
    }
    default:
      return undefined
  }
}

/** With the sort and the head that follow, so that of many groups only the wanted ones are made. */
function ordered(pipe: Pipe, of: readonly Measure[], by: readonly GroupKey[], next: readonly Pipe[]): Gathering {
  const columns = [...by.map(keyName), ...of.map((measure) => measure.as)]
  const stages = [pipe]
  let sort: { column: number; descending: boolean }[] | undefined
  const [first, second] = next
  if (first?.kind === 'sort') {
    sort = first.by.map(({ column, descending }) => ({ column: columns.indexOf(column), descending }))
    stages.push(first)
  }
  const head = sort ? second : first
  const cut = head?.kind === 'head' && head.count <= MAX_ROWS
  if (head && cut) stages.push(head)
  return {
    aggregation: { kind: 'stats', of, by, ...(sort && { sort }), limit: cut ? head.count : MAX_ROWS },
    columns,
    exact: !cut,
    stages,
  }
}

/** Rows that the steps from here need at most to make `limit` rows; Infinity where they may need all. */
export function demand(steps: readonly Step[], limit: number): number {
  let needed = limit
  for (const step of [...steps].reverse()) {
    if ('gather' in step) needed = Number.POSITIVE_INFINITY
    else if (step.pipe.kind === 'head') needed = Math.min(needed, step.pipe.count)
    else if (step.pipe.kind !== 'eval' && step.pipe.kind !== 'fields') needed = Number.POSITIVE_INFINITY
  }
  return needed
}
