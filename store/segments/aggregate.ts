// Counts over the rows that match: in all, per bar of time, per value, per field. Over dictionary ids, not strings.

import type { Scalar } from '../../core/event.ts'
import { fieldType } from '../../core/fields.ts'
import type { AggregateRequest, AggregateResult, Aggregation } from '../../core/store.ts'
import { DictionaryBuilder, dictionaryString } from './dictionary.ts'
import { invalid } from './leaf.ts'
import { fieldStatistics } from './pipes/field-statistics.ts'
import { runStats } from './pipes/stats.ts'
import { openSegment, type QueryContext, type Snapshot, selectRows, Turns } from './plan.ts'
import { compareScalars, toIso } from './values.ts'
import type { SegmentView } from './view.ts'

const SPLIT_BY = 6
/** Distinct values held while counting: about 200 MB of strings at worst, then the query is refused, not answered wrong. */
const MAX_DISTINCT = 1_000_000
const MAX_BARS = 200_000

export interface Selected {
  readonly segment: SegmentView
  readonly block: number
  readonly rows: Uint8Array
  readonly n: number
  readonly count: number
}

export async function runAggregate(context: QueryContext, { aggregation }: AggregateRequest): Promise<AggregateResult> {
  const started = context.now()
  const result = await compute(context, aggregation)
  return { ...result, tookMs: context.now() - started, stats: { ...context.stats } }
}

async function compute(context: QueryContext, aggregation: Aggregation): Promise<Omit<AggregateResult, 'tookMs'>> {
  let total = 0
  switch (aggregation.kind) {
    case 'count':
      await eachBlock(context, true, ({ count }) => {
        total += count
      })
      return { total }
    case 'histogram':
      return histogram(context, aggregation.intervalMs, aggregation.by)
    case 'terms': {
      const counts = await countValues(context, aggregation.field)
      return { total: counts.total, missing: counts.missing, values: counts.values.top(aggregation.size) }
    }
    case 'fields': {
      const counted = await countFields(context)
      return aggregation.values ? fieldStatistics(context, counted, aggregation.values) : counted
    }
    case 'stats':
      return runStats(context, aggregation)
  }
}

/** @param whole blocks that match as they are come with `rows` empty: only their count is wanted */
export async function eachBlock(
  context: QueryContext,
  whole: boolean,
  visit: (selected: Selected) => void,
): Promise<void> {
  const turns = new Turns(context.budget)
  for (const snapshot of context.snapshots) {
    await turns.take()
    if (whole && wholeSegment(context, snapshot)) {
      context.stats.segments++
      visit({ segment: snapshot.segment, block: -1, rows: new Uint8Array(0), n: 0, count: snapshot.rows })
      continue
    }
    const opened = openSegment(context, snapshot)
    if (!opened) continue
    for (let block = 0; block < snapshot.blockCount; block++) {
      if (((opened.candidates >>> block) & 1) === 0) continue
      await turns.take()
      const selected = selectRows(context, snapshot, opened.filter, block)
      if (!selected) continue
      const { rows, n } = selected
      let count = 0
      for (let i = 0; i < n; i++) count += rows[i] as number
      if (count > 0) visit({ segment: snapshot.segment, block, rows, n, count })
    }
  }
}

function wholeSegment({ node, range }: QueryContext, { segment, rows, hidden }: Snapshot): boolean {
  return !hidden && node.kind === 'all' && rows > 0 && segment.minTime >= range.since && segment.maxTime < range.until
}

async function histogram(
  context: QueryContext,
  intervalMs: number,
  by?: string,
): Promise<Omit<AggregateResult, 'tookMs'>> {
  if (!(intervalMs > 0)) throw invalid('the interval of a histogram is longer than 0 ms')
  const values = by === undefined ? [] : (await countValues(context, by)).values.top(SPLIT_BY).map(({ value }) => value)
  const slots = new Map<Scalar, number>(values.map((value, i) => [value, i]))
  const bars = new Map<number, { count: number; by: Float64Array }>()
  let total = 0
  const again = { ...context, stats: { segments: 0, pruned: 0, rows: 0 } }
  await eachBlock(again, false, (selected) => {
    total += selected.count
    const times = selected.segment.timestamps(selected.block)
    const barOf: { count: number; by: Float64Array }[] = []
    let last = Number.NaN
    let bar: { count: number; by: Float64Array } | undefined
    for (let i = 0; i < selected.n; i++) {
      if (selected.rows[i] !== 1) continue
      const start = Math.floor((times[i] as number) / intervalMs) * intervalMs
      if (start !== last || !bar) {
        bar = bars.get(start)
        if (!bar) {
          if (bars.size >= MAX_BARS) throw invalid(`more than ${MAX_BARS} bars`, 'take a longer interval')
          bar = { count: 0, by: new Float64Array(values.length) }
          bars.set(start, bar)
        }
        last = start
      }
      bar.count++
      barOf[i] = bar
    }
    if (by !== undefined && slots.size > 0) {
      eachValue(selected, by, (row, value) => {
        const slot = slots.get(value)
        if (slot !== undefined) (barOf[row] as { by: Float64Array }).by[slot]!++
      })
    }
  })
  const buckets = [...bars]
    .sort(([a], [b]) => a - b)
    .map(([start, bar]) => {
      if (by === undefined) return { start, count: bar.count }
      const split: Record<string, number> = Object.create(null)
      values.forEach((value, i) => {
        // 1 and "1" share a name here; their counts add up.
        if ((bar.by[i] as number) > 0) split[String(value)] = (split[String(value)] ?? 0) + (bar.by[i] as number)
      })
      return { start, count: bar.count, by: split }
    })
  return { total, buckets }
}

/** Counts per value; text by its bytes, so that a string is made only for what is shown. */
class ValueCounts {
  readonly #field: string
  readonly #texts = new DictionaryBuilder()
  #textCounts = new Float64Array(64)
  readonly #others = new Map<Scalar, number>()

  constructor(field: string) {
    this.#field = field
  }

  addText(bytes: Buffer, start: number, end: number, by: number): void {
    const id = this.#texts.idOf(bytes, start, end)
    if (id >= this.#textCounts.length) {
      this.#bound()
      const grown = new Float64Array(this.#textCounts.length * 2)
      grown.set(this.#textCounts)
      this.#textCounts = grown
    }
    this.#textCounts[id]! += by
  }

  add(value: Scalar): void {
    if (typeof value === 'string') {
      const bytes = Buffer.from(value)
      this.addText(bytes, 0, bytes.length, 1)
      return
    }
    this.#others.set(value, (this.#others.get(value) ?? 0) + 1)
    if (this.#others.size > MAX_DISTINCT) this.#bound()
  }

  /** The most frequent, ties by value ascending. */
  top(size: number): { value: Scalar; count: number }[] {
    if (!(size > 0)) return []
    const counts = Float64Array.from([
      ...this.#textCounts.subarray(0, this.#texts.count),
      ...this.#others.values(),
    ]).sort()
    const least = counts[Math.max(0, counts.length - Math.floor(size))] ?? 0
    const found = [...this.#others].map(([value, count]) => ({ value, count })).filter(({ count }) => count >= least)
    for (let id = 0; id < this.#texts.count; id++) {
      const count = this.#textCounts[id] as number
      if (count >= least) found.push({ value: dictionaryString(this.#texts, id), count })
    }
    return found.sort((a, b) => b.count - a.count || compareScalars(a.value, b.value)).slice(0, size)
  }

  #bound(): void {
    if (this.#texts.count + this.#others.size <= MAX_DISTINCT) return
    const problem = `${this.#field} has more than ${MAX_DISTINCT} distinct values here`
    throw invalid(problem, 'narrow the time range or the filter')
  }
}

async function countValues(
  context: QueryContext,
  field: string,
): Promise<{ total: number; missing: number; values: ValueCounts }> {
  const values = new ValueCounts(field)
  let total = 0
  let missing = 0
  // Per segment and dictionary, so that a string is made once a segment and not once a row.
  let segment: SegmentView | undefined
  let byId = new Float64Array(0)
  const flush = () => {
    const column = segment?.field(field)?.[0]
    if (!segment || !column) return
    const dictionary = segment.dictionary(column)
    for (let id = 0; id < byId.length; id++) {
      if ((byId[id] as number) === 0) continue
      values.addText(
        dictionary.bytes,
        dictionary.starts[id] as number,
        dictionary.starts[id + 1] as number,
        byId[id] as number,
      )
    }
  }
  await eachBlock(context, false, (selected) => {
    total += selected.count
    if (selected.segment !== segment) {
      flush()
      segment = selected.segment
      byId = new Float64Array(0)
    }
    const single = singleStrings(selected, field)
    if (!single) {
      const seen = eachValue(selected, field, (_row, value) => values.add(value))
      missing += selected.count - seen
      return
    }
    const { ids, plain, counts, shapeIds, size } = single
    if (size > byId.length) {
      const grown = new Float64Array(size)
      grown.set(byId)
      byId = grown
    }
    let value = 0
    for (let i = 0; i < selected.n; i++) {
      const has = counts[shapeIds[i] as number] as number
      if (selected.rows[i] === 1) {
        if (has === 0) missing++
        else if (ids) byId[ids[value] as number]!++
        else if (plain)
          values.addText(plain.bytes, plain.starts[value] as number, (plain.starts[value + 1] as number) - 1, 1)
      }
      value += has
    }
  })
  flush()
  return { total, missing, values }
}

/** The fast way: the block's field is text, one value a row at most. */
function singleStrings({ segment, block, n }: Selected, field: string) {
  const columns = segment.field(field)
  if (!columns?.[0] || columns[1] || columns[2]) return undefined
  const strings = segment.strings(columns[0], block)
  if (!strings) return undefined
  const shapeIds = segment.shapeIds(block)
  const counts = segment.shapes.countsFor(columns[0].index)
  for (let i = 0; i < n; i++) if ((counts[shapeIds[i] as number] as number) > 1) return undefined
  const size = strings.ids ? segment.dictionary(columns[0]).count : 0
  return { ids: strings.ids, plain: strings.plain, shapeIds, counts, size }
}

/** Visits each distinct value of each selected row once. @returns rows that have any */
export function eachValue(
  { segment, block, rows, n }: Selected,
  field: string,
  visit: (row: number, value: Scalar) => void,
): number {
  if (field === '@timestamp') {
    const times = segment.timestamps(block)
    let seen = 0
    for (let i = 0; i < n; i++) {
      if (rows[i] !== 1) continue
      seen++
      visit(i, toIso(times[i] as number))
    }
    return seen
  }
  const columns = segment.field(field)
  if (!columns) return 0
  const shapeIds = segment.shapeIds(block)
  const readers = columns.flatMap((column) => {
    if (!column) return []
    const counts = segment.shapes.countsFor(column.index)
    const read = valueReader(segment, columns, column.kind, block)
    return read ? [{ counts, read, at: 0 }] : []
  })
  let seen = 0
  for (let i = 0; i < n; i++) {
    const shape = shapeIds[i] as number
    const mine: Scalar[] = []
    for (const reader of readers) {
      const count = reader.counts[shape] as number
      if (rows[i] === 1) {
        for (let k = 0; k < count; k++) {
          const value = reader.read(reader.at + k)
          if (!mine.includes(value)) mine.push(value)
        }
      }
      reader.at += count
    }
    if (mine.length > 0) seen++
    for (const value of mine) visit(i, value)
  }
  return seen
}

function valueReader(
  segment: SegmentView,
  [text, number, flag]: NonNullable<ReturnType<SegmentView['field']>>,
  kind: number,
  block: number,
): ((value: number) => Scalar) | undefined {
  if (kind === 1 && number) {
    const values = segment.numbers(number, block)
    return values && ((value) => (values[value] as number) + 0) // -0 is counted as 0
  }
  if (kind === 2 && flag) {
    const values = segment.booleans(flag, block)
    return values && ((value) => values[value] === 1)
  }
  if (!text) return undefined
  const strings = segment.strings(text, block)
  if (!strings) return undefined
  if (strings.plain) {
    const { bytes, starts } = strings.plain
    return (value) => bytes.toString('utf8', starts[value], (starts[value + 1] as number) - 1)
  }
  const dictionary = segment.dictionary(text)
  const made = new Map<number, string>()
  const ids = strings.ids as Uint32Array
  return (value) => {
    const id = ids[value] as number
    let found = made.get(id)
    if (found === undefined) {
      found = dictionaryString(dictionary, id)
      made.set(id, found)
    }
    return found
  }
}

async function countFields(context: QueryContext) {
  const counts = new Map<string, number>()
  let total = 0
  let segment: SegmentView | undefined
  let byShape = new Float64Array(0)
  const flush = () => {
    if (!segment) return
    const { columns, shapes } = segment
    const { entries, starts } = shapes
    for (let shape = 0; shape < byShape.length; shape++) {
      const rows = byShape[shape] as number
      if (rows === 0) continue
      const names = new Set<string>()
      for (let e = starts[shape] as number; e < (starts[shape + 1] as number); e++) {
        names.add(columns[(entries[e] as number) >>> 1]?.name as string)
      }
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + rows)
    }
  }
  await eachBlock(context, false, (selected) => {
    total += selected.count
    if (selected.segment !== segment) {
      flush()
      segment = selected.segment
      byShape = new Float64Array(0)
    }
    const { count } = selected.segment.shapes
    if (count > byShape.length) {
      const grown = new Float64Array(count)
      grown.set(byShape)
      byShape = grown
    }
    const shapeIds = selected.segment.shapeIds(selected.block)
    for (let i = 0; i < selected.n; i++) if (selected.rows[i] === 1) byShape[shapeIds[i] as number]!++
  })
  flush()
  const fields = [...counts]
    .map(([name, count]) => ({ name, type: fieldType(name) as string, count }))
    .sort((a, b) => b.count - a.count || compareScalars(a.name, b.name))
  return { total, fields }
}
