import { createSocket, type Socket } from 'node:dgram'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { RecordFlags } from '../../core/raw-batch.ts'
import { FakeIntake, until } from '../testing.ts'
import { parseUdpTable } from './kernel-drops.ts'
import { openSyslogUdp, type SyslogUdp, type SyslogUdpOptions } from './udp.ts'

let intake: FakeIntake
let counters: Counters
let opened: SyslogUdp[]
let sender: Socket

beforeEach(() => {
  intake = new FakeIntake()
  counters = new Counters()
  opened = []
  sender = createSocket('udp4')
})
afterEach(async () => {
  sender.close()
  for (const udp of opened) await udp.close()
})

async function open(options: Partial<SyslogUdpOptions> = {}): Promise<SyslogUdp> {
  const udp = await openSyslogUdp({ host: '127.0.0.1', port: 0, intake, counters, now: () => 42, ...options })
  opened.push(udp)
  return udp
}

const send = (udp: SyslogUdp, bytes: string | Buffer, from = sender) =>
  new Promise<void>((resolve, reject) =>
    from.send(Buffer.from(bytes as string), udp.port, '127.0.0.1', (error) => (error ? reject(error) : resolve())),
  )
const refused = (reason: string) => counters.get('ingest_refused_total', { source: 'syslog-udp', reason })

test('one datagram is one record, byte for byte, with who sent it and when', async () => {
  const udp = await open({ dataset: 'linux.auth', zone: 'Asia/Seoul' })
  const bytes = Buffer.from([0x3c, 0x31, 0x3e, 0x00, 0xff, 0x0a, 0x61])
  await send(udp, bytes)
  await send(udp, '<2>b')
  await until(() => intake.records.length === 2, 'two records')
  expect(intake.records[0]?.bytes).toEqual(bytes)
  expect(intake.records[0]).toMatchObject({ receivedAtMs: 42, key: '', flags: 0 })
  expect(intake.records[0]?.origin).toEqual({
    source: 'syslog-udp',
    kind: 'syslog',
    peer: '127.0.0.1',
    dataset: 'linux.auth',
    zone: 'Asia/Seoul',
  })
  expect(intake.records[1]?.origin).toBe(intake.records[0]?.origin)
  await udp.close()
  expect(counters.get('ingest_records_total', { source: 'syslog-udp' })).toBe(2)
  expect(counters.get('ingest_bytes_total', { source: 'syslog-udp' })).toBe(11)
})

test('a terminator at the end is not kept, and a datagram with nothing else is counted as empty', async () => {
  const udp = await open()
  for (const text of ['<1>a\n', '<1>b\r\n', '<1>c\0', '\n', '', '<1>d\n\n']) await send(udp, text)
  await until(() => intake.records.length === 4, 'four records')
  expect(intake.lines()).toEqual(['<1>a', '<1>b', '<1>c', '<1>d\n'])
  await udp.close()
  expect(counters.get('ingest_empty_total', { source: 'syslog-udp' })).toBe(2)
})

test('a longer datagram keeps its first part and says so', async () => {
  const udp = await open({ maxMessageBytes: 10 })
  await send(udp, 'x'.repeat(11))
  await send(udp, 'y'.repeat(10))
  await until(() => intake.records.length === 2, 'two records')
  expect(intake.records.map((r) => [r.bytes.length, r.flags])).toEqual([
    [10, RecordFlags.truncated],
    [10, 0],
  ])
  await udp.close()
  expect(counters.get('ingest_truncated_total', { source: 'syslog-udp', reason: 'oversize_truncated' })).toBe(1)
})

test('while the intake is full every datagram is counted as refused, and none after', async () => {
  const udp = await open()
  intake.full = true
  for (let i = 0; i < 5; i++) await send(udp, `<1>${i}`)
  await until(() => refused('intake_full') === 5, 'five refusals')
  intake.full = false
  await send(udp, '<1>after')
  await until(() => intake.records.length === 1, 'the record after')
  expect(refused('intake_full')).toBe(5)
})

test('records the intake gives back when it closes are counted', async () => {
  intake.auto = false
  const udp = await open()
  await send(udp, '<1>a')
  await send(udp, '<1>b')
  await until(() => intake.records.length === 2, 'two records')
  intake.failBatch()
  await until(() => refused('intake_closed') === 2, 'two given back')
})

test('an intake that throws costs a record, not the process', async () => {
  const udp = await open()
  intake.add = () => {
    throw new RangeError('origin 65536')
  }
  await send(udp, '<1>a')
  await until(() => refused('intake_failed') === 1, 'one failure')
})

test('a capped receive buffer is said, with what to do', async () => {
  const warnings: string[] = []
  const udp = await open({ recvBufferBytes: 2_000_000_000, warn: (message) => warnings.push(message) })
  expect(udp.recvBufferBytes).toBeGreaterThan(0)
  expect(udp.recvBufferBytes).toBeLessThan(2_000_000_000)
  expect(warnings.join()).toContain('net.core.rmem_max')
  expect(udp.status()[0]?.detail).toContain(String(udp.recvBufferBytes))
})

test.skipIf(process.platform !== 'linux')('what the kernel drops is counted, exactly', async () => {
  const udp = await open({ recvBufferBytes: 4096 })
  const sent = 400
  const { promise, resolve } = Promise.withResolvers<void>()
  let left = sent
  // Sent within one turn of our loop, so that nobody reads in between.
  for (let i = 0; i < sent; i++) sender.send('x'.repeat(500), udp.port, '127.0.0.1', () => --left === 0 && resolve())
  await promise
  await until(() => {
    counters.expose() // reads the gauge
    return intake.records.length + refused('kernel_buffer') === sent
  }, 'received and dropped to add up')
  expect(refused('kernel_buffer')).toBeGreaterThan(0)
  expect(counters.expose()).toContain(
    `haetae_ingest_udp_kernel_drops{source="syslog-udp"} ${refused('kernel_buffer')}\n`,
  )
})

test('a port that is taken is the caller’s error', async () => {
  const udp = await open()
  await expect(open({ port: udp.port })).rejects.toThrow('EADDRINUSE')
})

test('close is idempotent and shows in the status', async () => {
  const udp = await open()
  expect(udp.status()).toMatchObject([{ source: 'syslog-udp', kind: 'syslog', state: 'running' }])
  await Promise.all([udp.close(), udp.close()])
  expect(udp.status()[0]?.state).toBe('waiting')
})

test('IPv6 listens, and IPv4 senders on it have their IPv4 address', async () => {
  const udp = await open({ host: '::' }).catch(() => undefined)
  if (!udp) return console.warn('skipped: no IPv6 here')
  await send(udp, '<1>a')
  await until(() => intake.records.length === 1, 'a record')
  expect(intake.records[0]?.origin.peer).toBe('127.0.0.1')
})

test.each([
  ['nothing', '', []],
  ['only a header', '  sl  local_address\n', []],
  ['garbage', 'h\nx y z\n\n 1: zz:zz 0 0 0 0 0 0 0 0 0 0 q\n', []],
  [
    'a socket',
    'h\n 12: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000 1 0 4821 2 00000000 17 \n',
    [{ port: 5514, inode: '4821', drops: 17 }],
  ],
])('the kernel’s table of UDP sockets: %s', (_why, text, rows) => expect(parseUdpTable(text)).toEqual(rows))
