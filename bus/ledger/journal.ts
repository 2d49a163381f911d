// An append-only file of JSON lines that survives being cut: what was deleted, what is damaged.

import { basename, dirname, join } from 'node:path'
import type { Context } from './context.ts'
import { errorCode, type LedgerFile, readSmall, writeAll } from './files.ts'

export class Journal<T> {
  readonly lines: T[]
  /** Lines before the last good one that are not JSON objects; kept in the file, left out here. */
  readonly badLines: number
  readonly #ctx: Context
  readonly #path: string
  /** Bytes up to the end of the last good line; what follows was torn by a crash and is overwritten. */
  #bytes: number
  #tail: Promise<unknown> = Promise.resolve()

  private constructor(ctx: Context, path: string, lines: T[], bad: number, bytes: number) {
    this.#ctx = ctx
    this.#path = path
    this.lines = lines
    this.badLines = bad
    this.#bytes = bytes
  }

  static async open<T>(ctx: Context, name: string): Promise<Journal<T>> {
    const path = join(ctx.dir, name)
    const bytes = await readSmall(ctx.files, path)
    if (!bytes) return new Journal<T>(ctx, path, [], 0, 0)
    const lines: T[] = []
    let end = 0
    let bad = 0
    let badSinceGood = 0
    for (let from = 0; ; ) {
      const lineEnd = bytes.indexOf(0x0a, from)
      if (lineEnd < 0) break
      const value = parseLine(bytes.toString('utf8', from, lineEnd))
      from = lineEnd + 1
      if (value === undefined) badSinceGood++
      else {
        lines.push(value as T)
        end = from
        bad += badSinceGood
        badSinceGood = 0
      }
    }
    // What is bad at the very end is an append that lost power, maybe with its line end there and its middle not.
    return new Journal(ctx, path, lines, bad, end)
  }

  /** Durable when it resolves. One at a time, in call order. */
  append(line: T): Promise<void> {
    const done = this.#tail.then(() => this.#append(line))
    this.#tail = done.catch(() => undefined) // the caller has the error; the next line starts afresh
    return done
  }

  async #append(line: T): Promise<void> {
    const { files, at } = this.#ctx
    const text = Buffer.from(`${JSON.stringify(line)}\n`)
    let file: LedgerFile
    let created = false
    try {
      file = await files.open(this.#path, 'update')
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
      file = await files.open(this.#path, 'create')
      created = true
    }
    const name = basename(this.#path)
    try {
      await file.truncate(this.#bytes)
      await writeAll(file, [text], this.#bytes)
      await at(`${name}.written`)
      await file.datasync()
    } catch (error) {
      await file.truncate(this.#bytes).catch(() => undefined) // best effort: the next append truncates again
      throw error
    } finally {
      await file.close()
    }
    if (created) await files.syncDir(dirname(this.#path))
    this.#bytes += text.length
    this.lines.push(line)
    await at(`${name}.synced`)
  }
}

function parseLine(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' ? value : undefined
  } catch {
    return undefined // counted by the caller
  }
}
