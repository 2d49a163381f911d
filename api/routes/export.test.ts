import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { ExportManifest } from '../../core/api.ts'
import { CLI_TOKEN, openTestServer, type TestServer } from '../testing.ts'

const START = Date.UTC(2026, 10, 22, 9, 50)

async function filled(count: number, options = {}): Promise<TestServer> {
  const test = await openTestServer(options)
  test.store.add(
    Array.from({ length: count }, (_, i) => ({
      timestamp: START + i,
      event: {
        '@timestamp': new Date(START + i).toISOString(),
        user: { name: i % 2 === 0 ? 'root' : '=cmd' },
        n: i,
        message: `line ${i}`,
      },
    })),
  )
  return test
}
const manifestOf = async (server: TestServer, id: unknown): Promise<ExportManifest> =>
  (await server.ask('GET', `/v1/exports/${id}`)).json()

test('every row comes once, newest first, and the manifest says what the file is', async () => {
  const server = await filled(2500)
  const answer = await server.ask('GET', '/v1/export?since=15m&query=user.name:root')
  expect(answer.statusCode).toBe(200)
  const rows = answer.body
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { n: number; _id: string })
  expect(rows.map((row) => row.n)).toEqual(Array.from({ length: 1250 }, (_, i) => 2498 - 2 * i))
  const manifest = await manifestOf(server, answer.headers['x-haetae-export'])
  expect(manifest).toMatchObject({
    state: 'complete',
    query: 'user.name:root',
    zone: 'UTC',
    since: '2026-11-22T09:45:00.000Z',
    until: '2026-11-22T10:00:00.000Z',
    rows: 1250,
    bytes: Buffer.byteLength(answer.body),
    sha256: createHash('sha256').update(answer.body).digest('hex'),
    requester: 'cli',
  })
  expect(server.audited.map(({ action, detail }) => [action, detail?.split(' ')[2]])).toEqual([
    ['export', 'begins'],
    ['export', 'complete'],
  ])
})

test('CSV has a column for every field, defuses formulas, and begins with a mark when asked', async () => {
  const server = await filled(2)
  const answer = await server.ask('GET', '/v1/export?since=15m&format=csv&bom=1')
  expect(answer.headers['content-type']).toContain('text/csv')
  expect(answer.headers['content-disposition']).toMatch(/^attachment; filename="haetae-[\d-]+\.csv"$/)
  expect(answer.body).toBe(
    '\ufeff_id,@timestamp,user.name,n,message\r\n' +
      "0-1,2026-11-22T09:50:00.001Z,'=cmd,1,line 1\r\n" +
      '0-0,2026-11-22T09:50:00.000Z,root,0,line 0\r\n',
  )
  expect((await manifestOf(server, answer.headers['x-haetae-export'])).columns).toContain('user.name')
})

test('named columns are the only ones; what they leave out is counted', async () => {
  const server = await filled(2)
  const answer = await server.ask('GET', '/v1/export?since=15m&format=csv&columns=n,user.name')
  expect(answer.body).toBe("n,user.name\r\n1,'=cmd\r\n0,root\r\n")
  expect((await manifestOf(server, answer.headers['x-haetae-export'])).cellsLeftOut).toBe(4)
})

test('stages are exported as their table', async () => {
  const server = await filled(10)
  const query = encodeURIComponent('| where n < 6 | stats count() by user.name')
  const csv = await server.ask('GET', `/v1/export?since=15m&format=csv&query=${query}`)
  expect(csv.body).toBe("user.name,count\r\n'=cmd,3\r\nroot,3\r\n")
  const json = await server.ask('GET', `/v1/export?since=15m&query=${query}`)
  expect(json.body).toBe('{"user.name":"=cmd","count":3}\n{"user.name":"root","count":3}\n')
})

test.each([
  ['a wrong query', 'query=user.name%3A'],
  ['a wrong time', 'since=never'],
  ['a wrong format', 'format=xlsx'],
  ['an unknown parameter', 'qurey=x'],
])('%s is refused before a byte of the file', async (_why, params) => {
  const server = await filled(1)
  const answer = await server.ask('GET', `/v1/export?${params}`)
  expect(answer.statusCode).toBe(400)
  expect((await server.ask('GET', '/v1/exports')).json().exports).toEqual([])
})

test('when the trail cannot be written nothing leaves', async () => {
  const server = await filled(1, { audit: () => Promise.reject(new Error('disk full')) })
  const answer = await server.ask('GET', '/v1/export?since=15m')
  expect(answer.statusCode).toBe(500)
  expect(answer.body).not.toContain('line 0')
})

test('a failure midway breaks the connection and shows in the manifest', async () => {
  const server = await filled(9000)
  const search = server.store.search.bind(server.store)
  let pages = 0
  server.store.search = (request, signal) =>
    ++pages > 1 ? Promise.reject(new Error('disk gone')) : search(request, signal)
  await server.ask('GET', '/v1/export?since=15m').catch(() => undefined)
  const { exports } = (await server.ask('GET', '/v1/exports')).json() as { exports: ExportManifest[] }
  expect(exports[0]).toMatchObject({ state: 'failed', problem: 'disk gone', rows: 1000 })
  expect(exports[0]?.sha256).toBeUndefined()
})

test('a client that reads nothing stops the reading; one that goes ends the export', async () => {
  const server = await filled(0)
  let pages = 0
  const event = { message: 'x'.repeat(2000) }
  const hits = Array.from({ length: 1000 }, (_, i) => ({
    id: `${i}`,
    timestamp: START,
    partition: 0,
    offset: i,
    event,
  }))
  const stats = { segments: 0, pruned: 0, rows: 0, tookMs: 0 }
  server.store.search = async () => ({ hits, cursor: String(++pages), stats })
  const address = new URL(await server.server.listen())
  const socket = connect(Number(address.port), '127.0.0.1')
  socket.pause()
  socket.write(`GET /v1/export HTTP/1.1\r\nhost: ${address.host}\r\nauthorization: Bearer ${CLI_TOKEN}\r\n\r\n`)
  let before = -1
  while (pages === 0 || pages !== before) {
    before = pages
    await sleep(300)
  }
  expect(pages).toBeLessThan(100) // 2 MB each: what the kernel's buffers hold
  socket.destroy()
  const state = async () => (await server.ask('GET', '/v1/exports')).json().exports[0]?.state
  for (let tries = 0; tries < 100 && (await state()) === 'running'; tries++) await sleep(50)
  expect(await state()).toBe('failed')
})
