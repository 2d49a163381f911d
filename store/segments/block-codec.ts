// One column's values within one block, to bytes and back. Values are dense: which rows have one, and how many, is what
// the rows' shapes say (shapes.ts).
//
//   ids      constId: u32 | ids1, ids2, ids4: one unsigned integer a value
//   plain    width u8 of a length (1, 2, 4) | lengths | bytes, a line feed after each value
//   numbers  f64: as they are | ints: base f64, width u8 (0, 1, 2, 4), value - base
//   deltas   zigzag varints of the difference to the value before, in units of 1 (offsets) or 1/1000 (timestamps)
//   bytes    as they are (booleans, one byte each)
//   templates  nothing: the values are in the two columns that follow the column (template-split.ts)
//
// Every payload is stored as zstd level 3 where that is smaller, with the CRC-32 of what is stored.

import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { PipelineError } from '../../core/errors.ts'

export const Encoding = {
  constId: 0,
  ids1: 1,
  ids2: 2,
  ids4: 3,
  plain: 4,
  f64: 5,
  ints: 6,
  deltas: 7,
  bytes: 8,
  templates: 9,
} as const
export type Encoding = (typeof Encoding)[keyof typeof Encoding]

export type Ids = Uint8Array | Uint16Array | Uint32Array

/** Value i is bytes[starts[i] .. starts[i + 1] - 1): a line feed stands between values. */
export interface PlainValues {
  readonly bytes: Buffer
  readonly starts: Uint32Array
}

export interface Packed {
  readonly stored: Buffer
  readonly rawBytes: number
  readonly crc: number
}

const compressOptions = { params: { [constants.ZSTD_c_compressionLevel]: 3 } }
const SMALLEST_TO_COMPRESS = 48 // below it the frame header eats the gain

export function pack(raw: Buffer): Packed {
  let stored = raw
  if (raw.length >= SMALLEST_TO_COMPRESS) {
    const small = zstdCompressSync(raw, compressOptions)
    if (small.length < raw.length) stored = small
  }
  // A copy of its own size: neither a growing builder's memory nor the encoder's 64 KiB chunk stays alive behind it.
  const own = Buffer.allocUnsafeSlow(stored.length)
  stored.copy(own)
  return { stored: own, rawBytes: raw.length, crc: crc32(own) }
}

/** @throws SEGMENT_CORRUPT */
export function unpack(stored: Buffer, rawBytes: number, crc: number, path: string): Buffer {
  if (crc32(stored) !== crc) throw new PipelineError('SEGMENT_CORRUPT', { path, problem: 'a block fails its checksum' })
  if (stored.length === rawBytes) return stored
  const raw = zstdDecompressSync(stored, { maxOutputLength: rawBytes + 1 })
  if (raw.length !== rawBytes)
    throw new PipelineError('SEGMENT_CORRUPT', { path, problem: 'a block has the wrong size' })
  return raw
}

export function bytesOf(array: ArrayBufferView): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength)
}

/** Typed arrays want aligned memory; a file's bytes are where they are. */
export function asUint32(bytes: Buffer): Uint32Array {
  const own = bytes.byteOffset % 4 === 0 ? bytes : copyOf(bytes)
  return new Uint32Array(own.buffer, own.byteOffset, Math.floor(bytes.length / 4))
}
function asUint16(bytes: Buffer): Uint16Array {
  const own = bytes.byteOffset % 2 === 0 ? bytes : copyOf(bytes)
  return new Uint16Array(own.buffer, own.byteOffset, Math.floor(bytes.length / 2))
}
function asFloat64(bytes: Buffer): Float64Array {
  const own = bytes.byteOffset % 8 === 0 ? bytes : copyOf(bytes)
  return new Float64Array(own.buffer, own.byteOffset, Math.floor(bytes.length / 8))
}
function copyOf(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(own)
  return own
}

export function encodeIds(ids: Uint32Array): { encoding: Encoding; raw: Buffer } {
  const first = ids[0] as number
  let most = 0
  let constant = true
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number
    if (id > most) most = id
    if (id !== first) constant = false
  }
  if (constant) return { encoding: Encoding.constId, raw: bytesOf(Uint32Array.of(first)) }
  if (most < 256) return { encoding: Encoding.ids1, raw: bytesOf(Uint8Array.from(ids)) }
  if (most < 65_536) return { encoding: Encoding.ids2, raw: bytesOf(Uint16Array.from(ids)) }
  return { encoding: Encoding.ids4, raw: bytesOf(ids) }
}

export function decodeIds(encoding: Encoding, raw: Buffer, count: number): Ids {
  switch (encoding) {
    case Encoding.constId:
      return new Uint32Array(count).fill(raw.readUInt32LE(0))
    case Encoding.ids1:
      return raw
    case Encoding.ids2:
      return asUint16(raw)
    default:
      return asUint32(raw)
  }
}

export function encodePlain({ bytes, starts }: PlainValues, count: number): Buffer {
  let longest = 0
  for (let i = 0; i < count; i++) longest = Math.max(longest, (starts[i + 1] as number) - (starts[i] as number) - 1)
  const width = longest < 256 ? 1 : longest < 65_536 ? 2 : 4
  const end = starts[count] as number
  const raw = Buffer.allocUnsafe(1 + count * width + end)
  raw[0] = width
  let at = 1
  for (let i = 0; i < count; i++) {
    at = raw.writeUIntLE((starts[i + 1] as number) - (starts[i] as number) - 1, at, width)
  }
  bytes.copy(raw, at, 0, end)
  return raw
}

export function decodePlain(raw: Buffer, count: number): PlainValues {
  const width = raw[0] as number
  const starts = new Uint32Array(count + 1)
  let at = 1
  for (let i = 0; i < count; i++) {
    starts[i + 1] = (starts[i] as number) + raw.readUIntLE(at, width) + 1
    at += width
  }
  return { bytes: raw.subarray(at), starts }
}

export function encodeNumbers(values: Float64Array): { encoding: Encoding; raw: Buffer } {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  let ints = true
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) ints = false
    if (value < low) low = value
    if (value > high) high = value
  }
  const span = high - low
  if (!ints || !(span < 2 ** 32)) return { encoding: Encoding.f64, raw: bytesOf(values) }
  const width = span === 0 ? 0 : span < 256 ? 1 : span < 65_536 ? 2 : 4
  const raw = Buffer.allocUnsafe(9 + values.length * width)
  raw.writeDoubleLE(low, 0)
  raw[8] = width
  if (width > 0)
    for (let i = 0; i < values.length; i++) raw.writeUIntLE((values[i] as number) - low, 9 + i * width, width)
  return { encoding: Encoding.ints, raw }
}

export function decodeNumbers(encoding: Encoding, raw: Buffer, count: number): Float64Array {
  if (encoding === Encoding.f64) return asFloat64(raw)
  const base = raw.readDoubleLE(0)
  const width = raw[8] as number
  const out = new Float64Array(count).fill(base)
  if (width > 0) for (let i = 0; i < count; i++) out[i] = base + raw.readUIntLE(9 + i * width, width)
  return out
}

/** @param scale 1 for whole numbers, 1000 for milliseconds with microseconds; falls back to f64 where that loses. */
export function encodeDeltas(values: Float64Array, scale: number): { encoding: Encoding; raw: Buffer } {
  const raw = Buffer.allocUnsafe(values.length * 9 + 8)
  let at = 0
  let before = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const unit = Math.round(value * scale)
    if (!Number.isSafeInteger(unit) || !Object.is(unit / scale, value) || Math.abs(unit - before) > 2 ** 52) {
      return { encoding: Encoding.f64, raw: bytesOf(values) }
    }
    const delta = unit - before
    before = unit
    let zigzag = delta >= 0 ? delta * 2 : -delta * 2 - 1
    while (zigzag >= 128) {
      raw[at++] = (zigzag % 128) + 128
      zigzag = Math.floor(zigzag / 128)
    }
    raw[at++] = zigzag
  }
  return { encoding: Encoding.deltas, raw: raw.subarray(0, at) }
}

export function decodeDeltas(encoding: Encoding, raw: Buffer, count: number, scale: number): Float64Array {
  if (encoding === Encoding.f64) return asFloat64(raw)
  const out = new Float64Array(count)
  let at = 0
  let unit = 0
  for (let i = 0; i < count; i++) {
    let zigzag = 0
    let factor = 1
    let byte = raw[at++] as number
    while (byte >= 128) {
      zigzag += (byte - 128) * factor
      factor *= 128
      byte = raw[at++] as number
    }
    zigzag += byte * factor
    unit += zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
    out[i] = unit / scale
  }
  return out
}
