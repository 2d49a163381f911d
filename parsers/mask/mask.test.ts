import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type EcsEvent, getPath } from '../../core/event.ts'
import { decodeEvents, EventBatchWriter } from '../../core/event-batch.ts'
import { RawBatchWriter } from '../../core/raw-batch.ts'
import { parseBatch } from '../parse-batch.ts'
import { createParser } from '../parser.ts'
import { readKeyFile } from './keys.ts'
import { type MaskingConfig, openMask, openOriginal } from './mask.ts'
import { Pseudonyms, periodOf } from './pseudonym.ts'
import { createSealer, openSealed } from './seal.ts'

const dir = mkdtempSync(join(tmpdir(), 'mask-'))
const file = (name: string, text: string) => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const keyFile = file('mask.key', `${'1f'.repeat(32)}\n`)
const sealKeyFile = file('seal.key', Buffer.alloc(32, 7).toString('base64'))
const config = (more: Partial<MaskingConfig> = {}): MaskingConfig => ({
  rules: ['rrn', 'card', 'phone', 'email'],
  fields: [],
  except: [],
  period: 'month',
  keyFile,
  sealKeyFile,
  ...more,
})
const NOW = Date.UTC(2026, 10, 22)
const masked = (event: EcsEvent, more: Partial<MaskingConfig> = {}, timestamp = NOW): EcsEvent => {
  const whole: EcsEvent = { haetae: { source: 'test' }, ...event }
  openMask(config(more))({ event: whole, timestamp })
  return JSON.parse(JSON.stringify(whole)) as EcsEvent
}

test('one value has one pseudonym in the message, the original and the fields', () => {
  const event = masked({
    message: 'mail to Mina@Example.com sent',
    event: { original: '<1>mail to Mina@Example.com sent' },
    user: { email: 'mina@example.com' },
    related: { user: ['mina@example.com'] },
  })
  const name = getPath(event, 'user.email') as string
  expect(name).toMatch(/^email_[0-9a-f]{20}$/)
  expect(event['message']).toBe(`mail to ${name} sent`)
  expect(getPath(event, 'event.original')).toBe(`<1>mail to ${name} sent`)
  expect(getPath(event, 'related.user')).toEqual([name])
  expect(getPath(event, 'haetae.masked')).toEqual(['email'])
})

test('pseudonyms join within a period and not across', () => {
  const at = (ms: number) => masked({ message: '010-1234-5678' }, {}, ms)['message']
  expect(at(Date.UTC(2026, 10, 1))).toBe(at(Date.UTC(2026, 10, 30, 23, 59)))
  expect(at(Date.UTC(2026, 11, 1))).not.toBe(at(Date.UTC(2026, 10, 30)))
})

test('kinds, values and keys have names of their own', () => {
  const names = new Pseudonyms(Buffer.alloc(32, 1), 'year')
  const other = new Pseudonyms(Buffer.alloc(32, 2), 'year')
  const all = [
    names.nameOf('card', '1', 0),
    names.nameOf('rrn', '1', 0),
    names.nameOf('card', '2', 0),
    other.nameOf('card', '1', 0),
  ]
  expect(new Set(all.map((name) => name.slice(-20))).size).toBe(4)
})

test.each([
  ['day', '2026-11-22'],
  ['month', '2026-11'],
  ['quarter', '2026-Q4'],
  ['year', '2026'],
] as const)('the period of %s is %s', (period, name) => expect(periodOf(NOW, period)).toBe(name))

test('the sealed original opens with its key and its event alone', () => {
  const original = 'call 010-1234-5678'
  const event = masked({ event: { original, created: '2026-11-22T00:00:00.000Z' } })
  const key = readKeyFile(sealKeyFile)
  expect(JSON.stringify(event)).not.toContain('1234-5678')
  expect(openOriginal(event, key)).toBe(original)
  const refused = (change: () => unknown) =>
    expect(change).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }))
  refused(() => openOriginal(event, readKeyFile(keyFile)))
  refused(() => openOriginal({ ...event, event: { created: '2026-11-22T00:00:00.001Z' } }, key))
  refused(() => openOriginal({}, key))
  const sealed = getPath(event, 'haetae.sealed') as string
  for (const at of [12, 20, sealed.length - 2]) {
    const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1)
    refused(() => openSealed(changed, 'test\0x', key))
  }
})

test('sealing again gives the same text, so a line that is parsed again is the same event', () => {
  const sealer = createSealer(Buffer.alloc(32, 3))
  expect(sealer.seal('a', 'x')).toBe(sealer.seal('a', 'x'))
  expect(sealer.seal('a', 'x')).not.toBe(sealer.seal('a', 'y'))
})

test('an event without personal data is left as it is, and nothing is sealed', () => {
  const event = { message: 'session opened', event: { original: 'session opened', duration: 4_111_111_111_111_111 } }
  expect(masked(event)).toEqual({ haetae: { source: 'test' }, ...event })
})

test('without a seal key nothing of the original is left', () => {
  const event = masked({ event: { original: 'call 010-1234-5678' } }, { sealKeyFile: undefined })
  expect(getPath(event, 'haetae.sealed')).toBeUndefined()
  expect(getPath(event, 'haetae.masked')).toEqual(['phone'])
})

test('numbers, names of fields, lists and conflicts are masked too', () => {
  const text = JSON.stringify(
    masked({
      acme: { pan: 4_111_111_111_111_111, 'mina@example.com': { n: 1 }, list: [['010-1234-5678']] },
      haetae: { source: 'test', conflict: { 'source.ip': 'mina@example.com' } },
    }),
  )
  for (const secret of ['4111111111111111', 'mina@', '1234-5678']) expect(text).not.toContain(secret)
})

test('fields that are named are masked whole, also where their values stand in texts', () => {
  const event = masked(
    { user: { name: 'mina' }, message: 'mina logged in as minaret; (mina)', related: { user: ['mina', 'joon'] } },
    { fields: ['user.name'], rules: [] },
  )
  const name = getPath(event, 'user.name')
  expect(name).toMatch(/^value_/)
  expect(event['message']).toBe(`${name} logged in as minaret; (${name})`)
  expect(getPath(event, 'related.user')).toEqual([name, 'joon'])
})

test('an address that is masked stays an address', () => {
  const event = masked({ source: { ip: '192.0.2.7' }, message: 'from 192.0.2.7' }, { fields: ['source.ip'] })
  expect(getPath(event, 'source.ip')).toMatch(/^fd00:0:0(:[0-9a-f]{1,4}){5}$/)
  expect(event['message']).toBe(`from ${getPath(event, 'source.ip')}`)
})

test('fields that are excepted and rules that are off leave what they would mask', () => {
  const event = { message: 'mina@example.com 010-1234-5678', user: { email: 'mina@example.com' } }
  const out = masked(event, { rules: ['email'], except: ['user.email'] })
  expect(getPath(out, 'user.email')).toBe('mina@example.com')
  expect(out['message']).toMatch(/^email_\w+ 010-1234-5678$/)
})

test.each([
  ['a missing key file', { keyFile: join(dir, 'none') }, 'cannot be read'],
  ['a short key', { keyFile: file('short', 'abcd') }, 'no key of 32 bytes'],
  ['a wrong seal key', { sealKeyFile: file('wrong', 'x'.repeat(64)) }, 'no key of 32 bytes'],
  ['a number to mask whole', { fields: ['source.port'] }, 'source.port is a long'],
])('%s is refused at load', (_why, more, problem) => {
  expect(() => openMask(config(more))).toThrow(problem)
  expect(() => openMask(config(more))).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})

test('records that are kept unread are masked before they are written', () => {
  const raw = new RawBatchWriter()
  const origin = { source: 'test', kind: 'syslog', peer: '' } as const
  raw.append(origin, NOW, Buffer.from('call 010-1234-5678'))
  raw.append(origin, NOW, Buffer.from('call 010-1234-5678'))
  const writer = new EventBatchWriter()
  parseBatch(createParser({ packs: [] }), raw.finish(), 0, 0, writer, {
    poison: new Set([1]),
    complete: openMask(config()),
  })
  const events = [...decodeEvents(writer.finish())].map(({ fields }) => fields)
  expect(events.map((fields) => fields['haetae.unparsed'])).toEqual(['no_pack', 'too_slow'])
  for (const fields of events) {
    expect(JSON.stringify(fields)).not.toContain('1234-5678')
    expect(fields['haetae.sealed']).toBeDefined()
  }
})

test('whatever an event holds, masking it throws nothing and leaves no value of a rule', () => {
  const secrets = ['010-1234-5678', '4111 1111 1111 1111', '900101-1234568', 'a@b.co']
  const leaf = fc.oneof(fc.string(), fc.constantFrom(...secrets), fc.double(), fc.constant(null))
  const tree = fc.object({ key: fc.oneof(fc.string(), fc.constantFrom(...secrets)), values: [leaf], maxDepth: 4 })
  const mask = openMask(config())
  fc.assert(
    fc.property(tree, (made) => {
      const event = { haetae: { source: 'test' }, acme: made } as EcsEvent
      mask({ event, timestamp: NOW })
      const left = JSON.stringify(event)
      for (const secret of secrets) expect(left).not.toMatch(new RegExp(`"${secret}"`))
    }),
    { numRuns: 2000, interruptAfterTimeLimit: 4000 },
  )
})
