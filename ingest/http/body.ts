// The body of a request as bytes: bounded in size, time and memory before and after decompression.

import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { gunzip, inflate, type ZlibOptions, zstdDecompress } from 'node:zlib'
import type { Gate, MemoryBudget } from './memory-budget.ts'
import { HttpRefusal } from './refusal.ts'

export interface BodyLimits {
  /** As sent. */
  readonly maxBodyBytes: number
  /** Once decompressed. */
  readonly maxDecompressedBytes: number
  /** From the end of the headers to the end of the body. */
  readonly bodyTimeoutMs: number
}

/** A body and the memory that is booked for it: call `release` when the request is over. */
export interface Body {
  readonly bytes: Buffer
  /** Books more for it. @throws HttpRefusal busy */
  hold(bytes: number): void
  release(): void
}

type Decompress = (input: Buffer, options: ZlibOptions) => Promise<unknown>

const decompressors: Readonly<Record<string, Decompress>> = Object.assign(Object.create(null), {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  zstd: promisify(zstdDecompress),
})

/** @throws HttpRefusal */
export async function readBody(
  stream: Readable,
  headers: IncomingHttpHeaders,
  limits: BodyLimits,
  budget: MemoryBudget,
  gate: Gate,
): Promise<Body> {
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  const decompress = decompressors[encoding]
  if (!decompress && encoding !== 'identity') {
    throw new HttpRefusal('content_type', `content-encoding must be gzip, deflate or zstd, not ${show(encoding)}`)
  }
  let held = 0
  const hold = (bytes: number) => {
    if (!budget.take(bytes)) throw new HttpRefusal('busy', 'requests in progress hold all the memory they may')
    held += bytes
  }
  const release = () => {
    budget.give(held)
    held = 0
  }
  try {
    const sent = await collect(stream, headers, limits, hold)
    if (!decompress) return { bytes: sent, hold, release }
    const bytes = await gate.run(() => expand(decompress, sent, encoding, limits.maxDecompressedBytes))
    hold(bytes.length)
    return { bytes, hold, release }
  } catch (error) {
    release()
    throw error
  }
}

async function collect(
  stream: Readable,
  headers: IncomingHttpHeaders,
  limits: BodyLimits,
  hold: (bytes: number) => void,
): Promise<Buffer> {
  const tooLarge = () =>
    new HttpRefusal('body_too_large', `the body is over ${limits.maxBodyBytes} bytes; send less at a time`)
  if (Number(headers['content-length'] ?? 0) > limits.maxBodyBytes) throw tooLarge()
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  let size = 0
  const onData = (chunk: Buffer) => {
    size += chunk.length
    try {
      if (size > limits.maxBodyBytes) throw tooLarge()
      hold(chunk.length)
      chunks.push(chunk)
    } catch (error) {
      reject(error)
    }
  }
  const onEnd = () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))
  const onCut = () => reject(new HttpRefusal('body_cut', 'the connection ended before the body'))
  const timer = setTimeout(
    () => reject(new HttpRefusal('body_timeout', `the body took over ${limits.bodyTimeoutMs} ms`)),
    limits.bodyTimeoutMs,
  )
  stream.on('data', onData).on('end', onEnd).on('close', onCut).on('error', onCut)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    // `error` keeps its listener: a sender that breaks off while we answer is no news.
    stream.off('data', onData).off('end', onEnd).off('close', onCut)
  }
}

async function expand(decompress: Decompress, sent: Buffer, encoding: string, maxBytes: number): Promise<Buffer> {
  let answer: { buffer: Buffer; engine: { bytesWritten: number } }
  try {
    answer = (await decompress(sent, { maxOutputLength: maxBytes, info: true })) as typeof answer
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new HttpRefusal('decompressed_too_large', `the body is over ${maxBytes} bytes once decompressed`)
    }
    throw new HttpRefusal('bad_encoding', `the body is not complete ${encoding}: ${(error as Error).message}`)
  }
  // zlib stops quietly where its stream ends; what follows would be lost.
  if (answer.engine.bytesWritten !== sent.length) {
    throw new HttpRefusal('bad_encoding', `bytes follow the end of the ${encoding} data`)
  }
  return answer.buffer
}

/** Words of a sender, safe to send back. */
export function show(text: string): string {
  return JSON.stringify(text.slice(0, 60))
}
