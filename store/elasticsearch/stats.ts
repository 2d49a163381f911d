// `stats` by Elasticsearch's own aggregations, where they say exactly what core/query.ts means: pages of a composite
// aggregation, never an approximate one. What they cannot say exactly (percentiles, text that may be numbers, a field of
// several kinds of values, sums that round) is undefined here, and the events are read.

import { type Cell, compareRows } from '../../core/cells.ts'
import type { Scalar } from '../../core/event.ts'
import { MAX_GROUPS, MAX_PAIRS, tooMany } from '../../core/measures.ts'
import type { GroupKey, Measure } from '../../core/query.ts'
import type { AggregateResult, Aggregation } from '../../core/store.ts'
import { toIso } from '../segments/values.ts'
import { booleanColumn, numberColumn, numberOf, oddName, textColumn, typeOf } from './columns.ts'
import type { Query } from './filter-query.ts'

type Stats = Extract<Aggregation, { kind: 'stats' }>
interface Found {
  readonly hits: { readonly total?: { readonly value: number } }
  readonly aggregations?: Record<string, unknown>
}
type Ask = (body: object) => Promise<Found>

const GROUPS_PER_REQUEST = 5000
const TIMESTAMP = '@timestamp'
/** Sums of whole numbers below are exact, whatever their order. */
const MAX_EXACT = 2 ** 53

/** Where all values of a field are, and how they are read back. */
interface Column {
  readonly name: string
  readonly read: (key: Scalar) => Scalar
}
interface Source {
  readonly source: object
  readonly read: (key: Scalar | null) => Cell
}
interface Numbers {
  readonly count: number
  readonly min: number | null
  readonly max: number | null
  readonly sum: number
}
type Part = Record<string, Numbers & { readonly doc_count: number }>
type Bucket = Part & { readonly key: Record<string, Scalar | null>; readonly doc_count: number }

/** Whether it is worth looking at what the fields hold. */
export function mayCount({ of, by }: Stats): boolean {
  return by.every(isKeyOfOurs) && of.every(isMeasureOfOurs)
}

function isKeyOfOurs(key: GroupKey): boolean {
  if (key.kind === 'bin') return true
  return key.kind === 'field' && hasColumns(key.field)
}

function isMeasureOfOurs({ name, field }: Measure): boolean {
  if (field === undefined) return true
  if (field === TIMESTAMP) return name === 'count' || name === 'min' || name === 'max'
  if (name === 'count') return oddName(field) !== '*'
  if (name === 'dc') return hasColumns(field)
  return !name.startsWith('p') && isNumber(field) && hasColumns(field)
}

const isNumber = (field: string) => typeOf(field) === 'long' || typeOf(field) === 'float'
const hasColumns = (field: string) => field !== TIMESTAMP && typeOf(field) !== 'text' && oddName(field) !== '*'

/** @param query finds what matches and nothing else @returns undefined where only reading the events answers it */
export async function askStats(
  ask: Ask,
  query: Query,
  stats: Stats,
): Promise<Pick<AggregateResult, 'total' | 'rows' | 'groups'> | undefined> {
  const { of, by, sort = [], limit, whole = false } = stats
  const probed = await probe(ask, query, stats)
  if (!probed) return undefined
  const { total, columns } = probed
  const sources = by.map((key) => sourceOf(key, columns))
  const groups = new Map<string, Cell[]>()
  const aggs = Object.fromEntries(of.flatMap((measure, i) => partOf(measure, i)))
  for await (const bucket of pages(ask, query, sources, whole, aggs)) {
    const keys = sources.map(({ read }, i) => read(bucket.key[`k${i}`] ?? null))
    groups.set(nameOf(bucket, by), [...keys, ...of.map((measure, i) => figureOf(measure, bucket, `m${i}`))])
    if (groups.size > MAX_GROUPS) tooMany(`more than ${MAX_GROUPS} groups`)
  }
  for (const [i, { name, field, as }] of of.entries()) {
    const column = name === 'dc' ? columns.get(field as string) : undefined
    if (!column) continue
    let pairs = 0
    for await (const bucket of pages(ask, query, sources, whole, {}, termsOf(column.name))) {
      const row = groups.get(nameOf(bucket, by))
      if (row) row[by.length + i] = (row[by.length + i] as number) + 1
      if (++pairs > MAX_PAIRS) tooMany(`${as} holds more than ${MAX_PAIRS} distinct values`)
    }
  }
  const order = compareRows([...sort, ...by.map((_key, column) => ({ column, descending: false }))])
  return { total, rows: [...groups.values()].sort(order).slice(0, limit), groups: groups.size }
}

/** Looks what kinds of values the fields have. Undefined where that is more than one, or a sum could round. */
async function probe(ask: Ask, query: Query, { of, by }: Stats) {
  const keyed = [
    ...by.flatMap((key) => (key.kind === 'field' ? key.field : [])),
    ...of.flatMap(({ name, field }) => (name === 'dc' ? (field as string) : [])),
  ]
  const counted = of.filter(
    ({ name, field }) => field !== undefined && field !== TIMESTAMP && !/^(dc|count)$/.test(name),
  )
  const fields = [...new Set([...keyed, ...counted.map(({ field }) => field as string)])]
  const has = (field: string) => ({ filter: { exists: { field } } })
  const aggs: Record<string, object> = { odd: { filter: { terms: { 'h.odd': ['*', ...fields] } } } }
  fields.forEach((field, i) => {
    aggs[`t${i}`] = has(textColumn(field))
    aggs[`n${i}`] = has(numberColumn(field).name)
    aggs[`b${i}`] = has(booleanColumn(field))
    if (isNumber(field)) {
      aggs[`x${i}`] = { filter: { term: { 'h.x': field } } }
      aggs[`s${i}`] = { stats: { field } }
    }
  })
  const { hits, aggregations } = await ask({ query, size: 0, track_total_hits: true, aggs })
  const found = (aggregations ?? {}) as Part
  const events = (name: string) => found[name]?.doc_count ?? 0
  if (events('odd') > 0) return undefined
  const columns = new Map<string, Column>()
  for (const [i, field] of fields.entries()) {
    const [text, number, flag] = [events(`t${i}`), events(`n${i}`), events(`b${i}`)]
    if (keyed.includes(field)) {
      if (Number(text > 0) + Number(number > 0) + Number(flag > 0) > 1) return undefined
      columns.set(field, number > 0 ? numbersOf(field) : flag > 0 ? booleansOf(field) : textsOf(field))
    }
    const figures = counted.filter((measure) => measure.field === field)
    if (figures.length === 0) continue
    if (text > 0) return undefined // some of it may be a number
    if (!figures.some(({ name }) => name === 'sum' || name === 'avg')) continue
    const { count = 0, min, max } = found[`s${i}`] ?? {}
    const exact = events(`x${i}`) === 0 && count * Math.max(Math.abs(min ?? 0), Math.abs(max ?? 0)) < MAX_EXACT
    if (!exact) return undefined
  }
  return { total: hits.total?.value ?? 0, columns }
}

const textsOf = (field: string): Column => ({ name: textColumn(field), read: String })
const booleansOf = (field: string): Column => ({
  name: booleanColumn(field),
  read: (key) => key === true || key === 'true' || key === 1,
})

function numbersOf(field: string): Column {
  const { name, ordered } = numberColumn(field)
  return { name, read: (key) => (ordered ? numberOf(String(key)) : Number(key)) }
}

/**
 * Asked for what is missing too, and that left out by us: without, a question that matches everything is answered from the
 * index terms, where a flattened column holds the values of all its fields (seen with 9.5).
 */
const termsOf = (field: string) => ({ terms: { field, missing_bucket: true } })

function sourceOf(key: GroupKey, columns: ReadonlyMap<string, Column>): Source {
  if (key.kind === 'bin') {
    return {
      source: { histogram: { field: 'h.t', interval: key.intervalMs } },
      read: (start) => toIso(Number(start)),
    }
  }
  const { name, read } = columns.get(key.field) as Column
  return { source: termsOf(name), read: (value) => (value === null ? null : read(value)) }
}

function partOf({ name, field }: Measure, i: number): [string, object][] {
  if (field === undefined || name === 'dc') return []
  if (name !== 'count') return [[`m${i}`, { stats: { field: field === TIMESTAMP ? 'h.t' : field } }]]
  return field === TIMESTAMP ? [] : [[`m${i}`, { filter: { term: { 'h.f': field } } }]]
}

function figureOf({ name, field }: Measure, bucket: Bucket, at: string): Cell {
  if (name === 'dc') return 0
  const found = bucket[at]
  if (!found) return bucket.doc_count
  if (name === 'count') return found.doc_count
  if (found.count === 0) return null
  if (name === 'sum') return found.sum + 0
  if (name === 'avg') return found.sum / found.count + 0
  const edge = (name === 'min' ? found.min : found.max) as number
  return field === TIMESTAMP ? toIso(edge) : edge + 0
}

/** A bucket's keys without the value that `dc` counts. */
const nameOf = ({ key }: Bucket, by: readonly GroupKey[]) => JSON.stringify(by.map((_, i) => key[`k${i}`] ?? null))

/** Every group there is; without keys the one of all. */
async function* pages(
  ask: Ask,
  query: Query,
  sources: readonly Source[],
  whole: boolean,
  aggs: object,
  values?: object,
): AsyncGenerator<Bucket> {
  if (sources.length === 0 && !values) {
    const { hits, aggregations } = await ask({ query, size: 0, track_total_hits: true, aggs })
    yield { ...(aggregations as Part), key: {}, doc_count: hits.total?.value ?? 0 } as Bucket
    return
  }
  const keys: object[] = sources.map(({ source }, i) => ({ [`k${i}`]: source }))
  if (values) keys.push({ v: values })
  for (let after: object | undefined; ; ) {
    const composite = { size: GROUPS_PER_REQUEST, sources: keys, ...(after && { after }) }
    const groups = { composite, ...(Object.keys(aggs).length > 0 && { aggs }) }
    const body = { query, size: 0, track_total_hits: false, aggs: { groups } }
    const { aggregations } = await ask(body)
    const page = (aggregations?.['groups'] ?? { buckets: [] }) as { after_key?: object; buckets: readonly Bucket[] }
    for (const bucket of page.buckets) {
      const lacks = (name: string) => bucket.key[name] === null
      if ((values && lacks('v')) || (whole && sources.some((_, i) => lacks(`k${i}`)))) continue
      yield bucket
    }
    if (page.buckets.length < GROUPS_PER_REQUEST) return
    after = page.after_key
  }
}
