import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { RecordFlags } from '../../core/raw-batch.ts'
import { FakeIntake, until } from '../testing.ts'
import { openSyslogTcp, type SyslogTcp, type SyslogTcpOptions } from './tcp.ts'

let intake: FakeIntake
let counters: Counters
let tcp: SyslogTcp | undefined
let senders: Socket[]

beforeEach(() => {
  intake = new FakeIntake()
  counters = new Counters()
  senders = []
})
afterEach(async () => {
  for (const sender of senders) sender.destroy()
  await tcp?.close()
})

async function open(options: Partial<SyslogTcpOptions> = {}): Promise<SyslogTcp> {
  tcp = await openSyslogTcp({ host: '0.0.0.0', port: 0, intake, counters, now: Date.now, ...options })
  return tcp
}

function dial(localAddress = '127.0.0.1'): Socket {
  const socket = connect({ host: '127.0.0.1', port: tcp?.port ?? 0, localAddress })
  socket.on('error', () => {}) // being cut off is what several tests are about
  senders.push(socket)
  return socket
}

const ended = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))
const refused = (reason: string) => counters.get('ingest_refused_total', { source: 'syslog-tcp', reason })
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `<13>line ${i}`)

test('both framings on one connection, in order, from one origin', async () => {
  await open({ dataset: 'cisco.ios' })
  dial().end('<1>a\n4 <2>b<3>c\r\n7 <4>d\ne\n<5>last')
  await until(() => intake.records.length === 5, 'five records')
  expect(intake.lines()).toEqual(['<1>a', '<2>b', '<3>c', '<4>d\ne', '<5>last'])
  expect(intake.records[0]?.origin).toEqual({
    source: 'syslog-tcp',
    kind: 'syslog',
    peer: '127.0.0.1',
    dataset: 'cisco.ios',
    zone: undefined,
  })
  expect(new Set(intake.records.map((r) => r.origin)).size).toBe(1)
})

test('NUL and invalid UTF-8 arrive as they were sent', async () => {
  await open()
  const line = Buffer.from([0x3c, 0x31, 0x3e, 0xff, 0x00, 0xc0, 0x80, 0xe2, 0x80, 0xa8])
  dial().end(Buffer.concat([line, Buffer.from('\n')]))
  await until(() => intake.records.length === 1, 'the record')
  expect(intake.records[0]?.bytes).toEqual(line)
})

test.each([
  ['frame_too_long', `1048577 <1>${'x'.repeat(200)}\n<1>forged\n`],
  ['frame_too_long', '9999999999 <1>x\n<1>forged\n'],
  ['frame_bad_length', '0 <1>x\n<1>forged\n'],
  ['frame_bad_length', '-7 <1>x\n<1>forged\n'],
  ['frame_bad_length', `${'9'.repeat(1000)} <1>x\n<1>forged\n`],
  ['frame_bad_length', '4 <1>abc <1>forged\n'],
])('%s closes that connection, forges nothing and disturbs nobody', async (reason, bytes) => {
  await open()
  const other = dial('127.0.0.2')
  other.write('<1>before\n')
  const hostile = dial()
  hostile.write(bytes)
  await ended(hostile)
  other.write('<1>after\n')
  await until(() => intake.lines().includes('<1>after'), 'the other sender')
  expect(refused(reason)).toBe(1)
  expect(intake.lines().filter((line) => line !== '<1>a')).toEqual(['<1>before', '<1>after'])
})

test('a connection that ends inside a counted message is counted, and gives no record', async () => {
  await open()
  dial().end('4 <1>a500 <1>the beginning')
  await until(() => refused('frame_cut') === 1, 'the cut')
  expect(intake.lines()).toEqual(['<1>a'])
})

test('300 MB without a newline: one truncated record, little memory, in step at the next line', async () => {
  await open()
  const socket = dial()
  const block = Buffer.alloc(1024 * 1024, 0x78)
  global.gc?.()
  const before = process.memoryUsage().rss
  let peak = 0
  for (let i = 0; i < 300; i++) {
    if (!socket.write(block)) await new Promise<void>((resolve) => socket.once('drain', () => resolve()))
    peak = Math.max(peak, process.memoryUsage().rss)
  }
  socket.end('\n<1>next\n')
  await until(() => intake.records.length === 2, 'both records')
  expect(intake.records[0]).toMatchObject({ flags: RecordFlags.truncated })
  expect(intake.records[0]?.bytes.length).toBe(64 * 1024)
  expect(intake.lines()[1]).toBe('<1>next')
  // Read buffers wait for the collector, so some growth is garbage; keeping the line would be over 300 MB.
  expect(peak - before).toBeLessThan(150 * 1024 * 1024)
  await tcp?.close()
  expect(counters.get('ingest_truncated_total', { source: 'syslog-tcp', reason: 'oversize_truncated' })).toBe(1)
})

test('2,000 idle connections of one address are refused above its share; another sender is undisturbed', async () => {
  await open({ maxConnectionsPerPeer: 50 })
  const other = dial('127.0.0.2')
  other.write('<1>0\n')
  for (let i = 0; i < 2000; i++) {
    dial()
    if (i % 250 === 0) {
      other.write(`<1>${i + 1}\n`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await until(() => refused('too_many_connections_peer') === 1950, '1,950 refusals', 15_000)
  expect(tcp?.connections).toBe(51)
  other.write('<1>last\n')
  await until(() => intake.lines().includes('<1>last'), 'the other sender')
  expect(intake.records).toHaveLength(10)
  for (const sender of senders) if (sender !== other) sender.destroy()
  await until(() => tcp?.connections === 1, 'the places to be free again')
  dial().write('<1>again\n')
  await until(() => intake.lines().includes('<1>again'), 'a new connection of the same address')
})

test('over the limit of all connections the newest is refused', async () => {
  await open({ maxConnections: 2 })
  dial().write('<1>a\n')
  dial('127.0.0.2').write('<1>b\n')
  await until(() => intake.records.length === 2, 'two senders')
  await ended(dial('127.0.0.3').resume())
  expect(refused('too_many_connections')).toBe(1)
})

test('a full intake stops the reading, loses nothing and keeps the order', async () => {
  await open()
  intake.fullAfter = 1000
  const lines = numbered(60_000)
  const socket = dial()
  socket.end(`${lines.join('\n')}\n`)
  await until(() => intake.records.length === 1000, 'the limit')
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(intake.records).toHaveLength(1000)
  for (let limit = 7000; intake.records.length < lines.length; limit += 6000) {
    intake.fullAfter = limit
    intake.makeRoom()
    await until(() => intake.records.length >= Math.min(limit, lines.length), `${limit} records`)
  }
  expect(intake.lines()).toEqual(lines)
  expect(counters.list('ingest_refused_total')).toEqual([])
})

test('one sender at full speed leaves turns to a slow one', async () => {
  await open({ maxMessagesPerTurn: 20 })
  const fast = dial()
  fast.write(`${numbered(40_000).join('\n')}\n`)
  await until(() => intake.records.length > 0, 'the fast sender')
  dial('127.0.0.2').write('<1>slow\n')
  await until(() => intake.records.length >= 40_001, 'everything')
  expect(intake.lines().indexOf('<1>slow')).toBeLessThan(39_000)
})

test('a message that stays unfinished ends its connection; a silent one is left alone', async () => {
  await open({ unfinishedTimeoutMs: 60 })
  const silent = dial('127.0.0.2')
  silent.write('<1>complete\n')
  const line = dial()
  line.write('<1>never ends')
  const counted = dial('127.0.0.3')
  counted.write('100 <1>never complete')
  const trickle = setInterval(() => line.writable && line.write('.'), 10)
  await Promise.all([ended(line), ended(counted)])
  clearInterval(trickle)
  expect(refused('frame_timeout')).toBe(2)
  expect(refused('frame_cut')).toBe(1)
  expect(intake.lines().some((text) => text.startsWith('<1>never ends'))).toBe(true)
  expect(silent.destroyed).toBe(false)
  silent.write('<1>still here\n')
  await until(() => intake.lines().includes('<1>still here'), 'the silent one')
})

test('a NUL at the end is a terminator once the sender falls silent', async () => {
  await open({ nulFlushMs: 30 })
  const socket = dial()
  socket.write('<1>a\0<2>b\0')
  await until(() => intake.records.length === 2, 'both')
  expect(intake.lines()).toEqual(['<1>a', '<2>b'])
  expect(socket.destroyed).toBe(false)
})

test('unfinished messages of many connections hold bounded memory', async () => {
  await open({ maxCarryBytes: 300_000 })
  const sockets = Array.from({ length: 8 }, (_, i) => dial(`127.0.0.${i + 1}`))
  for (const socket of sockets) socket.write(`900000 <1>${'x'.repeat(100_000)}`)
  await until(() => refused('carry_limit') >= 4, 'some to be closed')
  expect(tcp?.connections).toBeGreaterThan(0)
  expect(tcp?.connections).toBeLessThan(5)
})

test('close hands over what was read, and refuses newcomers', async () => {
  await open()
  intake.fullAfter = 10
  const lines = numbered(500)
  dial().write(`${lines.join('\n')}\n<1>half`)
  await until(() => intake.records.length === 10, 'the limit')
  const closing = tcp?.close()
  intake.fullAfter = Number.POSITIVE_INFINITY
  intake.makeRoom()
  await closing
  expect(intake.lines()).toEqual([...lines, '<1>half'])
  await ended(dial().resume())
  expect(tcp?.status()[0]?.state).toBe('waiting')
})

test('close gives up after its deadline, and counts whom it left', async () => {
  await open({ closeTimeoutMs: 50 })
  intake.full = true
  dial().write('<1>a\n')
  await until(() => tcp?.connections === 1, 'the connection')
  await new Promise((resolve) => setTimeout(resolve, 30))
  await tcp?.close()
  expect(refused('unread_at_close')).toBe(1)
})
