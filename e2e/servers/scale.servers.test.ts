// The whole line at scale: a process that accepts, one that processes, Kafka and Elasticsearch between, kafkajs beside.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { expect, inject, test } from 'vitest'
import { getPath } from '../../core/event.ts'
import { startNode, type TestNode, tempDir, until } from '../running-node.ts'

const kafka = inject('kafka')
const elasticsearch = inject('elasticsearch')
const run = `e2e${process.pid}-${Math.floor(performance.timeOrigin)}`
const here = Boolean(kafka && elasticsearch)

function configOf(dir: string, name: string): string {
  const path = join(dir, `${name}.yaml`)
  writeFileSync(
    path,
    `bus:
  kafka: { brokers: ['${kafka}'], topic: ${run}-${name}, partitions: 3 }
store:
  elasticsearch: { nodes: ['${elasticsearch}'], prefix: ${run}-${name}, replicas: 0 }
`,
  )
  return path
}

const numbersOf = async (node: TestNode, query: string) =>
  (await node.search(query)).map(({ event }) =>
    Number(/number=(\d+)/.exec(String(getPath(event, 'event.original')))?.[1]),
  )

async function post(node: TestNode, from: number, count: number): Promise<void> {
  const body = Array.from({ length: count }, (_, i) => `number=${from + i} word=scale`).join('\n')
  const response = await fetch(`${node.address}/v1/logs?source=numbered`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'text/plain' },
  })
  expect(response.status).toBe(200)
}

test.skipIf(!here)(
  'accept and process are processes of their own; one is killed, the other goes on, all is there once',
  async () => {
    const dir = tempDir()
    const config = configOf(dir, 'roles')
    const start = (role: string) => startNode({ dataDir: join(dir, role), args: ['--config', config, '--role', role] })
    const accept = await start('accept')
    let process = await start('process')
    await post(accept, 0, 300)
    await until(
      () => numbersOf(process, 'haetae.source:"http:numbered"'),
      (found) => found.length === 300,
      60_000,
    )

    await process.kill()
    await post(accept, 300, 300) // nobody processes: it waits in Kafka
    process = await start('process')
    for (let from = 600; from < 900; from += 50) {
      await post(accept, from, 50)
      if (from === 700) {
        await process.kill()
        process = await start('process')
      }
    }
    const found = await until(
      () => numbersOf(process, 'haetae.source:"http:numbered"'),
      (numbers) => numbers.length >= 900,
      60_000,
    )
    expect(found.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 900 }, (_, i) => i))
    // The process that accepts answers searches too.
    expect(
      await until(
        () => numbersOf(accept, 'haetae.source:"http:numbered"'),
        (numbers) => numbers.length === 900,
        10_000,
      ),
    ).toHaveLength(900)

    // Others' clients: what kafkajs writes is found, what we wrote kafkajs reads.
    const topic = `${run}-roles`
    const foreign = new kafkajs.Kafka({ brokers: [kafka], logLevel: kafkajs.logLevel.NOTHING })
    const producer = foreign.producer()
    await producer.connect()
    const at = new Date().toISOString()
    const line = `<38>1 ${at} gate sshd 42 - - Failed password for root from 198.51.100.7 port 4711 ssh2`
    await producer.send({ topic, messages: [{ key: 'edge-7', value: line }] })
    await producer.disconnect()
    const [hit] = await until(
      () => process.search('"Failed password" and source.ip:198.51.100.7'),
      (hits) => hits.length > 0,
      60_000,
    )
    expect(getPath(hit?.event ?? {}, 'haetae.source')).toBe(`kafka:${topic}`)
    expect(getPath(hit?.event ?? {}, 'user.name')).toBe('root')

    expect(await accept.stop()).toBe(0)
    expect(await process.stop()).toBe(0)
  },
)

test.skipIf(!here)('one process with Kafka and Elasticsearch finds a brute force and raises its alert', async () => {
  const dir = tempDir()
  const node = await startNode({ dataDir: join(dir, 'all'), args: ['--config', configOf(dir, 'all')] })
  const now = Math.floor(Date.now() / 1000)
  const lines = Array.from({ length: 12 }, (_, i) => {
    const at = new Date((now - 60 + i) * 1000).toISOString()
    return `<38>1 ${at} gate sshd 42 - - Failed password for root from 198.51.100.8 port ${4000 + i} ssh2`
  })
  const response = await fetch(`${node.address}/v1/logs?source=ssh`, {
    method: 'POST',
    body: lines.join('\n'),
    headers: { 'content-type': 'text/plain' },
  })
  expect(response.status).toBe(200)
  await until(
    () => node.search('source.ip:198.51.100.8'),
    (hits) => hits.length === 12,
    60_000,
  )
  const alerts = await until(
    () => node.alerts(),
    (found) => found.length > 0,
    60_000,
  )
  expect(alerts.length).toBeGreaterThan(0)
  expect(await node.stop()).toBe(0)
})
