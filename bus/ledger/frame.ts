// A frame: one batch, or one sign (head, mark), as it lies in a segment file.
//
//   segment  head | (batch | mark)* | mark          the last mark seals; a mark inside is where the ledger was closed
//   frame    "HLF1" u32 | version u8 | kind u8 | partition u16 | salt 8 B | first f64 | count u32 | rawBytes u32 |
//            payloadBytes u32 | writeStart u32 | appendedMs f64 | chain 32 B | payloadCrc u32 | headerCrc u32 | payload
//
// Little endian.
// - salt: random per segment. After damage the reader looks for the next frame by its bytes, and a log line that holds
//   a forged frame must not pass for one.
// - first: bus offset of the first record; head and mark: the offset the next record gets.
// - writeStart: where in the file the write began that carried this frame. Everything before it was durable when this
//   was written: it tells a write torn by a loss of power from damage that came later.
// - chain: SHA-256(chain before || SHA-256(uncompressed batch)); head and mark repeat the chain as it stands.
// - two CRCs: where only the payload is damaged, the header still says exactly which offsets are gone.

import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { PipelineError } from '../../core/errors.ts'

export const FrameKind = { zstd: 0, plain: 1, head: 2, mark: 3 } as const
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind]

export const FRAME_HEADER = 88
export const SALT_BYTES = 8
export const CHAIN_BYTES = 32
/** The chain before the first batch ever. */
export const GENESIS: Buffer = Buffer.alloc(CHAIN_BYTES)
export const MAGIC_BYTES: Buffer = Buffer.from('HLF1', 'latin1')

const MAGIC = MAGIC_BYTES.readUInt32LE(0)
const VERSION = 1
const CRC_AT = 84

export interface FrameHeader {
  readonly kind: FrameKind
  readonly partition: number
  /** A copy. */
  readonly salt: Buffer
  readonly first: number
  readonly count: number
  readonly rawBytes: number
  readonly payloadBytes: number
  readonly writeStart: number
  readonly appendedMs: number
  /** A copy. */
  readonly chain: Buffer
  readonly payloadCrc: number
}

export function encodeHeader(header: FrameHeader): Buffer {
  const out = Buffer.allocUnsafe(FRAME_HEADER)
  out.writeUInt32LE(MAGIC, 0)
  out[4] = VERSION
  out[5] = header.kind
  out.writeUInt16LE(header.partition, 6)
  out.set(header.salt, 8)
  out.writeDoubleLE(header.first, 16)
  out.writeUInt32LE(header.count, 24)
  out.writeUInt32LE(header.rawBytes, 28)
  out.writeUInt32LE(header.payloadBytes, 32)
  out.writeUInt32LE(header.writeStart, 36)
  out.writeDoubleLE(header.appendedMs, 40)
  out.set(header.chain, 48)
  out.writeUInt32LE(header.payloadCrc, 80)
  out.writeUInt32LE(crc32(out.subarray(0, CRC_AT)), CRC_AT)
  return out
}

/** A frame without payload. @param chain as it stands; @param first the offset the next record gets */
export function encodeSign(
  kind: typeof FrameKind.head | typeof FrameKind.mark,
  of: { partition: number; salt: Buffer; first: number; writeStart: number; appendedMs: number; chain: Buffer },
): Buffer {
  return encodeHeader({ ...of, kind, count: 0, rawBytes: 0, payloadBytes: 0, payloadCrc: 0 })
}

/**
 * @param salt what the segment's frames carry; undefined accepts any
 * @returns undefined when there is no intact header at `at`
 * @throws BATCH_CORRUPT when the header is intact and of a version this program does not know: never guess, never cut
 */
export function decodeHeader(
  bytes: Buffer,
  at: number,
  salt: Buffer | undefined,
  place: string,
): FrameHeader | undefined {
  if (at + FRAME_HEADER > bytes.length || bytes.readUInt32LE(at) !== MAGIC) return undefined
  if (salt && bytes.compare(salt, 0, SALT_BYTES, at + 8, at + 8 + SALT_BYTES) !== 0) return undefined
  if (bytes.readUInt32LE(at + CRC_AT) !== crc32(bytes.subarray(at, at + CRC_AT))) return undefined
  const version = bytes[at + 4]
  const kind = bytes[at + 5] as FrameKind
  if (version !== VERSION || kind > FrameKind.mark)
    throw new PipelineError('BATCH_CORRUPT', {
      place,
      problem: `written by another version (frame version ${version})`,
    })
  const first = bytes.readDoubleLE(at + 16)
  if (!Number.isSafeInteger(first) || first < 0) return undefined
  return {
    kind,
    partition: bytes.readUInt16LE(at + 6),
    salt: Buffer.from(bytes.subarray(at + 8, at + 8 + SALT_BYTES)),
    first,
    count: bytes.readUInt32LE(at + 24),
    rawBytes: bytes.readUInt32LE(at + 28),
    payloadBytes: bytes.readUInt32LE(at + 32),
    writeStart: bytes.readUInt32LE(at + 36),
    appendedMs: bytes.readDoubleLE(at + 40),
    chain: Buffer.from(bytes.subarray(at + 48, at + 48 + CHAIN_BYTES)),
    payloadCrc: bytes.readUInt32LE(at + 80),
  }
}

export function isBatch(header: FrameHeader): boolean {
  return header.kind === FrameKind.zstd || header.kind === FrameKind.plain
}

export function hashBatch(raw: Uint8Array): Buffer {
  return hash('sha256', raw, 'buffer')
}

export function chainStep(before: Buffer, batchHash: Buffer): Buffer {
  return hash('sha256', Buffer.concat([before, batchHash]), 'buffer')
}
