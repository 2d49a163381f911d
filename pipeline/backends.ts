// Where records and events are kept: on this machine (ledger, segment files) or at scale (Kafka, Elasticsearch), as the
// configuration says. Everything else sees the seams alone. What is not used is not loaded.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLedger } from '../bus/ledger/ledger.ts'
import type { Bus } from '../core/bus.ts'
import { bytesOf, type Config, durationMs } from '../core/config.ts'
import type { Counters } from '../core/counters.ts'
import { describe } from '../core/errors.ts'
import { RawBatchWriter } from '../core/raw-batch.ts'
import type { EventStore } from '../core/store.ts'
import { openSegmentStore } from '../store/segments/segment-store.ts'

export interface BackendOptions {
  readonly config: Config
  readonly counters: Counters
  readonly now: () => number
  readonly say: (line: string) => void
}

export async function openStore({ config, counters, now, say }: BackendOptions): Promise<EventStore> {
  const { elasticsearch, cache } = config.store
  if (!elasticsearch) {
    return openSegmentStore({ dir: join(config.data, 'segments'), counters, cacheBytes: bytesOf(cache) })
  }
  const { openElasticsearchStore } = await import('../store/elasticsearch/elasticsearch-store.ts')
  const { apiKey, username, password, tls, ...rest } = elasticsearch
  return openElasticsearchStore({
    ...rest,
    ...(apiKey !== undefined && { auth: { apiKey } }),
    ...(username !== undefined && { auth: { username, password: password ?? '' } }),
    ...(tls && { tls: { fingerprint: tls.fingerprint, ...readPem(tls) } }),
    counters,
    now,
    durableEveryMs: 1000,
    onWait: (problem) => say(`waiting for Elasticsearch: ${problem}`),
  })
}

/** @param store opened before: the ledger never gives out an offset it knows */
export async function openBus({ config, counters, now, say }: BackendOptions, store: EventStore): Promise<Bus> {
  const { kafka, segment, keepFor, keepBytes } = config.bus
  if (!kafka) {
    return openLedger({
      dir: join(config.data, 'ledger'),
      counters,
      now,
      segmentBytes: bytesOf(segment),
      retention: { maxAgeMs: durationMs(keepFor), maxBytes: bytesOf(keepBytes) },
      minOffset: Math.max(0, ...store.durable().values()),
    })
  }
  const { openKafkaBus } = await import('../bus/kafka/kafka-bus.ts')
  const { brokers, topic, partitions, replication, username, password, mechanism, tls } = kafka
  const bus = await openKafkaBus({
    brokers,
    topic,
    partitions,
    replication,
    retentionMs: durationMs(keepFor),
    ...(username !== undefined && { sasl: { mechanism, username, password: password ?? '' } }),
    ...(tls && { tls: { serverName: tls.serverName, ...readPem(tls) } }),
    counters,
    onGap: ({ partition, from, to }) => tellGap(partition, from, to),
    onRetry: everyMinute((problem) => say(`waiting for Kafka: ${problem}`)),
  })
  // What retention took while nobody read: told, and kept as a record of its own.
  const read = await bus.committed('process')
  for (const [partition, { oldest }] of bus.bounds()) {
    const from = read.get(partition)
    if (from !== undefined && from < oldest) {
      counters.add('bus_gap_records_total', oldest - from, { reason: 'retention' })
      tellGap(partition, from, oldest)
    }
  }
  return bus

  function tellGap(partition: number, from: number, to: number): void {
    const words = `records ${from} to ${to - 1} of ${topic} partition ${partition} were deleted by retention before they were read`
    say(words)
    const writer = new RawBatchWriter()
    const origin = { source: 'haetae', kind: 'kafka', peer: topic } as const
    writer.append(origin, now(), Buffer.from(`gap: ${words}`), `gap/${topic}/${partition}/${from}/${to}`)
    bus.publish(writer.finish(), 1).catch((error: unknown) => say(`gap not recorded: ${describe(error)}`))
  }
}

function readPem({ ca, cert, key }: { ca?: string; cert?: string; key?: string }) {
  const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path, 'utf8'))
  return { ca: read(ca), cert: read(cert), key: read(key) }
}

function everyMinute(say: (line: string) => void): (line: string) => void {
  let last = Number.NEGATIVE_INFINITY
  return (line) => {
    if (performance.now() - last < 60_000) return
    last = performance.now()
    say(line)
  }
}
