// An intake for tests: keeps what it is given, and is full, slow or closed when the test says so.

import { PipelineError } from '../core/errors.ts'
import type { AddOptions, Intake } from '../core/intake.ts'
import type { Origin } from '../core/raw-batch.ts'

export interface TakenRecord {
  readonly origin: Origin
  readonly receivedAtMs: number
  readonly bytes: Buffer
  readonly key: string
  readonly flags: number
  durable: boolean
}

interface Batch {
  readonly records: TakenRecord[]
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class FakeIntake implements Intake {
  readonly records: TakenRecord[] = []
  readonly #waiters = new Set<() => void>()
  #batch: Batch | undefined
  #full = false
  /** Records the intake takes before it says it is full by itself. */
  fullAfter = Number.POSITIVE_INFINITY
  /** false: batches stay pending until `makeDurable()`. */
  auto: boolean

  constructor(options: { auto?: boolean } = {}) {
    this.auto = options.auto ?? true
  }

  get full(): boolean {
    return this.#full || this.records.length >= this.fullAfter
  }

  set full(full: boolean) {
    this.#full = full
    this.makeRoom()
  }

  /** Wakes whoever waits, if there is room. */
  makeRoom(): void {
    if (this.full) return
    for (const wake of [...this.#waiters]) wake()
  }

  add(origin: Origin, receivedAtMs: number, bytes: Uint8Array, options: AddOptions = {}): Promise<void> {
    if (this.full) throw new PipelineError('INTAKE_FULL', { heldBytes: this.records.length, maxBytes: this.fullAfter })
    const record = {
      origin,
      receivedAtMs,
      bytes: Buffer.from(bytes),
      key: options.key ?? '',
      flags: options.flags ?? 0,
      durable: false,
    }
    this.records.push(record)
    if (!this.#batch) {
      this.#batch = { records: [], ...Promise.withResolvers<void>() }
      if (this.auto) setImmediate(() => this.makeDurable())
    }
    this.#batch.records.push(record)
    return this.#batch.promise
  }

  makeDurable(): void {
    const batch = this.#batch
    this.#batch = undefined
    if (!batch) return
    for (const record of batch.records) record.durable = true
    batch.resolve()
  }

  /** What an intake does that closes, or a process that dies, before its batch was written. */
  failBatch(): void {
    const batch = this.#batch
    this.#batch = undefined
    for (const record of batch?.records ?? []) this.records.splice(this.records.indexOf(record), 1)
    batch?.reject(new PipelineError('BUS_CLOSED', { path: 'test' }))
  }

  room(signal?: AbortSignal): Promise<void> {
    if (!this.full) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const wake = () => {
      this.#waiters.delete(wake)
      signal?.removeEventListener('abort', abort)
      resolve()
    }
    const abort = () => {
      this.#waiters.delete(wake)
      reject(signal?.reason)
    }
    if (signal?.aborted) return Promise.reject(signal.reason)
    this.#waiters.add(wake)
    signal?.addEventListener('abort', abort, { once: true })
    return promise
  }

  /** Lines as Latin-1, so that any byte shows. */
  lines(): string[] {
    return this.records.map((record) => record.bytes.toString('latin1'))
  }

  /** What a store keeps: the first record under each key, and every record without one. */
  stored(): TakenRecord[] {
    const seen = new Set<string>()
    return this.records.filter((record) => {
      const id = `${record.origin.source}\0${record.key}`
      if (record.key !== '' && seen.has(id)) return false
      seen.add(id)
      return true
    })
  }
}

/** Waits until `done` says so; fails with the words of `what` after `timeoutMs`. */
export async function until(done: () => boolean, what: string, timeoutMs = 8000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!done()) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
