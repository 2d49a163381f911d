// A tail asks for what lies behind the place it has reached: it keeps no queue, so a slow reader costs no memory.

import type { Hit, TailBatch } from '../../core/store.ts'
import { formatResume } from '../segments/tail.ts'
import type { Matcher } from './evaluate.ts'
import { type TailHit, toHit } from './event-document.ts'

export interface Stretch {
  readonly partition: number
  readonly from: number
  readonly to: number
}

export interface TailOptions {
  readonly matches: Matcher
  readonly from: ReadonlyMap<number, number>
  /** A partition that `from` does not name is read from its beginning; else from where it is when the tail begins. */
  readonly resumed: boolean
  readonly maxPerSecond?: number
  readonly signal: AbortSignal
  /** Per partition the offset before which everything can be read. */
  readonly appended: () => Promise<ReadonlyMap<number, number>>
  /** Resolves when there may be more. */
  readonly woken: () => Promise<void>
  /** Events of these stretches by partition and offset, so many at most. */
  readonly read: (stretches: readonly Stretch[], size: number) => Promise<readonly TailHit[]>
}

const PAGE = 500
/** Other processes append too: they do not wake us. */
const LOOK_AGAIN_MS = 1000

export async function* readTail(options: TailOptions): AsyncGenerator<TailBatch> {
  const { matches, signal, appended, woken, read } = options
  const at = new Map(options.from)
  const perSecond = options.maxPerSecond ?? Number.POSITIVE_INFINITY
  let allowance = perSecond
  let refilledAt = performance.now()
  let begun = options.resumed
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  while (!signal.aborted) {
    const wake = woken()
    const ends = await appended()
    if (!begun) for (const [partition, next] of ends) if (!at.has(partition)) at.set(partition, next)
    begun = true
    const stretches = [...ends]
      .map(([partition, to]) => ({ partition, from: at.get(partition) ?? 0, to }))
      .filter(({ from, to }) => from < to)
    if (stretches.length === 0) {
      const later = Promise.withResolvers<void>()
      const timer = setTimeout(later.resolve, LOOK_AGAIN_MS)
      await Promise.race([wake, aborted, later.promise])
      clearTimeout(timer)
      continue
    }
    let page: readonly TailHit[]
    try {
      page = await read(stretches, PAGE)
    } catch (error) {
      if (signal.aborted) return
      throw error
    }
    if (signal.aborted) return
    const now = performance.now()
    if (Number.isFinite(perSecond)) allowance = Math.min(perSecond, allowance + ((now - refilledAt) / 1000) * perSecond)
    refilledAt = now
    const hits: Hit[] = []
    let skipped = 0
    for (const raw of page) {
      const [partition, offset] = raw.sort as unknown as [number, number]
      const timestamp = raw.fields['h.t'][0]
      at.set(partition, offset + 1)
      if (!matches(raw._source.e, timestamp)) continue
      if (allowance < 1) skipped++
      else {
        allowance--
        hits.push(toHit({ ...raw, sort: [timestamp, partition, offset] }))
      }
    }
    // A short page holds all there is: what follows begins where it ended.
    if (page.length < PAGE) for (const { partition, to } of stretches) at.set(partition, to)
    if (hits.length > 0 || skipped > 0) yield { hits, skipped, resume: formatResume(at) }
  }
}
