// What every EventStore answers alike, run by each implementation's tests:
//   storeContract('segments', () => openSegmentStore({ dir: tmp(), ... }))
// The oracle is a plain evaluator over objects, written from core/query.ts alone.
//
// Meaning of a filter where core/query.ts leaves room:
// - stored numbers answer equals and range by number (`"1.0"` equals 1), stored text on keyword fields by text (1 equals
//   "1", not "1.0"); on long, float and date fields text that reads as one compares by value too
// - range on keyword and text fields compares whole values by code point; on ip by address, where only addresses match;
//   booleans lie in no range; a bound that cannot be read as the field's type matches nothing
// - IPv4 addresses and their ::ffff: forms are equal; a wildcard or regex sees values as they are written
// - a wildcard on a text field is lower-cased, a regex on one sees the whole text; equals or text without a word matches
//   nothing; `and` of nothing matches all, `or` of nothing none
// - `@timestamp` is a date field of every event; a wildcard or regex sees it in ISO 8601

import { BlockList, isIP } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type EcsEvent, type EcsValue, eventId, type Scalar } from '../core/event.ts'
import { EventBatchWriter } from '../core/event-batch.ts'
import { fieldType } from '../core/fields.ts'
import { type Filter, matchAll, type TimeRange, tokenize } from '../core/query.ts'
import type { Aggregation, EventStore, Hit, SearchRequest } from '../core/store.ts'

export interface Given {
  readonly event: EcsEvent
  readonly timestampMs: number
  readonly partition: number
  readonly offset: number
  readonly source?: string
  readonly key?: string
}

export const always: TimeRange = { since: -1e15, until: 1e15 }
const DAY = Date.UTC(2026, 0, 15)

/** An EventBatch of these events, and what to pass as `next`. */
export function batchOf(given: readonly Given[]): Uint8Array<ArrayBuffer> {
  const writer = new EventBatchWriter()
  for (const { event, timestampMs, partition, offset, source, key } of given) {
    writer.write(event, timestampMs, partition, offset, source, key)
  }
  return writer.finish()
}

/** Appends as deliveries of at most `size` events a partition, in the order given. */
export async function appendAll(store: EventStore, given: readonly Given[], size = 100): Promise<void> {
  for (let at = 0; at < given.length; ) {
    const { partition } = given[at] as Given
    let end = at
    while (end < given.length && end < at + size && given[end]?.partition === partition) end++
    const part = given.slice(at, end)
    await store.append(batchOf(part), partition, (part.at(-1) as Given).offset + 1)
    at = end
  }
}

export function idOf({ partition, offset, source, key }: Given): string {
  return eventId(partition, offset, source, key)
}

export async function searchAll(store: EventStore, filter: Filter, range = always, limit = 1000): Promise<Hit[]> {
  const hits: Hit[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await store.search({ filter, range, limit, cursor })
    hits.push(...page.hits)
    cursor = page.cursor
    if (!cursor) return hits
  }
}

/** A run of simple events, one a second, offsets from `from`. */
export function simple(count: number, from = 0, partition = 0, extra: EcsEvent = {}): Given[] {
  return Array.from({ length: count }, (_, i) => ({
    event: { message: `event number ${from + i}`, event: { outcome: i % 3 === 0 ? 'failure' : 'success' }, ...extra },
    timestampMs: DAY + (from + i) * 1000,
    partition,
    offset: from + i,
  }))
}

// ---- the oracle ----

type Values = Map<string, Scalar[]>

const flattened = new WeakMap<EcsEvent, Values>()

function flatten(event: EcsEvent): Values {
  const known = flattened.get(event)
  if (known) return known
  const out: Values = new Map()
  flattened.set(event, out)
  const walk = (value: EcsValue, path: string) => {
    if (value === null || value === undefined) return
    if (Array.isArray(value)) for (const element of value) walk(element, path)
    else if (typeof value === 'object') {
      for (const key of Object.keys(value)) walk(value[key] as EcsValue, path ? `${path}.${key}` : key)
    } else if (typeof value !== 'number' || Number.isFinite(value)) out.set(path, [...(out.get(path) ?? []), value])
  }
  for (const key of Object.keys(event)) if (key !== '@timestamp') walk(event[key] as EcsValue, key)
  return out
}

const numeric = (value: Scalar): number | undefined => {
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value) ? Number(value) : undefined
}
const dateOf = (value: Scalar): number | undefined => {
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^\d{4}-\d\d-\d\d/.test(value) && !Number.isNaN(Date.parse(value))
    ? Date.parse(value)
    : undefined
}
const canonicalIp = (text: string): string | undefined => {
  if (isIP(text) === 0) return undefined
  if (isIP(text) === 4) return canonicalIp(`::ffff:${text}`)
  const host = new URL(`http://[${text}]`).hostname.slice(1, -1)
  const [left = '', right = ''] = host.split('::')
  const before = left.split(':').filter(Boolean)
  const after = right.split(':').filter(Boolean)
  const all = host.includes('::') ? [...before, ...Array(8 - before.length - after.length).fill('0'), ...after] : before
  return all.map((group: string) => group.padStart(4, '0')).join(':')
}
const phraseIn = (text: string, wanted: readonly string[], prefix: boolean): boolean => {
  const have = tokenize(text)
  if (wanted.length === 0) return false
  return have.some((_, at) =>
    wanted.every((word, i) => {
      const found = have[at + i]
      return prefix && i === wanted.length - 1 ? found?.startsWith(word) : found === word
    }),
  )
}
const globToRegex = (pattern: string): RegExp => {
  let source = ''
  const chars = [...pattern]
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] as string
    if (char === '*') source += '.*'
    else if (char === '?') source += '.'
    else {
      const literal = char === '\\' && i + 1 < chars.length ? (chars[++i] as string) : char
      source += /[\^$.*+?()[\]{}|/\\]/.test(literal) ? `\\${literal}` : literal
    }
  }
  return new RegExp(`^(?:${source})$`, 'su')
}

/** The plain meaning of a filter. */
export function matches(filter: Filter, { event, timestampMs }: Given): boolean {
  const values = flatten(event)
  const some = (field: string, test: (value: Scalar) => boolean, timestamp: Scalar = timestampMs) =>
    (field === '@timestamp' ? [timestamp] : (values.get(field) ?? [])).some(test)
  const written = new Date(timestampMs).toISOString().replace('Z', timestampMs % 1 === 0 ? 'Z' : '125Z')
  const decide = (f: Filter): boolean => {
    switch (f.kind) {
      case 'all':
        return true
      case 'and':
        return f.of.every(decide)
      case 'or':
        return f.of.some(decide)
      case 'not':
        return !decide(f.of)
      case 'exists':
        return some(f.field, () => true)
      case 'text':
        return ['message', 'event.original'].some((field) =>
          some(field, (value) => phraseIn(String(value), f.words.flatMap(tokenize), f.prefix)),
        )
      case 'equals':
        return some(f.field, (value) => equalsOne(f.field, value, f.value))
      case 'wildcard': {
        if (fieldType(f.field) !== 'text')
          return some(f.field, (value) => globToRegex(f.pattern).test(String(value)), written)
        const word = globToRegex(f.pattern.toLowerCase())
        return some(f.field, (value) => tokenize(String(value)).some((found) => word.test(found)))
      }
      case 'range':
        return some(f.field, (value) => inRange(f.field, value, f))
      case 'cidr': {
        const [base = '', bits] = f.cidr.split('/')
        const list = new BlockList()
        const family = isIP(base) === 4 ? 'ipv4' : 'ipv6'
        list.addSubnet(base, Number(bits ?? (family === 'ipv4' ? 32 : 128)), family)
        return some(f.field, (value) => {
          if (typeof value !== 'string' || isIP(value) === 0) return false
          return list.check(value, isIP(value) === 4 ? 'ipv4' : 'ipv6')
        })
      }
      case 'regex':
        return some(f.field, (value) => new RegExp(f.source, f.ignoreCase ? 'iu' : 'u').test(String(value)), written)
    }
  }
  return decide(filter)
}

function equalsOne(field: string, value: Scalar, wanted: Scalar): boolean {
  const type = field === '@timestamp' ? 'date' : fieldType(field)
  if (type === 'text') return phraseIn(String(value), tokenize(String(wanted)), false)
  const read = type === 'date' ? dateOf : numeric
  if (typeof value === 'number') return read(wanted) === value
  if (String(value) === String(wanted)) return true
  if (typeof value === 'boolean') return false
  if (type === 'ip') return canonicalIp(value) !== undefined && canonicalIp(value) === canonicalIp(String(wanted))
  return type !== 'keyword' && type !== 'boolean' && read(value) !== undefined && read(value) === read(wanted)
}

function inRange(field: string, value: Scalar, bounds: Extract<Filter, { kind: 'range' }>): boolean {
  const type = field === '@timestamp' ? 'date' : fieldType(field)
  const byNumber = type === 'date' ? dateOf : numeric
  const byText = (v: Scalar) => Buffer.from(String(v)).toString('hex')
  const byIp = (v: Scalar) => (typeof v === 'string' ? canonicalIp(v) : undefined)
  const read: (v: Scalar) => string | number | undefined =
    type === 'ip'
      ? byIp
      : typeof value === 'number' || type === 'long' || type === 'float' || type === 'date'
        ? byNumber
        : byText
  if (typeof value === 'boolean') return false
  const mine = read(value)
  if (mine === undefined) return false
  const edges = [
    [bounds.gt, (b: string | number) => mine > b],
    [bounds.gte, (b: string | number) => mine >= b],
    [bounds.lt, (b: string | number) => mine < b],
    [bounds.lte, (b: string | number) => mine <= b],
  ] as const
  return edges.every(([bound, holds]) => {
    if (bound === undefined) return true
    const limit = read(bound)
    return limit !== undefined && holds(limit)
  })
}

const newestFirst = (a: Given, b: Given) =>
  b.timestampMs - a.timestampMs || b.partition - a.partition || b.offset - a.offset

export function expectedHits(given: readonly Given[], filter: Filter, range: TimeRange): Given[] {
  return given
    .filter((g) => g.timestampMs >= range.since && g.timestampMs < range.until && matches(filter, g))
    .sort(newestFirst)
}

const rank = (value: Scalar) => ['number', 'string', 'boolean'].indexOf(typeof value)
const ascending = (a: Scalar, b: Scalar): number => {
  if (rank(a) !== rank(b)) return rank(a) - rank(b)
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string))
  return Number(a) - Number(b)
}

export function expectedTerms(given: readonly Given[], field: string, size: number) {
  const counts = new Map<Scalar, number>()
  let missing = 0
  for (const { event } of given) {
    const values = new Set(flatten(event).get(field) ?? [])
    if (values.size === 0) missing++
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  const values = [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || ascending(a.value, b.value))
    .slice(0, size)
  return { total: given.length, missing, values }
}

export function expectedHistogram(given: readonly Given[], intervalMs: number, by?: string) {
  const split = by === undefined ? [] : expectedTerms(given, by, 6).values.map(({ value }) => value)
  const bars = new Map<number, { start: number; count: number; by?: Record<string, number> }>()
  for (const { event, timestampMs } of given) {
    const start = Math.floor(timestampMs / intervalMs) * intervalMs
    const bar = bars.get(start) ?? { start, count: 0, ...(by === undefined ? {} : { by: {} }) }
    bars.set(start, bar)
    bar.count++
    if (by === undefined || !bar.by) continue
    for (const value of new Set(flatten(event).get(by) ?? [])) {
      if (split.includes(value)) bar.by[String(value)] = (bar.by[String(value)] ?? 0) + 1
    }
  }
  return { total: given.length, buckets: [...bars.values()].sort((a, b) => a.start - b.start) }
}

export function expectedFields(given: readonly Given[]) {
  const counts = new Map<string, number>()
  for (const { event } of given) for (const name of flatten(event).keys()) counts.set(name, (counts.get(name) ?? 0) + 1)
  const fields = [...counts]
    .map(([name, count]) => ({ name, type: fieldType(name) as string, count }))
    .sort((a, b) => b.count - a.count || ascending(a.name, b.name))
  return { total: given.length, fields }
}

// ---- random events and filters, from one seed ----

/** mulberry32: small, seedable, good enough for tests. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

type Pick = <T>(from: readonly T[]) => T
const words = [
  'login',
  'failed',
  'Accepted',
  'user',
  'root',
  'admin',
  '오류',
  '로그인',
  'naïve',
  'ΟΔΟΣ',
  'x_1',
  '42',
  'İz',
]
const joins = [' ', ' ', ' ', '-', '  ', '\n', ': ', '.', '·', '"']
const addresses = [
  '10.0.0.1',
  '10.0.0.2',
  '10.1.2.3',
  '192.168.7.9',
  '2001:db8::1',
  '2001:DB8:0:0::1',
  '::ffff:10.0.0.1',
  'n/a',
]
const users = [
  'root',
  'admin',
  'administrator',
  'Admin',
  'eve*',
  '사용자',
  '',
  '\u{1F600}',
  '\uFFFD',
  '1',
  '1.0',
  'true',
]

function sentence(pick: Pick, next: () => number): string {
  let text = ''
  for (let left = Math.floor(next() * 6); left >= 0; left--) text += pick(words) + pick(joins)
  return next() < 0.3 ? `${text}${Math.floor(next() * 1e9)}` : text
}

export function randomEvents(next: () => number, count: number, partitions = 2): Given[] {
  const pick: Pick = (from) => from[Math.floor(next() * from.length)] as never
  const offsets = Array.from({ length: partitions }, () => 0)
  return Array.from({ length: count }, () => {
    const partition = Math.floor(next() * partitions)
    const offset = (offsets[partition] as number) + (next() < 0.1 ? 2 : 0)
    offsets[partition] = offset + 1
    const event: EcsEvent = {}
    if (next() < 0.9) event.message = sentence(pick, next)
    if (next() < 0.7) event.event = { original: sentence(pick, next), outcome: pick(['success', 'failure', 'unknown']) }
    if (next() < 0.5) event.user = { name: next() < 0.15 ? pick([1, true, 2.5]) : pick(users) }
    if (next() < 0.6)
      event.source = {
        ip: pick(addresses),
        port: next() < 0.8 ? Math.floor(next() * 3) * 1000.5 : pick(['1000.5', 'ssh']),
      }
    if (next() < 0.3)
      event.tags = Array.from({ length: Math.floor(next() * 4) }, () => pick(['a', 'b', 'b', 'c', 7, false]))
    if (next() < 0.2)
      event.process = { pid: pick([0, -0, 1, 4294967296, -5, 0.1]), parent: { pid: Math.floor(next() * 5) } }
    if (next() < 0.2) event.rows = [{ k: pick(['x', 'y']), v: Math.floor(next() * 3) }, { k: pick(['x', 'z']) }]
    if (next() < 0.1)
      event.event = {
        ...(event.event as object),
        created: pick(['2026-01-15T00:00:00Z', '2026-01-15T09:00:00+09:00', 'soon']),
      }
    const timestampMs = DAY + Math.floor(next() * 600_000) + (next() < 0.3 ? 0.125 : 0)
    return {
      event,
      timestampMs,
      partition,
      offset,
      ...(next() < 0.2 ? { source: 's', key: `${partition}/${offset}` } : {}),
    }
  })
}

export function randomFilter(next: () => number, depth = 3): Filter {
  const pick: Pick = (from) => from[Math.floor(next() * from.length)] as never
  const field = () =>
    pick([
      'message',
      'event.original',
      'event.outcome',
      'user.name',
      'source.ip',
      'source.port',
      'tags',
      'process.pid',
      'rows.k',
      'rows.v',
      'event.created',
      '@timestamp',
      'nothing.here',
    ])
  const value = (): Scalar =>
    pick<Scalar>([
      'failure',
      'root',
      'login failed',
      '로그인',
      'admin',
      1,
      '1.0',
      1000.5,
      '1000.5',
      true,
      'b',
      7,
      'x',
      0,
      '10.0.0.1',
      '2001:db8::1',
      '::ffff:a00:1',
      '2026-01-15T00:00:00.000Z',
      DAY + 1000,
      '',
      '\u{1F600}',
      '\uFFFD',
    ])
  if (depth > 0 && next() < 0.4) {
    const of = Array.from({ length: Math.floor(next() * 3) + (next() < 0.9 ? 1 : 0) }, () =>
      randomFilter(next, depth - 1),
    )
    return next() < 0.25
      ? { kind: 'not', of: randomFilter(next, depth - 1) }
      : { kind: pick(['and', 'or'] as const), of }
  }
  switch (Math.floor(next() * 8)) {
    case 0:
      return { kind: 'equals', field: field(), value: value() }
    case 1:
      return {
        kind: 'wildcard',
        field: field(),
        pattern: pick([
          '*',
          'a*',
          '*oo*',
          'admin?*',
          '?',
          'eve\\*',
          'LOG*',
          '*인',
          '10.*',
          '*.1',
          '1?*',
          'ro?t',
          'tr*',
        ]),
      }
    case 2: {
      const bounds = { [pick(['gt', 'gte'])]: value(), ...(next() < 0.6 ? { [pick(['lt', 'lte'])]: value() } : {}) }
      return { kind: 'range', field: field(), ...bounds }
    }
    case 3:
      return { kind: 'exists', field: field() }
    case 4:
      return {
        kind: 'cidr',
        field: pick(['source.ip', 'source.ip', 'user.name', 'source.port']),
        cidr: pick(['10.0.0.0/8', '10.0.0.0/31', '0.0.0.0/0', '2001:db8::/32', '10.0.0.1', '192.168.7.9/32']),
      }
    case 5:
      return {
        kind: 'regex',
        field: pick(['message', 'user.name', 'event.original', 'source.port', 'tags']),
        source: pick(['ro+t', '^adm', 'fail.*user', '\\d{3}', '^$', '인', '[A-Z]']),
        ignoreCase: next() < 0.5,
      }
    default:
      return {
        kind: 'text',
        words: pick([
          ['login'],
          ['login', 'failed'],
          ['user', 'root'],
          ['로그인'],
          ['log'],
          ['accepted', 'us'],
          ['naïve'],
          ['οδος'],
          ['x_1'],
          ['failed-user'],
          ['42'],
          ['absent'],
          ['i̇z'],
          [],
        ]),
        prefix: next() < 0.4,
      }
  }
}

// ---- the suite ----

/** @param open a fresh, empty store; @param skip title -> reason, for what an implementation cannot do */
export function storeContract(name: string, open: () => Promise<EventStore>, skip: Record<string, string> = {}): void {
  const it = (title: string, run: (store: EventStore) => Promise<void>) =>
    test.skipIf(title in skip)(`${name}: ${title} ${skip[title] ?? ''}`, async () => {
      const store = await open()
      try {
        await run(store)
      } finally {
        await store.close()
      }
    })
  const count = async (store: EventStore, filter: Filter = matchAll) =>
    (await store.aggregate({ filter, range: always, aggregation: { kind: 'count' } })).total

  it('an empty store answers everything with nothing', async (store) => {
    expect(await store.search({ filter: matchAll, range: always, limit: 10 })).toMatchObject({ hits: [] })
    expect(await count(store)).toBe(0)
    const terms = { kind: 'terms', field: 'user.name', size: 5 } as const
    expect(await store.aggregate({ filter: matchAll, range: always, aggregation: terms })).toMatchObject({
      total: 0,
      values: [],
      missing: 0,
    })
    const bars = { kind: 'histogram', intervalMs: 1000 } as const
    expect(await store.aggregate({ filter: matchAll, range: always, aggregation: bars })).toMatchObject({
      total: 0,
      buckets: [],
    })
    expect(await store.aggregate({ filter: matchAll, range: always, aggregation: { kind: 'fields' } })).toMatchObject({
      fields: [],
    })
    expect(await store.get('0-0')).toBeUndefined()
    expect(await store.get('kAAAAAAAAAAAAAAAAAAAAAA')).toBeUndefined()
    expect(await store.stats()).toMatchObject({ events: 0 })
    await store.flush()
  })

  it('an event is found as soon as append resolves, value for value', async (store) => {
    const event: EcsEvent = {
      message: 'Grüße\u0000\n\u{1F600} end',
      event: { original: ' <34>  two\r\nlines\t', outcome: 'success' },
      tags: ['b', 'a', 'b'],
      single: ['one'],
      mixed: [1, '1', true, -0, 0.1, 1e300],
      objects: [{ a: 1, b: 'x' }, { a: 2 }],
      flag: false,
      empty: '',
    }
    await store.append(batchOf([{ event, timestampMs: DAY + 0.125, partition: 3, offset: 9 }]), 3, 10)
    const { hits } = await store.search({ filter: matchAll, range: always, limit: 10 })
    expect(hits).toEqual([
      {
        id: '3-9',
        timestamp: DAY + 0.125,
        partition: 3,
        offset: 9,
        event: {
          '@timestamp': '2026-01-15T00:00:00.000125Z',
          ...event,
          objects: { a: [1, 2], b: ['x'] },
        },
      },
    ])
    expect(await store.get('3-9')).toEqual(hits[0])
  })

  it('the same positions twice add nothing, and nobody sent them twice', async (store) => {
    const given = simple(5, 0, 0, { haetae: { source: 'lab' } })
    expect(await store.append(batchOf(given), 0, 5)).toMatchObject({ stored: 5, duplicates: 0 })
    expect(await store.append(batchOf(given), 0, 5)).toMatchObject({
      stored: 0,
      replayed: 5,
      duplicates: 0,
      duplicatesBySource: {},
    })
    expect(await count(store)).toBe(5)
  })

  it('a batch that straddles what is stored adds only the new part', async (store) => {
    await store.append(batchOf(simple(5)), 0, 5)
    expect(await store.append(batchOf(simple(8, 2)), 0, 10)).toMatchObject({ stored: 5, replayed: 3 })
    expect(await count(store)).toBe(10)
  })

  it('the same key at another position is one event', async (store) => {
    const at = (offset: number, source: string, key: string): Given => ({
      event: { message: 'audit', haetae: { source } },
      timestampMs: DAY,
      partition: 0,
      offset,
      source,
      key,
    })
    await store.append(batchOf([at(0, 'a', 'k1'), at(1, 'a', 'k1'), at(2, 'b', 'k1')]), 0, 3)
    await store.flush()
    expect(await store.append(batchOf([at(3, 'a', 'k1'), at(4, 'a', 'k2')]), 0, 5)).toMatchObject({
      stored: 1,
      duplicates: 1,
      duplicatesBySource: { a: 1 },
    })
    expect(await count(store)).toBe(3)
    expect((await store.get(eventId(0, 0, 'a', 'k1')))?.offset).toBe(0)
    expect(await store.get('0-0'), 'a keyed event has one id').toBeUndefined()
  })

  it('get knows every stored id and no other', async (store) => {
    const given = [...randomEvents(random(5), 300, 3)]
    await appendAll(store, given, 50)
    await store.flush()
    for (const g of given.filter((_, i) => i % 7 === 0)) expect((await store.get(idOf(g)))?.id).toBe(idOf(g))
    for (const id of [
      '',
      '0',
      '0-',
      '-1',
      '0-999999',
      '9-0',
      '00-0',
      '0-00',
      'k',
      `k${'A'.repeat(22)}`,
      '__proto__',
      '0-1e3',
    ]) {
      expect(await store.get(id), id).toBeUndefined()
    }
  })

  it('pages show every event once, both ways, while newer and older events arrive', async (store) => {
    const given = simple(250)
    await appendAll(store, given)
    for (const order of ['desc', 'asc'] as const) {
      const seen: string[] = []
      let cursor: string | undefined
      let extra = 1000
      do {
        const page = await store.search({
          filter: matchAll,
          range: { since: DAY, until: DAY + 250_000 },
          limit: 30,
          cursor,
          order,
        })
        seen.push(...page.hits.map((hit) => hit.id))
        cursor = page.cursor
        const late = {
          ...(simple(1, extra, order === 'desc' ? 1 : 2)[0] as Given),
          timestampMs: DAY + (order === 'desc' ? 249_999.5 : 0.5),
        }
        await store.append(batchOf([late]), late.partition, ++extra)
      } while (cursor)
      const wanted = given.map(idOf)
      // The late ones of the first way lie before the cursor then, and are part of the second way's answer.
      expect(seen.filter((id) => id.startsWith('0-'))).toEqual(order === 'desc' ? wanted.reverse() : wanted)
      expect(new Set(seen).size).toBe(seen.length)
    }
  })

  it('events of one instant are paged by partition and offset', async (store) => {
    const given = [0, 1].flatMap((partition) => simple(40, 0, partition).map((g) => ({ ...g, timestampMs: DAY })))
    await appendAll(store, given)
    const hits = await searchAll(store, matchAll, always, 7)
    expect(hits.map(({ id }) => id)).toEqual([...given].sort(newestFirst).map(idOf))
  })

  it('a cursor of the other order or of nowhere is refused', async (store) => {
    await appendAll(store, simple(5))
    const request: SearchRequest = { filter: matchAll, range: always, limit: 2 }
    const { cursor } = await store.search(request)
    await expect(store.search({ ...request, cursor, order: 'asc' })).rejects.toMatchObject({ code: 'QUERY_INVALID' })
    await expect(store.search({ ...request, cursor: 'nowhere' })).rejects.toMatchObject({ code: 'QUERY_INVALID' })
  })

  it('a time range includes since and excludes until', async (store) => {
    await appendAll(store, simple(10))
    const hits = await searchAll(store, matchAll, { since: DAY + 2000, until: DAY + 5000 })
    expect(hits.map(({ offset }) => offset)).toEqual([4, 3, 2])
    expect(await searchAll(store, matchAll, { since: DAY + 5000, until: DAY + 5000 })).toEqual([])
  })

  it('a network or expression that is none is refused', async (store) => {
    await appendAll(store, simple(1))
    for (const filter of [
      { kind: 'cidr', field: 'source.ip', cidr: '10.0.0.0/33' },
      { kind: 'cidr', field: 'source.ip', cidr: 'lan' },
      { kind: 'regex', field: 'message', source: '(', ignoreCase: false },
    ] as const) {
      await expect(store.search({ filter, range: always, limit: 1 })).rejects.toMatchObject({ code: 'QUERY_INVALID' })
    }
  })

  it('random searches and counts agree with the oracle', async (store) => {
    const next = random(20260115)
    const given = randomEvents(next, 900)
    await appendAll(store, given.slice(0, 650), 70)
    await store.flush()
    await appendAll(store, given.slice(650), 70)
    for (let round = 0; round < 100; round++) {
      const filter = randomFilter(next)
      const range = next() < 0.5 ? always : { since: DAY + next() * 300_000, until: DAY + 200_000 + next() * 400_000 }
      const say = JSON.stringify({ round, filter, range })
      const wanted = expectedHits(given, filter, range)
      const limit = 1 + Math.floor(next() * 40)
      const page = await store.search({ filter, range, limit })
      expect(
        page.hits.map(({ id }) => id),
        say,
      ).toEqual(wanted.slice(0, limit).map(idOf))
      expect(page.cursor !== undefined, say).toBe(wanted.length > limit)
      if (page.cursor) {
        const second = await store.search({ filter, range, limit, cursor: page.cursor })
        expect(
          second.hits.map(({ id }) => id),
          say,
        ).toEqual(wanted.slice(limit, limit * 2).map(idOf))
      }
      const ask = (aggregation: Aggregation) => store.aggregate({ filter, range, aggregation })
      const field = ['user.name', 'tags', 'source.ip', 'process.pid', 'rows.k', 'message', 'nothing.here'][
        round % 7
      ] as string
      expect(await ask({ kind: 'count' }), say).toMatchObject({ total: wanted.length })
      expect(await ask({ kind: 'terms', field, size: 4 }), say).toMatchObject(expectedTerms(wanted, field, 4))
      expect(await ask({ kind: 'histogram', intervalMs: 60_000, by: field }), say).toMatchObject(
        expectedHistogram(wanted, 60_000, field),
      )
      if (round % 10 === 0) expect(await ask({ kind: 'fields' }), say).toMatchObject(expectedFields(wanted))
    }
  })

  it('searches during appends see each event once and never go back', async (store) => {
    let appended = 0
    const append = async () => {
      for (let at = 0; at < 1500; at += 60) {
        await store.append(batchOf(simple(60, at)), 0, at + 60)
        appended = at + 60
      }
    }
    const done = append()
    let last = 0
    while (appended < 1500) {
      const before = appended
      const total = await count(store)
      expect(total).toBeGreaterThanOrEqual(Math.max(before, last))
      last = total
      await setImmediate() // a store on this thread needs turns for its disk
      const hits = await searchAll(store, { kind: 'equals', field: 'event.outcome', value: 'failure' }, always, 500)
      expect(new Set(hits.map(({ id }) => id)).size).toBe(hits.length)
    }
    await done
    expect(await count(store)).toBe(1500)
  })

  it('durable() reaches what was appended after a flush, and says so', async (store) => {
    const told: [number, number][] = []
    store.onDurable((partition, next) => told.push([partition, next]))
    await store.append(batchOf(simple(5)), 0, 7)
    await store.append(batchOf(simple(2, 0, 4)), 4, 2)
    expect(store.durable().get(0) ?? 0).toBeLessThan(7)
    await store.flush()
    expect([store.durable().get(0), store.durable().get(4)]).toEqual([7, 2])
    expect(told).toContainEqual([0, 7])
    expect(told).toContainEqual([4, 2])
  })

  const fixed = (given: Given, extra: EcsEvent = {}): Given => ({
    ...given,
    event: { message: `repaired ${given.offset}`, user: { name: 'eve' }, ...extra },
    timestampMs: given.timestampMs - 500,
  })

  it('a replaced event is found once, as it is now, by its old id', async (store) => {
    const given = simple(30)
    await appendAll(store, given, 10)
    const durable = async () => {
      await store.flush()
      return store.durable().get(0)
    }
    expect(await durable()).toBe(30)
    const newer = [given[3], given[29]].map((g) => fixed(g as Given))
    const stranger = fixed({ ...(given[0] as Given), offset: 77 })
    expect(await store.replace(batchOf([...newer, stranger]))).toMatchObject({
      replaced: 2,
      unknown: 1,
      unchanged: 0,
      ids: ['0-3', '0-29'],
    })
    expect(await count(store)).toBe(30)
    expect((await store.stats()).events).toBe(30)
    expect((await store.get('0-3'))?.event.message).toBe('repaired 3')
    expect(await store.get('0-77')).toBeUndefined()
    const found = await searchAll(store, { kind: 'text', words: ['repaired'], prefix: false })
    expect(found.map(({ id, timestamp }) => [id, timestamp])).toEqual([
      ['0-29', DAY + 28_500],
      ['0-3', DAY + 2500],
    ])
    expect(await searchAll(store, { kind: 'text', words: ['number', '3'], prefix: false })).toEqual([])
    expect([await durable(), store.lost()]).toEqual([30, []])
    expect(await store.append(batchOf(given), 0, 30)).toMatchObject({ stored: 0, replayed: 30 })
    expect(await count(store)).toBe(30)
  })

  it('an event is replaced while it is in memory, by its key, twice, and by the last of one batch', async (store) => {
    const keyed = (offset: number, message: string): Given => ({
      event: { message, haetae: { source: 's' } },
      timestampMs: DAY,
      partition: 0,
      offset,
      source: 's',
      key: 'k',
    })
    await store.append(batchOf([keyed(0, 'first'), ...simple(5, 1)]), 0, 6)
    expect(await store.replace(batchOf([keyed(0, 'a'), keyed(0, 'second')]))).toMatchObject({ replaced: 1, unknown: 0 })
    expect(await store.replace(batchOf([keyed(0, 'third'), fixed(simple(1, 2)[0] as Given)]))).toMatchObject({
      replaced: 2,
    })
    expect(await store.replace(batchOf([keyed(7, 'a copy')]))).toMatchObject({ replaced: 0, unknown: 1 })
    const id = idOf(keyed(0, ''))
    expect((await store.get(id))?.event.message).toBe('third')
    expect(await searchAll(store, { kind: 'equals', field: 'haetae.source', value: 's' })).toHaveLength(1)
    expect(await count(store)).toBe(6)
    expect(await store.append(batchOf([keyed(9, 'resent')]), 0, 10)).toMatchObject({ stored: 0, duplicates: 1 })
    expect((await store.get(id))?.event.message).toBe('third')
  })

  it('replace leaves alone what says the same already and what is not meant, and tells what moved', async (store) => {
    const plain = (offset: number, reason?: string): Given => ({
      event: { haetae: { source: 'lab', ...(reason && { unparsed: reason }) }, event: { ingested: String(offset) } },
      timestampMs: DAY + offset,
      partition: 0,
      offset,
    })
    await store.append(batchOf([plain(0, 'no_pack'), plain(1, 'no_pack'), plain(2), plain(3, 'empty')]), 0, 4)
    const when: Filter = { kind: 'exists', field: 'haetae.unparsed' }
    const result = await store.replace(
      batchOf([plain(0), plain(1), { ...plain(2), timestampMs: 5 }, { ...plain(3, 'empty'), timestampMs: DAY + 3 }]),
      { when, ignore: ['event.ingested'] },
    )
    expect(result).toMatchObject({ replaced: 2, unknown: 0, skipped: 1, unchanged: 1, ids: ['0-0', '0-1'] })
    expect(result.moved).toEqual(
      new Map([
        [
          'lab',
          new Map([
            ['no_pack', -2],
            ['', 2],
          ]),
        ],
      ]),
    )
    const later = { ...plain(2), event: { haetae: { source: 'lab' }, event: { ingested: 'later' } } }
    expect(await store.replace(batchOf([later]), { ignore: ['event.ingested'] })).toMatchObject({ unchanged: 1 })
    expect(await store.replace(batchOf([later]))).toMatchObject({ replaced: 1 })
  })

  it('a tail shows a replaced event once: as it was when it came, or as it is when it is read later', async (store) => {
    const given = simple(40)
    const live: string[] = []
    const abort = new AbortController()
    const reading = (async () => {
      for await (const { hits } of store.tail(matchAll, {}, abort.signal)) {
        live.push(...hits.map(({ event }) => String(event.message)))
        if (live.length >= 41) abort.abort()
      }
    })()
    await appendAll(store, given, 10)
    while (live.length < 40) await new Promise((resolve) => setTimeout(resolve, 5))
    await store.replace(batchOf([5, 17].map((i) => fixed(given[i] as Given))))
    await store.append(batchOf(simple(1, 40)), 0, 41)
    await reading
    expect(live).toEqual(simple(41).map(({ event }) => event.message))

    const resumed = async (filter: Filter, wanted: number) => {
      const later = new AbortController()
      const seen: string[] = []
      for await (const { hits } of store.tail(filter, { resume: '' }, later.signal)) {
        seen.push(...hits.map(({ id, event }) => `${id} ${event.message}`))
        if (seen.length >= wanted) later.abort()
      }
      return seen
    }
    const as = (i: number) => ([5, 17].includes(i) ? `repaired ${i}` : `event number ${i}`)
    expect(await resumed(matchAll, 41)).toEqual(Array.from({ length: 41 }, (_, i) => `0-${i} ${as(i)}`))
    const eve: Filter = { kind: 'equals', field: 'user.name', value: 'eve' }
    expect(await resumed(eve, 2)).toEqual(['0-5 repaired 5', '0-17 repaired 17'])
  })

  it('random replacements agree with the oracle', async (store) => {
    const next = random(4711)
    const given = randomEvents(next, 700)
    const newest = new Map(given.map((g) => [idOf(g), g]))
    for (let round = 0; round < 12; round++) {
      await appendAll(store, given.slice(round * 60, round * 60 + 60), 20)
      const stored = given.slice(0, round * 60 + 60)
      const some = stored.filter(() => next() < 0.1)
      const others = randomEvents(next, some.length)
      const batch = some.map((g, i): Given => {
        const { event, timestampMs } = others[i] as Given
        return { ...g, event, timestampMs }
      })
      const { replaced, unchanged, unknown } = await store.replace(batchOf(batch))
      expect([replaced + unchanged, unknown], `round ${round}`).toEqual([batch.length, 0])
      for (const g of batch) newest.set(idOf(g), g)
      const visible = stored.map((g) => newest.get(idOf(g)) as Given)
      for (let k = 0; k < 8; k++) {
        const filter = randomFilter(next)
        const say = JSON.stringify({ round, filter })
        const wanted = expectedHits(visible, filter, always)
        expect(
          (await searchAll(store, filter)).map(({ id }) => id),
          say,
        ).toEqual(wanted.map(idOf))
        const ask = (aggregation: Aggregation) => store.aggregate({ filter, range: always, aggregation })
        expect(await ask({ kind: 'terms', field: 'user.name', size: 4 }), say).toMatchObject(
          expectedTerms(wanted, 'user.name', 4),
        )
        expect(await ask({ kind: 'histogram', intervalMs: 60_000 }), say).toMatchObject(
          expectedHistogram(wanted, 60_000),
        )
      }
      expect(await count(store)).toBe(visible.length)
    }
  })

  it('searches during replacements see every event once', async (store) => {
    const given = simple(600)
    await appendAll(store, given)
    await store.flush()
    let done = false
    const replacing = (async () => {
      for (let at = 0; at < 600; at += 60) {
        await store.replace(batchOf(given.slice(at, at + 60).map((g) => ({ ...fixed(g), timestampMs: g.timestampMs }))))
      }
      done = true
    })()
    while (!done) {
      const hits = await searchAll(store, matchAll, always, 1000)
      expect(new Set(hits.map(({ id }) => id)).size).toBe(600)
      expect(hits).toHaveLength(600)
      expect(await count(store)).toBe(600)
      await setImmediate()
    }
    await replacing
    expect(await count(store, { kind: 'equals', field: 'user.name', value: 'eve' })).toBe(600)
  })

  it('a damaged batch replaces nothing', async (store) => {
    await appendAll(store, simple(5))
    await expect(store.replace(batchOf(simple(3)).slice(0, 90))).rejects.toMatchObject({ code: 'BATCH_CORRUPT' })
    expect(await store.replace(batchOf([]))).toMatchObject({ replaced: 0, unknown: 0 })
    expect(await count(store)).toBe(5)
  })

  it('retiring deletes what is older, a replaced event and its older version together', async (store) => {
    const given = simple(20)
    await appendAll(store, given.slice(0, 10))
    await store.flush()
    await appendAll(store, given.slice(10))
    await store.flush()
    // One newer version falls before the limit, the segment of its older version does not.
    const early = { ...fixed(given[12] as Given), timestampMs: DAY - 1000 }
    await store.replace(batchOf([early]))
    await store.retire(DAY + 10_000)
    // What was in one piece with something newer may stay.
    const left = (await searchAll(store, matchAll)).map(({ id }) => id)
    const wanted = [...given.slice(13).reverse(), given[11], given[10], given[12]].map((g) => idOf(g as Given))
    expect(left.filter((id) => wanted.includes(id))).toEqual(wanted)
    expect((await store.get('0-12'))?.event.message).toBe('repaired 12')
    await store.retire(DAY + 1e9)
    expect([await count(store), store.lost(), store.durable().get(0)]).toEqual([0, [], 20])
  })

  it('a cancelled search rejects with the reason', async (store) => {
    await appendAll(store, simple(10))
    const abort = new AbortController()
    abort.abort(new Error('no longer wanted'))
    await expect(store.search({ filter: matchAll, range: always, limit: 1 }, abort.signal)).rejects.toThrow(
      'no longer wanted',
    )
  })

  it('hostile names and values come back or vanish quietly, and harm nothing', async (store) => {
    const long = 'n'.repeat(65_535)
    const event = JSON.parse(
      '{"__proto__":{"polluted":"yes"},"constructor":"c","toString":{"x":1},"a":{"__proto__":"p"}}',
    ) as EcsEvent
    await store.append(
      batchOf([
        {
          event: { ...event, [long]: 'v', big: 'x'.repeat(1_200_000), hasOwnProperty: 'h' },
          timestampMs: DAY,
          partition: 0,
          offset: 0,
        },
        { event: {}, timestampMs: -8.7e15, partition: 0, offset: 1 },
        { event: { lone: '\ud800', nul: '\u0000' }, timestampMs: 1e300, partition: 0, offset: 2 },
      ]),
      0,
      3,
    )
    await store.flush()
    expect(({} as { polluted?: string }).polluted).toBeUndefined()
    const found = (await store.get('0-0'))?.event as EcsEvent
    expect([found.constructor, found.hasOwnProperty, (found.big as string).length, found[long]]).toEqual([
      'c',
      'h',
      1_200_000,
      'v',
    ])
    expect(
      await store.search({ filter: { kind: 'equals', field: 'constructor', value: 'c' }, range: always, limit: 9 }),
    ).toMatchObject({ hits: [{ id: '0-0' }] })
    for (const field of ['__proto__', 'hasOwnProperty', 'valueOf', long]) {
      await store.aggregate({ filter: matchAll, range: always, aggregation: { kind: 'terms', field, size: 3 } })
      await store.aggregate({
        filter: { kind: 'exists', field },
        range: always,
        aggregation: { kind: 'histogram', intervalMs: 1e14, by: field },
      })
    }
    expect(
      (await store.search({ filter: matchAll, range: { since: -1e16, until: 1e301 }, limit: 9 })).hits.map(
        ({ id }) => id,
      ),
    ).toEqual(['0-2', '0-0', '0-1'])
  })

  it('a damaged batch is refused', async (store) => {
    await expect(store.append(new Uint8Array(0), 0, 1)).rejects.toMatchObject({ code: 'BATCH_CORRUPT' })
    const cut = batchOf(simple(3)).slice(0, 90)
    await expect(store.append(cut, 0, 3)).rejects.toMatchObject({ code: 'BATCH_CORRUPT' })
    expect(await store.append(batchOf(simple(3)), 0, 3)).toMatchObject({ stored: 3 })
  })

  it('a tail shows what arrives and matches, from its start on', async (store) => {
    await appendAll(store, simple(10))
    const abort = new AbortController()
    const seen: string[] = []
    const reading = (async () => {
      const filter: Filter = { kind: 'equals', field: 'event.outcome', value: 'failure' }
      for await (const { hits, skipped } of store.tail(filter, {}, abort.signal)) {
        expect(skipped).toBe(0)
        seen.push(...hits.map(({ id }) => id))
        if (seen.length >= 4) abort.abort()
      }
    })()
    await appendAll(store, simple(6, 10), 2)
    await store.flush()
    await appendAll(store, simple(6, 16), 3)
    await reading
    // Each simple() call counts its outcomes from its own first event.
    expect(seen.slice(0, 4)).toEqual(['0-10', '0-13', '0-16', '0-19'])
  })

  it('a tail resumes without gap or repetition, through what is on disk', async (store) => {
    const seen: string[] = []
    const read = async (resume: string | undefined, wanted: number) => {
      const abort = new AbortController()
      let at = resume
      for await (const batch of store.tail(matchAll, { resume }, abort.signal)) {
        seen.push(...batch.hits.map(({ id }) => id))
        at = batch.resume
        if (seen.length >= wanted) abort.abort()
      }
      return at
    }
    await appendAll(store, simple(3))
    const first = read('', 3)
    const at = await first
    await appendAll(store, simple(700, 3))
    await store.flush()
    await appendAll(store, simple(50, 703))
    await appendAll(store, simple(5, 0, 6))
    await read(at, 758)
    expect(seen).toEqual([...simple(753), ...simple(5, 0, 6)].map(idOf))
  })

  it('a tail over its rate cap says how many it left out', async (store) => {
    const abort = new AbortController()
    let shown = 0
    let skipped = 0
    const reading = (async () => {
      for await (const batch of store.tail(matchAll, { maxPerSecond: 5 }, abort.signal)) {
        shown += batch.hits.length
        skipped += batch.skipped
        if (shown + skipped >= 200) abort.abort()
      }
    })()
    await appendAll(store, simple(200), 50)
    await reading
    expect(shown + skipped).toBe(200)
    expect(skipped).toBeGreaterThan(100)
  })

  it('a tail that is aborted ends, whether or not anything arrives', async (store) => {
    const abort = new AbortController()
    const reading = (async () => {
      for await (const _ of store.tail(matchAll, {}, abort.signal)) throw new Error('nothing was appended')
    })()
    abort.abort()
    await reading
  })
}
