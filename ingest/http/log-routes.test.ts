import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { FakeIntake, until } from '../testing.ts'
import type { HttpInputOptions } from './input-scope.ts'
import { logRoutes } from './log-routes.ts'

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
  await app.register(logRoutes, { intake, counters, now: () => 42, ...options })
  await app.ready()
}

type Headers = Record<string, string>
const NDJSON = { 'content-type': 'application/x-ndjson' }
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }
const TEXT = { 'content-type': 'text/plain' }

const post = (payload: string | Buffer, headers: Headers = NDJSON, url = '/v1/logs') =>
  app.inject({ method: 'POST', url, payload, headers })
const refused = (reason: string, source = 'http') => counters.get('ingest_refused_total', { source, reason })

describe('what is taken', () => {
  test('NDJSON lines are kept byte for byte; blank ones are none', async () => {
    await open()
    const answer = await post('{"a": 1 }\r\n\n  \n{"b":"한"}\nnot json\n{"__proto__":{"x":1}}')
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual({ accepted: 4 })
    expect(intake.records.map((r) => r.bytes.toString())).toEqual([
      '{"a": 1 }',
      '{"b":"한"}',
      'not json',
      '{"__proto__":{"x":1}}',
    ])
    expect(intake.records[0]).toMatchObject({ key: '', flags: 0, receivedAtMs: 42 })
    expect(intake.records[0]?.origin).toEqual({ source: 'http', kind: 'http', peer: '127.0.0.1', dataset: undefined })
  })

  test('text lines may hold any bytes', async () => {
    await open()
    await post(Buffer.from([0xff, 0x00, 0x61, 0x0a, 0x62]), TEXT)
    expect(intake.lines()).toEqual(['\xff\x00a', 'b'])
  })

  test('objects of a JSON array keep their exact bytes, strings become their text', async () => {
    await open()
    const answer = await post('[ {"b" : 1,\n "a":[ ]} , "line \\"one\\"\\nand more", {} ]', JSON_TYPE)
    expect(answer.json()).toEqual({ accepted: 3 })
    expect(intake.lines()).toEqual(['{"b" : 1,\n "a":[ ]}', 'line "one"\nand more', '{}'])
  })

  test('one JSON object is one record', async () => {
    await open()
    await post('\n {"a":1}\n', JSON_TYPE)
    expect(intake.lines()).toEqual(['{"a":1}'])
  })

  const trivy = (...findings: object[]) =>
    JSON.stringify({ SchemaVersion: 2, ArtifactName: 'a', Results: [{ Target: 't', Vulnerabilities: findings }] })

  test('a list of records gives its records, and the answer counts them', async () => {
    await open({ limits: { maxRecordBytes: 20 } })
    const answer = await post('{"Records": [{"eventID" : "a"}, {"eventID":"b"}]}', JSON_TYPE)
    expect(answer.json()).toEqual({ accepted: 2 })
    expect(intake.lines()).toEqual(['{"eventID" : "a"}', '{"eventID":"b"}'])
    expect((await post('[{"records":[{"a":1},{"a":2}]},"x",{"records":[]}]', JSON_TYPE)).json()).toEqual({
      accepted: 4,
    })
    expect(intake.lines().slice(2)).toEqual(['{"a":1}', '{"a":2}', 'x', '{"records":[]}'])
  })

  test('each record of a split document has a key of its own', async () => {
    await open()
    const key = { ...JSON_TYPE, 'idempotency-key': 'k' }
    for (let i = 0; i < 2; i++) await post('[{"records":[{"a":1},{"a":2}]},{"a":3}]', key)
    expect(intake.records.map((r) => r.key)).toEqual(['k:0', 'k:1', 'k:2', 'k:0', 'k:1', 'k:2'])
    expect(intake.stored()).toHaveLength(3)
  })

  test('a report gives its findings; what no finding has is counted', async () => {
    await open()
    const body = trivy({ VulnerabilityID: 'CVE-1' }, {}).replace('"Target"', '"Packages":[{},{},{}],"Target"')
    expect((await post(body, JSON_TYPE)).json()).toEqual({ accepted: 2 })
    expect(intake.lines()[0]).toBe(
      '{"SchemaVersion":2,"ArtifactName":"a","Target":"t","Vulnerability":{"VulnerabilityID":"CVE-1"}}',
    )
    expect(counters.get('ingest_split_left_out_total', { source: 'http' })).toBe(3)
  })

  test('lines of NDJSON are never split', async () => {
    await open()
    expect((await post('{"Records":[{},{}]}\n')).json()).toEqual({ accepted: 1 })
  })

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ])('%s bodies', async (encoding, compress) => {
    await open()
    const answer = await post(compress('one\ntwo\n'), { ...TEXT, 'content-encoding': encoding })
    expect(answer.json()).toEqual({ accepted: 2 })
    expect(intake.lines()).toEqual(['one', 'two'])
  })

  test('the sender may name its source and dataset', async () => {
    await open()
    await post('x', { ...TEXT, 'x-haetae-source': 'shop-api' }, '/v1/logs?dataset=nginx.access')
    expect(intake.records[0]?.origin).toMatchObject({ source: 'http:shop-api', dataset: 'nginx.access' })
    await until(() => counters.get('ingest_records_total', { source: 'http:shop-api' }) === 1, 'its counter')
  })

  test('with an Idempotency-Key each record has a key, and a repeated request is stored once', async () => {
    await open()
    for (let i = 0; i < 2; i++)
      expect((await post('a\na\n', { ...TEXT, 'idempotency-key': 'k1' })).statusCode).toBe(200)
    expect(intake.records.map((r) => r.key)).toEqual(['k1:0', 'k1:1', 'k1:0', 'k1:1'])
    expect(intake.stored()).toHaveLength(2)
  })

  test('other routes of the server keep their own parsers', async () => {
    app.post('/other', async (request) => ({ got: request.body }))
    await open()
    const answer = await app.inject({ method: 'POST', url: '/other', payload: { a: 1 } })
    expect(answer.json()).toEqual({ got: { a: 1 } })
  })
})

describe('when the answer comes', () => {
  test('200 waits until every record is durable', async () => {
    intake.auto = false
    await open()
    let answered = false
    const answer = post('a\nb').then((got) => {
      answered = true
      return got
    })
    await until(() => intake.records.length === 2, 'the records')
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(answered).toBe(false)
    intake.makeDurable()
    expect((await answer).statusCode).toBe(200)
  })

  test('a full intake is 503 with Retry-After, and nothing is taken', async () => {
    await open()
    intake.full = true
    const answer = await post('a')
    expect(answer.statusCode).toBe(503)
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(answer.json()).toMatchObject({ status: 503, code: 'INTAKE_FULL' })
    expect(refused('intake_full')).toBe(1)
    expect(intake.records).toEqual([])
  })

  test('room that runs out on the way is waited for', async () => {
    await open()
    intake.fullAfter = 1500
    const answer = post('x\n'.repeat(4000), TEXT)
    await until(() => intake.records.length === 1500, 'the limit')
    intake.fullAfter = Number.POSITIVE_INFINITY
    intake.makeRoom()
    expect((await answer).json()).toEqual({ accepted: 4000 })
    expect(intake.records).toHaveLength(4000)
  })

  test.each([
    ['the disk is slow', () => (intake.auto = false)],
    ['room does not come', () => (intake.fullAfter = 1)],
  ])('not durable in time is 503: %s', async (_why, arrange) => {
    await open({ limits: { durableTimeoutMs: 40 } })
    arrange()
    const answer = await post('a\nb')
    expect(answer.statusCode).toBe(503)
    expect(answer.headers['retry-after']).toBeDefined()
    expect(refused('durable_timeout')).toBe(1)
  })

  test('a closing intake is 503', async () => {
    intake.auto = false
    await open()
    const answer = post('a')
    await until(() => intake.records.length === 1, 'the record')
    intake.failBatch()
    expect((await answer).statusCode).toBe(503)
    expect(refused('intake_closed')).toBe(1)
  })
})

describe('what is refused, whole and counted', () => {
  const gz = { ...TEXT, 'content-encoding': 'gzip' }
  const gzipped = gzipSync('line\n'.repeat(1000))
  const zstd = zstdCompressSync('line\n'.repeat(1000))
  test.each<[string, string | Buffer, Headers, number, string]>([
    ['truncated gzip', gzipped.subarray(0, gzipped.length - 9), gz, 400, 'bad_encoding'],
    ['gzip without its checksum', gzipped.subarray(0, gzipped.length - 4), gz, 400, 'bad_encoding'],
    ['bytes after the gzip', Buffer.concat([gzipped, Buffer.from('x')]), gz, 400, 'bad_encoding'],
    ['no gzip at all', 'line', gz, 400, 'bad_encoding'],
    ['truncated zstd', zstd.subarray(0, zstd.length - 3), { ...gz, 'content-encoding': 'zstd' }, 400, 'bad_encoding'],
    [
      'bytes after the zstd',
      Buffer.concat([zstd, Buffer.alloc(4)]),
      { ...gz, 'content-encoding': 'zstd' },
      400,
      'bad_encoding',
    ],
    ['a gzip bomb', gzipSync(Buffer.alloc(20_000_000)), gz, 413, 'decompressed_too_large'],
    ['an unknown encoding', 'x', { ...TEXT, 'content-encoding': 'br' }, 415, 'content_type'],
    [
      'an encoding named like a method of objects',
      'x',
      { ...TEXT, 'content-encoding': 'constructor' },
      415,
      'content_type',
    ],
    ['a body over the limit', 'x'.repeat(200_001), TEXT, 413, 'body_too_large'],
    ['a record over the limit', `a\n${'x'.repeat(1001)}\nb`, TEXT, 413, 'record_too_large'],
    ['an element over the limit', `["a","${'x'.repeat(1001)}"]`, JSON_TYPE, 413, 'record_too_large'],
    ['too many records', 'x\n'.repeat(5001), TEXT, 413, 'too_many_records'],
    ['too many records in a list', `{"Records":[{}${',{}'.repeat(5000)}]}`, JSON_TYPE, 413, 'too_many_records'],
    [
      'a record of a list over the limit',
      `{"Records":[{},{"a":"${'x'.repeat(1000)}"}]}`,
      JSON_TYPE,
      413,
      'record_too_large',
    ],
    [
      'a list that is none and over the limit',
      `{"Records":[${'{},'.repeat(500)}1]}`,
      JSON_TYPE,
      413,
      'record_too_large',
    ],
    [
      'findings that outgrow their report',
      `{"SchemaVersion":2,"x":"${'x'.repeat(900)}","Results":[{"Secrets":[{}${',{}'.repeat(1500)}]}]}`,
      JSON_TYPE,
      413,
      'decompressed_too_large',
    ],
    ['a list cut short', '{"Records":[{"a":1}', JSON_TYPE, 400, 'bad_body'],
    ['a list and something else', '{"Records":[{"a":1}]}{}', JSON_TYPE, 400, 'bad_body'],
    ['an unknown content type', 'x', { 'content-type': 'application/xml' }, 415, 'content_type'],
    ['no content type', 'x', {}, 415, 'content_type'],
    ['a broken content type', 'x', { 'content-type': ';;' }, 415, 'content_type'],
    ['another charset', 'x', { 'content-type': 'text/plain; charset=euc-kr' }, 415, 'content_type'],
    ['cut JSON', '[{"a":1},', JSON_TYPE, 400, 'bad_body'],
    ['a number in the array', '["a",1]', JSON_TYPE, 400, 'bad_body'],
    ['an array in the array', '["a",[]]', JSON_TYPE, 400, 'bad_body'],
    ['a bare string', '"a"', JSON_TYPE, 400, 'bad_body'],
    ['an empty JSON body', '', JSON_TYPE, 400, 'bad_body'],
    ['two JSON values', '{} {}', JSON_TYPE, 400, 'bad_body'],
    ['a source with a slash', 'x', { ...TEXT, source: '../etc' }, 400, 'bad_parameter'],
    ['a source that is too long', 'x', { ...TEXT, source: 'a'.repeat(65) }, 400, 'bad_parameter'],
    ['a key that is too long', 'x', { ...TEXT, 'idempotency-key': 'k'.repeat(201) }, 400, 'bad_parameter'],
    ['a page of another site', 'x', { ...TEXT, host: 'siem:80', origin: 'http://evil' }, 403, 'cross_site'],
    ['a sandboxed page', 'x', { ...TEXT, origin: 'null' }, 403, 'cross_site'],
    ['another port of this host', 'x', { ...TEXT, host: 'siem', origin: 'http://siem:81' }, 403, 'cross_site'],
    ['a cross-site fetch', 'x', { ...TEXT, 'sec-fetch-site': 'cross-site' }, 403, 'cross_site'],
  ])('%s', async (_why, body, headers, status, reason) => {
    await open({
      limits: { maxBodyBytes: 200_000, maxDecompressedBytes: 1_000_000, maxRecordBytes: 1000, maxRecords: 5000 },
    })
    const answer = await post(body, headers)
    expect([answer.statusCode, answer.json().status]).toEqual([status, status])
    expect(refused(reason)).toBe(1)
    expect(intake.records).toEqual([])
    expect(counters.expose()).toContain('haetae_ingest_http_in_progress_bytes{source="http"} 0\n')
  })

  test('the line that is too long is named', async () => {
    await open({ limits: { maxRecordBytes: 10 } })
    expect((await post(`a\n\n${'x'.repeat(11)}`, TEXT)).json().detail).toContain('line 3')
  })

  test('our own page may post', async () => {
    await open()
    const answer = await post('x', { ...TEXT, host: 'siem.example:8514', origin: 'http://siem.example:8514' })
    expect(answer.statusCode).toBe(200)
    expect((await post('x', { ...TEXT, host: 'siem:443', origin: 'https://siem' })).statusCode).toBe(200)
  })

  test('a key used again for another body', async () => {
    await open()
    await post('a', { ...TEXT, 'idempotency-key': 'k' })
    const answer = await post('b', { ...TEXT, 'idempotency-key': 'k' })
    expect([answer.statusCode, refused('key_reused')]).toEqual([422, 1])
    expect(intake.lines()).toEqual(['a'])
  })

  test('more source names than the limit', async () => {
    await open({ limits: { maxSources: 2 } })
    const from = (source: string) => post('x', { ...TEXT, source })
    const statuses = [await from('a'), await from('b'), await from('c'), await from('a')].map((a) => a.statusCode)
    expect(statuses).toEqual([200, 200, 429, 200])
    expect(refused('too_many_sources')).toBe(1)
  })

  test.each([
    ['none', undefined],
    ['another', 'Bearer nope'],
    ['the beginning of it', 'Bearer secre'],
    ['another scheme', 'Basic secret'],
  ])('a token is set and the request has %s', async (_why, authorization) => {
    await open({ token: 'secret' })
    const answer = await post('x', authorization === undefined ? TEXT : { ...TEXT, authorization })
    expect([answer.statusCode, answer.headers['www-authenticate'], refused('unauthorized')]).toEqual([401, 'Bearer', 1])
    expect((await post('x', { ...TEXT, authorization: 'Bearer secret' })).statusCode).toBe(200)
  })

  test('records built anew count as memory of the request', async () => {
    await open({ limits: { maxInProgressBytes: 3000 } })
    const body = `{"SchemaVersion":2,"x":"${'x'.repeat(900)}","Results":[{"Secrets":[{},{},{}]}]}`
    expect([(await post(body, JSON_TYPE)).statusCode, refused('busy')]).toEqual([503, 1])
    expect(intake.records).toEqual([])
    expect((await post('z'.repeat(2900), TEXT)).statusCode).toBe(200)
  })

  test('requests in progress over the memory limit are 503, and the memory is given back', async () => {
    intake.auto = false
    await open({ limits: { maxInProgressBytes: 1000 } })
    const first = post('x'.repeat(700), TEXT)
    await until(() => intake.records.length === 1, 'the first')
    const second = await post('y'.repeat(700), TEXT)
    expect([second.statusCode, refused('busy')]).toEqual([503, 1])
    intake.makeDurable()
    expect((await first).statusCode).toBe(200)
    intake.auto = true
    expect((await post('z'.repeat(700), TEXT)).statusCode).toBe(200)
  })
})

describe('over a real socket', () => {
  const send = (headers: Headers, write: (request: ReturnType<typeof httpRequest>) => void) =>
    new Promise<number | string>((resolve) => {
      const { port } = app.server.address() as AddressInfo
      const request = httpRequest(
        { port, host: '127.0.0.1', method: 'POST', path: '/v1/logs', headers },
        (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        },
      )
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
      write(request)
    })

  test('a 64 MB body is answered 413 and its sender can read that', async () => {
    await open()
    await app.listen({ port: 0, host: '127.0.0.1' })
    const body = Buffer.alloc(64 * 1024 * 1024, 0x78)
    expect(await send(TEXT, (request) => request.end(body))).toBe(413)
    expect(await send({ ...TEXT, 'transfer-encoding': 'chunked' }, (request) => request.end(body))).toBe(413)
    expect(refused('body_too_large')).toBe(2)
    app.server.closeAllConnections() // the client keeps them alive
  })

  test('a body that trickles is 408, one that is cut is counted', async () => {
    await open({ limits: { bodyTimeoutMs: 60 } })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const slow = await send({ ...TEXT, 'content-length': '100' }, (request) => request.write('x'))
    expect([slow, refused('body_timeout')]).toEqual([408, 1])
    await send({ ...TEXT, 'content-length': '100' }, (request) => {
      request.write('complete line\nhalf')
      setTimeout(() => request.destroy(), 20)
    })
    await until(() => refused('body_cut') === 1, 'the cut')
    expect(intake.records).toEqual([])
  })
})
