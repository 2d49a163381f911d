// Opens the embedded event store: on a thread of its own, or inline for tests and small tools.

import { Worker } from 'node:worker_threads'
import type { Counters } from '../../core/counters.ts'
import type { Filter } from '../../core/query.ts'
import type {
  AggregateRequest,
  AggregateResult,
  AppendResult,
  Hit,
  LostRange,
  ReplaceOptions,
  ReplaceResult,
  RetireOptions,
  SearchPage,
  SearchRequest,
  TailBatch,
} from '../../core/store.ts'
import { type EngineOptions, SegmentEngine, type SegmentStore } from './engine.ts'
import { type Answer, type Method, type State, unpackError } from './worker-messages.ts'

export type { SegmentStore } from './engine.ts'

export interface SegmentStoreOptions extends EngineOptions {
  /** No thread: appends, seals and queries run on the caller's. For tests. */
  readonly inline?: boolean
}

/**
 * Opens or creates the store in `dir`, which nobody else may hold. After opening, replay the bus from `durable()`.
 * `now`, `disk` and `crash` stay on this thread: they count only with `inline`.
 * @throws CONFIG_INVALID for files of a format this build does not know
 */
export async function openSegmentStore({ inline, ...options }: SegmentStoreOptions): Promise<SegmentStore> {
  if (inline) return new SegmentEngine(options)
  const { counters, now: _now, crash: _crash, disk: _disk, ...plain } = options
  const worker = new Worker(new URL('./segment-worker.ts', import.meta.url), { workerData: plain, name: 'event-store' })
  const proxy = new StoreProxy(worker, counters)
  await proxy.opened
  return proxy
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
}

class StoreProxy implements SegmentStore {
  readonly opened: Promise<unknown>
  readonly #worker: Worker
  readonly #counters: Counters
  readonly #waiting = new Map<number, Waiting>()
  readonly #listeners: ((partition: number, next: number) => void)[] = []
  #state: State = { durable: new Map(), lost: [], problems: [], counters: [] }
  #nextId = 1
  #ended: Error | undefined
  #closing: Promise<void> | undefined

  constructor(worker: Worker, counters: Counters) {
    this.#worker = worker
    this.#counters = counters
    this.opened = new Promise((resolve, reject) => this.#waiting.set(0, { resolve, reject }))
    worker.on('message', (answer: Answer) => this.#receive(answer))
    worker.on('error', (error) => this.#end(error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', () => this.#end(new Error('the thread of the event store has ended')))
  }

  append(batch: Uint8Array<ArrayBuffer>, partition: number, next: number): Promise<AppendResult> {
    const own = ownBytes(batch)
    return this.#ask('append', [own, partition, next], undefined, [own.buffer])
  }

  replace(batch: Uint8Array<ArrayBuffer>, options: ReplaceOptions = {}): Promise<ReplaceResult> {
    const own = ownBytes(batch)
    return this.#ask('replace', [own, options], undefined, [own.buffer])
  }

  durable(): ReadonlyMap<number, number> {
    return this.#state.durable
  }

  onDurable(listener: (partition: number, next: number) => void): void {
    this.#listeners.push(listener)
  }

  lost(): readonly LostRange[] {
    return this.#state.lost
  }

  problems(): readonly string[] {
    return this.#state.problems
  }

  search(request: SearchRequest, signal?: AbortSignal): Promise<SearchPage> {
    return this.#ask('search', [request], signal)
  }

  aggregate(request: AggregateRequest, signal?: AbortSignal): Promise<AggregateResult> {
    return this.#ask('aggregate', [request], signal)
  }

  get(id: string): Promise<Hit | undefined> {
    return this.#ask('get', [id])
  }

  tail(
    filter: Filter,
    options: { readonly resume?: string; readonly maxPerSecond?: number },
    signal: AbortSignal,
  ): AsyncIterable<TailBatch> {
    // Asked now and not at the first next(): messages keep their order, so appends after this call are in the tail.
    const id = this.#nextId
    const opened = this.#ask<void>('tailOpen', [filter, options])
    opened.catch(() => {}) // reported by the first next()
    return this.#tailBatches(id, opened, signal)
  }

  stats() {
    return this.#ask<{ events: number; bytes: number; segments: number; headEvents: number }>('stats', [])
  }

  flush(): Promise<void> {
    return this.#ask('flush', [])
  }

  retire(beforeMs: number, options: RetireOptions = {}): Promise<{ segments: number; events: number; held: number }> {
    return this.#ask('retire', [beforeMs, options])
  }

  compact(): Promise<number> {
    return this.#ask('compact', [])
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      if (!this.#ended) await this.#ask('close', [])
    } finally {
      await this.#worker.terminate()
    }
  }

  async *#tailBatches(id: number, opened: Promise<void>, signal: AbortSignal): AsyncGenerator<TailBatch> {
    try {
      await opened
      while (!signal.aborted) {
        const batch = await this.#ask<TailBatch | undefined>('tailNext', [id], signal)
        if (!batch) return
        yield batch
      }
    } catch (error) {
      if (!signal.aborted && !this.#closing) throw error
    } finally {
      if (!this.#ended && !this.#closing) this.#ask('tailClose', [id]).catch(() => {}) // it ended first: nothing is left to close
    }
  }

  #ask<T>(method: Method, args: unknown[], signal?: AbortSignal, transfer: ArrayBuffer[] = []): Promise<T> {
    if (this.#closing && method !== 'close') return Promise.reject(new Error('the event store is closed'))
    if (this.#ended) return Promise.reject(this.#ended)
    if (signal?.aborted) return Promise.reject(signal.reason)
    const id = this.#nextId++
    return new Promise<T>((resolve, reject) => {
      const cancel = () => {
        this.#waiting.delete(id)
        this.#worker.postMessage({ id: -1, method: 'cancel', args: [id] })
        reject(signal?.reason)
      }
      const settle =
        <V>(then: (value: V) => void) =>
        (value: V) => {
          signal?.removeEventListener('abort', cancel)
          then(value)
        }
      this.#waiting.set(id, { resolve: settle(resolve as (value: unknown) => void), reject: settle(reject) })
      signal?.addEventListener('abort', cancel, { once: true })
      this.#worker.postMessage({ id, method, args }, transfer)
    })
  }

  #receive(answer: Answer): void {
    if (answer.state) {
      this.#state = answer.state
      this.#counters.merge(answer.state.counters)
    }
    if (answer.durable) for (const listener of this.#listeners) listener(...answer.durable)
    const waiting = this.#waiting.get(answer.id)
    if (!waiting) return
    this.#waiting.delete(answer.id)
    if (answer.error) waiting.reject(unpackError(answer.error))
    else waiting.resolve(answer.result)
  }

  #end(error: Error): void {
    if (this.#ended) return
    this.#ended = error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

/** A view into shared or larger memory cannot be given away whole: it is copied first. */
function ownBytes(batch: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return batch.byteLength === batch.buffer.byteLength ? batch : new Uint8Array(batch)
}
