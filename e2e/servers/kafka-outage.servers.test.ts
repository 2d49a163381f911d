// Brokers that die while we write and read: what was acknowledged is there once, in order.

import { afterAll, expect, inject, test } from 'vitest'
import { batchOf, linesOf } from '../../bus/bus.contract.ts'
import { openKafkaBus } from '../../bus/kafka/kafka-bus.ts'
import { fetchServers } from './fetch.ts'
import { type KafkaServer, startKafka } from './kafka-server.ts'

// A broker of our own, since it is killed; only where the harness starts servers at all.
const here = inject('kafkaSasl') !== ''
let broker: KafkaServer | undefined
afterAll(() => broker?.stop())

test.skipIf(!here)('a broker killed three times under load loses nothing and repeats nothing', async () => {
  broker = await startKafka(fetchServers())
  const retries: string[] = []
  const options = { brokers: [broker.address], topic: 'outage', partitions: 2, onRetry: (p: string) => retries.push(p) }
  const bus = await openKafkaBus(options)
  const acknowledged: string[] = []
  let stopped = false
  const writing = (async () => {
    for (let i = 0; !stopped || i < 50; i++) {
      const lines = Array.from({ length: 20 }, (_, k) => `${i}/${k}`)
      await bus.publish(batchOf(lines), lines.length)
      acknowledged.push(...lines)
    }
  })()
  const seen: string[] = []
  const stop = new AbortController()
  const reading = (async () => {
    for await (const { batch } of bus.subscribe(new Map(), stop.signal)) seen.push(...linesOf(batch))
  })()
  const until = async (good: () => boolean) => {
    while (!good()) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  for (let round = 0; round < 3; round++) {
    const before = acknowledged.length
    await until(() => acknowledged.length > before + 200)
    await broker.kill()
    await broker.start()
  }
  const before = acknowledged.length
  await until(() => acknowledged.length > before + 200)
  stopped = true
  await writing
  await until(() => seen.length >= acknowledged.length)
  stop.abort()
  await reading
  expect(seen).toEqual(acknowledged)
  expect(retries.length).toBeGreaterThan(0)
  await bus.close()
})
