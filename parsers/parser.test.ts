import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import type { EcsEvent } from '../core/event.ts'
import { getPath } from '../core/event.ts'
import { decodeEvents, EventBatchWriter } from '../core/event-batch.ts'
import { type Origin, RawBatchWriter, RecordFlags } from '../core/raw-batch.ts'
import { testPack } from './pack/test-pack.ts'
import { findPackFiles, loadPacks } from './packs.ts'
import { parseBatch } from './parse-batch.ts'
import { createParser } from './parser.ts'
import { reasons } from './reasons.ts'
import { decodeLine } from './text.ts'

const NOW = Date.UTC(2026, 0, 15)
const folder = join(import.meta.dirname, 'packs')
const packs = loadPacks(folder)
const parser = createParser({ packs, now: () => NOW + 5 })
const syslog: Origin = { source: 'syslog-udp', kind: 'syslog', peer: '192.0.2.1' }

const parse = (line: string | Buffer, origin: Origin = syslog, flags = 0) =>
  parser.parse({ bytes: Buffer.from(line), origin, receivedAtMs: NOW, flags })
const get = (line: string | Buffer, path: string, origin?: Origin, flags?: number) =>
  getPath(parse(line, origin, flags).event, path)

test('every event says when it was received and read, where it came from, and which ECS it is', () => {
  const { event, timestamp } = parse('no idea')
  expect(event).toMatchObject({
    '@timestamp': '2026-01-15T00:00:00.000Z',
    ecs: { version: '9.0.0' },
    event: { kind: 'pipeline_error', created: '2026-01-15T00:00:00.000Z', ingested: '2026-01-15T00:00:00.005Z' },
    haetae: { source: 'syslog-udp', unparsed: 'no_pack' },
    log: { source: { address: '192.0.2.1' } },
  })
  expect(timestamp).toBe(NOW)
})

test('what the input knows wins over what the line says', () => {
  const origin: Origin = {
    ...syslog,
    fields: { 'host.name': 'real', 'orchestrator.cluster.name': 'prod', 'a.__proto__.b': 'x' },
  }
  const { event } = parse('<13>Jan 14 10:00:00 claimed sshd[1]: Invalid user x from 192.0.2.7 port 1', origin)
  expect(getPath(event, 'host.name')).toBe('real')
  expect(getPath(event, 'host.hostname')).toBe('claimed')
  expect(getPath(event, 'orchestrator.cluster.name')).toBe('prod')
})

test('a file is named by its path, a network sender by its address', () => {
  expect(get('x', 'log.file.path', { source: 'f', kind: 'file', peer: '/var/log/x' })).toBe('/var/log/x')
  expect(get('x', 'log.source.address', { source: 'f', kind: 'file', peer: '/var/log/x' })).toBeUndefined()
})

test('a hint picks the pack, a wrong hint does not hide the right one, an unknown hint is said', () => {
  const line = '198.51.100.1 - - [14/Jan/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"'
  expect(get(line, 'event.dataset')).toBe('nginx.access')
  expect(get(line, 'event.dataset', { ...syslog, dataset: 'apache.access' })).toBe('apache.access')
  expect(get(line, 'event.dataset', { ...syslog, dataset: 'apache' })).toBe('apache.access')
  expect(get(line, 'event.dataset', { ...syslog, dataset: 'system.auth' })).toBe('nginx.access')
  expect(parse('what', { ...syslog, dataset: 'system.auth' }).unparsed).toBe('pack_mismatch')
  expect(get('what', 'error.message', { ...syslog, dataset: 'no.such' })).toBe('no_pack: no pack named no.such')
})

test('the path of a file picks the pack', () => {
  const line = '198.51.100.1 - - [14/Jan/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"'
  expect(get(line, 'event.dataset', { source: 'f', kind: 'file', peer: '/var/log/apache2/access.log' })).toBe(
    'apache.access',
  )
})

test('the same line becomes the same event whatever came before it', () => {
  const lines = packs
    .flatMap((pack) => findLogs(pack.file))
    .flatMap((file) => readFileSync(file, 'utf8').trimEnd().split('\n'))
  const one = lines.map((line) => JSON.stringify(parse(line).event))
  const other = lines
    .toReversed()
    .map((line) => JSON.stringify(parse(line).event))
    .toReversed()
  expect(other).toEqual(one)
})

function findLogs(packFile: string): string[] {
  const where = join(packFile, '..')
  return readdirSync(where)
    .filter((name) => name.endsWith('.log'))
    .map((name) => join(where, name))
}

test('invalid UTF-8, NUL and truncation are flagged, and nothing is lost', () => {
  const bytes = Buffer.from([0x61, 0xff, 0x00, 0x62])
  expect(parse(bytes).event).toMatchObject({ event: { original: 'a\\xff\0b' }, log: { flags: ['invalid_utf8'] } })
  expect(get('abc', 'log.flags', syslog, RecordFlags.truncated)).toEqual(['truncated'])
  expect(get('\ufeff<13>Jan 14 10:00:00 h t: m\r', 'host.name')).toBe('h')
  expect(get('\ufeff<13>Jan 14 10:00:00 h t: m\r', 'event.original')).toBe('\ufeff<13>Jan 14 10:00:00 h t: m\r')
})

test.each([
  ['', 'empty'],
  [' \t\r\n', 'empty'],
  ['words', 'no_pack'],
  ['{"a":', 'invalid_json'],
  ['<1>1 - h a - - [x', 'invalid_syslog'],
  ['<192>x', 'invalid_syslog'],
  ['x'.repeat(1024 * 1024 + 1), 'too_long'],
])('is kept unparsed: %.20s', (line, reason) => {
  const parsed = parse(line)
  expect(parsed.unparsed).toBe(reason)
  expect(reasons).toContain(parsed.unparsed)
  expect(getPath(parsed.event, 'event.original')).toBe(line)
  expect(getPath(parsed.event, 'event.kind')).toBe('pipeline_error')
})

test('a clock far ahead does not move the event out of sight', () => {
  const ahead = parse('{"time":"2026-01-16T00:00:01Z","msg":"x"}')
  expect(ahead.timestamp).toBe(NOW)
  expect(ahead.event).toMatchObject({
    tags: ['clock_ahead'],
    haetae: { claimed_timestamp: '2026-01-16T00:00:01.000Z' },
  })
  const slightly = parse('{"time":"2026-01-15T00:04:59Z","msg":"x"}')
  expect(slightly.event['tags']).toBeUndefined()
  expect(parse('{"time":"1970-01-01T00:00:01Z"}').timestamp).toBe(1000)
})

const piece = fc.constantFrom(
  '<38>',
  '<1>1 - h a - - ',
  'Jan 14 10:00:00 ',
  'host ',
  'sshd[1]: ',
  'sudo: ',
  'su: ',
  'CRON[1]: (root) CMD (',
  'Failed password for ',
  'invalid user ',
  ' from 192.0.2.1 port 22 ssh2',
  ' : TTY=x ; PWD=/ ; USER=root ; COMMAND=',
  '{"auditID":"1","apiVersion":"audit.k8s.io/v1"',
  ',"user":',
  '}',
  '{"__proto__":',
  '"',
  '\\',
  '192.0.2.1 - - [14/Jan/2026:10:00:00 +0000] "',
  '" 200 1 "-" "-"',
  '2026-01-14T10:00:00Z stdout F ',
  '{"log":"',
  '\\n","stream":"stdout","time":"2026-01-14T10:00:00Z"}',
  '\0',
  '\n',
  ' ',
)
const anyLine = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.array(fc.oneof(piece, fc.string({ maxLength: 6 })), { maxLength: 14 }).map((parts) => Buffer.from(parts.join(''))),
)
const anyHint = fc.constantFrom(
  undefined,
  'system.auth',
  'kubernetes.audit',
  'nginx',
  'apache.error',
  'json',
  'nowhere',
)

test('any bytes: no throw, no fault of ours, the original inside, one event a record, encodable', () => {
  const writer = new EventBatchWriter()
  fc.assert(
    fc.property(anyLine, anyHint, (bytes, dataset) => {
      const { event, timestamp, unparsed } = parser.parse({
        bytes,
        origin: { ...syslog, ...(dataset ? { dataset } : {}) },
        receivedAtMs: NOW,
        flags: 0,
      })
      expect(getPath(event, 'event.original')).toBe(decodeLine(bytes).text)
      expect(unparsed).not.toBe('parser_error')
      expect(Date.parse(event['@timestamp'] as string)).toBe(Math.floor(timestamp))
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
      writer.write(event, timestamp, 0, 0)
      expect([...decodeEvents(writer.finish())]).toHaveLength(1)
    }),
    { interruptAfterTimeLimit: 4000, numRuns: 20_000 },
  )
})

test('long hostile lines are read or refused in passing: what repeats has one way to match', () => {
  const head = '<38>Jan 14 10:00:00 h '
  for (const [before, again] of [
    ['sudo: a : ', 'CHROOT=/ ; PWD=/ ; USER=a ; ENV=x'],
    ['sudo: a : PWD=', ' ; USER=x'],
    ['sudo: pam_unix(sudo:auth): ', ' for user [x'],
    ['sshd[1]: Failed password for ', ' from x port 1'],
    ['sshd[1]: Disconnecting: ', ' for invalid user '],
    ['sshd[1]: error: PAM: ', ' for x from '],
    ['sshd[1]: ssh_dispatch_run_fatal: Connection from ', '1.1.1.1 port 1: '],
    ['nginx: 1.1.1.1 - - [x] "', '\\"'],
    ['nginx: 2026/01/14 15:10:00 [error] 8#8: ', ', request: "GET'],
    ['httpd: [Wed Jan 14 16:10:00 2026] [error] ', '[client a] '],
    ['x: {', '"a":{'],
  ] as const) {
    const line = head + before + again.repeat(60_000 / again.length)
    expect(get(line, 'event.original')).toBe(line)
  }
})

test('a batch: as many events as records, damaged and poisoned ones kept, every one counted once', () => {
  const other: Origin = { source: '__proto__', kind: 'http', peer: '' }
  const raw = new RawBatchWriter()
  raw.append(syslog, NOW, Buffer.from('<38>Jan 14 10:00:00 h sshd[1]: Invalid user x from 192.0.2.7 port 1'))
  raw.append(syslog, NOW + 1, Buffer.from('to be damaged'))
  raw.append(other, NOW, Buffer.from('poison'))
  raw.append(other, NOW, Buffer.from('{"msg":"keyed"}'), 'key-1')
  raw.append(syslog, NOW, Buffer.from('words'))
  raw.append(syslog, NOW, Buffer.from(`{"list":[${'1,'.repeat(70_000)}1]}`))
  const batch = raw.finish()
  const at = Buffer.from(batch.buffer).indexOf('to be damaged')
  batch[at] = 0x21
  const writer = new EventBatchWriter()
  const seen: [string, number][] = []
  const progress: number[] = []
  const perSource = parseBatch(parser, batch, 3, 100, writer, {
    poison: new Set([2]),
    onRecord: (index) => progress.push(index),
    onEvent: (_event, id, _timestamp, offset) => seen.push([id, offset]),
  })
  const events = [...decodeEvents(writer.finish())]
  expect(events.map((event) => [event.id, event.offset])).toEqual(seen)
  expect(seen.map(([, offset]) => offset)).toEqual([100, 101, 102, 103, 104, 105])
  expect(progress).toEqual([0, 1, 2, 3, 4, 5])
  expect(events[3]?.id).toMatch(/^k/)
  expect(perSource['syslog-udp']).toEqual({ parsed: 2, unparsed: { damaged_record: 1, no_pack: 1 }, lastSeen: NOW + 1 })
  expect(Object.getOwnPropertyDescriptor(perSource, '__proto__')?.value).toEqual({
    parsed: 1,
    unparsed: { too_slow: 1 },
    lastSeen: NOW,
  })
  expect(events[1]?.fields['event.original']).toBe('!o be damaged')
  expect(events[5]?.fields['log.flags']).toEqual(['json_truncated'])
})

test('records before the start are skipped', () => {
  const raw = new RawBatchWriter()
  for (const line of ['a', 'b', 'c']) raw.append(syslog, NOW, Buffer.from(line))
  const writer = new EventBatchWriter()
  parseBatch(parser, raw.finish(), 0, 10, writer, { from: 12 })
  expect([...decodeEvents(writer.finish())].map((event) => event.offset)).toEqual([12])
})

const temp = mkdtempSync(join(tmpdir(), 'haetae-packs-'))
afterAll(() => rmSync(temp, { recursive: true, force: true }))

test('a pack of the user’s folder wins over ours of the same name, and its golden lines are checked', () => {
  mkdirSync(join(temp, 'sudo'))
  const file = join(temp, 'sudo', 'pack.yaml')
  writeFileSync(
    file,
    "pack: sudo\ndataset: own.sudo\ndetect: {program: [sudo]}\nparse:\n  - grok: '%{GREEDYDATA:own.text}'\n",
  )
  writeFileSync(join(temp, 'sudo', 'a.log'), '<13>Jan 14 10:00:00 h sudo: x\n')
  const own = createParser({ packs: loadPacks([temp, folder]), now: () => NOW })
  const found = own.parse({
    bytes: Buffer.from('<13>Jan 14 10:00:00 h sudo: x'),
    origin: syslog,
    receivedAtMs: NOW,
    flags: 0,
  })
  expect(getPath(found.event as EcsEvent, 'event.dataset')).toBe('own.sudo')
  const failures = testPack(own, file)
  expect(failures).toMatchObject([{ file: 'a.log', line: 1, expected: undefined }])
  writeFileSync(join(temp, 'sudo', 'a.ndjson'), `${JSON.stringify(failures[0]?.actual)}\n`)
  expect(testPack(own, file)).toEqual([])
})

test('two packs of one name in one folder, or no folder, are mistakes', () => {
  writeFileSync(join(temp, 'twin.yaml'), 'pack: sudo\ndataset: a\nparse: [{json: true}]\n')
  expect(() => loadPacks(temp)).toThrow(/is named sudo too/)
  expect(() => loadPacks(join(temp, 'none'))).toThrow(/no such folder/)
  expect(findPackFiles(folder).length).toBeGreaterThan(9)
})

test.each([-8.64e15, -1e15, 8.64e15, 1e16, 0, -0.5, 1e-7, 1768383000123.456])(
  'an event CloudWatch dates %d ms has a time that can be read',
  (timestamp) => {
    const line = JSON.stringify({ logGroup: 'g', logStream: 's', message: 'hello', timestamp })
    const parsed = parse(line)
    expect(Number.isFinite(parsed.timestamp)).toBe(true)
    expect(Date.parse(parsed.event['@timestamp'] as string)).toBe(Math.floor(parsed.timestamp))
    expect(parsed.event['aws']).toEqual({ cloudwatch: { log_group: 'g', log_stream: 's' } })
  },
)
