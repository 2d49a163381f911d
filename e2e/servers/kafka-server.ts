// A real Kafka broker in KRaft mode on loopback: one node, plain and SASL listeners, data in a folder of its own.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServerFiles } from './fetch.ts'
import { freePorts, listens, startJava } from './java-process.ts'

export const saslUser = { username: 'haetae', password: 'only for tests' } as const

export interface KafkaServer {
  /** host:port */
  readonly address: string
  /** The same broker, where SASL/PLAIN is asked for (`saslUser`). */
  readonly saslAddress: string
  /** SIGKILL; `start` again goes on with the same data and ports. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Stops and removes its data. */
  stop(): Promise<void>
}

export async function startKafka({ javaHome, kafkaJars }: ServerFiles): Promise<KafkaServer> {
  const dir = mkdtempSync(join(tmpdir(), 'haetae-kafka-'))
  const java = join(javaHome, 'bin', 'java')
  const [port, saslPort, controllerPort] = (await freePorts(3)) as [number, number, number]
  const login = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${saslUser.username}="${saslUser.password}";`
  const properties = join(dir, 'server.properties')
  mkdirSync(join(dir, 'data'))
  writeFileSync(
    properties,
    Object.entries({
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
      listeners: `PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://127.0.0.1:${saslPort},CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://127.0.0.1:${saslPort}`,
      'controller.listener.names': 'CONTROLLER',
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_plaintext.plain.sasl.jaas.config': login,
      'log.dirs': join(dir, 'data'),
      'log.retention.check.interval.ms': 1000,
      'log.segment.delete.delay.ms': 100,
      'log.initial.task.delay.ms': 100,
      'offsets.topic.replication.factor': 1,
      'offsets.topic.num.partitions': 1,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'group.initial.rebalance.delay.ms': 0,
      'auto.create.topics.enable': false,
    })
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
  const options = ['-Xms64m', '-Xmx256m', '-cp', join(kafkaJars, '*')]
  const format = ['kafka.tools.StorageTool', 'format', '-t', 'aGFldGFlLXRlc3Qta2Fma2E', '-c', properties]
  const formatted = spawnSync(java, [...options, ...format], { encoding: 'utf8' })
  if (formatted.status !== 0)
    throw new Error(`Kafka's storage was not formatted: ${formatted.stdout}${formatted.stderr}`)

  const startBroker = () =>
    startJava(java, [...options, 'kafka.Kafka', properties], { cwd: dir }, async () =>
      (await listens(port)) && (await listens(saslPort)) ? true : undefined,
    )
  let broker = await startBroker()
  return {
    address: `127.0.0.1:${port}`,
    saslAddress: `127.0.0.1:${saslPort}`,
    kill: () => broker.kill(),
    async start() {
      broker = await startBroker()
    },
    async stop() {
      await broker.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
