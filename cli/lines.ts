// Reading input line by line, from a file or standard input, as bytes: a line need not be UTF-8.

import { createReadStream } from 'node:fs'
import { PipelineError } from '../core/errors.ts'

/** Lines without their LF; a last line without LF counts. @param path '-' is standard input */
export async function* readLines(path: string): AsyncGenerator<Buffer> {
  const stream = path === '-' ? process.stdin : createReadStream(path)
  let carry: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const piece = chunk.subarray(start, end)
      yield carry.length === 0 ? piece : Buffer.concat([...carry, piece])
      carry = []
      start = end + 1
    }
    if (start < chunk.length) carry.push(Buffer.from(chunk.subarray(start)))
  }
  if (carry.length > 0) yield Buffer.concat(carry)
}

/** The whole input as one line, once. @throws REQUEST_INVALID over `maxBytes` */
export async function* readWhole(path: string, maxBytes: number): AsyncGenerator<Buffer> {
  const stream = path === '-' ? process.stdin : createReadStream(path)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new PipelineError('REQUEST_INVALID', { problem: `${path} is over ${maxBytes} bytes` })
    chunks.push(chunk)
  }
  if (bytes > 0) yield Buffer.concat(chunks)
}

/** Writes NDJSON with backpressure, in few system calls. */
export class NdjsonWriter {
  #buffer: string[] = []
  #length = 0

  async write(value: unknown): Promise<void> {
    const line = `${JSON.stringify(value)}\n`
    this.#buffer.push(line)
    this.#length += line.length
    if (this.#length > 64 * 1024) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#length === 0) return
    const text = this.#buffer.join('')
    this.#buffer = []
    this.#length = 0
    if (!process.stdout.write(text)) await new Promise<void>((resolve) => process.stdout.once('drain', () => resolve()))
  }
}
