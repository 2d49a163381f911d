// publish(): batches are compressed on the thread pool while the batches before them are being synced; whatever is ready
// when a sync ends goes to disk in the next one write and one fdatasync.
//
//   callers ──> queue (call order) ──> encoded (4 at a time) ──> group ──> write + fdatasync ──> resolve, wake readers

import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { describe, PipelineError } from '../../core/errors.ts'
import { compress } from './compress.ts'
import type { Context } from './context.ts'
import { errorCode } from './files.ts'
import { chainStep, encodeHeader, FRAME_HEADER, FrameKind, hashBatch, SALT_BYTES } from './frame.ts'
import type { SegmentList } from './segment.ts'
import { SegmentWriter } from './segment-writer.ts'

/** Each zstd context takes about 1 MiB, and Node's thread pool has 4 threads. */
const MAX_ENCODING = 4
const MAX_GROUP_BYTES = 16 * 1024 * 1024

export interface AppendOptions {
  readonly segmentBytes: number
  /** A segment older than this is sealed at the next publish, so that retention by age can let go of it. */
  readonly segmentMs: number
  /** Refuse to grow beyond this many bytes on disk. */
  readonly capacityBytes: number
  readonly zstdLevel: number
}

interface Pending {
  readonly raw: Uint8Array<ArrayBuffer>
  readonly count: number
  payload: Uint8Array
  kind: typeof FrameKind.zstd | typeof FrameKind.plain
  hash: Buffer | undefined
  ready: boolean
  readonly resolve: (first: number) => void
  readonly reject: (error: unknown) => void
}

/** A batch that has just become durable. */
export interface Appended {
  readonly first: number
  readonly count: number
  /** The publisher's memory: read it during the call only. */
  readonly raw: Uint8Array<ArrayBuffer>
  readonly segmentFirst: number
  /** Position after its frame. */
  readonly after: number
}

export interface AppendState {
  next: number
  chain: Buffer
  writer: SegmentWriter | undefined
}

export class GroupCommit {
  readonly #ctx: Context
  readonly #options: AppendOptions
  readonly #list: SegmentList
  readonly #state: AppendState
  readonly #onAppended: (batch: Appended) => void
  readonly #onGroup: () => void
  readonly #onSealed: () => Promise<void>
  #queue: Pending[] = []
  /** Of #queue, how many from its front have been handed to the encoder. */
  #started = 0
  #encoding = 0
  #wakeReady: (() => void) | undefined
  #running: Promise<void> | undefined
  #floor = 0

  constructor(
    ctx: Context,
    options: AppendOptions,
    list: SegmentList,
    state: AppendState,
    events: {
      /** Once per batch, in order, before its publish resolves. */
      onAppended: (batch: Appended) => void
      /** Once per group: readers may look again. */
      onGroup: () => void
      /** A segment was sealed: time for retention. Its failure is not the publisher's. */
      onSealed: () => Promise<void>
    },
  ) {
    this.#ctx = ctx
    this.#options = options
    this.#list = list
    this.#state = state
    this.#onAppended = events.onAppended
    this.#onGroup = events.onGroup
    this.#onSealed = events.onSealed
  }

  /** The offset after the last durable record. */
  get durableNext(): number {
    return this.#state.next
  }

  /** The offset the next batch gets. */
  get next(): number {
    return Math.max(this.#state.next, this.#floor)
  }

  get chain(): Buffer {
    return this.#state.chain
  }

  /**
   * Offsets below `offset` are known to have been given out: never give them again. Takes effect with the next group,
   * not on state.next: readers take what lies before that and is not on disk for a gap.
   */
  raiseNext(offset: number): void {
    this.#floor = Math.max(this.#floor, offset)
  }

  publish(raw: Uint8Array<ArrayBuffer>, count: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const kind = FrameKind.plain
      this.#queue.push({ raw, count, payload: raw, kind, hash: undefined, ready: false, resolve, reject })
      this.#encodeMore()
      this.#running ??= this.#run()
    })
  }

  /** Waits for what was published, then marks the segment so that the next open need not scan it. */
  async close(): Promise<void> {
    await this.#running
    const writer = this.#state.writer
    this.#state.writer = undefined
    if (!writer) return
    try {
      await writer.mark(this.#state.chain)
    } catch (error) {
      // Without the mark the next open scans this one segment; nothing is lost.
      this.#ctx.counters.add('bus_write_failures_total', 1, { reason: errorCode(error) })
    }
    await writer.close()
  }

  #encodeMore(): void {
    while (this.#encoding < MAX_ENCODING && this.#started < this.#queue.length) {
      this.#encoding++
      void this.#encode(this.#queue[this.#started++] as Pending)
    }
  }

  async #encode(item: Pending): Promise<void> {
    try {
      const compressing = compress(item.raw, this.#options.zstdLevel)
      item.hash = hashBatch(item.raw) // on this thread while the pool compresses
      const smaller = await compressing
      if (smaller) {
        item.payload = smaller
        item.kind = FrameKind.zstd
      }
    } catch (error) {
      // zstd without memory: the batch is stored plain
      this.#ctx.counters.add('bus_compress_failures_total', 1, { reason: errorCode(error) })
      item.hash ??= hashBatch(item.raw)
    }
    item.ready = true
    this.#encoding--
    this.#encodeMore()
    this.#wakeReady?.()
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      while (!(this.#queue[0] as Pending).ready) {
        await new Promise<void>((resolve) => {
          this.#wakeReady = resolve
        })
      }
      await this.#commitGroup()
    }
    this.#running = undefined
  }

  async #commitGroup(): Promise<void> {
    let group: Pending[] = []
    try {
      const now = this.#ctx.now()
      const head = this.#queue[0] as Pending
      const writer = await this.#writerFor(FRAME_HEADER + head.payload.length, now)
      group = this.#takeGroup(this.#options.segmentBytes - writer.segment.bytes)
      await this.#write(writer, group, now)
    } catch (error) {
      this.#refuse(group.length > 0 ? group : this.#takeGroup(MAX_GROUP_BYTES), error)
      const writer = this.#state.writer
      if (writer && !writer.usable) await this.#abandon(writer)
    }
  }

  /** The ready front of the queue, at least one, as much as fits `room`. */
  #takeGroup(room: number): Pending[] {
    const limit = Math.min(room, MAX_GROUP_BYTES)
    let bytes = 0
    let take = 0
    for (const item of this.#queue) {
      if (!item.ready) break
      bytes += FRAME_HEADER + item.payload.length
      if (take > 0 && bytes > limit) break
      take++
    }
    this.#started -= take
    return this.#queue.splice(0, take)
  }

  async #write(writer: SegmentWriter, group: readonly Pending[], now: number): Promise<void> {
    const state = this.#state
    const writeStart = writer.segment.bytes
    const buffers: Uint8Array[] = []
    const appended: Appended[] = []
    const segmentFirst = writer.segment.first
    let { next } = this
    let { chain } = state
    const firstOfGroup = next
    let bytes = 0
    let rawBytes = 0
    for (const { raw, count, payload, kind, hash } of group) {
      chain = chainStep(chain, hash as Buffer)
      const header = encodeHeader({
        kind,
        partition: this.#ctx.partition,
        salt: writer.salt,
        first: next,
        count,
        rawBytes: raw.length,
        payloadBytes: payload.length,
        writeStart,
        appendedMs: now,
        chain,
        payloadCrc: crc32(payload),
      })
      buffers.push(header, payload)
      bytes += FRAME_HEADER + payload.length
      rawBytes += raw.length
      appended.push({ first: next, count, raw, segmentFirst, after: writeStart + bytes })
      next += count
    }
    await writer.append(buffers, bytes, next, now)
    let position = writeStart
    for (const batch of appended) {
      writer.segment.note(batch.first, position)
      position = batch.after
    }
    state.chain = chain
    state.next = next
    const { counters } = this.#ctx
    counters.add('bus_appended_records_total', next - firstOfGroup)
    counters.add('bus_appended_bytes_total', rawBytes)
    counters.add('bus_written_bytes_total', bytes)
    for (let i = 0; i < group.length; i++) {
      const batch = appended[i] as Appended
      this.#onAppended(batch)
      ;(group[i] as Pending).resolve(batch.first)
    }
    this.#onGroup()
  }

  #refuse(group: readonly Pending[], error: unknown): void {
    this.#ctx.counters.add('bus_write_failures_total', 1, { reason: errorCode(error) })
    const problem = errorCode(error) === 'UNKNOWN' ? describe(error) : errorCode(error)
    for (const { reject } of group) {
      reject(new PipelineError('BUS_FULL', { path: this.#ctx.root, problem }, { cause: error }))
    }
  }

  /** The segment to append `bytes` to; a new one when the current one is full, old or in doubt. */
  async #writerFor(bytes: number, now: number): Promise<SegmentWriter> {
    const { segmentBytes, segmentMs, capacityBytes } = this.#options
    const state = this.#state
    const used = this.#list.bytes
    if (used + bytes > capacityBytes) {
      await this.#onSealed()
      if (this.#list.bytes + bytes > capacityBytes) {
        throw Object.assign(new Error('the ledger is as large as allowed'), { code: 'CAPACITY' })
      }
    }
    let writer = state.writer
    if (writer?.usable) {
      const full = writer.hasRecords && writer.segment.bytes + bytes > segmentBytes
      const old = writer.hasRecords && now - writer.createdMs > segmentMs
      if (!full && !old) return writer
      await this.#seal(writer)
    } else if (writer) await this.#abandon(writer)
    writer = await SegmentWriter.create(this.#ctx, this.next, state.chain, randomBytes(SALT_BYTES))
    this.#list.items.push(writer.segment)
    state.writer = writer
    return writer
  }

  async #seal(writer: SegmentWriter): Promise<void> {
    try {
      await writer.mark(this.#state.chain)
    } catch (error) {
      // The mark only saves a scan; whether there is room is for the new segment to find out.
      this.#ctx.counters.add('bus_write_failures_total', 1, { reason: errorCode(error) })
    }
    this.#state.writer = undefined
    await writer.close()
    await this.#ctx.at('segment.sealed')
    await this.#onSealed()
  }

  /** Leaves a file whose state is in doubt. Its durable frames stay; what follows them is beyond the next one's name. */
  async #abandon(writer: SegmentWriter): Promise<void> {
    this.#state.writer = undefined
    if (!writer.hasRecords) this.#list.remove(writer.segment) // the next segment takes its name
    try {
      await writer.close()
    } catch (error) {
      this.#ctx.counters.add('bus_write_failures_total', 1, { reason: errorCode(error) })
    }
  }
}
