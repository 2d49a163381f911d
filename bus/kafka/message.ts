// One raw record as one Kafka message, so that anybody's client reads and writes our topics:
//
//   key        source/peer of the sender: what one sender wrote stays in order on one partition
//   value      the line, byte for byte
//   timestamp  when it was received, milliseconds (the topic's own timestamps are the broker's: retention counts from
//              arrival; what the sender of a message wrote stays readable below them)
//   headers    haetae-origin  JSON of the Origin (core/raw-batch.ts)
//              haetae-key     the source's own identity of the record, where it has one
//              haetae-flags   RecordFlags as a number, where there are any
//              haetae-at      the receive time, where it has a fraction of a millisecond
//
// A message of somebody else has no haetae headers: its value is the line, its key the peer, and it was received when the
// broker appended it.

import { type KafkaRecord, type MessageToProduce, murmur2, type RecordsBatch } from '@platformatic/kafka'
import { MAX_KEY_BYTES, type Origin, RawBatchReader, RawBatchWriter } from '../../core/raw-batch.ts'

const header = {
  origin: Buffer.from('haetae-origin'),
  key: Buffer.from('haetae-key'),
  flags: Buffer.from('haetae-flags'),
  at: Buffer.from('haetae-at'),
} as const

/** Raw bytes that go into one Kafka record batch; a longer record goes alone. */
const CHUNK_BYTES = 1024 * 1024
/** Parsed origins kept from batch to batch. */
const MAX_ORIGINS_KEPT = 10_000

/** Messages of one partition that are written together: all of them or none. */
export interface Chunk {
  readonly partition: number
  readonly messages: MessageToProduce[]
}

/** The partition the Java client, kafkajs and librdkafka (`murmur2_random`) choose for this key. */
export function partitionOf(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

/**
 * The records of a batch by partition, in order; the same batch gives the same chunks every time.
 * @throws BATCH_CORRUPT, RangeError when there are not `count` whole records
 */
export function encodeBatch(batch: Uint8Array, count: number, topic: string, partitions: number): Chunk[] {
  const reader = new RawBatchReader(batch)
  if (reader.count !== count || count === 0) throw new RangeError(`a batch of ${reader.count} records, not ${count}`)
  const senders = reader.origins.map((origin) => {
    const key = Buffer.from(`${origin.source}/${origin.peer}`)
    const headers = new Map([[header.origin, Buffer.from(JSON.stringify(origin))]])
    return { key, headers, partition: partitionOf(key, partitions) }
  })
  const chunks: Chunk[] = []
  const open = new Map<number, { chunk: Chunk; bytes: number }>()
  while (reader.next()) {
    const { receivedAtMs, flags, bytes } = reader
    const { key, headers: shared, partition } = senders[reader.originIndex] as (typeof senders)[number]
    const at = Math.floor(receivedAtMs)
    let headers = shared
    if (reader.key !== '' || flags !== 0 || at !== receivedAtMs) {
      headers = new Map(shared)
      if (reader.key !== '') headers.set(header.key, Buffer.from(reader.key))
      if (flags !== 0) headers.set(header.flags, Buffer.from(String(flags)))
      if (at !== receivedAtMs) headers.set(header.at, Buffer.from(String(receivedAtMs)))
    }
    let into = open.get(partition)
    if (!into || into.bytes + bytes.length > CHUNK_BYTES) {
      into = { chunk: { partition, messages: [] }, bytes: 0 }
      open.set(partition, into)
      chunks.push(into.chunk)
    }
    into.bytes += bytes.length
    into.chunk.messages.push({ topic, partition, key, value: bytes, headers, timestamp: BigInt(at) })
  }
  return chunks
}

export interface DecodedBatch {
  readonly offset: number
  readonly count: number
  readonly batch: Uint8Array<ArrayBuffer>
}

/** Kafka record batches -> RawBatches. Keeps what it has learnt of origins. */
export class Decoder {
  readonly #topic: string
  readonly #writer = new RawBatchWriter()
  /** By the header's bytes: the same sender is the same object, as RawBatchWriter wants it. */
  readonly #origins = new Map<string, Origin>()

  constructor(topic: string) {
    this.#topic = topic
  }

  /** Consecutive records only: where Kafka left some out (transactions, compaction), another batch begins. */
  *decode({ firstOffset, firstTimestamp, maxTimestamp, records }: RecordsBatch): Generator<DecodedBatch> {
    const base = Number(firstOffset)
    const appendedAt = Number(maxTimestamp)
    let start = 0
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as KafkaRecord
      this.#append(record, Number(firstTimestamp + record.timestampDelta), appendedAt)
      const next = records[i + 1]
      if (next && next.offsetDelta === record.offsetDelta + 1 && this.#writer.originCount < 60_000) continue
      const first = records[start] as KafkaRecord
      yield { offset: base + first.offsetDelta, count: i + 1 - start, batch: this.#writer.finish() }
      start = i + 1
    }
  }

  #append(record: KafkaRecord, timestamp: number, appendedAt: number): void {
    let origin = ''
    let key = ''
    let flags = 0
    let at = Number.NaN
    for (const [name, value] of record.headers) {
      if (!name || !value) continue
      if (header.origin.equals(name)) origin = value.toString('latin1')
      else if (header.key.equals(name)) key = value.toString()
      else if (header.flags.equals(name)) flags = Number(value.toString()) & 0xff
      else if (header.at.equals(name)) at = Number(value.toString())
    }
    if (Buffer.byteLength(key) > MAX_KEY_BYTES) key = ''
    const line = record.value ?? Buffer.alloc(0)
    if (!Number.isFinite(at)) at = origin ? timestamp : appendedAt
    this.#writer.append(this.#originOf(origin, record.key), at, line, key, flags)
  }

  #originOf(json: string, key: Buffer | null): Origin {
    const name = json || `\0${key?.toString('latin1') ?? ''}`
    const known = this.#origins.get(name)
    if (known) return known
    const origin = (json && readOrigin(json)) || this.#foreign(key)
    if (this.#origins.size >= MAX_ORIGINS_KEPT) this.#origins.clear()
    this.#origins.set(name, origin)
    return origin
  }

  #foreign(key: Buffer | null): Origin {
    return { source: `kafka:${this.#topic}`, kind: 'kafka', peer: key?.toString('utf8', 0, 256) ?? '' }
  }
}

/** Who can write to the topic can write any header: only texts where texts belong. */
function readOrigin(latin1: string): Origin | undefined {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(latin1, 'latin1').toString())
  } catch {
    return undefined
  }
  if (value === null || typeof value !== 'object') return undefined
  const { source, kind, peer, dataset, zone, fields } = value as Record<string, unknown>
  if (typeof source !== 'string' || typeof kind !== 'string' || typeof peer !== 'string') return undefined
  const texts =
    fields !== null && typeof fields === 'object' && !Array.isArray(fields)
      ? Object.fromEntries(
          Object.entries(fields).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
        )
      : undefined
  return {
    source,
    kind: kind as Origin['kind'],
    peer,
    ...(typeof dataset === 'string' && { dataset }),
    ...(typeof zone === 'string' && { zone }),
    ...(texts && { fields: texts }),
  }
}
