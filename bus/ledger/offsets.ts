// How far each group has come: one small file, replaced whole. Commits that come while one is written share the next.

import { crc32 } from 'node:zlib'
import { PipelineError } from '../../core/errors.ts'
import type { Context } from './context.ts'
import { errorCode, readSmall, replaceFile } from './files.ts'

export const GROUPS_FILE = 'groups.json'

export class Offsets {
  readonly #ctx: Context
  readonly #groups: Map<string, number>
  /** As on disk: what a restart begins with, so what retention must respect. */
  #durable: Map<string, number>
  readonly lost: boolean
  /** Something in #groups is not on disk: never written, or its write failed. */
  #dirty = false
  #writing: Promise<void> | undefined
  #waiting: Promise<void> | undefined

  private constructor(ctx: Context, groups: Map<string, number>, lost: boolean) {
    this.#ctx = ctx
    this.#groups = groups
    this.#durable = new Map(groups)
    this.lost = lost
  }

  static async open(ctx: Context): Promise<Offsets> {
    const bytes = await readSmall(ctx.files, `${ctx.dir}/${GROUPS_FILE}`)
    if (!bytes) return new Offsets(ctx, new Map(), false)
    const groups = parseGroups(bytes)
    return new Offsets(ctx, groups ?? new Map(), groups === undefined)
  }

  get(group: string): number | undefined {
    return this.#groups.get(group)
  }

  entries(): IterableIterator<[string, number]> {
    return this.#groups.entries()
  }

  /** The lowest offset a group still needs, after a crash too; Infinity without groups. */
  lowest(): number {
    let lowest = Number.POSITIVE_INFINITY
    for (const offset of this.#durable.values()) lowest = Math.min(lowest, offset)
    return lowest
  }

  highest(): number {
    let highest = 0
    for (const offset of this.#groups.values()) highest = Math.max(highest, offset)
    return highest
  }

  /** Only forward: commits may overtake each other. Durable when it resolves. @throws BUS_FULL */
  async commit(group: string, offset: number): Promise<void> {
    const had = this.#groups.get(group)
    if (had === undefined || offset > had) {
      this.#groups.set(group, offset)
      this.#dirty = true
    }
    if (this.#dirty || this.#writing) await this.#save()
  }

  async forget(group: string): Promise<void> {
    if (this.#groups.delete(group)) this.#dirty = true
    if (this.#dirty || this.#writing) await this.#save()
  }

  async settled(): Promise<void> {
    await this.#waiting?.catch(() => undefined) // its caller has the error
    await this.#writing?.catch(() => undefined)
  }

  #save(): Promise<void> {
    if (!this.#writing) {
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined
      })
      return this.#writing
    }
    this.#waiting ??= this.#writing
      .catch(() => undefined) // that write's callers have its error
      .then(() => {
        this.#waiting = undefined
        return this.#save()
      })
    return this.#waiting
  }

  async #write(): Promise<void> {
    this.#dirty = false
    const written = new Map(this.#groups)
    const groups = JSON.stringify([...written])
    const bytes = Buffer.from(JSON.stringify({ version: 1, crc: crc32(groups), groups }))
    try {
      await replaceFile(this.#ctx.files, this.#ctx.dir, GROUPS_FILE, bytes, this.#ctx.at)
      this.#durable = written
      this.#ctx.counters.add('bus_fsync_total', 2)
    } catch (error) {
      this.#dirty = true
      this.#ctx.counters.add('bus_write_failures_total', 1, { reason: errorCode(error) })
      throw new PipelineError('BUS_FULL', { path: this.#ctx.root, problem: errorCode(error) }, { cause: error })
    }
  }
}

/** @returns undefined when the file is damaged */
function parseGroups(bytes: Buffer): Map<string, number> | undefined {
  try {
    const file = JSON.parse(bytes.toString()) as { crc: number; groups: string }
    if (crc32(file.groups) !== file.crc) return undefined
    const groups = new Map<string, number>(JSON.parse(file.groups))
    for (const offset of groups.values()) if (!Number.isSafeInteger(offset)) return undefined
    return groups
  } catch {
    return undefined // said through `lost`
  }
}
