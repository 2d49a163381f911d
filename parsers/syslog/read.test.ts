import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatTime, type TimeContext } from '../time/time.ts'
import { utc } from '../time/zone.ts'
import { newEnvelope, readPriority } from './envelope.ts'
import { readEnvelope } from './read.ts'

const context: TimeContext = { receivedAtMs: Date.UTC(2026, 0, 15), zone: utc }

function read(line: string) {
  const e = newEnvelope()
  if (!readEnvelope(line, e, context)) return undefined
  return {
    quality: e.quality,
    pri: e.priority,
    time: Number.isNaN(e.timeMs) ? undefined : formatTime(e.timeMs),
    host: e.host,
    app: e.app,
    pid: e.procId,
    body: line.slice(e.body),
  }
}

// RFC 5424 section 6.2.1
test.each([
  ['highest value', '<191>', 191],
  ['one past the highest', '<192>', undefined],
  ['leading zero', '<034>', undefined],
  ['cut short', '<34', undefined],
  ['empty', '<>', undefined],
  ['four digits', '<1000>', undefined],
  ['zero', '<0>', 0],
])('readPriority: %s', (_why, head, expected) => {
  const priority = { value: -1, end: 0 }
  expect(readPriority(head, priority) ? priority.value : undefined).toBe(expected)
})

test.each([
  ['plain', '<13>Jan 14 10:00:00 h t: m', { host: 'h', app: 't', body: 'm' }],
  ['single-digit day without a second space', '<13>Jan 4 10:00:00 h t: m', { time: '2026-01-04T10:00:00.000Z' }],
  ['year after the day', '<13>Jan 14 2024 10:00:00 h t: m', { time: '2024-01-14T10:00:00.000Z', host: 'h' }],
  ['year before all', '<13>2024 Jan 14 10:00:00 h t: m', { time: '2024-01-14T10:00:00.000Z', host: 'h' }],
  ['no host', '<13>Jan 14 10:00:00 t[9]: m', { host: '', app: 't', pid: '9', body: 'm' }],
  ['no tag', '<13>Jan 14 10:00:00 h {"a":1}', { host: 'h', app: '', body: '{"a":1}' }],
  ['IPv6 host', '<13>Jan 14 10:00:00 2001:db8::1 t: m', { host: '2001:db8::1', app: 't' }],
  ['no time', '<13>t: m', { host: '', app: 't', body: 'm' }],
  ['no time and no tag', '<13>some words', { app: '', body: 'some words' }],
  ['space after PRI', '<13> Jan 14 10:00:00 h t: m', { host: 'h', app: 't' }],
  ['no PRI', 'Jan 14 10:00:00 h t[1]: m', { pri: -1, host: 'h', app: 't', pid: '1', body: 'm' }],
  ['no PRI, ISO', '2026-01-14T10:00:00.5+09:00 h t: m', { time: '2026-01-14T01:00:00.500Z', app: 't' }],
  [
    'IOS with sequence and unset clock',
    '<189>42: *Mar  1 00:00:00.000 UTC: %SYS-5-X: m',
    { app: '', body: '%SYS-5-X: m' },
  ],
  ['IOS with host', '<189>42: sw1: Jan 14 10:00:00: %SYS-5-X: m', { host: 'sw1', body: '%SYS-5-X: m' }],
  ['ASA', '<166>Jan 14 2026 10:00:00: %ASA-6-1: m', { host: '', body: '%ASA-6-1: m' }],
  ['ASA with host', '<166>Jan 14 2026 10:00:00 fw : %ASA-6-1: m', { host: 'fw', body: '%ASA-6-1: m' }],
  ['nothing after the host', '<13>Jan 14 10:00:00 h', { host: 'h', app: '', body: '' }],
])('RFC 3164: %s', (_why, line, expected) => expect(read(line)).toMatchObject(expected))

test.each([
  ['a Cisco message without a time', '<166>%ASA-6-302013: x', '', '%ASA-6-302013: x'],
  ['columns are no tag', '<14>Jan 14 10:00:00 pa-1 1,2026/01/14 10:00:00,x', '', '1,2026/01/14 10:00:00,x'],
  ['a tag stays a tag', '<14>Jan 14 10:00:00 h app: 1,2', 'app', '1,2'],
])('the tag of %s', (_why, line, app, body) => expect(read(line)).toMatchObject({ app, body }))

test.each([
  ['words', 'hello world: x'],
  ['a level where a host would be', '2026-01-14T10:00:00Z INFO main: started'],
  ['a time and no tag', 'Jan 14 10:00:00 just text here'],
  ['a bad month', 'Jnn 14 10:00:00 h t: m'],
  ['a bad priority', '<999>Jan 14 10:00:00 h t: m'],
  ['JSON', '{"a":1}'],
  ['a database log', '2026-01-14T10:00:00.1Z 0 [System] [MY-1] ready'],
])('is not syslog: %s', (_why, line) => expect(read(line)).toBeUndefined())

test.each([
  ['duplicate SD-ID', '<1>1 - h a - - [x][x] m'],
  ['open element', '<1>1 - h a - - [x a="b'],
  ['unescaped bracket', '<1>1 - h a - - [x a="]"] m'],
  ['long app name', `<1>1 - h ${'a'.repeat(49)} - - - m`],
  ['seven places of a second', '<1>1 2026-01-14T10:00:00.1234567Z h a - - - m'],
  ['small t', '<1>1 2026-01-14t10:00:00Z h a - - - m'],
  ['no offset', '<1>1 2026-01-14T10:00:00 h a - - - m'],
  ['cut in the header', '<1>1 - h a'],
])('RFC 5424 broken: %s', (_why, line) => expect(read(line)?.quality).toBe('invalid'))

const shared = process.env['HAETAE_SHARED_DATA'] ?? join(import.meta.dirname, '../../../shared/data')
const vectors = join(shared, 'syslog/rfc5424-vectors.jsonl')
if (!existsSync(vectors)) console.warn(`skipped: no ${vectors}`)

interface Vector {
  input: string
  input_b64?: string
  valid: boolean
  upstream_error?: string
  expected: Record<string, unknown> | null
}

test.skipIf(!existsSync(vectors))(
  'RFC 5424 vectors: valid ones read equal, invalid ones are not taken for valid',
  () => {
    const envelope = newEnvelope()
    for (const line of readFileSync(vectors, 'utf8').trim().split('\n')) {
      const vector = JSON.parse(line) as Vector
      const found = readEnvelope(vector.input, envelope, context)
      if (!vector.valid) {
        // MSG-ANY is any octets (section 6.4), and an unknown escape is not altered but valid (section 6.3.3)
        if (/free-form|to be escaped/.test(vector.upstream_error ?? '')) continue
        expect(found && envelope.dialect === 'rfc5424' && envelope.quality === 'valid', line).toBe(false)
        continue
      }
      const { expected } = vector
      expect(found && envelope.quality, line).toBe('valid')
      expect([envelope.priority, envelope.version], line).toEqual([expected?.['Priority'], expected?.['Version']])
      expect([envelope.host, envelope.app, envelope.procId, envelope.msgId], line).toEqual(
        ['Hostname', 'Appname', 'ProcID', 'MsgID'].map((key) => expected?.[key] ?? ''),
      )
      expect(vector.input.slice(envelope.body), line).toBe(expected?.['Message'] ?? '')
      expect(envelope.structured ?? null, line).toEqual(expected?.['SD'])
      const time = expected?.['Timestamp'] as string | null
      expect(Number.isNaN(envelope.timeMs) ? null : Math.floor(envelope.timeMs), line).toBe(
        time ? Date.parse(time) : null,
      )
    }
  },
)

const variants = join(shared, 'syslog/rsyslog-vectors.jsonl')
/** Where rsyslog's choice is not ours: it cuts a program at its slash, and takes a year behind the time for the host. */
const OURS = [/tag\/with\/slashes/, /AUG 10 22:18:24 2009/, /eventSource= "/, /^[^<]/]

test.skipIf(!existsSync(variants))('RFC 3164 variants as rsyslog reads them', () => {
  const envelope = newEnvelope()
  let checked = 0
  for (const line of readFileSync(variants, 'utf8').trim().split('\n')) {
    const { input, fields, default_parser } = JSON.parse(line) as {
      input: string
      fields: Record<string, string>
      default_parser: boolean
    }
    if (!default_parser || OURS.some((pattern) => pattern.test(input))) continue
    expect(readEnvelope(input, envelope, context), input).toBe(true)
    if (fields['hostname'] !== undefined) expect(envelope.host, input).toBe(fields['hostname'])
    if (fields['programname'] !== undefined) expect(envelope.app, input).toBe(fields['programname'])
    if (fields['PRI'] !== undefined) expect(String(envelope.priority), input).toBe(fields['PRI'])
    if (fields['msg'] !== undefined) expect(input.slice(envelope.body).trim(), input).toBe(fields['msg'].trim())
    checked++
  }
  expect(checked).toBeGreaterThan(10)
})

test('any text is syslog or is not, without a throw, and the body is a part of it', () => {
  const piece = fc.constantFrom(
    '<13>',
    '<1>1 ',
    'Jan 14 ',
    '10:00:00',
    ' ',
    ':',
    '[',
    ']',
    '-',
    '"',
    '=',
    '\\',
    '*',
    '2026',
    'T',
    'host',
    '\0',
    '%',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 25 }), (parts) => {
      const line = parts.join('')
      const envelope = newEnvelope()
      if (readEnvelope(line, envelope, context)) {
        expect(envelope.body).toBeGreaterThanOrEqual(0)
        expect(envelope.body).toBeLessThanOrEqual(line.length)
      }
    }),
    { interruptAfterTimeLimit: 1500, numRuns: 20_000 },
  )
})
