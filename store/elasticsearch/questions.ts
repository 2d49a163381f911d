// Searches and counts: what Elasticsearch answers as we mean it it answers alone; what it cannot decide is read and
// decided here, by the leaves of the segments store.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Counters } from '../../core/counters.ts'
import type { FlatEvent, Scalar } from '../../core/event.ts'
import { EventBatchWriter } from '../../core/event-batch.ts'
import { fieldType } from '../../core/fields.ts'
import { type Filter, matchAll, type TimeRange } from '../../core/query.ts'
import type {
  AggregateRequest,
  AggregateResult,
  Aggregation,
  Hit,
  SearchPage,
  SearchRequest,
} from '../../core/store.ts'
import { invalid } from '../segments/leaf.ts'
import { openSegmentStore } from '../segments/segment-store.ts'
import { compareScalars } from '../segments/values.ts'
import type { Requests } from './client.ts'
import { booleanColumn, numberColumn, numberOf, oddName, orderedNumber, textColumn, typeOf } from './columns.ts'
import { compileMatcher, type Matcher } from './evaluate.ts'
import { hitSort, hitSource, type RawHit, toHit } from './event-document.ts'
import { and, compileQuery, not, or, type Query } from './filter-query.ts'
import { askStats, mayCount } from './stats.ts'

const PAGE = 2000
const FIRST_PAGE_MORE = 1
/** Events that only we can decide, named by id in the question that follows. */
const MAX_DECIDED = 20_000
const SPLIT_BY = 6
const BARS_PER_REQUEST = 5000
const MAX_BARS = 200_000
const MAX_TERMS = 10_000

interface Found {
  readonly hits: { readonly total?: { readonly value: number }; readonly hits: readonly RawHit[] }
  readonly aggregations?: Record<string, unknown>
}
type Place = readonly [number, number, number]
type Bucket = { readonly key: Scalar; readonly doc_count: number }

export class Questions {
  readonly #requests: Requests
  readonly #indices: string
  readonly #now: () => number

  constructor(requests: Requests, indices: string, now: () => number) {
    this.#requests = requests
    this.#indices = indices
    this.#now = now
  }

  async search(request: SearchRequest, signal?: AbortSignal): Promise<SearchPage> {
    const started = this.#now()
    const { filter, range, order = 'desc' } = request
    const limit = Math.max(0, Math.floor(request.limit))
    const matches = compileMatcher(filter)
    let after = request.cursor === undefined ? undefined : decodeCursor(request.cursor, order)
    const query = and([inRange(range), compileQuery(filter).all])
    const hits: Hit[] = []
    let rows = 0
    let more = false
    read: while (limit > 0) {
      const size = Math.min(PAGE, limit - hits.length + FIRST_PAGE_MORE)
      const page = await this.#page(query, order, size, after, signal)
      rows += page.length
      for (const raw of page) {
        if (!matches(raw._source.e, raw.sort[0])) continue
        if (hits.length === limit) {
          more = true
          break read
        }
        hits.push(toHit(raw))
      }
      if (page.length < size) break
      after = page.at(-1)?.sort
    }
    const last = hits.at(-1)
    const stats = { segments: 0, pruned: 0, rows, tookMs: this.#now() - started }
    if (!more || !last) return { hits, stats }
    return { hits, cursor: encodeCursor([last.timestamp, last.partition, last.offset], order), stats }
  }

  /** Everything that matches, oldest first or by bus position. */
  async *scan(filter: Filter, where: Query, signal?: AbortSignal): AsyncGenerator<RawHit> {
    const matches = compileMatcher(filter)
    const query = and([where, compileQuery(filter).all])
    for (let after: Place | undefined; ; ) {
      const page = await this.#page(query, 'asc', PAGE, after, signal)
      for (const raw of page) if (matches(raw._source.e, raw.sort[0])) yield raw
      if (page.length < PAGE) return
      after = page.at(-1)?.sort
    }
  }

  async #page(
    query: Query,
    order: 'asc' | 'desc',
    size: number,
    after?: Place,
    signal?: AbortSignal,
  ): Promise<readonly RawHit[]> {
    const body = {
      query,
      size,
      sort: hitSort(order),
      _source: hitSource,
      track_total_hits: false,
      ...(after && { search_after: after }),
    }
    return (await this.ask(body, signal)).hits.hits
  }

  async ask(body: object, signal?: AbortSignal): Promise<Found> {
    const query = { ignore_unavailable: true, allow_no_indices: true }
    const { body: found } = await this.#requests.ask<Found>({
      method: 'POST',
      path: `/${this.#indices}/_search`,
      query,
      body,
      signal,
    })
    return found
  }

  async aggregate({ filter, range, aggregation }: AggregateRequest, signal?: AbortSignal): Promise<AggregateResult> {
    const started = this.#now()
    const result = await this.#aggregate(filter, range, aggregation, signal)
    return { ...result, tookMs: this.#now() - started }
  }

  async #aggregate(filter: Filter, range: TimeRange, aggregation: Aggregation, signal?: AbortSignal) {
    if (aggregation.kind === 'histogram' && !(aggregation.intervalMs > 0)) {
      throw invalid('the interval of a histogram is longer than 0 ms')
    }
    const matches = compileMatcher(filter)
    const query = countsOf(aggregation) ? await this.#decide(filter, range, matches, signal) : undefined
    if (query === undefined) return this.#byReading(filter, range, aggregation, signal)
    switch (aggregation.kind) {
      case 'histogram':
        return (
          (await this.#histogram(query, aggregation.intervalMs, aggregation.by, signal)) ??
          this.#byReading(filter, range, aggregation, signal)
        )
      case 'terms': {
        const counted = await this.#terms(query, aggregation.field, aggregation.size, signal)
        return counted ?? this.#byReading(filter, range, aggregation, signal)
      }
      case 'fields':
        return this.#fields(query, signal)
      case 'stats': {
        const counted = await askStats((body) => this.ask(body, signal), query, aggregation)
        return counted ?? this.#byReading(filter, range, aggregation, signal)
      }
      default:
        return { total: await this.#count(query, signal) }
    }
  }

  /** A query that finds what matches and nothing else; undefined where that would name too many events. */
  async #decide(filter: Filter, range: TimeRange, matches: Matcher, signal?: AbortSignal): Promise<Query | undefined> {
    const { all, sure, exact, fields } = compileQuery(filter)
    const within = inRange(range)
    if (all === sure) return and([within, all])
    const between = [within, all, not(sure)]
    if (exact) between.push({ terms: { 'h.odd': [...new Set(['*', ...[...fields].map(oddName)])] } })
    const decided: string[] = []
    let read = 0
    for (let after: Place | undefined; ; ) {
      const page = await this.#page(and(between), 'asc', PAGE, after, signal)
      for (const raw of page) if (matches(raw._source.e, raw.sort[0])) decided.push(raw._id)
      read += page.length
      if (page.length < PAGE) break
      if (read >= MAX_DECIDED) return undefined
      after = page.at(-1)?.sort
    }
    return and([within, or([sure, ...(decided.length > 0 ? [{ ids: { values: decided } }] : [])])])
  }

  async #count(query: Query, signal?: AbortSignal): Promise<number> {
    return (await this.ask({ query, size: 0, track_total_hits: true }, signal)).hits.total?.value ?? 0
  }

  async #fields(query: Query, signal?: AbortSignal) {
    const aggs = { names: { terms: { field: 'h.f', size: MAX_TERMS } } }
    const found = await this.ask({ query, size: 0, track_total_hits: true, aggs }, signal)
    const { buckets } = (found.aggregations?.['names'] ?? { buckets: [] }) as { buckets: readonly Bucket[] }
    const fields = buckets.map(({ key, doc_count }) => ({
      name: String(key),
      type: fieldType(String(key)) as string,
      count: doc_count,
    }))
    return { total: found.hits.total?.value ?? 0, fields }
  }

  /** Undefined where values are in no column. */
  async #terms(query: Query, field: string, size: number, signal?: AbortSignal) {
    if (typeOf(field) === 'text' || field === '@timestamp' || size > MAX_TERMS) return undefined
    const odd = and([query, { terms: { 'h.odd': ['*', oddName(field)] } }])
    if ((await this.#count(odd, signal)) > 0) return undefined
    const number = numberColumn(field)
    // More than asked for of each shard, so that the counts of those at the end are whole.
    const top = (name: string) => ({
      terms: { field: name, size, shard_size: Math.max(1000, size * 10), min_doc_count: 1 },
    })
    const aggs = {
      text: top(textColumn(field)),
      number: top(number.name),
      boolean: top(booleanColumn(field)),
      has: { filter: { term: { 'h.f': field } } },
    }
    const found = await this.ask({ query, size: 0, track_total_hits: true, aggs }, signal)
    const {
      text,
      number: numbers,
      boolean: booleans,
      has,
    } = (found.aggregations ?? {}) as Record<string, { buckets?: readonly Bucket[]; doc_count?: number }>
    const total = found.hits.total?.value ?? 0
    const values = [
      ...(text?.buckets ?? []).map(({ key, doc_count }) => ({ value: String(key) as Scalar, count: doc_count })),
      ...(numbers?.buckets ?? []).map(({ key, doc_count }) => ({
        value: (number.ordered ? numberOf(String(key)) : Number(key)) as Scalar,
        count: doc_count,
      })),
      ...(booleans?.buckets ?? []).map(({ key, doc_count }) => ({
        value: (key === 'true' || key === 1 || key === true) as Scalar,
        count: doc_count,
      })),
    ]
    values.sort((a, b) => b.count - a.count || compareScalars(a.value, b.value))
    return { total, missing: total - (has?.doc_count ?? 0), values: values.slice(0, size) }
  }

  /** Undefined where values are in no column. */
  async #histogram(query: Query, intervalMs: number, by: string | undefined, signal?: AbortSignal) {
    const top = by === undefined ? undefined : await this.#terms(query, by, SPLIT_BY, signal)
    if (by !== undefined && !top) return undefined
    const values = (top?.values ?? []).map(({ value }) => value)
    const filters = Object.fromEntries(values.map((value, i) => [`v${i}`, { term: valueColumn(by as string, value) }]))
    const buckets: { start: number; count: number; by?: Record<string, number> }[] = []
    let total = 0
    for (let after: object | undefined; ; ) {
      const bars = {
        composite: {
          size: BARS_PER_REQUEST,
          sources: [{ start: { histogram: { field: 'h.t', interval: intervalMs } } }],
          ...(after && { after }),
        },
        ...(values.length > 0 && { aggs: { by: { filters: { filters } } } }),
      }
      const found = await this.ask({ query, size: 0, track_total_hits: true, aggs: { bars } }, signal)
      total = found.hits.total?.value ?? 0
      const page = (found.aggregations?.['bars'] ?? { buckets: [] }) as { after_key?: object; buckets: readonly Bar[] }
      for (const { key, doc_count, by: split } of page.buckets) {
        const bar: { start: number; count: number; by?: Record<string, number> } = {
          start: key.start,
          count: doc_count,
        }
        if (by !== undefined) {
          const counts: Record<string, number> = Object.create(null)
          values.forEach((value, i) => {
            const count = split?.buckets[`v${i}`]?.doc_count ?? 0
            if (count > 0) counts[String(value)] = (counts[String(value)] ?? 0) + count
          })
          bar.by = counts
        }
        buckets.push(bar)
      }
      if (buckets.length > MAX_BARS) throw invalid(`more than ${MAX_BARS} bars`, 'take a longer interval')
      if (page.buckets.length < BARS_PER_REQUEST) return { total, buckets }
      after = page.after_key
    }
  }

  /** Reads what matches into a segments store that lives as long as the question, and asks that. */
  async #byReading(
    filter: Filter,
    range: TimeRange,
    aggregation: Aggregation,
    signal?: AbortSignal,
  ): Promise<AggregateResult> {
    const dir = mkdtempSync(join(tmpdir(), 'haetae-question-'))
    const engine = await openSegmentStore({ dir, counters: new Counters(), compactEveryMs: 0, inline: true })
    try {
      const writer = new EventBatchWriter()
      let next = 0
      const flush = async () => {
        if (writer.count > 0) await engine.append(writer.finish(), 0, next)
      }
      for await (const raw of this.scan(filter, inRange(range), signal)) {
        // Flat names with dots are names to the writer too: it joins paths with dots.
        writer.write(raw._source.e as FlatEvent, raw.sort[0], 0, next++)
        if (writer.count >= PAGE) await flush()
      }
      await flush()
      return await engine.aggregate(
        { filter: matchAll, range: { since: -Number.MAX_VALUE, until: Number.MAX_VALUE }, aggregation },
        signal,
      )
    } finally {
      await engine.close()
      rmSync(dir, { recursive: true, force: true })
    }
  }
}

interface Bar {
  readonly key: { readonly start: number }
  readonly doc_count: number
  readonly by?: { readonly buckets: Record<string, { readonly doc_count: number }> }
}

/** What Elasticsearch counts as we do. */
function countsOf(aggregation: Aggregation): boolean {
  if (aggregation.kind === 'stats') return mayCount(aggregation)
  return aggregation.kind !== 'fields' || aggregation.values === undefined
}

function valueColumn(field: string, value: Scalar): Record<string, Scalar> {
  if (typeof value === 'string') return { [textColumn(field)]: value }
  if (typeof value === 'boolean') return { [booleanColumn(field)]: typeOf(field) === 'boolean' ? value : String(value) }
  const { name, ordered } = numberColumn(field)
  return { [name]: ordered ? orderedNumber(value) : value }
}

export function inRange({ since, until }: TimeRange): Query {
  return { range: { 'h.t': { gte: since, lt: until } } }
}

function encodeCursor(place: Place, order: 'asc' | 'desc'): string {
  return Buffer.from(JSON.stringify([order, ...place])).toString('base64url')
}

function decodeCursor(cursor: string, order: 'asc' | 'desc'): Place {
  try {
    const [found, ...place] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [string, ...number[]]
    if (found === order && place.length === 3 && place.every((n) => Number.isFinite(n)))
      return place as unknown as Place
  } catch {}
  throw invalid('the cursor belongs to another search', 'start again without it')
}
