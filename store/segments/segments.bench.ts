// Speed of the embedded store, by hand: node store/segments/segments.bench.ts [events=200000]
// A second argument `inline` keeps everything on one thread, for profiles.
// Prints ingest, size and Q1..Q11 (warm, p50 of 7). Figures count within one run on one machine only.

import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Counters } from '../../core/counters.ts'
import type { EcsEvent } from '../../core/event.ts'
import { EventBatchWriter } from '../../core/event-batch.ts'
import { type Filter, matchAll, type TimeRange } from '../../core/query.ts'
import type { Aggregation } from '../../core/store.ts'
import { openSegmentStore } from './segment-store.ts'

const total = Number(process.argv[2] ?? 200_000)
const BATCH = 10_000
const START = Date.UTC(2026, 0, 15)
const STEP_MS = 20

let state = 1
function next(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}
const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)] as T
const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('')
const address = () => `10.${Math.floor(next() * 4)}.${Math.floor(next() * 40)}.${Math.floor(next() * 250)}`
const users = Array.from({ length: 400 }, (_, i) => (i % 9 === 0 ? `adm${i}` : `user${i}`))
const hosts = Array.from({ length: 60 }, (_, i) => `node-${i}.site.example`)
const paths = Array.from({ length: 300 }, (_, i) => `/shop/item/${i}`)
const pods = Array.from({ length: 120 }, (_, i) => `checkout-${(i * 7919).toString(36)}`)

/** About 40 fields and 1 KB of JSON with what every event carries. */
function common(dataset: string, host: string, original: string): EcsEvent {
  return {
    ecs: { version: '9.0.0' },
    haetae: { source: `lab-${dataset}`, pack: dataset, ingest: { partition: 0 } },
    data_stream: { type: 'logs', dataset, namespace: 'default' },
    host: {
      name: host,
      hostname: host,
      os: { family: 'linux', name: 'Debian', version: '13' },
      architecture: 'x86_64',
    },
    agent: { type: 'haetae', version: '0.1.0', id: '6f1c2c1e-0000-4000-8000-000000000001' },
    observer: { name: 'edge-1', type: 'collector' },
    event: { original, dataset, module: dataset, kind: 'event', ingested: '2026-01-15T00:00:00Z' },
    log: { level: 'info', file: { path: `/var/log/${dataset}.log` }, offset: Math.floor(next() * 1e7) },
  }
}

function makeEvent(i: number): EcsEvent {
  const host = pick(hosts)
  const user = users[Math.floor(next() ** 2 * users.length)] as string
  const ip = address()
  const kind = i % 10
  if (kind < 3) {
    const failed = next() < 0.4
    const port = 1024 + Math.floor(next() * 60_000)
    const message = `${failed ? 'Failed' : 'Accepted'} password for ${user} from ${ip} port ${port} ssh2`
    const event = common('sshd', host, `<38>Jan 15 10:${i % 60}:00 ${host} sshd[${i % 30_000}]: ${message}`)
    Object.assign(event.event as object, {
      category: ['authentication'],
      type: ['start'],
      action: 'ssh_login',
      outcome: failed ? 'failure' : 'success',
    })
    return {
      ...event,
      message,
      user: { name: user },
      source: { ip, port },
      process: { name: 'sshd', pid: i % 30_000 },
      related: { ip: [ip], user: [user] },
    }
  }
  if (kind < 6) {
    const path = pick(paths)
    const status = pick([200, 200, 200, 304, 404, 500])
    const bytes = Math.floor(next() * 50_000)
    const message = `GET ${path} ${status}`
    const event = common(
      'nginx',
      host,
      `${ip} - ${user} [15/Jan/2026:10:00:${i % 60} +0000] "GET ${path}?s=${hex(8)} HTTP/1.1" ${status} ${bytes} "-" "Mozilla/5.0 (X11; Linux x86_64)"`,
    )
    Object.assign(event.event as object, { category: ['web'], outcome: status < 400 ? 'success' : 'failure' })
    return {
      ...event,
      message,
      source: { ip },
      user: { name: user },
      url: { path },
      http: { request: { method: 'GET' }, response: { status_code: status, bytes } },
      user_agent: { original: 'Mozilla/5.0 (X11; Linux x86_64)' },
    }
  }
  if (kind < 8) {
    const id = `${hex(8)}-${hex(4)}-4${hex(3)}-${hex(4)}-${hex(12)}`
    const pod = pick(pods)
    const verb = pick(['get', 'list', 'create', 'delete'])
    const event = common(
      'k8s-audit',
      host,
      `{"kind":"Event","auditID":"${id}","verb":"${verb}","user":{"username":"${user}"},"objectRef":{"resource":"pods","name":"${pod}"},"sourceIPs":["${ip}"]}`,
    )
    Object.assign(event.event as object, { action: verb, id, outcome: 'success' })
    return {
      ...event,
      message: `${user} ${verb} pods ${pod}`,
      user: { name: user },
      source: { ip },
      orchestrator: { resource: { name: pod, type: 'pods' }, namespace: 'shop' },
    }
  }
  if (kind === 8) {
    const trace = hex(32)
    const rare = i % 49_999 === 8 ? ' zirconium' : ''
    const message = `java.lang.IllegalStateException: order ${hex(10)} was paid twice${rare} at com.shop.Order.pay(Order.java:${Math.floor(next() * 400)})`
    const event = common('container', host, `2026-01-15T10:00:00Z stderr F ${message}`)
    Object.assign(event.event as object, { outcome: 'unknown' })
    return {
      ...event,
      message,
      trace: { id: trace },
      container: { id: hex(12), name: pick(pods) },
      log: { level: 'error' },
    }
  }
  const to = address()
  const message = `Deny tcp src outside:${ip}/${Math.floor(next() * 60_000)} dst inside:${to}/443`
  const event = common(
    'firewall',
    host,
    `<166>Jan 15 2026 10:00:00: %FW-4-106023: ${message} by access-group "outside_in" [0x0, 0x0]`,
  )
  Object.assign(event.event as object, { category: ['network'], action: 'deny', outcome: 'failure' })
  return { ...event, message, source: { ip }, destination: { ip: to, port: 443 }, network: { transport: 'tcp' } }
}

const dir = mkdtempSync(join(tmpdir(), 'haetae-bench-'))
const counters = new Counters()
const store = await openSegmentStore({ dir, counters, inline: process.argv[3] === 'inline' })
const writer = new EventBatchWriter()
let batchBytes = 0
let ingestMs = 0
let makingMicros = 0
const cpuBefore = process.cpuUsage()
for (let at = 0; at < total; at += BATCH) {
  const end = Math.min(total, at + BATCH)
  const making = process.threadCpuUsage()
  for (let i = at; i < end; i++) {
    const key = i % 10 === 6 || i % 10 === 7 ? `audit-${i}` : undefined
    writer.write(makeEvent(i), START + i * STEP_MS, 0, i, 'bench', key)
  }
  const batch = writer.finish()
  batchBytes += batch.length
  const made = process.threadCpuUsage(making)
  makingMicros += made.user + made.system
  const began = performance.now()
  await store.append(batch, 0, end)
  ingestMs += performance.now() - began
}
const flushBegan = performance.now()
await store.flush()
ingestMs += performance.now() - flushBegan
// The store's share of the process, its thread and the zstd within included.
const used = process.cpuUsage(cpuBefore)
const cpuMicros = used.user + used.system - makingMicros
const { bytes, segments } = await store.stats()
console.log(`node ${process.version}, ${cpus()[0]?.model} x${cpus().length}, ${total} events, ${segments} segments`)
console.log(`ingest ${Math.round((total / ingestMs) * 1000)} ev/s, ${(cpuMicros / total).toFixed(1)} us CPU/event`)
console.log(
  `size ${(bytes / total).toFixed(0)} B/event of ${(batchBytes / total).toFixed(0)} in the batch; RSS ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`,
)

const all: TimeRange = { since: START, until: START + total * STEP_MS }
const hour: TimeRange = { since: START, until: START + 3_600_000 }
const equals = (field: string, value: string): Filter => ({ kind: 'equals', field, value })
const text = (...words: string[]): Filter => ({ kind: 'text', words, prefix: false })
const last100 =
  (filter: Filter, range = all) =>
  () =>
    store.search({ filter, range, limit: 100 })
const aggregate =
  (filter: Filter, aggregation: Aggregation, range = all) =>
  () =>
    store.aggregate({ filter, range, aggregation })
const adm: Filter = { kind: 'wildcard', field: 'user.name', pattern: 'adm*' }
const queries: [string, () => Promise<unknown>][] = [
  ['Q1  last 100 outcome=failure', last100(equals('event.outcome', 'failure'))],
  ['Q2  rare word', last100(text('zirconium'))],
  ['Q2b absent word', last100(text('unobtainium'))],
  ['Q3  count of a common word', aggregate(text('failed'), { kind: 'count' })],
  ['Q3b last 100 of it', last100(text('failed'))],
  ['Q4a last 100 of a phrase', last100(text('password', 'for', 'user7'))],
  [
    'Q4b rare substring anywhere',
    last100({ kind: 'regex', field: 'event.original', source: 'irconiu', ignoreCase: false }),
  ],
  [
    'Q5  per minute, filtered',
    aggregate(equals('event.outcome', 'failure'), { kind: 'histogram', intervalMs: 60_000 }),
  ],
  [
    'Q6  top users in a network',
    aggregate(
      { kind: 'cidr', field: 'source.ip', cidr: '10.1.0.0/16' },
      { kind: 'terms', field: 'user.name', size: 10 },
    ),
  ],
  ['Q7  top source.ip over all', aggregate(matchAll, { kind: 'terms', field: 'source.ip', size: 100 })],
  ['Q8  by id', () => store.get(`0-${Math.floor(total / 2 / 10) * 10}`)],
  ['Q9  count user adm*', aggregate(adm, { kind: 'count' })],
  ['Q9b last 100 of it', last100(adm)],
  [
    'Q10 since a cursor',
    () =>
      store.search({
        filter: equals('event.outcome', 'failure'),
        range: { since: all.until - 20_000, until: all.until },
        limit: 1000,
        order: 'asc',
      }),
  ],
  [
    'Q11 two fields in an hour',
    last100({ kind: 'and', of: [equals('event.outcome', 'failure'), equals('user.name', 'user7')] }, hour),
  ],
]
for (const [name, run] of queries) {
  const times: number[] = []
  for (let i = 0; i < 7; i++) {
    const began = performance.now()
    await run()
    times.push(performance.now() - began)
  }
  const [first, median] = [times[0] as number, times.sort((a, b) => a - b)[3] as number]
  console.log(`${name.padEnd(30)} first ${first.toFixed(1).padStart(8)} ms   p50 ${median.toFixed(1).padStart(8)} ms`)
}
console.log(`RSS after queries ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`)
await store.close()
const reopenBegan = performance.now()
const again = await openSegmentStore({ dir, counters, inline: true })
console.log(`open ${(performance.now() - reopenBegan).toFixed(1)} ms for ${(await again.stats()).segments} segments`)
await again.close()
rmSync(dir, { recursive: true })
