// The store's own thread: requests in, answers out. Counters go home with every answer.

import { parentPort, workerData } from 'node:worker_threads'
import { Counters } from '../../core/counters.ts'
import type { Filter } from '../../core/query.ts'
import type { AggregateRequest, ReplaceOptions, RetireOptions, SearchRequest, TailBatch } from '../../core/store.ts'
import { type EngineOptions, SegmentEngine } from './engine.ts'
import { type Answer, packError, type Request, type State } from './worker-messages.ts'

const port = parentPort
if (!port) throw new Error('segment-worker.ts runs as a worker thread only')

const counters = new Counters()
const running = new Map<number, AbortController>()
const tails = new Map<number, { iterator: AsyncIterator<TailBatch>; stop: AbortController }>()
let engine: SegmentEngine

function state(): State {
  const { durable, lost, problems } = { durable: engine.durable(), lost: engine.lost(), problems: engine.problems() }
  return { durable, lost, problems, counters: counters.drain() }
}

async function handle(request: Request, signal: AbortSignal): Promise<unknown> {
  const { args } = request
  switch (request.method) {
    case 'append':
      return engine.append(args[0] as Uint8Array<ArrayBuffer>, args[1] as number, args[2] as number)
    case 'replace':
      return engine.replace(args[0] as Uint8Array<ArrayBuffer>, args[1] as ReplaceOptions)
    case 'search':
      return engine.search(args[0] as SearchRequest, signal)
    case 'aggregate':
      return engine.aggregate(args[0] as AggregateRequest, signal)
    case 'get':
      return engine.get(args[0] as string)
    case 'stats':
      return engine.stats()
    case 'flush':
      return engine.flush()
    case 'retire':
      return engine.retire(args[0] as number, args[1] as RetireOptions)
    case 'compact':
      return engine.compact()
    case 'close':
      return engine.close()
    case 'tailOpen': {
      const stop = new AbortController()
      const batches = engine.tail(args[0] as Filter, args[1] as { resume?: string; maxPerSecond?: number }, stop.signal)
      tails.set(request.id, { iterator: batches[Symbol.asyncIterator](), stop })
      return undefined
    }
    case 'tailNext': {
      const result = await tails.get(args[0] as number)?.iterator.next()
      return result?.done ? undefined : result?.value
    }
    case 'tailClose': {
      tails.get(args[0] as number)?.stop.abort()
      tails.delete(args[0] as number)
      return undefined
    }
  }
}

port.on('message', (request: Request) => {
  if (request.method === 'cancel') {
    running.get(request.args[0] as number)?.abort()
    return
  }
  const abort = new AbortController()
  running.set(request.id, abort)
  handle(request, abort.signal)
    .then(
      (result) => ({ id: request.id, result, state: state() }),
      (error: unknown) => ({ id: request.id, error: packError(error), state: state() }),
    )
    .then((answer: Answer) => {
      running.delete(request.id)
      port.postMessage(answer)
      if (request.method === 'close') port.close()
    })
})

try {
  engine = new SegmentEngine({ ...(workerData as Omit<EngineOptions, 'counters'>), counters })
  engine.onDurable((partition, next) => port.postMessage({ id: -1, durable: [partition, next], state: state() }))
  port.postMessage({ id: 0, state: state() })
} catch (error) {
  port.postMessage({ id: 0, error: packError(error) })
}
