// Asks the explaining thread, one question after the other. Log text is never matched on the main thread; a question that
// takes too long costs the thread its life and is answered with nothing.

import { Worker } from 'node:worker_threads'
import type { Question, Stop } from './explain.ts'

/** Loading the packs is part of the first question. */
const PATIENCE_MS = 20_000

export interface Explainer {
  explain(question: Question): Promise<Stop | undefined>
  close(): Promise<void>
}

export function openExplainer(packs: readonly string[], patienceMs = PATIENCE_MS): Explainer {
  let worker: Worker | undefined
  let last: Promise<unknown> = Promise.resolve()
  let closed = false

  const ask = (question: Question): Promise<Stop | undefined> => {
    if (closed) return Promise.resolve(undefined)
    worker ??= new Worker(new URL('./explain-worker.ts', import.meta.url), { workerData: { packs } })
    const asked = worker
    return new Promise((resolve) => {
      const onMessage = (stop: Stop | null) => end(stop ?? undefined)
      const giveUp = () => {
        worker = undefined
        asked.on('error', () => {}) // it is being ended: whatever it still says answers nobody
        asked.terminate()
        end(undefined)
      }
      const end = (stop: Stop | undefined) => {
        clearTimeout(timer)
        asked.off('message', onMessage).off('error', giveUp).off('exit', giveUp)
        resolve(stop)
      }
      const timer = setTimeout(giveUp, patienceMs)
      asked.on('message', onMessage).on('error', giveUp).on('exit', giveUp)
      asked.postMessage(question)
    })
  }

  return {
    explain(question) {
      const answer = last.then(() => ask(question))
      last = answer
      return answer
    },
    async close() {
      closed = true
      await worker?.terminate()
    },
  }
}
