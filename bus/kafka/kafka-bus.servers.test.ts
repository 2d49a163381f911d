import { Admin } from '@platformatic/kafka'
import kafkajs from 'kafkajs'
import { afterAll, expect, inject, test } from 'vitest'
import type { Bus } from '../../core/bus.ts'
import { Counters } from '../../core/counters.ts'
import { type Origin, RawBatchReader, RawBatchWriter } from '../../core/raw-batch.ts'
import { batchOf, busContract, linesOf, readRecords } from '../bus.contract.ts'
import { type KafkaBusOptions, openKafkaBus } from './kafka-bus.ts'
import type { Gap } from './subscription.ts'

const kafka = inject('kafka')
const sasl = inject('kafkaSasl')
const run = `${process.pid}-${Math.floor(performance.timeOrigin)}`
let topics = 0
const newTopic = () => `haetae.test.${run}.${topics++}`

function open(topic: string, more: Partial<KafkaBusOptions> = {}): Promise<Bus> {
  return openKafkaBus({ brokers: [kafka], topic, partitions: 3, groupPrefix: `${topic}-`, ...more })
}
const lines = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `line ${from + i}`)
const fromStart = (bus: Bus) => new Map([...bus.bounds()].map(([partition, { oldest }]) => [partition, oldest]))

const topicOf = (place: string) => `haetae.contract.${run}.${place}`
if (kafka)
  busContract('kafka', {
    open: (place) => open(topicOf(place)),
    shorten: async (place, bounds) => {
      const partitions = [...bounds].map(([partition, { next }]) => ({ partition, offset: BigInt(next >> 1) }))
      await admin?.deleteRecords({ topics: [{ name: topicOf(place), partitions }] })
      return open(topicOf(place))
    },
  })
const it = test.skipIf(!kafka)

const foreign = new kafkajs.Kafka({ brokers: [kafka || 'none:0'], logLevel: kafkajs.logLevel.NOTHING })
const admin = kafka ? new Admin({ clientId: 'test', bootstrapBrokers: [kafka] }) : undefined
afterAll(() => admin?.close())

it('keeps everything a record has: its sender, receive time, key, flags', async () => {
  const bus = await open(newTopic())
  const writer = new RawBatchWriter()
  const web: Origin = {
    source: 'http',
    kind: 'http',
    peer: '192.0.2.7',
    dataset: 'x.y',
    fields: { 'host.name': '한글' },
  }
  const pod: Origin = { source: 'pods', kind: 'container', peer: '/var/log/pods/a', zone: '+09:00' }
  writer.append(web, 1_700_000_000_000.25, Buffer.from([0, 255, 254, 10]), 'key/한', 1)
  writer.append(pod, 1_700_000_000_001, Buffer.from(''))
  writer.append(web, 1_700_000_000_002, Buffer.from('plain'))
  await bus.publish(writer.finish(), 3)
  const seen: unknown[] = []
  const stop = new AbortController()
  for await (const { batch } of bus.subscribe(fromStart(bus), stop.signal)) {
    const reader = new RawBatchReader(batch)
    while (reader.next()) {
      seen.push([reader.origin, reader.receivedAtMs, reader.key, reader.flags, reader.bytes.toString('latin1')])
    }
    if (seen.length === 3) stop.abort()
  }
  expect(seen).toHaveLength(3)
  expect(seen).toContainEqual([web, 1_700_000_000_000.25, 'key/한', 1, '\0ÿþ\n'])
  expect(seen).toContainEqual([pod, 1_700_000_000_001, '', 0, ''])
  expect(seen).toContainEqual([web, 1_700_000_000_002, '', 0, 'plain'])
  await bus.close()
})

it('what kafkajs writes is read, with hostile headers, and what we write kafkajs reads', async () => {
  const topic = newTopic()
  const bus = await open(topic, { partitions: 1 })
  const producer = foreign.producer()
  await producer.connect()
  await producer.send({
    topic,
    messages: [
      { key: 'edge-7', value: '<34>Oct 11 22:14:15 edge su: failed' },
      { value: null },
      { value: 'gzip', headers: { 'haetae-origin': '{"source":5}', 'haetae-at': 'x', 'haetae-flags': 'NaN' } },
      { value: 'ours', headers: { 'haetae-origin': '{"source":"s","kind":"demo","peer":"p","fields":{"a":1}}' } },
    ],
    compression: kafkajs.CompressionTypes.GZIP,
  })
  await producer.disconnect()
  await bus.publish(batchOf(['from us', 'and another']), 2)

  const seen: { source: string; peer: string; line: string }[] = []
  const stop = new AbortController()
  for await (const { batch } of bus.subscribe(new Map([[0, 0]]), stop.signal)) {
    const reader = new RawBatchReader(batch)
    while (reader.next()) {
      const { source, peer } = reader.origin
      seen.push({ source, peer, line: reader.bytes.toString() })
      if (!source.startsWith('contract') && source !== 's') {
        expect(Math.abs(reader.receivedAtMs - Date.now())).toBeLessThan(120_000)
      }
    }
    if (seen.length >= 6) stop.abort()
  }
  const theirs = `kafka:${topic}`
  expect(seen).toEqual([
    { source: theirs, peer: 'edge-7', line: '<34>Oct 11 22:14:15 edge su: failed' },
    { source: theirs, peer: '', line: '' },
    { source: theirs, peer: '', line: 'gzip' },
    { source: 's', peer: 'p', line: 'ours' },
    { source: 'contract', peer: '192.0.2.1', line: 'from us' },
    { source: 'contract', peer: '192.0.2.1', line: 'and another' },
  ])
  await bus.close()
})

it('kafkajs reads our messages: the line is the value, the sender the key, on the partition it would choose', async () => {
  const zstd = await import('node:zlib')
  Object.assign(kafkajs.CompressionCodecs, {
    [kafkajs.CompressionTypes.ZSTD]: () => ({
      compress: ({ buffer }: { buffer: Buffer }) => zstd.zstdCompressSync(buffer),
      decompress: async (buffer: Buffer) => zstd.zstdDecompressSync(buffer),
    }),
  })
  const topic = newTopic()
  const bus = await open(topic)
  await bus.publish(batchOf(lines(5)), 5)
  const consumer = foreign.consumer({ groupId: `${topic}-foreign` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const seen: string[] = []
  const partitions = new Set<number>()
  const all = Promise.withResolvers<void>()
  await consumer.run({
    eachMessage: async ({ message, partition }) => {
      seen.push(`${message.key} ${message.value}`)
      partitions.add(partition)
      if (seen.length === 5) all.resolve()
    },
  })
  await all.promise
  await consumer.disconnect()
  expect(seen).toEqual(lines(5).map((line) => `contract/192.0.2.1 ${line}`))
  // The same key from kafkajs lands on the same partition.
  const producer = foreign.producer()
  await producer.connect()
  const [sent] = await producer.send({ topic, messages: [{ key: 'contract/192.0.2.1', value: 'theirs' }] })
  await producer.disconnect()
  expect([...partitions]).toEqual([sent?.partition])
  await bus.close()
})

it('many senders spread over the partitions; each stays in order', async () => {
  const bus = await open(newTopic())
  const origins = Array.from(
    { length: 20 },
    (_, i): Origin => ({ source: 'syslog', kind: 'syslog', peer: `192.0.2.${i}` }),
  )
  for (let round = 0; round < 5; round++) {
    const writer = new RawBatchWriter()
    for (const origin of origins) writer.append(origin, 1, Buffer.from(`${origin.peer} ${round}`))
    await bus.publish(writer.finish(), origins.length)
  }
  const records = await readRecords(bus, fromStart(bus), 100)
  expect(new Set(records.map(({ partition }) => partition)).size).toBe(3)
  for (const { peer } of origins) {
    const mine = records.filter(({ line }) => line.startsWith(`${peer} `))
    expect(mine.map(({ line }) => line)).toEqual([0, 1, 2, 3, 4].map((round) => `${peer} ${round}`))
    expect(new Set(mine.map(({ partition }) => partition)).size).toBe(1)
  }
  await bus.close()
})

it('a batch larger than one Kafka batch, and a record larger than that, arrive whole and in order', async () => {
  const bus = await open(newTopic(), { partitions: 1 })
  const big = [
    ...lines(3),
    'x'.repeat(5_000_000),
    ...Array.from({ length: 40 }, (_, i) => `${i} ${'y'.repeat(70_000)}`),
  ]
  expect(await bus.publish(batchOf(big), big.length)).toEqual({ partition: 0, offset: 0 })
  const records = await readRecords(bus, fromStart(bus), big.length)
  expect(records.map(({ offset }) => offset)).toEqual(big.map((_, i) => i))
  expect(records.map(({ line }) => line)).toEqual(big)
  await bus.close()
})

it('a reader behind retention gets the exact gap, and what is left', async () => {
  const topic = newTopic()
  const gaps: Gap[] = []
  const counters = new Counters()
  const bus = await open(topic, { partitions: 1, counters, onGap: (gap) => gaps.push(gap) })
  await bus.publish(batchOf(lines(10)), 10)
  await admin?.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 7n }] }] })
  const seen: [number, string[]][] = []
  const stop = new AbortController()
  for await (const { offset, batch } of bus.subscribe(new Map([[0, 2]]), stop.signal)) {
    seen.push([offset, linesOf(batch)])
    stop.abort()
  }
  expect(gaps).toEqual([{ partition: 0, from: 2, to: 7, reason: 'retention' }])
  expect(counters.get('bus_gap_records_total', { reason: 'retention' })).toBe(5)
  expect(seen).toEqual([[0, lines(10)]]) // the batch that straddles the start comes whole
  expect(bus.bounds().get(0)).toEqual({ oldest: 7, next: 10 })
  await bus.close()
})

it('an offset beyond the end is refused: the topic is not the one that was read', async () => {
  const bus = await open(newTopic(), { partitions: 1 })
  await bus.publish(batchOf(lines(3)), 3)
  const read = async () => {
    for await (const _ of bus.subscribe(new Map([[0, 50]]), new AbortController().signal)) expect.unreachable()
  }
  await expect(read()).rejects.toMatchObject({ code: 'TOPIC_UNFIT' })
  await bus.close()
})

it('only the assigned partitions are read', async () => {
  const topic = newTopic()
  const all = await open(topic)
  const { partition } = await all.publish(batchOf(lines(4)), 4)
  const others = await open(topic, { assigned: [0, 1, 2].filter((p) => p !== partition) })
  expect([...others.bounds().keys()]).not.toContain(partition)
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 1500)
  for await (const _ of others.subscribe(new Map(), stop.signal)) expect.unreachable()
  await others.close()
  await all.close()
})

test.skipIf(!kafka).each([
  ['retention.ms', '1000', /retention.ms is 1000/],
  ['cleanup.policy', 'compact', /compaction would delete/],
  ['max.message.bytes', '1000', /max.message.bytes is 1000/],
  ['message.timestamp.type', 'CreateTime', /retention would delete old log lines/],
])('a topic whose %s differs is refused with the command that mends it', async (name, value, words) => {
  const topic = newTopic()
  const configs = {
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': '20971520',
    'min.insync.replicas': '1',
  }
  await admin?.createTopics({
    topics: [topic],
    partitions: 3,
    replicas: 1,
    configs: Object.entries({ ...configs, [name]: value }).map(([name, value]) => ({ name, value })),
  })
  await expect(open(topic)).rejects.toMatchObject({ code: 'TOPIC_UNFIT', message: expect.stringMatching(words) })
  await expect(open(topic)).rejects.toThrow('kafka-configs.sh')
})

it('fewer partitions or replicas than wanted are refused; more partitions are taken', async () => {
  const topic = newTopic()
  await (await open(topic)).close()
  await expect(open(topic, { partitions: 5 })).rejects.toThrow('3 partitions, 5 wanted')
  await expect(open(topic, { replication: 2 })).rejects.toThrow('1 replicas, 2 wanted')
  const more = await open(topic, { partitions: 2 })
  expect(more.bounds().size).toBe(3)
  await more.close()
})

test.skipIf(!sasl)('SASL/PLAIN: the right password is let in, a wrong one is told so', async () => {
  const topic = newTopic()
  const login = {
    brokers: [sasl],
    sasl: { mechanism: 'PLAIN', username: 'haetae', password: 'only for tests' },
  } as const
  const bus = await open(topic, login)
  await bus.publish(batchOf(lines(2)), 2)
  expect(await readRecords(bus, fromStart(bus), 2)).toHaveLength(2)
  await bus.close()
  await expect(open(topic, { ...login, sasl: { ...login.sasl, password: 'wrong' } })).rejects.toThrow()
})
