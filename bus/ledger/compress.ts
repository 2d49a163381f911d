// zstd on the thread pool. Level 1: on 256 KiB of syslog lines level 3 packs 1 to 3 % tighter for 25 % more CPU time (ledger.bench.ts).

import { constants, zstdCompress, zstdDecompress } from 'node:zlib'

/** Below this a frame is stored plain: zstd gains less than its own header and a trip to the thread pool. */
export const MIN_COMPRESS_BYTES = 512

/** @returns the compressed bytes, or undefined when they would not be smaller */
export function compress(raw: Uint8Array, level: number): Promise<Buffer | undefined> {
  if (raw.length < MIN_COMPRESS_BYTES) return Promise.resolve(undefined)
  const options = {
    // One output chunk that fits the worst case: the default of 16 KiB costs a thread-pool trip each (20 % slower).
    chunkSize: raw.length + (raw.length >> 8) + 64,
    pledgedSrcSize: raw.length,
    params: { [constants.ZSTD_c_compressionLevel]: level },
  }
  return new Promise((resolve, reject) =>
    zstdCompress(raw, options, (error, out) => {
      if (error) reject(error)
      else resolve(out.length < raw.length ? out : undefined)
    }),
  )
}

/**
 * @param rawBytes the exact length expected; more is refused, so a damaged frame cannot fill the memory
 * @returns memory of its own, or undefined when `payload` does not decompress to exactly `rawBytes`
 */
export function decompress(payload: Uint8Array, rawBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  // 64 bytes to spare, so that one call both fills the output and sees its end
  const options = { chunkSize: rawBytes + 64, maxOutputLength: Math.max(1, rawBytes) }
  return new Promise((resolve) =>
    zstdDecompress(payload, options, (error, out) => {
      if (error || out.length !== rawBytes) resolve(undefined)
      else resolve(ownMemory(out))
    }),
  )
}

/** The bytes in an ArrayBuffer nobody else looks into, so that the receiver may transfer it. */
export function ownMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const shared = bytes.buffer.byteLength > bytes.byteLength + 64 || !(bytes.buffer instanceof ArrayBuffer)
  return shared ? copyOf(bytes) : (bytes as Uint8Array<ArrayBuffer>)
}

export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes.length)
  copy.set(bytes)
  return copy
}
