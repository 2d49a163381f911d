import { gzipSync } from 'node:zlib'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { RecordFlags } from '../../core/raw-batch.ts'
import type { HttpInputOptions } from '../http/input-scope.ts'
import { FakeIntake } from '../testing.ts'
import { auditRoutes } from './audit-routes.ts'

let intake: FakeIntake
let counters: Counters
let app: FastifyInstance

beforeEach(() => {
  intake = new FakeIntake()
  counters = new Counters()
  app = Fastify()
})
afterEach(() => app.close())

async function open(options: Partial<HttpInputOptions> = {}): Promise<void> {
  await app.register(auditRoutes, { intake, counters, now: () => 42, ...options })
  await app.ready()
}

const post = (payload: string | Buffer, cluster = 'prod', headers: Record<string, string> = {}) =>
  app.inject({
    method: 'POST',
    url: `/v1/kubernetes/audit/${cluster}`,
    payload,
    headers: { 'content-type': 'application/json', ...headers },
  })

const list = (...items: string[]) =>
  `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${items}]}`
const one = '{"level":"Metadata", "auditID":"0a1b","stage":"ResponseComplete",\n "verb":"get"}'
const two = '{"auditID":"0a1b","stage":"RequestReceived","stageTimestamp":"2026-11-22T10:00:00.000001Z"}'

test('each item is one record, byte for byte, under the identity of its event', async () => {
  await open()
  const answer = await post(list(one, ` ${two} `))
  expect([answer.statusCode, answer.json()]).toEqual([200, { accepted: 2 }])
  expect(intake.lines()).toEqual([one, two])
  expect(intake.records.map((r) => r.key)).toEqual([
    '0a1b/ResponseComplete',
    '0a1b/RequestReceived/2026-11-22T10:00:00.000001Z',
  ])
  expect(intake.records[0]?.origin).toEqual({
    source: 'kubernetes-audit:prod',
    kind: 'kubernetes-audit',
    peer: '127.0.0.1',
    dataset: 'kubernetes.audit',
    fields: { 'orchestrator.cluster.name': 'prod', 'orchestrator.type': 'kubernetes' },
  })
})

test('a repeated batch is stored once', async () => {
  await open()
  await post(list(one, two))
  await post(list(one, two))
  expect(intake.stored()).toHaveLength(2)
})

test('two events under one auditID, as a client can cause, are both stored', async () => {
  await open()
  const event = (time: string) => `{"auditID":"x","stage":"ResponseComplete","stageTimestamp":"${time}"}`
  await post(list(event('2026-11-22T10:00:00.1Z'), event('2026-11-22T10:00:00.2Z')))
  expect(intake.stored()).toHaveLength(2)
})

test('the same event of two clusters is two', async () => {
  await open()
  await post(list(one), 'prod')
  await post(list(one), 'dev')
  expect(intake.stored().map((r) => r.origin.fields?.['orchestrator.cluster.name'])).toEqual(['prod', 'dev'])
})

test('a single Event, gzip, members in any order, escaped keys', async () => {
  await open()
  const event = '{"\\u0061uditID":"e1","stage":"Panic","apiVersion":"audit.k8s.io/v1","kind":"Event"}'
  expect((await post(gzipSync(` ${event}\n`), 'prod', { 'content-encoding': 'gzip' })).json()).toEqual({ accepted: 1 })
  expect(intake.records[0]).toMatchObject({ key: 'e1/Panic' })
  expect(intake.lines()).toEqual([event])
  expect((await post(`{"items":[${one}],"apiVersion":"audit.k8s.io/v1","kind":"EventList"}`)).json()).toEqual({
    accepted: 1,
  })
})

test('items without auditID are taken, without key, and counted', async () => {
  await open()
  await post(list('{"stage":"Panic"}', '{"auditID":7,"stage":"Panic"}', '{"auditID":"","stage":"Panic"}'))
  expect(intake.records.map((r) => r.key)).toEqual(['', '', ''])
  expect(counters.get('ingest_audit_unkeyed_total', { source: 'kubernetes-audit:prod' })).toBe(3)
})

test('an overlong auditID still makes a key of its own', async () => {
  await open()
  await post(list(`{"auditID":"${'a'.repeat(300)}"}`, `{"auditID":"${'a'.repeat(301)}"}`))
  expect(new Set(intake.records.map((r) => r.key)).size).toBe(2)
})

test('an item over the limit keeps its first part; its batch is taken', async () => {
  await open({ limits: { maxRecordBytes: 100 } })
  const long = `{"auditID":"big","stage":"Panic","requestObject":"${'x'.repeat(200)}"}`
  expect((await post(list(long, two))).json()).toEqual({ accepted: 2 })
  expect(intake.records[0]?.bytes.toString()).toBe(long.slice(0, 100))
  expect(intake.records.map((r) => r.flags)).toEqual([RecordFlags.truncated, 0])
})

test('a full intake is 503 with Retry-After, which makes the API server repeat the batch', async () => {
  await open()
  intake.full = true
  const answer = await post(list(one))
  expect([answer.statusCode, Number(answer.headers['retry-after']) > 0]).toEqual([503, true])
  const labels = { source: 'kubernetes-audit:prod', reason: 'intake_full' }
  expect(counters.get('ingest_refused_total', labels)).toBe(1)
})

test.each([
  ['no JSON', 'hello', 'bad_body'],
  ['an array', '[]', 'bad_body'],
  ['cut short', list(one).slice(0, -4), 'bad_body'],
  ['another version', '{"kind":"EventList","apiVersion":"audit.k8s.io/v1beta1","items":[]}', 'bad_body'],
  ['another kind', '{"kind":"PodList","apiVersion":"audit.k8s.io/v1","items":[]}', 'bad_body'],
  ['no kind', '{"apiVersion":"audit.k8s.io/v1","items":[]}', 'bad_body'],
  ['an item that is no object', list(one, '7'), 'bad_body'],
  ['items twice', `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[${one}],"items":[]}`, 'bad_body'],
  ['something after it', `${list(one)}x`, 'bad_body'],
  ['nested without end', list(`{"a":${'['.repeat(5000)}`), 'bad_body'],
  ['too many items', list('{}', '{}', '{}', '{}'), 'too_many_records'],
])('refused whole and counted: %s', async (_why, body, reason) => {
  await open({ limits: { maxRecords: 3 } })
  const answer = await post(body)
  expect([400, 413]).toContain(answer.statusCode)
  expect(intake.records).toEqual([])
  expect(counters.get('ingest_refused_total', { source: 'kubernetes-audit:prod', reason })).toBe(1)
})

test.each(['-x', 'a%20b', 'a'.repeat(65), '%2e%2e%2fx', 'caf%C3%A9'])('cluster name refused: %s', async (cluster) => {
  await open()
  expect((await post(list(one), cluster)).statusCode).toBe(400)
  expect(counters.get('ingest_refused_total', { source: 'kubernetes-audit', reason: 'bad_parameter' })).toBe(1)
})
