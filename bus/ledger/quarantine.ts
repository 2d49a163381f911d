// What is known to be unreadable: said once each, kept beside the segments, never deleted by us.

import { basename } from 'node:path'
import type { Context } from './context.ts'
import { errorCode } from './files.ts'
import { Journal } from './journal.ts'
import type { Segment } from './segment.ts'
import type { ScannedDamage } from './segment-scan.ts'

export const QUARANTINE_FILE = 'quarantine.jsonl'

export interface Damage {
  /** File name. */
  readonly segment: string
  readonly position: number
  readonly bytes: number
  readonly problem: string
  /** Offsets lost, half-open, where the damaged frame still says so; subscribers learn them in any case. */
  readonly first?: number
  readonly next?: number
  readonly foundAt: string
}

export class Quarantine {
  readonly #ctx: Context
  readonly #journal: Journal<Damage>
  readonly #known = new Set<string>()
  readonly #readOnly: boolean

  private constructor(ctx: Context, journal: Journal<Damage>, readOnly: boolean) {
    this.#ctx = ctx
    this.#readOnly = readOnly
    this.#journal = journal
    for (const line of journal.lines) this.#known.add(`${line.segment}:${line.position}`)
  }

  /** @param options.readOnly remembers what it is told, writes nothing: for a look from outside */
  static async open(ctx: Context, options: { readonly readOnly?: boolean } = {}): Promise<Quarantine> {
    return new Quarantine(ctx, await Journal.open<Damage>(ctx, QUARANTINE_FILE), options.readOnly === true)
  }

  get size(): number {
    return this.#known.size
  }

  /** Notes a damaged range, once. A disk that cannot take the note does not stop anybody from reading on. */
  async add(segment: Segment | string, damage: Omit<ScannedDamage, 'kind'>): Promise<Damage | undefined> {
    const name = typeof segment === 'string' ? segment : basename(segment.path)
    const key = `${name}:${damage.position}`
    if (this.#known.has(key)) return undefined
    this.#known.add(key)
    const { position, bytes, problem, first, next } = damage
    const foundAt = new Date(this.#ctx.now()).toISOString()
    const line: Damage = { segment: name, position, bytes, problem, first, next, foundAt }
    this.#ctx.counters.add('bus_damaged_bytes_total', bytes)
    if (this.#readOnly) return line
    try {
      await this.#journal.append(line)
    } catch (error) {
      this.#known.delete(key) // to be tried again when it is met again
      this.#ctx.counters.add('bus_write_failures_total', 1, { reason: errorCode(error) })
    }
    return line
  }
}
