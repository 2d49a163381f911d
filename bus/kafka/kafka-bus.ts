// The bus at scale: one Kafka topic. A record is a message (message.ts), so offsets are Kafka's own, and other people's
// clients can read and write it.

import { Admin, Consumer, ListOffsetTimestamps, Producer } from '@platformatic/kafka'
import type { Bus, Delivery, Position } from '../../core/bus.ts'
import { Counters } from '../../core/counters.ts'
import { describe, PipelineError } from '../../core/errors.ts'
import { clientOptions, type KafkaConnection } from './connection.ts'
import { type Chunk, encodeBatch } from './message.ts'
import { type Gap, read } from './subscription.ts'
import { ensureTopic, type TopicOptions } from './topic.ts'

export interface KafkaBusOptions extends KafkaConnection, TopicOptions {
  /** Groups are named `<prefix><group>` on the brokers. Default `haetae-`. */
  readonly groupPrefix?: string
  /** The partitions this process reads. Default: all. */
  readonly assigned?: readonly number[]
  readonly counters?: Counters
  /** Records that were deleted before they were read: each gap once a subscriber. */
  readonly onGap?: (gap: Gap) => void
  /** Told when a request is tried again: brokers away, too few replicas. */
  readonly onRetry?: (problem: string) => void
}

/** Accepted batches have so long to reach the brokers when the bus closes. */
const DRAIN_FOR_MS = 10_000

/** @throws TOPIC_UNFIT, or what the first contact with the brokers says */
export async function openKafkaBus(options: KafkaBusOptions): Promise<KafkaBus> {
  const admin = new Admin({ ...clientOptions(options), retries: 3 })
  let partitions: number
  try {
    partitions = await ensureTopic(admin, options)
  } catch (error) {
    await admin.close()
    throw error
  }
  const bus = new KafkaBus(options, admin, partitions)
  try {
    await bus.refresh()
    return bus
  } catch (error) {
    await bus.close()
    throw error
  }
}

export class KafkaBus implements Bus {
  readonly #options: KafkaBusOptions
  readonly #topic: string
  readonly #partitions: number
  readonly #counters: Counters
  readonly #admin: Admin
  readonly #producer: Producer
  readonly #bounds = new Map<number, { oldest: number; next: number }>()
  readonly #ending = new AbortController()
  readonly #reading = new Set<Promise<void>>()
  /** Chunks of a batch that are written, should the caller publish the same batch again. */
  readonly #written = new WeakMap<Uint8Array, Map<number, number>>()
  #lastSend: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(options: KafkaBusOptions, admin: Admin, partitions: number) {
    this.#options = options
    this.#topic = options.topic
    this.#partitions = partitions
    this.#counters = options.counters ?? new Counters()
    this.#admin = admin
    // Idempotent: one request at a time a broker, tried until it is answered, written once however often it is tried.
    this.#producer = new Producer({
      ...clientOptions(options),
      retries: Number.MAX_SAFE_INTEGER,
      idempotent: true,
      compression: 'zstd',
    })
    const emitter = this.#producer as unknown as NodeJS.EventEmitter
    emitter.on('client:performWithRetry:retry', (operation: string) => {
      this.#counters.add('bus_kafka_retries_total')
      options.onRetry?.(`${this.#topic}: ${operation} is tried again`)
    })
  }

  /** Asks the brokers where each partition begins and ends. */
  async refresh(): Promise<void> {
    const consumer = this.#newConsumer()
    try {
      const ask = (timestamp: bigint) => consumer.listOffsets({ topics: [this.#topic], timestamp })
      const oldest = (await ask(ListOffsetTimestamps.EARLIEST)).get(this.#topic) ?? []
      const next = (await ask(ListOffsetTimestamps.LATEST)).get(this.#topic) ?? []
      for (const partition of this.#assigned()) {
        this.#bounds.set(partition, { oldest: Number(oldest[partition]), next: Number(next[partition]) })
      }
    } finally {
      await consumer.close(true)
    }
  }

  async publish(batch: Uint8Array<ArrayBuffer>, count: number): Promise<Position> {
    if (this.#closing) throw new PipelineError('BUS_CLOSED', { path: this.#topic })
    let chunks: Chunk[]
    try {
      chunks = encodeBatch(batch, count, this.#topic, this.#partitions)
    } catch (error) {
      throw new RangeError(`not a batch of ${count} records: ${describe(error)}`)
    }
    const mine = this.#lastSend.then(() => this.#send(batch, chunks))
    this.#lastSend = mine.catch(() => {})
    const position = await mine
    this.#counters.add('bus_appended_records_total', count)
    this.#counters.add('bus_appended_bytes_total', batch.length)
    return position
  }

  /** One request holds at most one chunk a partition, since a partition's messages become one Kafka batch: all or none. */
  async #send(batch: Uint8Array, chunks: readonly Chunk[]): Promise<Position> {
    const written = this.#written.get(batch) ?? new Map<number, number>()
    for (let rest = chunks.map((_, i) => i).filter((i) => !written.has(i)); rest.length > 0; ) {
      const taken = new Map<number, number>()
      for (const i of rest) {
        const { partition } = chunks[i] as Chunk
        if (!taken.has(partition)) taken.set(partition, i)
      }
      const messages = [...taken.values()].flatMap((i) => (chunks[i] as Chunk).messages)
      const keep = (offsets: readonly { partition: number; offset: bigint }[] = []) => {
        for (const { partition, offset } of offsets) {
          const i = taken.get(partition)
          if (i === undefined || offset < 0n) continue
          written.set(i, Number(offset))
          this.#grew(partition, Number(offset) + (chunks[i] as Chunk).messages.length)
        }
      }
      try {
        const { offsets = [] } = await this.#producer.send({ messages })
        keep(offsets)
      } catch (error) {
        keep((error as { produced?: { offsets?: { partition: number; offset: bigint }[] } }).produced?.offsets)
        this.#written.set(batch, written)
        throw new PipelineError('BUS_FULL', { path: this.#topic, problem: describe(error) }, { cause: error })
      }
      rest = rest.filter((i) => !written.has(i))
    }
    return { partition: (chunks[0] as Chunk).partition, offset: written.get(0) as number }
  }

  async *subscribe(
    from: ReadonlyMap<number, number>,
    signal: AbortSignal,
    onGap?: (gap: Gap) => void,
  ): AsyncGenerator<Delivery> {
    if (signal.aborted || this.#ending.signal.aborted) return
    const done = Promise.withResolvers<void>()
    this.#reading.add(done.promise)
    const consumer = this.#newConsumer()
    const stop = AbortSignal.any([signal, this.#ending.signal])
    try {
      const start = new Map(this.#assigned().map((partition) => [partition, from.get(partition)]))
      yield* read({
        consumer,
        topic: this.#topic,
        from: start,
        signal: stop,
        onBounds: (partition, oldest, next) => {
          this.#bounds.set(partition, { oldest, next: Math.max(next, this.#bounds.get(partition)?.next ?? 0) })
        },
        onGap: (gap) => {
          this.#counters.add('bus_gap_records_total', gap.to - gap.from, { reason: gap.reason })
          this.#options.onGap?.(gap)
          onGap?.(gap)
        },
      })
    } finally {
      await consumer.close(true).catch(() => {}) // nothing was asked of it any more
      this.#reading.delete(done.promise)
      done.resolve()
    }
  }

  async commit(group: string, partition: number, offset: number): Promise<void> {
    await this.#admin.alterConsumerGroupOffsets({
      groupId: this.#groupId(group),
      topics: [{ name: this.#topic, partitionOffsets: [{ partition, offset: BigInt(offset) }] }],
    })
  }

  async committed(group: string): Promise<ReadonlyMap<number, number>> {
    const [found] = await this.#admin.listConsumerGroupOffsets({ groups: [this.#groupId(group)] })
    const mine = found?.topics.find(({ name }) => name === this.#topic)?.partitions ?? []
    return new Map(
      mine
        .filter(({ committedOffset }) => committedOffset >= 0n)
        .map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)]),
    )
  }

  bounds(): ReadonlyMap<number, { oldest: number; next: number }> {
    return this.#bounds
  }

  /** The oldest there is: the topic's times are those of arrival there. */
  firstSince(_ms: number): ReadonlyMap<number, number> {
    return new Map([...this.#bounds].map(([partition, { oldest }]) => [partition, oldest]))
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#ending.abort()
      // Brokers that are away would hold us for ever: what they did not take was not acknowledged.
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(late.resolve, DRAIN_FOR_MS)
      await Promise.race([Promise.all([this.#lastSend, ...this.#reading]), late.promise])
      clearTimeout(timer)
      await this.#producer.close(true)
      await this.#admin.close()
    })()
    return this.#closing
  }

  #assigned(): readonly number[] {
    return this.#options.assigned ?? Array.from({ length: this.#partitions }, (_, i) => i)
  }

  #grew(partition: number, next: number): void {
    const bound = this.#bounds.get(partition)
    if (bound) bound.next = Math.max(bound.next, next)
  }

  #groupId(group: string): string {
    return `${this.#options.groupPrefix ?? 'haetae-'}${group}`
  }

  #newConsumer(): Consumer {
    const consumer = new Consumer({ ...clientOptions(this.#options), groupId: this.#groupId('readers') })
    consumer.topics.track(this.#topic)
    return consumer
  }
}
