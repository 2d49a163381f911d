// Reading a topic from given offsets: one request under way a broker, its answer handed out before the next but one is
// asked for, so a slow reader holds the brokers back and memory stays at two answers a broker.

import { type Consumer, findErrorBy, ListOffsetTimestamps } from '@platformatic/kafka'
import type { Gap as BusGap, Delivery } from '../../core/bus.ts'
import { PipelineError } from '../../core/errors.ts'
import { Decoder } from './message.ts'

/** Records nobody can read any more. */
export interface Gap extends BusGap {
  readonly reason: 'retention'
}

export interface ReadOptions {
  readonly consumer: Consumer
  readonly topic: string
  /** undefined: from the oldest record. */
  readonly from: ReadonlyMap<number, number | undefined>
  readonly signal: AbortSignal
  readonly onBounds: (partition: number, oldest: number, next: number) => void
  readonly onGap: (gap: Gap) => void
}

const MAX_WAIT_MS = 500
const MAX_BYTES = 8 * 1024 * 1024
const MAX_BYTES_PER_PARTITION = 2 * 1024 * 1024
const OFFSET_OUT_OF_RANGE = 1

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>

type Answer = { readonly node: number } & (
  | { readonly response: FetchResponse; readonly error?: undefined }
  | { readonly error: Error; readonly response?: undefined }
)

export async function* read(options: ReadOptions): AsyncGenerator<Delivery> {
  const { consumer, topic, signal, onBounds, onGap } = options
  const decoder = new Decoder(topic)
  const at = new Map<number, number>()
  const oldest = await oldestOffsets(consumer, topic)
  for (const [partition, from] of options.from) at.set(partition, from ?? oldest[partition] ?? 0)

  const aborted = new Promise<undefined>((resolve) =>
    signal.addEventListener('abort', () => resolve(undefined), { once: true }),
  )
  const underWay = new Map<number, Promise<Answer>>()
  while (!signal.aborted) {
    const metadata = await Promise.race([consumer.metadata({ topics: [topic] }), aborted])
    const found = metadata?.topics.get(topic)
    if (!found || signal.aborted) return
    const byNode = Map.groupBy(at.keys(), (partition) => found.partitions[partition]?.leader ?? -1)
    for (const [node, partitions] of byNode) {
      if (underWay.has(node)) continue
      const wanted = partitions.map((partition) => ({
        partition,
        fetchOffset: BigInt(at.get(partition) as number),
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
        partitionMaxBytes: MAX_BYTES_PER_PARTITION,
      }))
      underWay.set(
        node,
        consumer
          .fetch({
            node,
            topics: [{ topicId: found.id, partitions: wanted }],
            maxWaitTime: MAX_WAIT_MS,
            minBytes: 1,
            maxBytes: MAX_BYTES,
            isolationLevel: 1,
          })
          .then(
            (response) => ({ node, response }),
            (error: Error) => ({ node, error }),
          ),
      )
    }
    const answer = await Promise.race([...underWay.values(), aborted])
    if (!answer || signal.aborted) return
    underWay.delete(answer.node)
    if (answer.error) {
      await skipDeleted(answer.error)
      continue
    }
    for (const { partitions } of answer.response.responses) {
      for (const { partitionIndex: partition, highWatermark, logStartOffset, records } of partitions) {
        onBounds(partition, Number(logStartOffset), Number(highWatermark))
        for (const batch of records ?? []) {
          const control = (batch.attributes & 0x20) !== 0
          for (const { offset, count, batch: raw } of control ? [] : decoder.decode(batch)) {
            if (offset + count <= (at.get(partition) as number)) continue
            at.set(partition, offset + count)
            yield { partition, offset, count, batch: raw }
            if (signal.aborted) return
          }
          // Also past what holds no record: a transaction's end, a batch whose records were all aborted.
          at.set(
            partition,
            Math.max(at.get(partition) as number, Number(batch.firstOffset) + batch.lastOffsetDelta + 1),
          )
        }
      }
    }
  }

  /** Offsets the brokers do not have: older ones are a gap, later ones a topic that is not the one we read before. */
  async function skipDeleted(error: Error): Promise<void> {
    const response = (findErrorBy(error, 'code', 'PLT_KFK_RESPONSE') as { response?: FetchResponse } | null)?.response
    const out = (response?.responses ?? [])
      .flatMap(({ partitions }) => partitions)
      .filter(({ errorCode }) => errorCode === OFFSET_OUT_OF_RANGE)
    if (out.length === 0) throw error
    const first = await oldestOffsets(consumer, topic)
    for (const { partitionIndex: partition } of out) {
      const from = at.get(partition) as number
      const to = first[partition] as number
      if (from > to) {
        throw new PipelineError('TOPIC_UNFIT', {
          topic,
          problem: `partition ${partition} was read up to ${from} and ends before: it is not the topic it was`,
          hint: 'bring the topic back, or start with an empty store',
        })
      }
      onGap({ partition, from, to, reason: 'retention' })
      at.set(partition, to)
    }
  }
}

async function oldestOffsets(consumer: Consumer, topic: string): Promise<number[]> {
  const found = await consumer.listOffsets({ topics: [topic], timestamp: ListOffsetTimestamps.EARLIEST })
  return (found.get(topic) ?? []).map(Number)
}
