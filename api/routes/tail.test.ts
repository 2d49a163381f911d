import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { TailOutput } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Hit, TailBatch } from '../../core/store.ts'
import { MarkBook } from '../marks.ts'
import { CLI_TOKEN, openTestServer, type TestServer } from '../testing.ts'

const hit = (n: number, text = 'x'): Hit => ({
  id: `0-${n}`,
  timestamp: n,
  partition: 0,
  offset: n,
  event: { message: text },
})
const batch = (from: number, count: number, text?: string): TailBatch => ({
  hits: Array.from({ length: count }, (_, i) => hit(from + i, text)),
  skipped: 0,
  resume: `0-${from + count}`,
})

interface Message {
  event: string
  id?: string
  data: string
}

/** A client that reads all the time. */
async function follow(
  { server }: TestServer,
  query = '',
  headers: Record<string, string> = {},
  authorization: Record<string, string> = { authorization: `Bearer ${CLI_TOKEN}` },
) {
  const address = server.app.server.listening ? addressOf(server) : await server.listen()
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const response = await fetch(`${address}/v1/tail${query}`, {
    headers: { ...authorization, ...headers },
    signal: stop.signal,
  })
  const messages: Message[] = []
  const ended = (async () => {
    let rest = ''
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      rest += Buffer.from(chunk).toString()
      const parts = rest.split('\n\n')
      rest = parts.pop() ?? ''
      for (const part of parts) {
        const field = (name: string) =>
          part
            .split('\n')
            .find((line) => line.startsWith(`${name}: `))
            ?.slice(name.length + 2)
        messages.push({ event: field('event') ?? '', id: field('id'), data: field('data') ?? '' })
      }
    }
  })().catch(() => {})
  return { response, messages, ended, stop }
}

function addressOf(server: TestServer['server']): string {
  return `http://127.0.0.1:${(server.app.server.address() as { port: number }).port}`
}

/** A client that asks and then reads nothing. */
async function stall({ server }: TestServer): Promise<Socket> {
  const address = new URL(server.app.server.listening ? addressOf(server) : await server.listen())
  const socket = connect(Number(address.port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  socket.pause()
  socket.write(`GET /v1/tail HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${CLI_TOKEN}\r\n\r\n`)
  return socket
}

test('matching events arrive as batches, with an id to resume from', async () => {
  const made = await openTestServer()
  made.store.tailBatches = () => [
    batch(1, 2),
    { hits: [], skipped: 0, resume: '0-9' },
    { hits: [], skipped: 4, resume: '0-13' },
  ]
  const { response, messages } = await follow(made, '?query=user.name:root')
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  await expect.poll(() => messages.length).toBe(2)
  expect(messages[0]).toMatchObject({ event: 'batch', id: '0-3' })
  expect(JSON.parse(messages[0]?.data ?? '')).toEqual({
    hits: [1, 2].map((n) => ({ id: `0-${n}`, timestamp: n, event: { message: 'x' } })),
    skipped: 0,
    resume: '0-3',
  })
  expect(JSON.parse(messages[1]?.data ?? '')).toEqual({ hits: [], skipped: 4, resume: '0-13' })
  expect(made.audited).toMatchObject([{ action: 'tail', actor: 'cli', query: 'user.name:root' }])
})

test('a line that holds line ends and event-stream words stays one message', async () => {
  const made = await openTestServer()
  const text = 'a\n\nevent: ping\ndata: {"hits":[]}\n\n\r\u2028\u0000'
  made.store.tailBatches = () => [batch(1, 1, text)]
  const { messages } = await follow(made)
  await expect.poll(() => messages.length).toBe(1)
  expect((JSON.parse(messages[0]?.data ?? '') as TailOutput).hits[0]?.event['message']).toBe(text)
})

test('resume comes from the query or, when the browser reconnects, from Last-Event-ID', async () => {
  const made = await openTestServer()
  await follow(made)
  await follow(made, '?resume=0-7')
  await follow(made, '?resume=0-7', { 'last-event-id': '0-9' })
  await expect.poll(() => made.store.tailResumes).toEqual([undefined, '0-7', '0-9'])
})

test('a client that is gone ends the tail in the store at once', async () => {
  const made = await openTestServer()
  const { stop } = await follow(made)
  await expect.poll(() => made.store.openTails).toBe(1)
  expect(made.counters.expose()).toContain('haetae_api_tails 1')
  stop.abort()
  await expect.poll(() => made.store.openTails, { timeout: 1000 }).toBe(0)
  expect(made.counters.expose()).toContain('haetae_api_tails 0')
})

test('a slow client gets the newest events and is told how many were left out; nothing is unaccounted for', async () => {
  const made = await openTestServer({ limits: { tailHits: 50 } })
  const total = 4000
  let produced = 0
  made.store.tailBatches = async function* () {
    for (; produced < total; produced += 20) {
      yield batch(produced, 20, 'x'.repeat(4000))
      if (produced % 500 === 0) await sleep(1)
    }
  }
  const socket = await stall(made)
  // The store is read to its end although the client reads nothing: what waits is bounded, the rest is counted.
  await expect.poll(() => produced, { timeout: 10_000 }).toBe(total)
  let text = ''
  socket.on('data', (chunk) => (text += chunk))
  socket.resume()
  const batches = () =>
    [...text.matchAll(/^data: (\{"hits".*\})$/gm)].map((m) => JSON.parse(m[1] as string) as TailOutput)
  await expect.poll(() => batches().at(-1)?.resume, { timeout: 10_000 }).toBe(`0-${total}`)
  const shown = batches().flatMap((one) => one.hits.map(({ id }) => Number(id.slice(2))))
  const skipped = batches().reduce((sum, one) => sum + one.skipped, 0)
  expect(skipped).toBeGreaterThan(0)
  expect(shown.length + skipped).toBe(total)
  expect(shown).toEqual([...new Set(shown)].sort((a, b) => a - b))
  expect(shown.at(-1)).toBe(total - 1)
  expect(batches().at(-1)?.hits.length).toBeLessThanOrEqual(50)
})

test('what waits for a slow client is bounded in bytes too, and one huge event still goes through', async () => {
  const made = await openTestServer({ limits: { tailBytes: 1000 } })
  made.store.tailBatches = () => [batch(0, 3, 'y'.repeat(5000))]
  const { messages } = await follow(made)
  await expect.poll(() => messages.length).toBe(1)
  const output = JSON.parse(messages[0]?.data ?? '') as TailOutput
  expect(output.hits.map(({ id }) => id)).toEqual(['0-2'])
  expect(output.skipped).toBe(2)
})

test('a client that reads nothing for too long is let go, and that is counted', async () => {
  const made = await openTestServer({ limits: { tailPingMs: 20, tailStallMs: 60 } })
  made.store.tailBatches = async function* (signal) {
    for (let n = 0; !signal.aborted; n += 100) {
      yield batch(n, 100, 'z'.repeat(5000))
      await sleep(1)
    }
  }
  await stall(made)
  await expect.poll(() => made.counters.get('api_tails_cut_total', { reason: 'slow' }), { timeout: 10_000 }).toBe(1)
  await expect.poll(() => made.store.openTails).toBe(0)
})

test('pings keep the stream alive, and a sign-out ends it', async () => {
  const made = await openTestServer({ limits: { tailPingMs: 20 } })
  const headers = await made.signIn()
  const { response, messages, ended } = await follow(made, '', { cookie: headers.cookie }, {})
  expect(response.status).toBe(200)
  await expect.poll(() => messages.map(({ event }) => event)).toEqual(expect.arrayContaining(['ping', 'ping']))
  expect(made.store.openTails).toBe(1)
  await made.inject({ method: 'DELETE', url: '/v1/session', headers })
  await ended
  await expect.poll(() => made.store.openTails).toBe(0)
  expect(made.counters.get('api_tails_cut_total', { reason: 'signed-out' })).toBe(1)
})

test('a tail that is only listening does not keep its session from idling out', async () => {
  const made = await openTestServer({ limits: { tailPingMs: 20, sessionIdleMs: 1000 } })
  const headers = await made.signIn()
  const { response, ended } = await follow(made, '', { cookie: headers.cookie }, {})
  expect(response.status).toBe(200)
  for (let i = 0; i < 4; i++) {
    made.clock.ms += 300
    await sleep(60)
  }
  await ended
  expect(made.store.openTails).toBe(0)
})

test('one tail more than the limit is refused, and room comes back', async () => {
  const made = await openTestServer({ limits: { maxTails: 2 } })
  const first = await follow(made)
  await follow(made)
  const third = await follow(made)
  expect(third.response.status).toBe(429)
  first.stop.abort()
  await expect.poll(async () => (await follow(made)).response.status).toBe(200)
})

test.each([
  ['?query=(', 400],
  ['?query=a&query=b', 400],
  [`?query=${'x'.repeat(9000)}`, 400],
  ['?unknown=1', 400],
])('%s is a problem before the stream begins', async (query, status) => {
  const made = await openTestServer()
  const { response } = await follow(made, query)
  expect(response.status).toBe(status)
  expect(made.store.tailResumes).toEqual([])
})

test('a store that fails says so in the stream, without its inside', async () => {
  const made = await openTestServer()
  made.store.tailBatches = async function* () {
    yield batch(0, 1)
    throw new Error('secret path')
  }
  const { messages, ended } = await follow(made)
  await ended
  expect(messages.map(({ event }) => event)).toEqual(['batch', 'problem'])
  expect(messages[1]?.data).not.toContain('secret')
  expect(made.logged.join()).toContain('secret path')
})

test('a resume that the store refuses is told with its reason', async () => {
  const made = await openTestServer()
  made.store.tailBatches = () => {
    throw new PipelineError('REQUEST_INVALID', { problem: 'resume: not a place' })
  }
  const { messages, ended } = await follow(made, '?resume=nonsense')
  await ended
  expect(JSON.parse(messages[0]?.data ?? '{}')).toMatchObject({ status: 400, detail: 'resume: not a place' })
})

test('closing the server ends the tails', async () => {
  const made = await openTestServer()
  const { ended } = await follow(made)
  await expect.poll(() => made.store.openTails).toBe(1)
  await made.server.close()
  await ended
  expect(made.store.openTails).toBe(0)
})

test('a line carries the rules that matched it, also those that match a moment later', async () => {
  const marks = new MarkBook()
  const match = (eventId: string, ruleId: string) => ({
    ...{ eventId, ruleId, ruleVersion: '1', timestamp: 0, partition: 0, offset: 0, why: [], fields: {}, entities: {} },
  })
  const rule = {
    id: 'r',
    title: 'Root signs in',
    level: 'high',
    tags: [],
    kind: 'event' as const,
    matches: 0,
    file: '',
  }
  const made = await openTestServer({ marks, rules: () => ({ rules: [rule], refused: [] }) })
  marks.note([match('0-1', 'r')])
  made.store.tailBatches = () => [batch(1, 2)]
  const { messages } = await follow(made)
  await expect.poll(() => messages.length).toBe(1)
  marks.note([match('0-2', 'r'), match('0-7', 'r')])
  await expect.poll(() => messages.length).toBe(2)
  const told = messages.map(({ data }) => (JSON.parse(data) as TailOutput).marks)
  expect(told).toEqual([
    [{ eventId: '0-1', ruleId: 'r', title: 'Root signs in', level: 'high' }],
    [{ eventId: '0-2', ruleId: 'r', title: 'Root signs in', level: 'high' }],
  ])
})

test('a rate is asked of the store, 1000 a second unless another is wanted; stages are refused', async () => {
  const made = await openTestServer()
  const rates: (number | undefined)[] = []
  const tail = made.store.tail.bind(made.store)
  made.store.tail = (filter, options, signal) => {
    rates.push(options.maxPerSecond)
    return tail(filter, options, signal)
  }
  await follow(made, '?rate=7')
  await follow(made)
  expect(rates).toEqual([7, 1000])
  const refused = await made.ask('GET', `/v1/tail?query=${encodeURIComponent('a | stats count()')}`)
  expect(refused.json()).toMatchObject({ status: 400, code: 'QUERY_INVALID' })
})
