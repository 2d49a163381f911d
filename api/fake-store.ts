// An EventStore in memory, for tests only: it scans, it keeps order, and it shows what was asked of it.

import type { EcsEvent, EcsValue, Scalar } from '../core/event.ts'
import { type Filter, tokenize } from '../core/query.ts'
import type {
  AggregateRequest,
  AggregateResult,
  AppendResult,
  EventStore,
  Hit,
  LostRange,
  ReplaceResult,
  SearchPage,
  SearchRequest,
  TailBatch,
} from '../core/store.ts'

export class FakeStore implements EventStore {
  hits: Hit[] = []
  readonly searches: SearchRequest[] = []
  readonly aggregations: AggregateRequest[] = []
  /** Thrown by the next search. */
  failure: Error | undefined
  /** When set, a search waits for its abort and then rejects. */
  hang = false
  aborted = 0
  /** What `tail` yields; it then waits for the abort. */
  tailBatches: (signal: AbortSignal) => AsyncIterable<TailBatch> | Iterable<TailBatch> = () => []
  openTails = 0
  tailResumes: (string | undefined)[] = []

  add(events: { timestamp: number; event: EcsEvent; id?: string }[]): void {
    for (const { timestamp, event, id } of events) {
      const offset = this.hits.length
      this.hits.push({ id: id ?? `0-${offset}`, timestamp, partition: 0, offset, event })
    }
  }

  async search(request: SearchRequest, signal?: AbortSignal): Promise<SearchPage> {
    this.searches.push(request)
    if (this.failure) throw this.failure
    if (this.hang) await this.#untilAborted(signal)
    const sign = request.order === 'asc' ? 1 : -1
    const place = (hit: Hit) => [hit.timestamp, hit.partition, hit.offset]
    const all = this.#matching(request).sort((a, b) => sign * compare(place(a), place(b)))
    const start = request.cursor === undefined ? 0 : all.findIndex((hit) => hit.id === request.cursor) + 1
    const hits = all.slice(start, start + request.limit)
    const more = start + request.limit < all.length
    const stats = { segments: 1, pruned: 0, rows: this.hits.length, tookMs: 0 }
    return { hits, ...(more && { cursor: hits.at(-1)?.id }), stats }
  }

  async aggregate(request: AggregateRequest): Promise<AggregateResult> {
    this.aggregations.push(request)
    const matching = this.#matching(request)
    const total = matching.length
    const { aggregation } = request
    if (aggregation.kind === 'count') return { total, tookMs: 0 }
    const counts = new Map<string | number, number>()
    const count = (key: string | number) => counts.set(key, (counts.get(key) ?? 0) + 1)
    if (aggregation.kind === 'histogram') {
      const { intervalMs } = aggregation
      for (const hit of matching) count(Math.floor(hit.timestamp / intervalMs) * intervalMs)
      const buckets = [...counts].map(([start, n]) => ({ start: Number(start), count: n }))
      return { total, buckets: buckets.sort((a, b) => a.start - b.start), tookMs: 0 }
    }
    if (aggregation.kind === 'terms') {
      const missing = matching.filter((hit) => valuesOf(hit.event, aggregation.field).length === 0).length
      for (const hit of matching) for (const value of valuesOf(hit.event, aggregation.field)) count(String(value))
      const values = [...counts].map(([value, n]) => ({ value, count: n }))
      return { total, missing, values: values.slice(0, aggregation.size), tookMs: 0 }
    }
    for (const hit of matching) for (const name of leaves(hit.event)) count(name)
    return {
      total,
      fields: [...counts].map(([name, n]) => ({ name: String(name), type: 'keyword', count: n })),
      tookMs: 0,
    }
  }

  async get(id: string): Promise<Hit | undefined> {
    return this.hits.find((hit) => hit.id === id)
  }

  async *tail(
    _filter: Filter,
    options: { readonly resume?: string; readonly maxPerSecond?: number },
    signal: AbortSignal,
  ): AsyncGenerator<TailBatch, void, undefined> {
    this.tailResumes.push(options.resume)
    this.openTails++
    try {
      for await (const batch of this.tailBatches(signal)) {
        if (signal.aborted) return
        yield batch
      }
      if (signal.aborted) return
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    } finally {
      this.openTails--
    }
  }

  async append(): Promise<AppendResult> {
    throw new Error('the fake is filled with add()')
  }
  durable(): ReadonlyMap<number, number> {
    return new Map()
  }
  onDurable(): void {}
  lost(): readonly LostRange[] {
    return []
  }
  async replace(): Promise<ReplaceResult> {
    throw new Error('the fake is filled with add()')
  }
  async retire() {
    return { segments: 0, events: 0 }
  }
  async stats() {
    return { events: this.hits.length, bytes: 0, segments: 0, headEvents: this.hits.length }
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {}

  #matching({ filter, range }: { filter: Filter; range: { since: number; until: number } }): Hit[] {
    return this.hits.filter((h) => h.timestamp >= range.since && h.timestamp < range.until && matches(h.event, filter))
  }

  async #untilAborted(signal: AbortSignal | undefined): Promise<never> {
    await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
    this.aborted++
    throw new DOMException('aborted', 'AbortError')
  }
}

/** The filters the tests use; anything else is a mistake in the test. */
function matches(event: EcsEvent, filter: Filter): boolean {
  switch (filter.kind) {
    case 'all':
      return true
    case 'and':
      return filter.of.every((child) => matches(event, child))
    case 'or':
      return filter.of.some((child) => matches(event, child))
    case 'not':
      return !matches(event, filter.of)
    case 'equals':
      return valuesOf(event, filter.field).includes(filter.value)
    case 'exists':
      return valuesOf(event, filter.field).length > 0
    case 'text': {
      const words = tokenize(String(valuesOf(event, 'message')[0] ?? ''))
      return filter.words.every((word) => words.includes(word))
    }
    default:
      throw new Error(`the fake store does not know ${filter.kind}`)
  }
}

function valuesOf(event: EcsEvent, field: string): Scalar[] {
  let node: EcsValue = event
  for (const part of field.split('.')) {
    node = node !== null && typeof node === 'object' && !Array.isArray(node) ? node[part] : undefined
  }
  return (Array.isArray(node) ? node : [node]).filter((v) => v !== undefined && v !== null) as Scalar[]
}

function* leaves(event: EcsEvent, path = ''): Generator<string> {
  for (const [key, value] of Object.entries(event)) {
    const name = path ? `${path}.${key}` : key
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) yield* leaves(value, name)
    else yield name
  }
}

function compare(a: number[], b: number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number)
  return 0
}
