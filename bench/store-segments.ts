// Ours, on its own thread in this process; CPU is that of the process without the thread that makes events.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Counters } from '../core/counters.ts'
import { EventBatchWriter } from '../core/event-batch.ts'
import { openSegmentStore } from '../store/segments/segment-store.ts'
import type { Contender } from './store-contender.ts'

export async function openSegments(dir: string): Promise<Contender> {
  const options = { dir, counters: new Counters() }
  let store = await openSegmentStore(options)
  const writer = new EventBatchWriter()
  let peakRssBytes = 0
  const watch = setInterval(() => {
    peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss())
  }, 100)
  watch.unref()
  const whole = process.cpuUsage()
  const making = process.threadCpuUsage()
  return {
    name: 'haetae segments',
    about: `Node ${process.version}; RSS is that of the whole benchmark`,
    writers: 1,
    async ingest(events) {
      for (const [i, { number, timestampMs, event }] of events.entries()) {
        if (i % 100 === 0) await setImmediate()
        writer.write(event, timestampMs, 0, number)
      }
      const last = events.at(-1)
      if (last) await store.append(writer.finish(), 0, last.number + 1)
    },
    flush: () => store.flush(),
    async usage() {
      const all = process.cpuUsage(whole)
      const made = process.threadCpuUsage(making)
      return {
        cpuMs: (all.user + all.system - made.user - made.system) / 1000,
        diskBytes: readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0),
        peakRssBytes,
      }
    },
    ask: (question) => question.ours(store),
    async reopen() {
      await store.close()
      const began = performance.now()
      store = await openSegmentStore(options)
      return performance.now() - began
    },
    async close() {
      clearInterval(watch)
      await store.close()
    },
  }
}
