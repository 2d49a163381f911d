// A server to test against: in-memory store and documents, a clock that stands still, everything it said and audited.

import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { afterEach } from 'vitest'
import { Counters } from '../core/counters.ts'
import { openAlertBook } from '../store/documents/alert-book.ts'
import { openDocuments } from '../store/documents/sqlite.ts'
import type { AuditEntry } from './audit.ts'
import { FakeStore } from './fake-store.ts'
import type { ServerLimits, ServerOptions } from './options.ts'
import { createServer, type Server } from './server.ts'

export const CLI_TOKEN = 'cli-token-of-the-tests-0123456789'

export interface TestServer {
  readonly server: Server
  readonly store: FakeStore
  readonly documents: Awaited<ReturnType<typeof openDocuments>>
  readonly alerts: ReturnType<typeof openAlertBook>
  readonly counters: Counters
  readonly clock: { ms: number }
  readonly audited: AuditEntry[]
  readonly logged: string[]
  inject(options: InjectOptions): Promise<LightMyRequestResponse>
  /** As the command line. */
  ask(method: 'GET' | 'POST' | 'DELETE', url: string, body?: unknown): Promise<LightMyRequestResponse>
  /** As a browser that has signed in: the headers to send. */
  signIn(): Promise<{ cookie: string; host: string; 'sec-fetch-site': string }>
}

const opened: TestServer[] = []
afterEach(async () => {
  for (const { server, documents } of opened.splice(0)) {
    await server.close()
    await documents.close()
  }
})

export async function openTestServer(
  options: Partial<Omit<ServerOptions, 'limits'>> & { limits?: Partial<ServerLimits> } = {},
): Promise<TestServer> {
  const documents = await openDocuments({ path: ':memory:' })
  const store = new FakeStore()
  const alerts = openAlertBook(documents)
  const counters = new Counters()
  const clock = { ms: Date.UTC(2026, 10, 22, 10) }
  const audited: AuditEntry[] = []
  const logged: string[] = []
  const server = await createServer({
    store,
    documents,
    alerts,
    counters,
    sources: () => [],
    rules: () => ({ rules: [], refused: [] }),
    now: () => clock.ms,
    version: '1.2.3',
    webDir: '/nonexistent',
    host: '127.0.0.1',
    port: 0,
    cliToken: CLI_TOKEN,
    audit: async (entry) => void audited.push(entry),
    log: (message) => void logged.push(message),
    ...options,
  })
  const inject = (request: InjectOptions) =>
    server.app.inject({ ...request, headers: { host: '127.0.0.1:8514', ...request.headers } })
  const made: TestServer = {
    server,
    store,
    documents,
    alerts,
    counters,
    clock,
    audited,
    logged,
    inject,
    ask: (method, url, body) =>
      inject({
        method,
        url,
        headers: { authorization: `Bearer ${CLI_TOKEN}` },
        ...(body !== undefined && { payload: body as object }),
      }),
    async signIn() {
      const token = linkToken(server)
      const response = await inject({ method: 'POST', url: '/v1/session', payload: { token } })
      const cookie = String(response.headers['set-cookie']).split(';')[0] as string
      return { cookie, host: '127.0.0.1:8514', 'sec-fetch-site': 'same-origin' }
    },
  }
  opened.push(made)
  return made
}

export function linkToken(server: Server): string {
  return new URLSearchParams(server.signInLink().split('?')[1]).get('token') as string
}
