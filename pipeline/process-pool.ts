// The worker threads that parse and detect. A line that holds a worker too long costs that worker its life and the line
// its fields, never the pipeline: the pool knows which record it was, starts a new worker and hands the batch over again
// with that record marked, so that it is kept unparsed.

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Delivery } from '../core/bus.ts'
import type { Config } from '../core/config.ts'
import type { Counters } from '../core/counters.ts'
import type { Processed } from '../core/pump.ts'
import type { RuleSetPaths } from '../correlator/rule-set.ts'
import type { UnparsedReport } from '../parsers/unparsed/observe.ts'
import type { Selection } from './reparse-select.ts'

/** What a worker is started with: plain data, so that every worker builds the same parser and rules. */
export interface ProcessSetup extends RuleSetPaths {
  readonly packs: readonly string[]
  readonly zone: string
  readonly enrich: Config['enrich']
  readonly masking?: Config['masking']
  /** Not every record becomes an event: for reading again what is on the bus. */
  readonly selection?: Selection
}

export interface ProcessTask {
  readonly task: number
  readonly partition: number
  readonly offset: number
  readonly batch: Uint8Array<ArrayBuffer>
  /** Records (by number in the batch) that must not be parsed again. */
  readonly poison: readonly number[]
}

/** Tasks that are sent later are worked on with the exceptions as they are on disk now. */
export interface ExceptionsChanged {
  readonly exceptionsChanged: true
}

export type ProcessAnswer =
  | { readonly ready: true }
  | { readonly ready?: false; readonly report: UnparsedReport }
  | {
      readonly ready?: false
      readonly report?: undefined
      readonly task: number
      readonly processed: Processed
      readonly counts: ReturnType<Counters['drain']>
    }

/** Shared with each worker: [task being worked on, number of the record in it]. */
export type Progress = Int32Array<SharedArrayBuffer>

export interface PoolOptions extends ProcessSetup {
  /** 0: one less than the machine has cores, at least one. */
  readonly workers: number
  readonly counters: Counters
  /** What a worker noticed of lines it could not read, and of its patterns. */
  readonly onReport?: (report: UnparsedReport) => void
  /** How long one record may take. A pause of the whole machine looks the same, so this is far above the 50 ms a record should need. */
  readonly recordBudgetMs?: number
}

interface Job {
  readonly delivery: Delivery
  readonly generation: Generation
  readonly poison: number[]
  readonly resolve: (processed: Processed) => void
  readonly reject: (error: unknown) => void
}

/** Workers that were started with the same setup. The last one takes what is new; those before it finish what they have. */
interface Generation {
  readonly setup: ProcessSetup
  readonly slots: Slot[]
  readonly queue: Job[]
  /** Partition -> offset of the first delivery. */
  readonly first: Map<number, number>
  /** Others take what is new: these finish what they have. */
  replaced: boolean
}

interface Slot {
  readonly generation: Generation
  worker: Worker
  progress: Progress
  task: number
  job: Job | undefined
  ready: boolean
  /** Progress as last seen by the watchdog, and since when. */
  seen: string
  since: number
}

export interface ProcessPool {
  readonly size: number
  /** @param again it was processed before: it is not the one with which new packs and rules begin */
  process(delivery: Delivery, again?: 'again'): Promise<Processed>
  /** Deliveries that are given later are judged with the exceptions as they are on disk now. */
  exceptionsChanged(): void
  /**
   * Starts workers with other packs and rules; when all of them are ready, later deliveries go to them and `onSwitch` is
   * called, before any does. Rejects when one cannot start; then nothing has changed.
   * @param onSwitch `reached` says whether the delivery that ends before `next` went to the new workers
   */
  replace(
    paths: Pick<ProcessSetup, 'packs' | 'rules' | 'lists'>,
    onSwitch: (reached: (partition: number, next: number) => boolean) => void,
  ): Promise<void>
  close(): Promise<void>
}

/** Resolves when every worker has compiled its packs and rules. Rejects when one cannot. */
export async function openProcessPool(options: PoolOptions): Promise<ProcessPool> {
  const { counters } = options
  const size = options.workers || Math.max(1, availableParallelism() - 1)
  const recordBudgetMs = options.recordBudgetMs ?? 2000
  const { packs, rules, lists, exceptions, zone, enrich, masking, selection } = options
  const setup: ProcessSetup = { packs, rules, lists, exceptions, zone, enrich, masking, selection }
  let current: Generation = { setup, slots: [], queue: [], first: new Map(), replaced: false }
  const generations = new Set([current])
  let nextTask = 1
  let closing = false

  function spawn(generation: Generation, slot?: Slot): Promise<void> {
    const progress: Progress = new Int32Array(new SharedArrayBuffer(8))
    const workerData = { setup: generation.setup, progress }
    const worker = new Worker(new URL('./process-worker.ts', import.meta.url), { workerData })
    const mine: Slot = slot ?? {
      generation,
      worker,
      progress,
      task: 0,
      job: undefined,
      ready: false,
      seen: '',
      since: 0,
    }
    Object.assign(mine, { worker, progress, ready: false })
    if (!slot) generation.slots.push(mine)
    return new Promise((resolve, reject) => {
      worker.on('message', (answer: ProcessAnswer) => {
        if (answer.ready) {
          mine.ready = true
          resolve()
        } else if (answer.report) options.onReport?.(answer.report)
        else finish(mine, answer)
        feed(generation)
      })
      worker.on('error', (error: unknown) => {
        reject(error)
        died(mine, worker, error instanceof Error ? error : new Error(String(error)))
      })
      worker.on('exit', (code) => {
        reject(new Error(`a parse worker ended with code ${code}`))
        if (code !== 0) died(mine, worker, new Error(`exit code ${code}`))
      })
    })
  }

  function feed(generation: Generation): void {
    for (const slot of generation.slots) {
      if (!slot.ready || slot.job) continue
      const job = generation.queue.shift()
      if (!job) break
      slot.job = job
      slot.task = nextTask++
      slot.seen = ''
      const { partition, offset, batch } = job.delivery
      const task: ProcessTask = { task: slot.task, partition, offset, batch, poison: job.poison }
      slot.worker.postMessage(task) // copied, not transferred: a worker that dies must not take the batch along
    }
    const isDone = generation.queue.length === 0 && generation.slots.every(({ job }) => job === undefined)
    if (generation.replaced && isDone) retire(generation)
  }

  /** Its workers have nothing to do any more, or never will. */
  function retire(generation: Generation): Promise<unknown> {
    generations.delete(generation)
    return Promise.all(generation.slots.splice(0).map((slot) => endWorker(slot)))
  }

  function endWorker(slot: Slot): Promise<number> {
    slot.ready = false // its end is no death
    return slot.worker.terminate()
  }

  function finish(slot: Slot, answer: Extract<ProcessAnswer, { task: number }>): void {
    if (!slot.job || answer.task !== slot.task) return
    counters.merge(answer.counts)
    const { job } = slot
    slot.job = undefined
    job.resolve(answer.processed)
  }

  /** A worker ended by itself or by the watchdog: mark the record it was at, give the job to a new one. */
  function died(slot: Slot, worker: Worker, error: Error): void {
    if (slot.worker !== worker || closing) return
    if (!slot.ready) return // it cannot even start: spawn() has told, and another one would fare no better; or it was ended
    counters.add('process_worker_deaths_total')
    const { job } = slot
    slot.job = undefined
    if (job) {
      const record = slot.progress[0] === slot.task ? (slot.progress[1] ?? 0) : -1
      if (record < 0 || job.poison.includes(record)) {
        job.reject(new Error(`a parse worker died twice at the same place: ${error.message}`, { cause: error }))
      } else {
        counters.add('process_poison_records_total')
        job.poison.push(record)
        job.generation.queue.unshift(job)
      }
    }
    spawn(slot.generation, slot).catch((failure: unknown) => {
      for (const waiting of slot.generation.queue.splice(0)) waiting.reject(failure)
    })
  }

  const allSlots = () => [...generations].flatMap(({ slots }) => slots)

  const watchdog = setInterval(() => {
    const now = performance.now()
    for (const slot of allSlots()) {
      if (!slot.job || !slot.ready) continue
      const at = `${slot.progress[0]}/${slot.progress[1]}`
      if (at !== slot.seen || slot.progress[0] !== slot.task) {
        slot.seen = at
        slot.since = now
      } else if (now - slot.since > recordBudgetMs) {
        const { worker } = slot
        died(slot, worker, new Error(`one record took over ${recordBudgetMs} ms`))
        worker.terminate()
      }
    }
  }, recordBudgetMs / 4)
  watchdog.unref()

  const start = (generation: Generation) => Promise.all(Array.from({ length: size }, () => spawn(generation)))

  try {
    await start(current)
  } catch (error) {
    closing = true
    clearInterval(watchdog)
    await retire(current)
    throw error
  }
  counters.gauge('process_queue_deliveries', () => [...generations].reduce((sum, { queue }) => sum + queue.length, 0))
  return {
    size,
    process(delivery, again) {
      return new Promise((resolve, reject) => {
        const { partition, offset } = delivery
        if (!again && !current.first.has(partition)) current.first.set(partition, offset)
        current.queue.push({ delivery, generation: current, poison: [], resolve, reject })
        feed(current)
      })
    },
    async replace(paths, onSwitch) {
      const fresh: Generation = {
        setup: { ...current.setup, ...paths },
        slots: [],
        queue: [],
        first: new Map(),
        replaced: false,
      }
      generations.add(fresh)
      try {
        await start(fresh)
      } catch (error) {
        await retire(fresh)
        throw error
      }
      if (closing) return
      const before = current
      current = fresh
      before.replaced = true
      onSwitch((partition, next) => next > (fresh.first.get(partition) ?? Number.POSITIVE_INFINITY))
      feed(before)
    },
    exceptionsChanged() {
      for (const { worker } of allSlots()) worker.postMessage({ exceptionsChanged: true } satisfies ExceptionsChanged)
    },
    async close() {
      closing = true
      clearInterval(watchdog)
      for (const generation of generations) {
        for (const job of generation.queue.splice(0)) job.reject(new Error('the pool is closed'))
        await retire(generation)
      }
    },
  }
}
