// The event store at scale: dated indices by event day behind one alias, documents under our own ids.

import { isDeepStrictEqual } from 'node:util'
import type { Counters } from '../../core/counters.ts'
import { describe, PipelineError } from '../../core/errors.ts'
import { type EcsEvent, getPath } from '../../core/event.ts'
import type { Filter } from '../../core/query.ts'
import type {
  AggregateRequest,
  AggregateResult,
  AppendResult,
  EventStore,
  Hit,
  LostRange,
  ReplaceOptions,
  ReplaceResult,
  RetireOptions,
  SearchPage,
  SearchRequest,
  TailBatch,
} from '../../core/store.ts'
import { parseResume } from '../segments/tail.ts'
import { type BulkItem, BulkWriter } from './bulk.ts'
import { type ElasticsearchConnection, Requests } from './client.ts'
import { eventTemplate } from './columns.ts'
import { compileMatcher } from './evaluate.ts'
import {
  dayOf,
  type EventDocument,
  hitSort,
  hitSource,
  type RawHit,
  readDocuments,
  type TailHit,
  toHit,
  toJson,
} from './event-document.ts'
import { and, everything, or, type Query } from './filter-query.ts'
import { Questions } from './questions.ts'
import { readTail } from './tail.ts'

export interface ElasticsearchStoreOptions extends ElasticsearchConnection {
  readonly counters: Counters
  /** Indices are `<prefix>-events-2026.01.15`. Default `haetae`. */
  readonly prefix?: string
  /** Per index. Defaults 1 and 1. */
  readonly shards?: number
  readonly replicas?: number
  /** Default: where the server takes it. */
  readonly logsdb?: boolean
  readonly now?: () => number
  /** How far we have come is written this often. Default 5 s. */
  readonly durableEveryMs?: number
  /** Told while the cluster takes nothing: we wait, nothing is dropped. */
  readonly onWait?: (problem: string) => void
}

const IDS_PER_REQUEST = 1000
const LOOK_AT_OTHERS_MS = 1000

/** @throws STORE_REFUSED when the cluster does not let us in or does not take the template */
export async function openElasticsearchStore(options: ElasticsearchStoreOptions): Promise<EventStore> {
  const store = new ElasticsearchStore(options)
  try {
    await store.open()
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

class ElasticsearchStore implements EventStore {
  readonly #options: ElasticsearchStoreOptions
  readonly #prefix: string
  readonly #indices: string
  readonly #state: string
  readonly #requests: Requests
  readonly #questions: Questions
  readonly #bulk: BulkWriter
  readonly #closing = new AbortController()
  readonly #durable = new Map<number, number>()
  /** Everything before is with the cluster, which keeps it: its translog is on disk when a bulk request is answered. */
  readonly #appended = new Map<number, number>()
  /** Greatest offset found at the start, per partition: up to there an event may be in another day's index. */
  readonly #before = new Map<number, number>()
  readonly #listeners: ((partition: number, next: number) => void)[] = []
  readonly #timer: NodeJS.Timeout
  #wake = Promise.withResolvers<void>()
  #written = 0
  #others: ReadonlyMap<number, number> = new Map()
  #lookedAt = Number.NEGATIVE_INFINITY
  #refreshed = 0
  #saving: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined

  constructor(options: ElasticsearchStoreOptions) {
    this.#options = options
    this.#prefix = options.prefix ?? 'haetae'
    this.#indices = `${this.#prefix}-events-*`
    this.#state = `${this.#prefix}-store-state`
    this.#requests = new Requests(options)
    this.#questions = new Questions(this.#requests, this.#indices, options.now ?? Date.now)
    const { counters, onWait } = options
    this.#bulk = new BulkWriter({
      requests: this.#requests,
      counters,
      signal: this.#closing.signal,
      deadLetters: `${this.#prefix}-dead-letters`,
      onWait,
    })
    this.#timer = setInterval(() => {
      this.flush().catch((error: unknown) => onWait?.(describe(error)))
    }, options.durableEveryMs ?? 5000)
  }

  async open(): Promise<void> {
    const { shards = 1, replicas = 1, logsdb } = this.#options
    const put = (mode: boolean) => {
      const body = eventTemplate({ prefix: this.#prefix, shards, replicas, logsdb: mode })
      const path = `/_index_template/${this.#prefix}-events`
      return this.#requests.ask({ method: 'PUT', path, body }, mode && logsdb === undefined ? [400] : [])
    }
    if ((await put(logsdb ?? true)).status === 400) await put(false)
    // Not indexed: what is in these is read by id or not at all.
    for (const [name, more] of [
      [this.#state, {}],
      [`${this.#prefix}-dead-letters`, {}],
    ] as const) {
      const settings = { number_of_shards: 1, number_of_replicas: replicas, ...more }
      const body = { settings, mappings: { dynamic: false, properties: { '@timestamp': { type: 'date' } } } }
      await this.#requests.ask({ method: 'PUT', path: `/${name}`, body }, [400])
    }
    for (const [partition, next] of await this.#savedProgress()) this.#durable.set(partition, next)
    for (const [partition, next] of this.#durable) this.#appended.set(partition, next)
    await this.#refresh(this.#indices)
    const aggs = { p: { terms: { field: 'h.p', size: 10_000 }, aggs: { o: { max: { field: 'h.o' } } } } }
    const { aggregations } = await this.#questions.ask({ size: 0, query: everything, aggs })
    const found = (aggregations?.['p'] ?? { buckets: [] }) as { buckets: { key: number; o: { value: number } }[] }
    for (const { key, o } of found.buckets) this.#before.set(key, o.value)
  }

  async append(batch: Uint8Array<ArrayBuffer>, partition: number, next: number): Promise<AppendResult> {
    const documents = readDocuments(batch)
    const there = new Map<EventDocument, readonly [number, number]>()
    // An id is one id within an index. What may be in another day's index is looked up before.
    const unsure = documents.filter(
      ({ keyed, offset, partition }) => keyed || offset <= (this.#before.get(partition) ?? -1),
    )
    if (unsure.length > 0) {
      const known = new Map((await this.#byIds(unsure.map(({ id }) => id))).map((raw) => [raw._id, raw]))
      for (const document of unsure) {
        const raw = known.get(document.id)
        if (raw) there.set(document, [raw.sort[1], raw.sort[2]])
      }
    }
    // Of one key in one batch the first is the event.
    const first = new Map<string, EventDocument>()
    for (const document of documents) {
      if (there.has(document)) continue
      const earlier = first.get(document.id)
      if (earlier) there.set(document, [earlier.partition, earlier.offset])
      else first.set(document.id, document)
    }
    const fresh = [...first.values()]
    const outcomes = await this.#bulk.write(fresh.map((document) => this.#item(document)))
    const taken = fresh.filter((_, i) => outcomes[i] === 'there')
    if (taken.some(({ keyed }) => keyed)) {
      const known = new Map((await this.#byIds(taken.map(({ id }) => id))).map((raw) => [raw._id, raw]))
      for (const document of taken) {
        const raw = known.get(document.id)
        there.set(document, raw ? [raw.sort[1], raw.sort[2]] : [document.partition, document.offset])
      }
    } else for (const document of taken) there.set(document, [document.partition, document.offset])

    let replayed = 0
    const duplicatesBySource: Record<string, number> = {}
    let duplicates = 0
    for (const [{ partition, offset, source = '' }, [p, o]] of there) {
      if (p === partition && o === offset) replayed++
      else {
        duplicates++
        duplicatesBySource[source] = (duplicatesBySource[source] ?? 0) + 1
      }
    }
    this.#written++
    this.#appended.set(partition, Math.max(next, this.#appended.get(partition) ?? 0))
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
    return {
      stored: outcomes.filter((outcome) => outcome === 'written').length,
      duplicates,
      duplicatesBySource,
      replayed,
    }
  }

  #item(document: EventDocument): BulkItem {
    return {
      index: `${this.#prefix}-events-${dayOf(document.timestampMs)}`,
      id: document.id,
      operation: 'create',
      json: (plain) => toJson(document, plain),
    }
  }

  /** What is stored under these ids, with the versions. */
  async #byIds(ids: readonly string[]): Promise<RawHit[]> {
    await this.#fresh()
    const found: RawHit[] = []
    for (let at = 0; at < ids.length; at += IDS_PER_REQUEST) {
      const values = [...new Set(ids.slice(at, at + IDS_PER_REQUEST))]
      const body = {
        query: { ids: { values } },
        size: values.length,
        sort: hitSort('asc'),
        _source: hitSource,
        seq_no_primary_term: true,
        track_total_hits: false,
      }
      found.push(...(await this.#questions.ask(body)).hits.hits)
    }
    return found
  }

  /** What we wrote is found from now on; others' writes are within the index's refresh interval. */
  async #fresh(): Promise<void> {
    const written = this.#written
    if (this.#refreshed >= written) return
    await this.#refresh(this.#indices)
    this.#refreshed = Math.max(this.#refreshed, written)
  }

  async #refresh(indices: string): Promise<void> {
    const query = { ignore_unavailable: true, allow_no_indices: true }
    await this.#requests.ask({ method: 'POST', path: `/${indices}/_refresh`, query })
  }

  durable(): ReadonlyMap<number, number> {
    return this.#durable
  }

  onDurable(listener: (partition: number, next: number) => void): void {
    this.#listeners.push(listener)
  }

  lost(): readonly LostRange[] {
    return []
  }

  /** Remembers how far we have come, so that a restart reads the bus from there. */
  flush(): Promise<void> {
    this.#saving = this.#saving
      .catch(() => {})
      .then(async () => {
        for (const [partition, next] of [...this.#appended]) {
          if (next <= (this.#durable.get(partition) ?? -1)) continue
          await this.#requests.ask({ method: 'PUT', path: `/${this.#state}/_doc/${partition}`, body: { next } })
          this.#durable.set(partition, next)
          for (const listener of this.#listeners) listener(partition, next)
        }
      })
    return this.#saving
  }

  async replace(batch: Uint8Array<ArrayBuffer>, options: ReplaceOptions = {}): Promise<ReplaceResult> {
    const { when, ignore = [] } = options
    const matches = when && compileMatcher(when)
    const newest = new Map(readDocuments(batch).map((document) => [document.id + place(document), document]))
    const result = { unknown: 0, skipped: 0, unchanged: 0, ids: [] as string[] }
    const moved = new Map<string, Map<string, number>>()
    const move = (event: EcsEvent, by: number) => {
      const [source = '', reason = ''] = ['haetae.source', 'haetae.unparsed'].map((name) =>
        String(getPath(event, name) ?? ''),
      )
      const reasons = moved.get(source) ?? new Map<string, number>()
      moved.set(source, reasons.set(reason, (reasons.get(reason) ?? 0) + by))
    }
    let left = [...newest.values()]
    while (left.length > 0) {
      const stored = new Map((await this.#byIds(left.map(({ id }) => id))).map((raw) => [raw._id, raw]))
      const changes: { document: EventDocument; raw: RawHit }[] = []
      for (const document of left) {
        const raw = stored.get(document.id)
        if (!raw || raw.sort[1] !== document.partition || raw.sort[2] !== document.offset) result.unknown++
        else if (matches && !matches(raw._source.e, raw.sort[0])) result.skipped++
        else if (isDeepStrictEqual(without(toHit(raw).event, ignore), without(asHit(document).event, ignore)))
          result.unchanged++
        else changes.push({ document, raw })
      }
      // In the index it is in, whatever day it is of now: so that there is one version at every moment.
      const outcomes = await this.#bulk.write(
        changes.map(({ document, raw }) => ({
          ...this.#item(document),
          index: raw._index,
          operation: 'index',
          version: { seqNo: raw._seq_no as number, term: raw._primary_term as number },
        })),
      )
      this.#written++
      left = []
      changes.forEach(({ document, raw }, i) => {
        if (outcomes[i] === 'there')
          left.push(document) // somebody was quicker: look again
        else if (outcomes[i] === 'written') {
          result.ids.push(document.id)
          move(toHit(raw).event, -1)
          move(asHit(document).event, 1)
        }
      })
    }
    return { ...result, replaced: result.ids.length, moved }
  }

  /** Whole indices, once their newest event is older. */
  async retire(
    beforeMs: number,
    options: RetireOptions = {},
  ): Promise<{ segments: number; events: number; held?: number }> {
    const { maxBytes = Number.POSITIVE_INFINITY, hold = [] } = options
    await this.#fresh()
    const aggs = { i: { terms: { field: '_index', size: 10_000 }, aggs: { t: { max: { field: 'h.t' } } } } }
    const { aggregations } = await this.#questions.ask({ size: 0, query: everything, aggs })
    const found = (aggregations?.['i'] ?? { buckets: [] }) as {
      buckets: { key: string; doc_count: number; t: { value: number } }[]
    }
    const bytes = await this.#bytesOf()
    let total = [...bytes.values()].reduce((sum, size) => sum + size, 0)
    const oldestFirst = [...found.buckets].sort((a, b) => a.t.value - b.t.value)
    let segments = 0
    let events = 0
    let held = 0
    for (const { key, doc_count, t } of oldestFirst) {
      const tooMuch = total > maxBytes && key !== oldestFirst.at(-1)?.key
      if (t.value >= beforeMs && !tooMuch) continue
      if (await this.#isHeld(key, hold)) {
        held += doc_count
        continue
      }
      await this.#requests.ask({ method: 'DELETE', path: `/${key}` }, [404])
      total -= bytes.get(key) ?? 0
      segments++
      events += doc_count
    }
    this.#options.counters.add('store_retired_events_total', events)
    return { segments, events, ...(hold.length > 0 && { held }) }
  }

  async #isHeld(index: string, hold: readonly Filter[]): Promise<boolean> {
    for (const filter of hold) {
      for await (const _ of this.#questions.scan(filter, { term: { _index: index } })) return true
    }
    return false
  }

  async #bytesOf(): Promise<Map<string, number>> {
    type Stats = { indices?: Record<string, { total: { store: { size_in_bytes: number } } }> }
    const { body } = await this.#requests.ask<Stats>({ method: 'GET', path: `/${this.#indices}/_stats/store,segments` })
    return new Map(Object.entries(body.indices ?? {}).map(([name, { total }]) => [name, total.store.size_in_bytes]))
  }

  async search(request: SearchRequest, signal?: AbortSignal): Promise<SearchPage> {
    signal?.throwIfAborted()
    await this.#fresh()
    return this.#questions.search(request, signal)
  }

  async aggregate(request: AggregateRequest, signal?: AbortSignal): Promise<AggregateResult> {
    signal?.throwIfAborted()
    await this.#fresh()
    return this.#questions.aggregate(request, signal)
  }

  async get(id: string): Promise<Hit | undefined> {
    if (id === '' || id.length > 512) return undefined
    const [raw] = await this.#byIds([id])
    return raw && toHit(raw)
  }

  tail(
    filter: Filter,
    { resume, maxPerSecond }: { readonly resume?: string; readonly maxPerSecond?: number },
    signal: AbortSignal,
  ): AsyncIterable<TailBatch> {
    const from = resume === undefined ? undefined : parseResume(resume)
    if (resume !== undefined && !from) {
      throw new PipelineError('QUERY_INVALID', { column: 1, problem: 'the place to resume a tail from is none' })
    }
    const stop = AbortSignal.any([signal, this.#closing.signal])
    return readTail({
      matches: compileMatcher(filter),
      from: from ?? new Map(this.#appended),
      resumed: from !== undefined,
      maxPerSecond,
      signal: stop,
      appended: () => this.#upTo(),
      woken: () => this.#wake.promise,
      read: async (places, size) => {
        await this.#refresh(this.#indices) // others' events too: what is not found now is passed by for good
        const body = {
          query: behind(places),
          size,
          sort: [{ 'h.p': 'asc' }, { 'h.o': 'asc' }],
          _source: hitSource,
          docvalue_fields: ['h.t'],
          track_total_hits: false,
        }
        return (await this.#questions.ask(body, stop)).hits.hits as unknown as TailHit[]
      },
    })
  }

  /** Per partition the offset before which everything can be read: what we appended, and what others say they did. */
  async #upTo(): Promise<ReadonlyMap<number, number>> {
    const ends = new Map(this.#appended)
    if (performance.now() - this.#lookedAt > LOOK_AT_OTHERS_MS) {
      this.#lookedAt = performance.now()
      this.#others = await this.#savedProgress()
    }
    for (const [partition, next] of this.#others) ends.set(partition, Math.max(next, ends.get(partition) ?? 0))
    return ends
  }

  async #savedProgress(): Promise<Map<number, number>> {
    await this.#refresh(this.#state)
    const { body } = await this.#requests.ask<{ hits: { hits: { _id: string; _source: { next: number } }[] } }>({
      method: 'POST',
      path: `/${this.#state}/_search`,
      body: { size: 10_000 },
    })
    return new Map(body.hits.hits.map(({ _id, _source }) => [Number(_id), _source.next]))
  }

  async stats(): Promise<{ events: number; bytes: number; segments: number; headEvents: number }> {
    await this.#fresh()
    type Stats = { _all?: { total?: { store?: { size_in_bytes: number }; segments?: { count: number } } } }
    const query = { ignore_unavailable: true }
    const { body } = await this.#requests.ask<Stats>({
      method: 'GET',
      path: `/${this.#indices}/_stats/store,segments`,
      query,
    })
    const { total } = await this.#questions.aggregate({
      filter: { kind: 'all' },
      range: { since: -Number.MAX_VALUE, until: Number.MAX_VALUE },
      aggregation: { kind: 'count' },
    })
    const { store, segments } = body._all?.total ?? {}
    return { events: total, bytes: store?.size_in_bytes ?? 0, segments: segments?.count ?? 0, headEvents: 0 }
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      clearInterval(this.#timer)
      this.#closing.abort(new PipelineError('STORE_REFUSED', { request: 'append', problem: 'the store is closed' }))
      this.#wake.resolve()
      await this.#saving.catch(() => {})
      await this.#requests.close()
    })()
    return this.#closed
  }
}

const place = ({ keyed, partition, offset }: EventDocument) => (keyed ? `@${partition}-${offset}` : '')

function asHit({ id, timestampMs, partition, offset, flat }: EventDocument): Hit {
  return toHit({ _index: '', _id: id, _source: { e: flat }, sort: [timestampMs, partition, offset] })
}

/** Events at these places or after, up to where everything can be read. */
function behind(places: readonly { partition: number; from: number; to: number }[]): Query {
  return or(
    places.map(({ partition, from, to }) =>
      and([{ term: { 'h.p': partition } }, { range: { 'h.o': { gte: from, lt: to } } }]),
    ),
  )
}

/** Changes the event. */
function without(event: EcsEvent, names: readonly string[]): EcsEvent {
  for (const name of names) {
    const parts = name.split('.')
    const last = parts.pop() as string
    const parent = parts.length === 0 ? event : getPath(event, parts.join('.'))
    if (parent !== null && typeof parent === 'object' && !Array.isArray(parent)) delete parent[last]
  }
  return event
}
