// Memory of an export does not grow with its size: a million events of about 1 KB through the API to a client that counts
// them, RSS sampled meanwhile. The store makes its pages as it is asked, so that what is measured is the API.
//
//   node scripts/run.mjs node bench/export-memory.ts [ROWS]

import { FakeStore } from '../api/fake-store.ts'
import { createServer } from '../api/server.ts'
import type { ExportManifest } from '../core/api.ts'
import { Counters } from '../core/counters.ts'
import type { Hit, SearchRequest } from '../core/store.ts'
import { openAlertBook } from '../store/documents/alert-book.ts'
import { openDocuments } from '../store/documents/sqlite.ts'

const rows = Number(process.argv[2] ?? 1_000_000)
const START = Date.UTC(2026, 0, 15)
const filler = 'x'.repeat(600)

class EndlessStore extends FakeStore {
  override async search({ limit, cursor = '0' }: SearchRequest) {
    const from = Number(cursor)
    const hits = Array.from({ length: Math.min(limit, rows - from) }, (_, i): Hit => {
      const offset = from + i
      const timestamp = START - offset
      const at = new Date(timestamp).toISOString()
      const event = {
        '@timestamp': at,
        user: { name: `user-${offset % 100}` },
        message: `=line ${offset}`,
        event: { original: `${filler} ${offset}` },
      }
      return { id: `0-${offset}`, timestamp, partition: 0, offset, event }
    })
    const next = from + hits.length
    const stats = { segments: 1, pruned: 0, rows: hits.length, tookMs: 0 }
    return { hits, ...(next < rows && { cursor: String(next) }), stats }
  }
}

const documents = await openDocuments({ path: ':memory:' })
const token = 'a-token-for-the-benchmark-only-123'
const server = await createServer({
  store: new EndlessStore(),
  documents,
  alerts: openAlertBook(documents),
  counters: new Counters(),
  sources: () => [],
  rules: () => ({ rules: [], refused: [] }),
  now: Date.now,
  version: '0',
  webDir: '/nonexistent',
  host: '127.0.0.1',
  port: 0,
  cliToken: token,
})
const address = await server.listen()
const headers = { authorization: `Bearer ${token}` }
for (const format of ['ndjson', 'csv']) {
  globalThis.gc?.()
  const before = process.memoryUsage().rss
  let peak = before
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 50)
  const cpu = process.cpuUsage()
  const columns = format === 'csv' ? '&columns=@timestamp,user.name,message,event.original' : ''
  const response = await fetch(`${address}/v1/export?since=2020-01-01&format=${format}${columns}`, { headers })
  let bytes = 0
  for await (const chunk of response.body ?? []) bytes += chunk.length
  clearInterval(timer)
  const { user, system } = process.cpuUsage(cpu)
  await new Promise((resolve) => setTimeout(resolve, 200))
  const id = response.headers.get('x-haetae-export')
  const manifest = (await (await fetch(`${address}/v1/exports/${id}`, { headers })).json()) as ExportManifest
  const mib = (n: number) => Math.round(n / 2 ** 20)
  console.log(
    JSON.stringify({
      ...{ format, rows: manifest.rows, state: manifest.state, bytes: mib(bytes), cpuSeconds: (user + system) / 1e6 },
      ...{ rssBeforeMiB: mib(before), rssPeakMiB: mib(peak) },
    }),
  )
}
await server.close()
await documents.close()
