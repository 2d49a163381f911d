import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, inject, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { type GroupKey, type Measure, matchAll } from '../../core/query.ts'
import type { Aggregation, EventStore } from '../../core/store.ts'
import { openSegmentStore } from '../segments/segment-store.ts'
import {
  always,
  appendAll,
  batchOf,
  idOf,
  random,
  randomEvents,
  randomFilter,
  searchAll,
  simple,
  storeContract,
} from '../store.contract.ts'
import { type ElasticsearchStoreOptions, openElasticsearchStore } from './elasticsearch-store.ts'

const elasticsearch = inject('elasticsearch')
const run = `t${process.pid}-${Math.floor(performance.timeOrigin)}`
let places = 0
const newPrefix = () => `${run}-${places++}`
async function open(more: Partial<ElasticsearchStoreOptions> = {}): Promise<EventStore> {
  const options = {
    nodes: [elasticsearch],
    counters: new Counters(),
    prefix: newPrefix(),
    replicas: 0,
    durableEveryMs: 1e9,
    ...more,
  }
  used.add(options.prefix)
  return openElasticsearchStore(options)
}

/** A cluster that keeps the indices of every test gets slow. */
const used = new Set<string>()
afterEach(async () => {
  for (const prefix of used) {
    const names = await (await fetch(`${elasticsearch}/_cat/indices/${prefix}-*?h=index`)).text()
    for (const name of names.split('\n').filter(Boolean)) await fetch(`${elasticsearch}/${name}`, { method: 'DELETE' })
    await fetch(`${elasticsearch}/_index_template/${prefix}-events`, { method: 'DELETE' })
  }
  used.clear()
})

if (elasticsearch) storeContract('elasticsearch', () => open())
const it = test.skipIf(!elasticsearch)

/** Queries over random corpora, in both modes of an index; HAETAE_ES_SEED chooses others. */
const SEED = Number(process.env['HAETAE_ES_SEED'] ?? 20261123)
const CORPORA = 4
const FILTERS = 2000
const STATS = 500
const LONG_MS = 1_200_000

async function bothStores(
  next: () => number,
  corpus: number,
  use: (store: EventStore, segments: EventStore) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'differential-'))
  const segments = await openSegmentStore({ dir, counters: new Counters(), inline: true })
  const store = await open({ logsdb: corpus % 2 === 0 })
  const given = randomEvents(next, 500, 3)
  await appendAll(store, given, 250)
  await appendAll(segments, given, 250)
  await use(store, segments)
  await store.close()
  await segments.close()
  rmSync(dir, { recursive: true, force: true })
}

function randomRange(next: () => number) {
  const since = 1_768_435_200_000 + next() * 300_000
  return next() < 0.5 ? always : { since, until: since + next() * 400_000 }
}

it('answers as the segments store does: ids, order, counts, over random events and random queries', {
  timeout: LONG_MS,
}, async () => {
  const next = random(SEED)
  for (let corpus = 0; corpus < CORPORA; corpus++) {
    await bothStores(next, corpus, async (store, segments) => {
      for (let round = 0; round < FILTERS / CORPORA; round++) {
        const filter = randomFilter(next, 4)
        const range = randomRange(next)
        const say = JSON.stringify({ corpus, round, filter, range })
        expect(await searchAll(store, filter, range, 333), say).toEqual(await searchAll(segments, filter, range))
        if (round % 5 !== 0) continue
        const fields = ['user.name', 'tags', 'source.ip', 'source.port', 'rows.k', 'process.pid', 'message'] as const
        const field = fields[(round / 5) % fields.length] as string
        const asked: Aggregation[] = [
          { kind: 'count' },
          { kind: 'terms', field, size: 5 },
          { kind: 'histogram', intervalMs: 30_000, by: field },
          { kind: 'fields' },
        ]
        const aggregation = asked[(round / 5) % asked.length] as Aggregation
        const { tookMs: _a, stats: _b, ...expected } = await segments.aggregate({ filter, range, aggregation })
        const { tookMs: _c, stats: _d, ...found } = await store.aggregate({ filter, range, aggregation })
        expect(found, `${say} ${JSON.stringify(aggregation)}`).toEqual(expected)
      }
    })
  }
})

it('figures by group are those of the segments store, counted there wherever that is exact', {
  timeout: LONG_MS,
}, async () => {
  const next = random(SEED + 1)
  const pick = <T>(all: readonly T[]): T => all[Math.floor(next() * all.length)] as T
  // The first ones hold one kind of value each, the others several.
  const clean = ['event.outcome', 'source.ip', 'rows.k', 'rows.v', 'process.parent.pid', 'nothing.here'] as const
  const fields = [...clean, ...clean, 'user.name', 'tags', 'source.port', 'process.pid', 'event.created', 'message']
  const numbers = ['process.parent.pid', 'process.parent.pid', 'process.pid', 'source.port', '@timestamp', 'rows.v']
  const measure = (i: number): Measure => {
    const as = `m${i}`
    const name = pick(['count', 'count', 'dc', 'dc', 'sum', 'avg', 'min', 'max', 'p95'] as const)
    if (name === 'count') return next() < 0.5 ? { name, as } : { name, field: pick([...fields, '@timestamp']), as }
    return { name, field: pick(name === 'dc' ? fields : next() < 0.9 ? numbers : fields), as }
  }
  const key = (): GroupKey =>
    next() < 0.2 ? { kind: 'bin', intervalMs: pick([1000, 60_000, 7]) } : { kind: 'field', field: pick(fields) }
  const some = <T>(most: number, make: (i: number) => T) =>
    Array.from({ length: Math.floor(next() * (most + 1)) }, (_, i) => make(i))
  let counted = 0
  for (let corpus = 0; corpus < CORPORA; corpus++) {
    await bothStores(next, corpus, async (store, segments) => {
      for (let round = 0; round < STATS / CORPORA; round++) {
        const filter = next() < 0.3 ? matchAll : randomFilter(next, 2)
        const range = randomRange(next)
        const by = some(2, key)
        const of = [measure(9), ...some(2, measure)]
        const sort = some(2, () => ({ column: Math.floor(next() * (by.length + of.length)), descending: next() < 0.5 }))
        const limit = pick([1, 3, 10, 1e6])
        const aggregation: Aggregation = { kind: 'stats', of, by, sort, limit, whole: next() < 0.3 }
        const { tookMs: _a, stats: _b, ...expected } = await segments.aggregate({ filter, range, aggregation })
        const { tookMs: _c, stats: read, ...found } = await store.aggregate({ filter, range, aggregation })
        expect(found, JSON.stringify({ corpus, round, filter, range, aggregation })).toEqual(expected)
        if (!read) counted++ // the segments store that reads says how much it read
      }
    })
  }
  console.info(`${counted} of ${STATS} were counted by Elasticsearch alone`)
  expect(counted).toBeGreaterThan(STATS / 5)
})

it('groups beyond a page are all there, with their distinct values', async () => {
  const store = await open()
  const given = simple(12_000).map((g, i) => ({
    ...g,
    event: { user: { id: `u${i % 6001}` }, host: { id: `h${i}` }, process: { pid: i, parent: { pid: i % 2 } } },
  }))
  await appendAll(store, given, 1000)
  const aggregation: Aggregation = {
    kind: 'stats',
    of: [
      { name: 'count', as: 'n' },
      { name: 'dc', field: 'host.id', as: 'd' },
      { name: 'sum', field: 'process.pid', as: 's' },
    ],
    by: [{ kind: 'field', field: 'user.id' }],
    sort: [{ column: 1, descending: true }],
    limit: 3,
  }
  const { stats, ...found } = await store.aggregate({ filter: matchAll, range: always, aggregation })
  expect(stats).toBeUndefined()
  const rows = ['u0', 'u1', 'u10'].map((id) => [id, 2, 2, 6001 + 2 * Number(id.slice(1))])
  expect(found).toMatchObject({ total: 12_000, groups: 6001, rows })
  await store.close()
})

it('a restart knows how far it came; what comes again is not shown twice, also with a new time of another day', async () => {
  const prefix = newPrefix()
  const given = simple(20)
  const first = await open({ prefix })
  await first.append(batchOf(given.slice(0, 10)), 0, 10)
  await first.flush()
  await first.append(batchOf(given.slice(10)), 0, 20)
  await first.close() // as a crash: not flushed
  const second = await open({ prefix })
  expect(second.durable().get(0)).toBe(10)
  const otherDay = given.slice(10).map((g) => ({ ...g, timestampMs: g.timestampMs + 3 * 86_400_000 }))
  expect(await second.append(batchOf(otherDay), 0, 20)).toMatchObject({ stored: 0, replayed: 10 })
  expect((await searchAll(second, matchAll)).map(({ id }) => id)).toEqual(given.map(idOf).reverse())
  await second.close()
})

it('retiring deletes the indices of days whose newest event is older, and what is held stays', async () => {
  const store = await open()
  const day = 86_400_000
  const days = [0, 1, 2, 3].flatMap((d) =>
    simple(5, d * 5).map((g) => ({ ...g, timestampMs: g.timestampMs + d * day })),
  )
  await appendAll(store, days)
  const start = (days[0] as (typeof days)[0]).timestampMs
  expect(
    await store.retire(start + 1.5 * day, { hold: [{ kind: 'text', words: ['number', '7'], prefix: false }] }),
  ).toEqual({
    segments: 1,
    events: 5,
    held: 5,
  })
  expect((await store.stats()).events).toBe(15)
  expect(await store.retire(start + 2.5 * day)).toEqual({ segments: 2, events: 10 })
  expect((await searchAll(store, matchAll)).map(({ offset }) => offset)).toEqual([19, 18, 17, 16, 15])
  await store.close()
})

it('another process sees what is appended, in its tail too', async () => {
  const prefix = newPrefix()
  const writer = await open({ prefix, durableEveryMs: 100 })
  const reader = await open({ prefix })
  const stop = new AbortController()
  const seen: string[] = []
  const reading = (async () => {
    for await (const { hits } of reader.tail(matchAll, { resume: '' }, stop.signal)) {
      seen.push(...hits.map(({ id }) => id))
      if (seen.length === 30) stop.abort()
    }
  })()
  await appendAll(writer, simple(30), 10)
  await reading
  expect(seen).toEqual(simple(30).map(idOf))
  await writer.close()
  await reader.close()
})

// ---- faults: a proxy before the real server that answers some requests itself ----

type Fault = (
  request: IncomingMessage,
  body: string,
  pass: () => Promise<{ status: number; body: string }>,
) => Promise<{ status: number; body: string }>

async function withFault<T>(fault: Fault, use: (address: string) => Promise<T>): Promise<T> {
  const server = createServer((request, response) => void answer(request, response))
  async function answer(request: IncomingMessage, response: ServerResponse) {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts).toString()
    const pass = async () => {
      const { method = 'GET', headers } = request
      const type = headers['content-type'] ?? 'application/json'
      const answered = await fetch(`${elasticsearch}${request.url}`, {
        method,
        headers: { 'content-type': type, accept: headers.accept ?? 'application/json' },
        ...(body && { body }),
      })
      return { status: answered.status, body: await answered.text() }
    }
    const { status, body: text } = await fault(request, body, pass)
    if (status === 0) response.destroy()
    else
      response
        .writeHead(status, {
          'content-type': 'application/vnd.elasticsearch+json;compatible-with=9',
          'x-elastic-product': 'Elasticsearch',
        })
        .end(text)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
const isBulk = (request: IncomingMessage) => request.url?.startsWith('/_bulk') === true

it('of a request in which items are refused as too busy only those are sent again', async () => {
  const next = random(7)
  let sent = 0
  const fault: Fault = async (request, body, pass) => {
    if (!isBulk(request)) return pass()
    const lines = body.split('\n').filter(Boolean)
    sent += lines.length / 2
    // Three of ten are not handed on; they answer 429 inside the 200.
    const refuse = new Set(Array.from({ length: lines.length / 2 }, (_, i) => i).filter(() => next() < 0.3))
    const kept = lines.filter((_, i) => !refuse.has(i >>> 1))
    const answered = { items: [] as object[] }
    if (kept.length > 0) {
      const type = String(request.headers['content-type'])
      const real = await fetch(`${elasticsearch}/_bulk`, {
        method: 'POST',
        headers: { 'content-type': type, accept: String(request.headers.accept) },
        body: `${kept.join('\n')}\n`,
      })
      answered.items = ((await real.json()) as { items: object[] }).items
    }
    const busy = { create: { status: 429, error: { type: 'es_rejected_execution_exception', reason: 'busy' } } }
    const items = Array.from({ length: lines.length / 2 }, (_, i) => (refuse.has(i) ? busy : answered.items.shift()))
    return { status: 200, body: JSON.stringify({ errors: true, items }) }
  }
  await withFault(fault, async (address) => {
    const counters = new Counters()
    const store = await open({ nodes: [address], counters })
    expect(await store.append(batchOf(simple(300)), 0, 300)).toMatchObject({ stored: 300, duplicates: 0, replayed: 0 })
    expect(await searchAll(store, matchAll)).toHaveLength(300)
    expect(sent).toBeGreaterThan(330)
    expect(sent).toBeLessThan(600)
    expect(counters.get('store_bulk_retries_total')).toBe(sent - 300)
    await store.close()
  })
})

it.each([
  ['503 again and again', { status: 503, body: '{}' }],
  ['a connection that breaks', { status: 0, body: '' }],
  [
    '429 for the whole request',
    { status: 429, body: '{"error":{"type":"circuit_breaking_exception","reason":"full"}}' },
  ],
])('%s is waited for; an answer that was lost on the way makes no copy', async (_, answer) => {
  let asked = 0
  const fault: Fault = async (request, _body, pass) => {
    if (!isBulk(request)) return pass()
    asked++
    if (asked === 2) await pass() // written, but we do not hear of it
    return asked <= 4 ? answer : pass()
  }
  await withFault(fault, async (address) => {
    const waited: string[] = []
    const store = await open({ nodes: [address], onWait: (problem) => waited.push(problem) })
    const result = await store.append(batchOf(simple(50)), 0, 50)
    expect(result.stored + result.replayed).toBe(50)
    expect(await searchAll(store, matchAll)).toHaveLength(50)
    expect(waited).toHaveLength(1)
    await store.close()
  })
})

it('a request that is too large is halved until it fits', async () => {
  const sizes: number[] = []
  const fault: Fault = async (request, body, pass) => {
    if (!isBulk(request)) return pass()
    sizes.push(body.length)
    return body.length > 40_000 ? { status: 413, body: '' } : pass()
  }
  await withFault(fault, async (address) => {
    const store = await open({ nodes: [address] })
    expect(await store.append(batchOf(simple(400)), 0, 400)).toMatchObject({ stored: 400 })
    expect(await searchAll(store, matchAll)).toHaveLength(400)
    expect(Math.max(...sizes)).toBeGreaterThan(40_000)
    await store.close()
  })
})

it('a document that is refused for its columns is kept without them and still found by everything', async () => {
  const spoil: Fault = async (request, body, pass) => {
    if (isBulk(request) && body.includes('"s":{"trap"')) {
      return { status: 400, body: '{"error":{"type":"illegal_argument_exception","reason":"spoilt"}}' }
    }
    return pass()
  }
  await withFault(spoil, async (address) => {
    const counters = new Counters()
    const store = await open({ nodes: [address], counters })
    const given = simple(60).map((g, i) => (i === 31 ? { ...g, event: { ...g.event, trap: 'poison' } } : g))
    expect(await store.append(batchOf(given), 0, 60)).toMatchObject({ stored: 60 })
    expect(counters.get('store_plain_events_total')).toBe(1)
    expect(counters.get('store_dead_letters_total')).toBe(0)
    const found = await searchAll(store, { kind: 'equals', field: 'trap', value: 'poison' })
    expect(found.map(({ id }) => id)).toEqual(['0-31'])
    expect(await searchAll(store, { kind: 'text', words: ['number', '31'], prefix: false })).toHaveLength(1)
    const terms = { kind: 'terms', field: 'event.outcome', size: 5 } as const
    const { values } = await store.aggregate({ filter: matchAll, range: always, aggregation: terms })
    expect(values).toEqual([
      { value: 'success', count: 40 },
      { value: 'failure', count: 20 },
    ])
    await store.close()
  })
})

it('a document that is refused whatever its form is with the dead letters, with the reason; its neighbours are stored', async () => {
  const prefix = newPrefix()
  const fault: Fault = async (request, body, pass) => {
    if (!isBulk(request) || !body.includes('number 13"')) return pass()
    return { status: 400, body: '{"error":{"type":"document_parsing_exception","reason":"never"}}' }
  }
  await withFault(fault, async (address) => {
    const counters = new Counters()
    const store = await open({ nodes: [address], counters, prefix })
    expect(await store.append(batchOf(simple(40)), 0, 40)).toMatchObject({ stored: 39 })
    expect(counters.get('store_dead_letters_total')).toBe(1)
    const letter = (await (await fetch(`${elasticsearch}/${prefix}-dead-letters/_doc/0-13`)).json()) as {
      _source: { reason: string; event: string }
    }
    expect(letter._source.reason).toContain('never')
    expect(letter._source.event).toContain('event number 13')
    await store.close()
  })
})

it('a read-only index (disk too full) is waited for and nothing is dropped', async () => {
  const prefix = newPrefix()
  const waiting = Promise.withResolvers<string>()
  const store = await open({ prefix, onWait: waiting.resolve })
  await store.append(batchOf(simple(5)), 0, 5)
  const block = (on: boolean) =>
    fetch(`${elasticsearch}/${prefix}-events-*/_settings`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ 'index.blocks.read_only_allow_delete': on ? true : null }),
    })
  await block(true)
  const appended = store.append(batchOf(simple(5, 5)), 0, 10)
  expect(await waiting.promise).toMatch(/blocked|read-only/)
  await block(false)
  expect(await appended).toMatchObject({ stored: 5 })
  expect(await searchAll(store, matchAll)).toHaveLength(10)
  await store.close()
})
