import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PipelineError } from '../core/errors.ts'
import { hashToken } from './auth/tokens.ts'
import { CLI_TOKEN, linkToken, openTestServer } from './testing.ts'

const guarded = [
  ['GET', '/v1/session'],
  ['DELETE', '/v1/session'],
  ['POST', '/v1/search'],
  ['POST', '/v1/explain'],
  ['GET', '/v1/export'],
  ['GET', '/v1/exports'],
  ['GET', '/v1/exports/a'],
  ['POST', '/v1/searches'],
  ['GET', '/v1/searches/a'],
  ['DELETE', '/v1/searches/a'],
  ['GET', '/v1/saved'],
  ['POST', '/v1/saved'],
  ['DELETE', '/v1/saved/a'],
  ['GET', '/v1/history'],
  ['POST', '/v1/shares'],
  ['GET', '/v1/shares/a'],
  ['POST', '/v1/session/link'],
  ['POST', '/v1/histogram'],
  ['POST', '/v1/values'],
  ['POST', '/v1/fields'],
  ['GET', '/v1/events/0-1'],
  ['GET', '/v1/events/0-1/around'],
  ['GET', '/v1/tail'],
  ['GET', '/v1/alerts'],
  ['GET', '/v1/alerts/a'],
  ['POST', '/v1/alerts/a/status'],
  ['GET', '/v1/sources'],
  ['GET', '/v1/unparsed'],
  ['GET', '/v1/reparse'],
  ['POST', '/v1/reparse'],
  ['GET', '/v1/reload'],
  ['POST', '/v1/reload'],
  ['GET', '/v1/rules'],
  ['GET', '/docs'],
  ['GET', '/docs/'],
  ['GET', '/docs/json'],
  ['GET', '/docs/yaml'],
  ['GET', '/docs/static/swagger-ui.css'],
  ['GET', '/docs/static/swagger-initializer.js'],
] as const
const post = { payload: {} }

describe('who may ask', () => {
  test('the list of guarded paths is every path under /v1 but signing in', async () => {
    const { ask } = await openTestServer()
    const { paths } = (await ask('GET', '/docs/json')).json() as { paths: Record<string, object> }
    const listed = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace('{id}', '*')}`),
    )
    const expected = guarded.filter(([, path]) => path.startsWith('/v1')).map(([method, path]) => `${method} ${path}`)
    const pattern = (text: string) => text.replace(/\/(0-1|a)(?=\/|$)/, '/*')
    expect(listed.sort()).toEqual([...expected.map(pattern), 'POST /v1/session'].sort())
  })

  test.each(guarded)('%s %s without a session is 401', async (method, url) => {
    const { inject, store, audited } = await openTestServer()
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: `Bearer ${CLI_TOKEN}x` },
      { authorization: `Basic ${CLI_TOKEN}` },
      { authorization: 'Bearer' },
      { cookie: 'haetae=wrong' },
      { cookie: `haetae=${'x'.repeat(5000)}` },
      { cookie: 'haetae=__proto__' },
    ]) {
      const response = await inject({ method, url, headers, ...(method === 'POST' && post) })
      expect(response.statusCode).toBe(401)
      expect(response.headers['content-type']).toMatch(/^application\/problem\+json/)
      expect(response.headers['www-authenticate']).toBe('Bearer')
      expect(response.json()).toMatchObject({
        status: 401,
        title: 'Unauthorized',
        code: expect.stringMatching(/^AUTH_/),
      })
    }
    expect([store.searches, store.aggregations, audited, store.tailResumes]).toEqual([[], [], [], []])
  })

  test('the token of the command line is enough', async () => {
    const { ask } = await openTestServer()
    expect((await ask('GET', '/v1/session')).json()).toEqual({ user: 'cli', version: '1.2.3' })
  })

  test('a node without a command line token takes no bearer token, the empty one included', async () => {
    const { inject } = await openTestServer({ cliToken: undefined })
    for (const authorization of ['Bearer undefined', 'Bearer ', 'Bearer', `Bearer ${CLI_TOKEN}`]) {
      expect((await inject({ url: '/v1/session', headers: { authorization } })).statusCode).toBe(401)
    }
  })
})

describe('signing in', () => {
  test('a link signs in once, and the cookie is what the browser keeps', async () => {
    const { server, inject, audited } = await openTestServer()
    const token = linkToken(server)
    const first = await inject({ method: 'POST', url: '/v1/session', payload: { token } })
    expect(first.json()).toEqual({ user: 'local', version: '1.2.3' })
    const cookie = String(first.headers['set-cookie'])
    expect(cookie).toMatch(/^haetae=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Strict$/)
    const session = await inject({ url: '/v1/session', headers: { cookie: cookie.split(';')[0] as string } })
    expect(session.json()).toEqual({ user: 'local', version: '1.2.3' })
    const second = await inject({ method: 'POST', url: '/v1/session', payload: { token } })
    expect(second.statusCode).toBe(401)
    expect(audited.map((entry) => `${entry.action} ${entry.outcome}`)).toEqual(['sign-in ok', 'sign-in refused'])
  })

  test('no token is stored or answered: documents hold the hash', async () => {
    const { documents, signIn } = await openTestServer()
    const { cookie } = await signIn()
    const token = cookie.split('=')[1] as string
    const [stored] = await documents.list('sessions')
    expect(stored?.id).toBe(hashToken(token))
    expect(JSON.stringify(stored)).not.toContain(token)
  })

  test('a link expires', async () => {
    const { server, inject, clock } = await openTestServer({ limits: { signInLinkMs: 1000 } })
    const token = linkToken(server)
    clock.ms += 1000
    expect((await inject({ method: 'POST', url: '/v1/session', payload: { token } })).statusCode).toBe(401)
  })

  test.each([
    ['no body', undefined],
    ['no token', {}],
    ['a number', { token: 1 }],
    ['an array', { token: ['a'] }],
    ['an empty token', { token: '' }],
    ['a token without end', { token: 'x'.repeat(201) }],
    ['something more', { token: 'x', user: 'admin' }],
    ['a prototype', JSON.parse('{"token":"x","__proto__":{"a":1}}')],
  ])('with %s it is refused', async (_why, payload) => {
    const { inject } = await openTestServer()
    const response = await inject({ method: 'POST', url: '/v1/session', ...(payload && { payload }) })
    expect(response.statusCode).toBeGreaterThanOrEqual(400)
    expect(response.statusCode).toBeLessThan(416)
    expect(response.headers['set-cookie']).toBeUndefined()
  })

  test('a new sign-in gets a new id and ends the session the browser held', async () => {
    const { server, inject, signIn } = await openTestServer()
    const held = await signIn()
    const again = await inject({
      method: 'POST',
      url: '/v1/session',
      headers: held,
      payload: { token: linkToken(server) },
    })
    expect(String(again.headers['set-cookie'])).not.toContain(held.cookie)
    expect((await inject({ url: '/v1/session', headers: held })).statusCode).toBe(401)
  })

  test('a session that is idle too long is over', async () => {
    const { inject, signIn, clock, documents } = await openTestServer({ limits: { sessionIdleMs: 100_000 } })
    const headers = await signIn()
    for (let i = 0; i < 5; i++) {
      clock.ms += 99_000
      expect((await inject({ url: '/v1/session', headers })).statusCode).toBe(200)
    }
    clock.ms += 100_000
    expect((await inject({ url: '/v1/session', headers })).statusCode).toBe(401)
    expect(await documents.list('sessions')).toEqual([])
  })

  test('a session in use is over at its end', async () => {
    const { inject, signIn, clock } = await openTestServer({ limits: { sessionMaxMs: 200_000 } })
    const headers = await signIn()
    clock.ms += 199_000
    expect((await inject({ url: '/v1/session', headers })).statusCode).toBe(200)
    clock.ms += 1000
    expect((await inject({ url: '/v1/session', headers })).statusCode).toBe(401)
  })

  test('signing out ends the session for everybody who holds the cookie', async () => {
    const { inject, signIn } = await openTestServer()
    const headers = await signIn()
    const out = await inject({ method: 'DELETE', url: '/v1/session', headers })
    expect(out.statusCode).toBe(204)
    expect(String(out.headers['set-cookie'])).toContain('haetae=; Max-Age=0')
    expect((await inject({ url: '/v1/session', headers })).statusCode).toBe(401)
  })

  test('guessing is slowed down: 429 after so many attempts a minute', async () => {
    const { inject, server } = await openTestServer({ limits: { signInsPerMinute: 3 } })
    const attempt = (token: string) => inject({ method: 'POST', url: '/v1/session', payload: { token } })
    for (let i = 0; i < 3; i++) expect((await attempt(`guess-${i}`)).statusCode).toBe(401)
    const refused = await attempt(linkToken(server))
    expect(refused.statusCode).toBe(429)
    expect(refused.json()).toMatchObject({ status: 429, code: 'AUTH_REFUSED' })
    expect(refused.headers['retry-after']).toBeDefined()
  })
})

describe('requests from other places', () => {
  test.each([
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['another port of this machine', { 'sec-fetch-site': 'same-site' }],
    ['a typed address', { 'sec-fetch-site': 'none' }],
    ['another origin', { origin: 'http://evil.example' }],
    ['another port', { origin: 'http://127.0.0.1:9999' }],
    ['a sandboxed frame', { origin: 'null' }],
    ['nowhere', {}],
  ])('a change by cookie from %s is refused', async (_why, from) => {
    const { inject, signIn, store } = await openTestServer()
    const { cookie } = await signIn()
    const response = await inject({ method: 'POST', url: '/v1/search', headers: { cookie, ...from }, payload: {} })
    expect(response.statusCode).toBe(403)
    expect(response.json()).toMatchObject({ code: 'AUTH_REFUSED' })
    expect(store.searches).toEqual([])
  })

  test.each([
    ['our page', { 'sec-fetch-site': 'same-origin' }],
    ['our page in an old browser', { origin: 'http://127.0.0.1:8514' }],
  ])('a change by cookie from %s is taken', async (_why, from) => {
    const { inject, signIn } = await openTestServer()
    const { cookie } = await signIn()
    const response = await inject({ method: 'POST', url: '/v1/search', headers: { cookie, ...from }, payload: {} })
    expect(response.statusCode).toBe(200)
  })

  test('reading and signing in from another site are refused too', async () => {
    const { inject, signIn, server } = await openTestServer()
    const { cookie } = await signIn()
    const headers = { cookie, 'sec-fetch-site': 'cross-site' }
    expect((await inject({ url: '/v1/alerts', headers })).statusCode).toBe(403)
    const payload = { token: linkToken(server) }
    expect((await inject({ method: 'POST', url: '/v1/session', headers, payload })).statusCode).toBe(403)
  })

  test.each([
    ['localhost', 200],
    ['LOCALHOST:1', 200],
    ['localhost.', 200],
    ['127.0.0.1:8514', 200],
    ['[::1]:8514', 200],
    ['siem.example', 200],
    ['evil.example', 421],
    ['localhost.evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['192.168.0.5', 421],
    ['[2001:db8::1]', 421],
    ['localhost@evil.example', 421],
  ])('host %j: %i', async (host, status) => {
    const { inject } = await openTestServer({ names: ['SIEM.example'] })
    for (const url of ['/livez', '/']) expect((await inject({ url, headers: { host } })).statusCode).toBe(status)
  })

  test('a node that listens to the network answers to any address, but not to any name', async () => {
    const { inject } = await openTestServer({ host: '0.0.0.0' })
    expect((await inject({ url: '/livez', headers: { host: '192.168.0.5:8514' } })).statusCode).toBe(200)
    expect((await inject({ url: '/livez', headers: { host: 'evil.example' } })).statusCode).toBe(421)
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'a body of %s, which a form could send, is 415',
    async (type) => {
      const { inject } = await openTestServer()
      const headers = { authorization: `Bearer ${CLI_TOKEN}`, 'content-type': type }
      const response = await inject({ method: 'POST', url: '/v1/search', headers, payload: '{}' })
      expect(response.statusCode).toBe(415)
    },
  )
})

describe('answers', () => {
  test('every answer has a policy that runs no script but our own files', async () => {
    const { inject, ask } = await openTestServer()
    for (const response of [
      await inject({ url: '/' }),
      await ask('GET', '/docs/'),
      await inject({ url: '/v1/alerts' }),
    ]) {
      const policy = String(response.headers['content-security-policy'])
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("script-src 'self';")
      expect(policy).not.toMatch(/script-src[^;]*unsafe|https?:/)
      expect(policy).toContain("frame-ancestors 'none'")
      expect(response.headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
      })
      expect(response.headers['strict-transport-security']).toBeUndefined()
    }
  })

  test('the documentation loads nothing from elsewhere', async () => {
    const { ask } = await openTestServer()
    const page = await ask('GET', '/docs/')
    expect(page.statusCode).toBe(200)
    expect(page.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
    expect(page.body).not.toMatch(/<script>(?!<)/)
  })

  test('what is under /v1 is never cached', async () => {
    const { ask, inject } = await openTestServer()
    expect((await ask('GET', '/v1/alerts')).headers['cache-control']).toBe('no-store')
    expect((await inject({ url: '/v1/alerts' })).headers['cache-control']).toBe('no-store')
  })

  test('an unexpected failure tells an incident, and our own log the rest', async () => {
    const { ask, store, logged } = await openTestServer()
    store.failure = new Error('secret path /var/lib/haetae')
    const response = await ask('POST', '/v1/search', {})
    expect(response.statusCode).toBe(500)
    expect(response.json()).toMatchObject({ status: 500, code: 'INTERNAL', title: 'Internal Server Error' })
    expect(response.body).not.toMatch(/secret|\.ts|at /)
    const incident = /under (\w{8})/.exec(response.json().detail)?.[1]
    expect(logged).toHaveLength(1)
    expect(logged[0]).toContain(incident)
    expect(logged[0]).toContain('secret path')
  })

  test('an error of ours that is nobody’s request is an incident too', async () => {
    const { ask, store } = await openTestServer()
    store.failure = new PipelineError('SEGMENT_CORRUPT', { path: '/data/x', problem: 'bad' })
    const response = await ask('POST', '/v1/search', {})
    expect(response.json()).toMatchObject({ status: 500, code: 'INTERNAL' })
    expect(response.body).not.toContain('/data')
  })

  test('a body that is no JSON, or too large, or a path that does not exist is a problem', async () => {
    const { inject, ask } = await openTestServer()
    const headers = { authorization: `Bearer ${CLI_TOKEN}`, 'content-type': 'application/json' }
    const send = (payload: string) => inject({ method: 'POST', url: '/v1/search', headers, payload })
    const answers = [
      [await send('{'), 400],
      [await send(''), 400],
      [await send('[]'), 400],
      [await send('"x"'), 400],
      [await send('{"__proto__":{"limit":1}}'), 400],
      [await send('{"constructor":{"prototype":{"limit":1}}}'), 400],
      [await send(`{"query":"${'x'.repeat(70_000)}"}`), 413],
      [await ask('GET', '/v1/nothing'), 404],
      [await ask('GET', '/v1/search'), 404],
      [await ask('GET', '/v1/events/%ff'), 400],
      [await ask('GET', `/v1/events/${'x'.repeat(300)}`), 414],
    ] as const
    for (const [response, status] of answers) {
      expect([response.statusCode, response.body]).toEqual([status, expect.stringContaining(`"status":${status}`)])
      expect(response.headers['content-type']).toMatch(/^application\/problem\+json/)
      expect(response.json()).toEqual(
        expect.objectContaining({ type: expect.stringMatching(/^urn:haetae:error:/), detail: expect.any(String) }),
      )
    }
  })

  test('when the audit trail cannot be written, nothing is shown', async () => {
    const { ask, store } = await openTestServer({
      audit: async () => {
        throw new Error('disk full')
      },
    })
    store.add([{ timestamp: Date.UTC(2026, 10, 22, 9, 59), event: { message: 'hidden' } }])
    const response = await ask('POST', '/v1/search', {})
    expect(response.statusCode).toBe(500)
    expect(response.body).not.toContain('hidden')
  })

  test('without an audit of its own, a server writes the trail to documents', async () => {
    const { ask, documents } = await openTestServer({ audit: undefined })
    await ask('POST', '/v1/search', { query: 'a' })
    await ask('POST', '/v1/search', { query: 'b' })
    const trail = await documents.list<{ query: string; actor: string }>('audit')
    expect(trail.map(({ value }) => [value.actor, value.query])).toEqual([
      ['cli', 'a'],
      ['cli', 'b'],
    ])
  })
})

describe('probes', () => {
  test('livez is ok, readyz follows the node', async () => {
    let ready = false
    const { inject } = await openTestServer({ ready: () => ready })
    expect((await inject({ url: '/livez' })).statusCode).toBe(200)
    expect((await inject({ url: '/readyz' })).statusCode).toBe(503)
    ready = true
    expect((await inject({ url: '/readyz' })).statusCode).toBe(200)
  })

  test('metrics are open on this machine, and elsewhere with a token', async () => {
    const { inject } = await openTestServer({ host: '0.0.0.0', names: ['siem.example'], metricsToken: 'm'.repeat(20) })
    const status = async (remoteAddress: string, host: string, token?: string) => {
      const authorization = token && { authorization: `Bearer ${token}` }
      return (await inject({ url: '/metrics', remoteAddress, headers: { host, ...authorization } })).statusCode
    }
    expect(await status('127.0.0.1', 'localhost:8514')).toBe(200)
    expect(await status('::1', '[::1]:8514')).toBe(200)
    expect(await status('192.168.0.9', 'siem.example')).toBe(401)
    expect(await status('127.0.0.1', 'siem.example')).toBe(401) // a proxy on this machine
    expect(await status('127.0.0.1', 'localhost', 'wrong')).toBe(401)
    expect(await status('192.168.0.9', 'siem.example', 'm'.repeat(20))).toBe(200)
    expect(await status('192.168.0.9', 'siem.example', CLI_TOKEN)).toBe(200)
  })

  test('requests are counted by route pattern, so that paths make no series', async () => {
    const { ask, counters } = await openTestServer()
    for (const id of ['0-1', '0-2', 'x"\n']) await ask('GET', `/v1/events/${encodeURIComponent(id)}`)
    await ask('GET', '/v1/anything')
    const routes = counters.list('api_requests_total').map(({ labels }) => labels['route'])
    expect(new Set(routes)).toEqual(new Set(['/v1/events/:id', 'none']))
  })
})

describe('inputs', () => {
  test('routes of the composition root need no session but get the host check and problem answers', async () => {
    const { inject } = await openTestServer({
      routes: async (app) => {
        app.post('/v1/logs', { bodyLimit: 1024 }, async () => {
          throw new PipelineError('INTAKE_FULL', { heldBytes: 1, maxBytes: 1 })
        })
      },
    })
    const full = await inject({ method: 'POST', url: '/v1/logs', payload: {} })
    expect(full.statusCode).toBe(503)
    expect(full.headers['retry-after']).toBeDefined()
    expect(full.json()).toMatchObject({ code: 'INTAKE_FULL' })
    const rebound = await inject({ method: 'POST', url: '/v1/logs', headers: { host: 'evil.example' }, payload: {} })
    expect(rebound.statusCode).toBe(421)
  })
})

describe('the UI', () => {
  test('without a build, a page says how to build it', async () => {
    const { inject } = await openTestServer()
    const response = await inject({ url: '/alerts/1', headers: { accept: 'text/html,*/*' } })
    expect(response.statusCode).toBe(200)
    expect(response.body).toContain('npm run build:web')
  })

  test('with a build, its paths get index.html, its files themselves, and others 404', async () => {
    const webDir = mkdtempSync(join(tmpdir(), 'haetae-web-'))
    try {
      mkdirSync(join(webDir, 'assets'))
      writeFileSync(join(webDir, 'index.html'), '<p>the app</p>')
      writeFileSync(join(webDir, 'assets', 'a-1234.js'), 'let a')
      writeFileSync(join(webDir, '..', 'haetae-secret-of-test'), 'secret')
      const { inject } = await openTestServer({ webDir })
      const get = (url: string, accept = 'text/html') => inject({ url, headers: { accept } })
      for (const path of ['/', '/alerts/1', '/search?query=x']) expect((await get(path)).body).toBe('<p>the app</p>')
      expect((await get('/')).headers['cache-control']).toBe('no-cache')
      const script = await get('/assets/a-1234.js', '*/*')
      expect(script.body).toBe('let a')
      expect(script.headers['cache-control']).toContain('immutable')
      expect((await get('/assets/gone.js', '*/*')).statusCode).toBe(404)
      expect((await get('/assets/gone.js')).statusCode).toBe(404)
      expect((await get('/nothing', 'application/json')).statusCode).toBe(404)
      expect((await get('/v1/nothing')).statusCode).toBe(404)
      for (const path of [
        '/../haetae-secret-of-test',
        '/%2e%2e/haetae-secret-of-test',
        '/..%2fhaetae-secret-of-test',
      ]) {
        expect((await get(path)).body).not.toContain('secret"')
        expect((await get(path, '*/*')).body).not.toBe('secret')
      }
    } finally {
      rmSync(webDir, { recursive: true })
      rmSync(join(webDir, '..', 'haetae-secret-of-test'), { force: true })
    }
  })
})

describe('on a socket', () => {
  test('the address is where it listens, and the link leads there', async () => {
    const { server } = await openTestServer()
    const address = await server.listen()
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(server.signInLink()).toMatch(/\/#\/sign-in\?token=[\w-]{43}$/)
    expect(server.signInLink().startsWith(`${address}/#/`)).toBe(true)
    expect(await (await fetch(`${address}/livez`)).text()).toBe('ok\n')
  })

  test('no timeout is left at for ever', async () => {
    const { server } = await openTestServer()
    const { timeout, requestTimeout, headersTimeout, keepAliveTimeout } = server.app.server
    for (const ms of [timeout, requestTimeout, headersTimeout, keepAliveTimeout]) expect(ms).toBeGreaterThan(0)
  })

  test('bytes that are no HTTP are answered with 400 and a closed socket', async () => {
    const { server } = await openTestServer()
    const { port } = new URL(await server.listen())
    const answer = await new Promise<string>((resolve, reject) => {
      let text = ''
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('\u0016\u0003\u0001 hello\r\n\r\n'))
      socket.on('data', (chunk) => (text += chunk))
      socket.on('close', () => resolve(text))
      socket.on('error', reject)
    })
    expect(answer).toContain('400')
  })

  test('a search that takes too long is cancelled and answered with 503', async () => {
    const { server, store } = await openTestServer({ limits: { searchMs: 50 } })
    store.hang = true
    const address = await server.listen()
    const response = await fetch(`${address}/v1/search`, {
      method: 'POST',
      headers: { authorization: `Bearer ${CLI_TOKEN}`, 'content-type': 'application/json' },
      body: '{}',
    })
    expect(response.status).toBe(503)
    expect(((await response.json()) as { detail: string }).detail).toContain('took longer')
    await expect.poll(() => store.aborted).toBe(1)
  })

  test('a search whose asker has gone is cancelled', async () => {
    const { server, store } = await openTestServer()
    store.hang = true
    const address = await server.listen()
    const gone = new AbortController()
    const asked = fetch(`${address}/v1/search`, {
      method: 'POST',
      signal: gone.signal,
      headers: { authorization: `Bearer ${CLI_TOKEN}`, 'content-type': 'application/json' },
      body: '{}',
    }).catch(() => 'gone')
    await expect.poll(() => store.searches.length).toBe(1)
    gone.abort()
    expect(await asked).toBe('gone')
    await expect.poll(() => store.aborted).toBe(1)
  })
})
