// RawRecord: one line as it came in, and the bytes a batch of them travels in.
//
//   batch   "HRB1" u32 | count u32 | originsBytes u32 | origins (JSON array of Origin, UTF-8) | records
//   record  bodyBytes u32 | crc32(body) u32 | body
//   body    receivedAtMs f64 | origin u16 | flags u8 | keyBytes u8 | key (UTF-8) | line bytes
//
// Little endian. The same bytes go to the ledger, to a worker and back out of the ledger: nobody re-encodes, and no
// object exists per record until a parser wants one.

import { crc32 } from 'node:zlib'
import { PipelineError } from './errors.ts'

export const sourceKinds = ['syslog', 'file', 'container', 'kubernetes-audit', 'http', 'kafka', 'demo'] as const
export type SourceKind = (typeof sourceKinds)[number]

/** Who sent a record. Said once per batch. */
export interface Origin {
  /** The configured input: `syslog-tcp`, `file:/var/log/auth.log`, `kubernetes-audit:prod`. What the sources page lists. */
  readonly source: string
  readonly kind: SourceKind
  /** Address of the sender, or the path of the file. */
  readonly peer: string
  /** A hint which pack the lines belong to. */
  readonly dataset?: string
  /** IANA zone or ±hh:mm of a sender that writes local time without one. */
  readonly zone?: string
  /** The names of the columns, as a line above said them: `#Fields: date time c-ip cs-method …` of a W3C extended log. */
  readonly header?: string
  /** ECS fields that the input knows better than the line: `orchestrator.cluster.name`, `kubernetes.pod.name`. They win. */
  readonly fields?: Readonly<Record<string, string>>
}

export const RecordFlags = {
  /** The line was longer than the limit; only its first part is here. */
  truncated: 1,
} as const

const MAGIC = 0x31_42_52_48 // "HRB1"
const HEADER = 12
const RECORD_HEAD = 8
const BODY_HEAD = 12
export const MAX_KEY_BYTES = 255
export const MAX_ORIGINS = 65_536

/** Collects records into a batch. Bytes are copied at once, so the caller may reuse its buffer. */
export class RawBatchWriter {
  #records: Buffer
  #length = 0
  #count = 0
  #origins = new Map<Origin, number>()

  constructor(initialBytes = 64 * 1024) {
    this.#records = Buffer.allocUnsafeSlow(initialBytes)
  }

  get count(): number {
    return this.#count
  }

  get originCount(): number {
    return this.#origins.size
  }

  /** Bytes the batch would take now, without the origins. */
  get byteLength(): number {
    return HEADER + this.#length
  }

  /**
   * @param origin the same object for the same sender: origins are told apart by identity, at most MAX_ORIGINS a batch
   * @param key the source's own identity of this record (`auditID/stage`, `fingerprint:offset`), at most 255 bytes of
   *   UTF-8; a record that comes twice under one key is stored once. Without a key the bus position is the identity.
   */
  append(origin: Origin, receivedAtMs: number, bytes: Uint8Array, key = '', flags = 0): void {
    const keyBytes = key === '' ? 0 : Buffer.byteLength(key)
    if (keyBytes > MAX_KEY_BYTES) throw new RangeError(`record key of ${keyBytes} bytes, limit ${MAX_KEY_BYTES}`)
    let ix = this.#origins.get(origin)
    if (ix === undefined) this.#origins.set(origin, (ix = this.#origins.size))
    const bodyBytes = BODY_HEAD + keyBytes + bytes.length
    this.#reserve(RECORD_HEAD + bodyBytes)
    const buf = this.#records
    const head = this.#length
    const body = head + RECORD_HEAD
    buf.writeUInt32LE(bodyBytes, head)
    buf.writeDoubleLE(receivedAtMs, body)
    buf.writeUInt16LE(ix, body + 8)
    buf[body + 10] = flags
    buf[body + 11] = keyBytes
    if (keyBytes > 0) buf.write(key, body + BODY_HEAD, 'utf8')
    buf.set(bytes, body + BODY_HEAD + keyBytes)
    this.#length = body + bodyBytes
    buf.writeUInt32LE(crc32(buf.subarray(body, this.#length)), head + 4)
    this.#count++
  }

  /** The finished batch in memory of its own; the writer is empty again. */
  finish(): Uint8Array<ArrayBuffer> {
    const origins = Buffer.from(JSON.stringify([...this.#origins.keys()]))
    const out = Buffer.from(new ArrayBuffer(HEADER + origins.length + this.#length))
    out.writeUInt32LE(MAGIC, 0)
    out.writeUInt32LE(this.#count, 4)
    out.writeUInt32LE(origins.length, 8)
    out.set(origins, HEADER)
    this.#records.copy(out, HEADER + origins.length, 0, this.#length)
    this.#length = 0
    this.#count = 0
    this.#origins = new Map()
    return out
  }

  #reserve(more: number): void {
    const need = this.#length + more
    if (need <= this.#records.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(need, this.#records.length * 2))
    this.#records.copy(grown, 0, 0, this.#length)
    this.#records = grown
  }
}

/**
 * Walks a batch: `while (reader.next()) use(reader.bytes)`. The fields below describe the current record; `bytes` is a
 * view into the batch.
 * @throws BATCH_CORRUPT when the layout does not hold. A record whose CRC is wrong is not thrown: `intact` is false.
 */
export class RawBatchReader {
  readonly count: number
  readonly origins: readonly Origin[]
  /** 0-based number of the current record: its bus offset is the batch's first offset plus this. */
  index = -1
  origin!: Origin
  originIndex = 0
  receivedAtMs = 0
  flags = 0
  key = ''
  bytes!: Buffer
  intact = true

  readonly #buf: Buffer
  readonly #view: DataView
  readonly #place: string
  #at: number

  constructor(batch: Uint8Array, place = 'batch') {
    this.#buf = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength)
    this.#view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
    this.#place = place
    if (this.#buf.length < HEADER || this.#buf.readUInt32LE(0) !== MAGIC) this.#corrupt('not a batch of raw records')
    this.count = this.#buf.readUInt32LE(4)
    this.#at = HEADER + this.#buf.readUInt32LE(8)
    if (this.#at > this.#buf.length) this.#corrupt('origins run past the end')
    this.origins = this.#parseOrigins(this.#buf.toString('utf8', HEADER, this.#at))
  }

  next(): boolean {
    if (this.index + 1 >= this.count) return false
    const buf = this.#buf
    const view = this.#view
    const head = this.#at
    if (head + RECORD_HEAD > buf.length) this.#corrupt(`record ${this.index + 1} is cut short`)
    const body = head + RECORD_HEAD
    const end = body + view.getUint32(head, true)
    if (end > buf.length || end < body + BODY_HEAD) this.#corrupt(`record ${this.index + 1} is cut short`)
    // a plain view is made several times faster than a Buffer
    this.intact =
      view.getUint32(head + 4, true) === crc32(new Uint8Array(buf.buffer, buf.byteOffset + body, end - body))
    this.receivedAtMs = view.getFloat64(body, true)
    this.originIndex = view.getUint16(body + 8, true)
    this.flags = buf[body + 10] ?? 0
    const keyBytes = buf[body + 11] ?? 0
    const start = body + BODY_HEAD + keyBytes
    if (start > end) this.#corrupt(`record ${this.index + 1}: key runs past its end`)
    this.key = keyBytes === 0 ? '' : buf.toString('utf8', body + BODY_HEAD, start)
    const origin = this.origins[this.originIndex]
    if (!origin) this.#corrupt(`record ${this.index + 1} names origin ${this.originIndex} of ${this.origins.length}`)
    this.origin = origin as Origin
    this.bytes = buf.subarray(start, end)
    this.#at = end
    this.index++
    return true
  }

  #parseOrigins(json: string): Origin[] {
    try {
      const origins: unknown = JSON.parse(json)
      return Array.isArray(origins) ? (origins as Origin[]) : this.#corrupt('origins are no list')
    } catch {
      return this.#corrupt('origins are not JSON')
    }
  }

  #corrupt(problem: string): never {
    throw new PipelineError('BATCH_CORRUPT', { place: this.#place, problem })
  }
}
