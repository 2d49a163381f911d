import { describe, expect, test } from 'vitest'
import type { SearchOutput } from '../../core/api.ts'
import { openTestServer } from '../testing.ts'
import { roundInterval } from '../wire.ts'

const at = (minutesAgo: number) => Date.UTC(2026, 10, 22, 10) - minutesAgo * 60_000
const login = (user: string, minutesAgo: number) => ({
  timestamp: at(minutesAgo),
  event: { message: `login of ${user}`, user: { name: user }, host: { name: 'web1' } },
})

describe('search', () => {
  test('finds the last 15 minutes, newest first, with the range it looked at', async () => {
    const { ask, store, audited } = await openTestServer()
    store.add([login('old', 20), login('kim', 10), login('lee', 5)])
    const response = await ask('POST', '/v1/search', {})
    expect(response.json()).toEqual({
      hits: [
        { id: '0-2', timestamp: at(5), event: login('lee', 5).event },
        { id: '0-1', timestamp: at(10), event: login('kim', 10).event },
      ],
      since: at(15),
      until: at(0),
      stats: { segments: 1, pruned: 0, rows: 3, tookMs: 0 },
    })
    expect(audited).toEqual([
      {
        at: at(0),
        action: 'search',
        actor: 'cli',
        ip: '127.0.0.1',
        outcome: 'ok',
        query: '',
        rows: 2,
        since: at(15),
        until: at(0),
      },
    ])
  })

  test('cursors visit every event once, both ways, and keep the range of the first page', async () => {
    const { ask, store, clock } = await openTestServer()
    store.add(Array.from({ length: 25 }, (_, i) => ({ ...login('kim', 5), timestamp: at(5) + (i % 4) })))
    for (const order of ['desc', 'asc']) {
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const response = await ask('POST', '/v1/search', { query: 'user.name:kim', limit: 10, order, cursor })
        const page = response.json() as SearchOutput
        seen.push(...page.hits.map(({ id }) => id))
        expect([page.since, page.until]).toEqual([at(15), at(0)])
        cursor = page.cursor
        clock.ms += 60_000
      } while (cursor)
      clock.ms = at(0)
      expect(seen).toHaveLength(25)
      expect(new Set(seen).size).toBe(25)
    }
  })

  test('a cursor of another search, or none of ours, is refused', async () => {
    const { ask, store } = await openTestServer()
    store.add(Array.from({ length: 3 }, () => login('kim', 1)))
    const { cursor } = (await ask('POST', '/v1/search', { query: 'user.name:kim', limit: 1 })).json() as SearchOutput
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    for (const body of [
      { query: 'user.name:lee', cursor },
      { query: 'user.name:kim', order: 'asc', cursor },
      { cursor: 'x' },
      { cursor: '' },
      { cursor: encode(null) },
      { cursor: encode([]) },
      { cursor: encode({ cursor: 1, since: 0, until: 1, of: '' }) },
      { cursor: encode({ cursor: 'a', since: 'x', until: 1, of: '' }) },
    ]) {
      const response = await ask('POST', '/v1/search', body)
      expect(response.statusCode).toBe(400)
      expect(response.json()).toMatchObject({ code: 'REQUEST_INVALID', detail: expect.stringContaining('cursor') })
    }
  })

  test.each([
    ['limit 0', { limit: 0 }],
    ['limit 1001', { limit: 1001 }],
    ['limit as text', { limit: '5' }],
    ['limit 1.5', { limit: 1.5 }],
    ['limit null', { limit: null }],
    ['query as number', { query: 5 }],
    ['query as list', { query: ['a'] }],
    ['query too long', { query: 'x'.repeat(8193) }],
    ['another order', { order: 'up' }],
    ['a key nobody knows', { limt: 5 }],
    ['since that is no time', { since: 'soon' }],
    ['since after until', { since: 'now', until: 'now-1h' }],
  ])('%s is refused', async (_why, body) => {
    const { ask, store } = await openTestServer()
    const response = await ask('POST', '/v1/search', body)
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ code: 'REQUEST_INVALID', status: 400 })
    expect(store.searches).toEqual([])
  })

  test('a query error has its column and a next step', async () => {
    const { ask } = await openTestServer()
    expect((await ask('POST', '/v1/search', { query: 'a and user.name = root' })).json()).toEqual({
      type: 'urn:haetae:error:QUERY_INVALID',
      title: 'Bad Request',
      status: 400,
      code: 'QUERY_INVALID',
      detail: "fields are compared with ':'",
      column: 17,
      hint: 'write user.name:value, or put text in quotes',
    })
  })

  test('a slip in a field name is an error when no event has such a field, and none when one has', async () => {
    const { ask, store } = await openTestServer()
    store.add([{ timestamp: at(1), event: { user: { nams: 'x' } } }])
    const slip = await ask('POST', '/v1/search', { query: 'user.nmae:root' })
    expect(slip.json()).toMatchObject({ code: 'QUERY_INVALID', column: 1, hint: expect.stringContaining('user.name?') })
    expect((await ask('POST', '/v1/search', { query: '"user.nmae":root' })).statusCode).toBe(200)
    const real = await ask('POST', '/v1/search', { query: 'user.nams:x' })
    expect(real.json().hits).toHaveLength(1)
    expect((await ask('POST', '/v1/search', { query: 'nothing.like.this:x' })).statusCode).toBe(200)
  })

  test('fields that events have are learnt, for the hint', async () => {
    const { ask, store } = await openTestServer()
    store.add([{ timestamp: at(1), event: { acme: { invoice: '7' } } }])
    await ask('POST', '/v1/fields', {})
    const slip = await ask('POST', '/v1/search', { query: 'acme.invioce:7' })
    expect(slip.json()).toMatchObject({ hint: expect.stringContaining('acme.invoice?') })
  })

  test('hostile events come back as data', async () => {
    const { ask, store } = await openTestServer()
    const event = JSON.parse('{"message":"<script>alert(1)</script>\\u2028","__proto__":{"x":1},"constructor":"c"}')
    store.add([{ timestamp: at(1), event }])
    const response = await ask('POST', '/v1/search', {})
    expect(response.headers['content-type']).toContain('application/json')
    expect(JSON.stringify(response.json().hits[0].event)).toBe(JSON.stringify(event))
  })
})

describe('aggregations', () => {
  test('histogram: a round interval and the buckets', async () => {
    const { ask, store } = await openTestServer()
    store.add([login('kim', 10), login('kim', 10), login('lee', 1)])
    const response = await ask('POST', '/v1/histogram', { bars: 15 })
    expect(response.json()).toEqual({
      since: at(15),
      until: at(0),
      intervalMs: 60_000,
      total: 3,
      buckets: [
        { start: at(10), count: 2 },
        { start: at(1), count: 1 },
      ],
    })
    await ask('POST', '/v1/histogram', { by: 'user.name' })
    expect(store.aggregations.at(-1)?.aggregation).toEqual({ kind: 'histogram', intervalMs: 15_000, by: 'user.name' })
  })

  test.each([
    [15 * 60_000, 60, 15_000],
    [24 * 3_600_000, 60, 30 * 60_000],
    [1, 1000, 1],
    [60, 60, 1],
    [61, 60, 2],
    [400 * 365 * 86_400_000, 10, 40 * 365 * 86_400_000],
  ])('roundInterval of %i ms in %i bars is %i', (ms, bars, expected) => {
    expect(roundInterval({ since: 5, until: 5 + ms }, bars)).toBe(expected)
  })

  test('values and fields', async () => {
    const { ask, store, audited } = await openTestServer()
    store.add([login('kim', 2), login('lee', 1), { timestamp: at(1), event: { message: 'x' } }])
    expect((await ask('POST', '/v1/values', { field: 'user.name', size: 1 })).json()).toEqual({
      total: 3,
      missing: 1,
      values: [{ value: 'kim', count: 1 }],
    })
    const fields = (await ask('POST', '/v1/fields', { query: 'user.name:kim' })).json()
    expect(fields.total).toBe(1)
    expect(fields.fields.map((f: { name: string }) => f.name)).toEqual(['message', 'user.name', 'host.name'])
    expect(audited.map(({ action, detail }) => [action, detail])).toEqual([
      ['values', 'user.name'],
      ['fields', undefined],
    ])
  })

  test.each([
    ['/v1/values', {}],
    ['/v1/values', { field: '' }],
    ['/v1/values', { field: 'a', size: 1001 }],
    ['/v1/values', { field: ['a'] }],
    ['/v1/histogram', { bars: 0 }],
    ['/v1/histogram', { bars: 1e9 }],
    ['/v1/histogram', { by: 'x'.repeat(257) }],
    ['/v1/fields', { field: 'a' }],
    ['/v1/fields', { query: '(' }],
  ])('%s refuses %j', async (url, body) => {
    const { ask } = await openTestServer()
    expect((await ask('POST', url, body)).statusCode).toBe(400)
  })
})

describe('one event', () => {
  test('by id, and 404 for one that is not there', async () => {
    const { ask, store } = await openTestServer()
    store.add([login('kim', 1)])
    expect((await ask('GET', '/v1/events/0-0')).json()).toMatchObject({ id: '0-0' })
    for (const id of ['0-9', '__proto__', '%00', '..%2f..%2fetc', 'x'.repeat(200)]) {
      expect((await ask('GET', `/v1/events/${id}`)).statusCode).toBe(404)
    }
  })

  test('its surroundings: same host and source, other filters lifted, equal times in order, never itself', async () => {
    const { ask, store } = await openTestServer()
    const line = (host: string, source: string, timestamp: number) => ({
      timestamp,
      event: { host: { name: host }, haetae: { source } },
    })
    for (let i = 0; i < 10; i++) store.add([line('a', 's', at(5)), line('b', 's', at(5)), line('a', 't', at(5))])
    const response = await ask('GET', '/v1/events/0-15/around?before=3&after=2')
    const { before, event, after } = response.json()
    expect(before.map((h: { id: string }) => h.id)).toEqual(['0-6', '0-9', '0-12'])
    expect(event.id).toBe('0-15')
    expect(after.map((h: { id: string }) => h.id)).toEqual(['0-18', '0-21'])
  })

  test.each(['before=201', 'after=201', 'before=-1', 'before=x', 'before=99999', 'other=1'])(
    'around refuses %s',
    async (q) => {
      const { ask, store } = await openTestServer()
      store.add([login('kim', 1)])
      expect((await ask('GET', `/v1/events/0-0/around?${q}`)).statusCode).toBe(400)
    },
  )
})
