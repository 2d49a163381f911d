import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { JobOutput } from '../../core/api.ts'
import { auditToDocuments, expireAudit } from '../audit.ts'
import { openTestServer, type TestServer } from '../testing.ts'

describe('saved searches', () => {
  test('one of the same name is replaced, and can be forgotten', async () => {
    const { ask } = await openTestServer()
    const body = { name: 'Roots', query: 'user.name:root', since: '7d' }
    const first = (await ask('POST', '/v1/saved', body)).json()
    await ask('POST', '/v1/saved', { ...body, query: '| top user.name' })
    expect((await ask('GET', '/v1/saved')).json().saved).toMatchObject([
      { id: first.id, name: 'Roots', query: '| top user.name', since: '7d', until: 'now', owner: 'cli' },
    ])
    expect((await ask('DELETE', `/v1/saved/${first.id}`)).statusCode).toBe(204)
    expect((await ask('DELETE', `/v1/saved/${first.id}`)).statusCode).toBe(404)
  })

  test.each([
    ['a query that cannot be read', { name: 'x', query: 'a:(' }],
    ['a time that is none', { name: 'x', since: 'tomorrowish' }],
    ['no name', { name: '' }],
  ])('%s is not kept', async (_why, body) => {
    const { ask } = await openTestServer()
    expect((await ask('POST', '/v1/saved', body)).statusCode).toBe(400)
  })
})

test('a share keeps the range it had', async () => {
  const { ask, clock } = await openTestServer()
  const made = (await ask('POST', '/v1/shares', { query: 'x', since: '1h' })).json()
  clock.ms += 3_600_000
  expect((await ask('GET', `/v1/shares/${made.id}`)).json()).toEqual({
    id: made.id,
    query: 'x',
    since: Date.UTC(2026, 10, 22, 9),
    until: Date.UTC(2026, 10, 22, 10),
  })
  expect((await ask('GET', '/v1/shares/none')).statusCode).toBe(404)
})

describe('the trail', () => {
  async function withTrail(): Promise<TestServer> {
    const { documents } = await openTestServer()
    return openTestServer({ documents, audit: auditToDocuments(documents) })
  }

  test('gives each user their own history, newest first, each search once', async () => {
    const { ask, clock } = await withTrail()
    for (const query of ['a', 'b', 'a']) {
      clock.ms += 1000
      await ask('POST', '/v1/search', { query })
    }
    const { searches } = (await ask('GET', '/v1/history')).json()
    expect(searches.map(({ query }: { query: string }) => query)).toEqual(['a', 'b'])
  })

  test('many searches at once are written together', async () => {
    const { documents } = await openTestServer()
    const batches: number[] = []
    const put = documents.putAll.bind(documents)
    documents.putAll = (writes) => {
      batches.push(writes.length)
      return put(writes)
    }
    const audit = auditToDocuments(documents)
    const entry = { action: 'search', actor: 'a', ip: '', outcome: 'ok' } as const
    await Promise.all(Array.from({ length: 100 }, (_, at) => audit({ ...entry, at })))
    expect(batches).toEqual([100])
    expect(await documents.list('audit')).toHaveLength(100)
  })

  test('a write that fails fails every search that waited for it', async () => {
    const { documents } = await openTestServer()
    documents.putAll = () => Promise.reject(new Error('disk full'))
    const audit = auditToDocuments(documents)
    const entry = { at: 1, action: 'search', actor: 'a', ip: '', outcome: 'ok' } as const
    const all = await Promise.allSettled([audit(entry), audit(entry)])
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  test('old entries go, and the trail says how many', async () => {
    const { documents } = await openTestServer()
    const audit = auditToDocuments(documents)
    const entry = { action: 'search', actor: 'a', ip: '', outcome: 'ok' } as const
    await Promise.all(Array.from({ length: 2500 }, (_, i) => audit({ ...entry, at: i * 1000 })))
    expect(await expireAudit(documents, 2_500_000, 500_000, audit)).toBe(2000)
    const left = await documents.list<{ action: string; rows?: number }>('audit', { limit: 9999 })
    expect(left).toHaveLength(501)
    expect(left.at(-1)?.value).toMatchObject({ action: 'audit-expired', rows: 2000 })
  })
})

describe('a search that goes on by itself', () => {
  const body = { query: 'x', since: '1h' }
  async function ended({ ask }: TestServer, id: string): Promise<JobOutput> {
    for (;;) {
      const job = (await ask('GET', `/v1/searches/${id}`)).json() as JobOutput
      if (job.state !== 'running') return job
      await sleep(5)
    }
  }

  test('tells its end and its result', async () => {
    const server = await openTestServer()
    const event = { message: 'x y', user: { name: 'kim' } }
    server.store.add([{ timestamp: server.clock.ms - 1000, event }])
    const started = await server.ask('POST', '/v1/searches', { ...body, query: '| fields user.name' })
    expect(started.statusCode).toBe(202)
    const job = await ended(server, started.json().id)
    expect(job).toMatchObject({ state: 'done', progress: 1, result: { table: { rows: [['kim']] } } })
  })

  test('is stopped: the work in the store is aborted', async () => {
    const server = await openTestServer()
    server.store.hang = true
    const { id } = (await server.ask('POST', '/v1/searches', body)).json()
    expect((await server.ask('DELETE', `/v1/searches/${id}`)).json().state).toBe('cancelled')
    for (let tries = 0; tries < 200 && server.store.aborted === 0; tries++) await sleep(5)
    expect(server.store.aborted).toBe(1)
    expect((await ended(server, id)).state).toBe('cancelled')
  })

  test('a failure is told as a problem; nobody else may look', async () => {
    const server = await openTestServer()
    server.store.failure = new Error('secret path')
    const { id } = (await server.ask('POST', '/v1/searches', body)).json()
    const job = await ended(server, id)
    expect(job).toMatchObject({ state: 'failed', problem: { code: 'INTERNAL' } })
    expect(JSON.stringify(job)).not.toContain('secret')
    const headers = await server.signIn()
    expect((await server.inject({ url: `/v1/searches/${id}`, headers })).statusCode).toBe(404)
  })

  test('only so many run at once', async () => {
    const server = await openTestServer()
    server.store.hang = true
    for (let i = 0; i < 8; i++) expect((await server.ask('POST', '/v1/searches', body)).statusCode).toBe(202)
    expect((await server.ask('POST', '/v1/searches', body)).statusCode).toBe(429)
  })
})

describe('a sign-in link', () => {
  test('is made with the token of the command line and signs in once', async () => {
    const { ask, inject, audited } = await openTestServer()
    const { link } = (await ask('POST', '/v1/session/link')).json()
    const token = new URLSearchParams(link.split('?')[1]).get('token')
    const signIn = () => inject({ method: 'POST', url: '/v1/session', payload: { token } })
    expect((await signIn()).statusCode).toBe(200)
    expect((await signIn()).statusCode).toBe(401)
    expect(audited.map(({ action }) => action)).toEqual(['link', 'sign-in', 'sign-in'])
  })

  test('is not made for a session', async () => {
    const server = await openTestServer()
    const headers = await server.signIn()
    expect((await server.inject({ method: 'POST', url: '/v1/session/link', headers })).statusCode).toBe(403)
  })
})

test('what a role may not see is in no answer, whatever is asked', async () => {
  const only = { kind: 'equals', field: 'team', value: 'a' } as const
  const server = await openTestServer({ restrict: () => only })
  const at = server.clock.ms - 1000
  server.store.add([
    { timestamp: at, event: { team: 'a', message: 'mine' } },
    { timestamp: at, event: { team: 'b', message: 'theirs' } },
  ])
  const answers = await Promise.all([
    server.ask('POST', '/v1/search', { query: 'team:b or *' }),
    server.ask('POST', '/v1/search', { query: 'team:b or * | fields message' }),
    server.ask('POST', '/v1/values', { field: 'message' }),
    server.ask('POST', '/v1/histogram', {}),
    server.ask('GET', '/v1/export'),
    server.ask('GET', '/v1/events/0-1'),
    server.ask('GET', '/v1/events/0-0/around'),
  ])
  for (const { body } of answers) expect(body).not.toContain('theirs')
  expect(answers[3]?.json().total).toBe(1)
  expect(answers[5]?.statusCode).toBe(404)
})
