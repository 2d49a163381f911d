// Packs and rules are taken anew without a stop: on a signal, on request, and when their folders change. A set with a
// mistake in it is refused whole, the running one goes on, and everybody is told.

import { join } from 'node:path'
import type { ReloadState } from '../core/api.ts'
import type { Counters } from '../core/counters.ts'
import { describe } from '../core/errors.ts'
import { copySet, fingerprintOf, type LoadedSet, type SetPaths } from './loaded-set.ts'

/** A change is taken when two looks in a row find the same: nobody wants the first half of a copy. */
const LOOK_EVERY_MS = 2_000

export interface ReloaderOptions {
  readonly user: SetPaths
  /** Where copies are kept; the first one is in it. */
  readonly dir: string
  /** What runs now. */
  readonly running: LoadedSet
  /** Has everybody work with the set. @throws the reason why it cannot be, with nothing changed; several in lines */
  readonly apply: (set: LoadedSet) => Promise<{ readonly rules: number; readonly correlations: number }>
  readonly counters: Counters
  readonly now: () => number
  readonly say: (line: string) => void
  readonly lookEveryMs?: number
}

export interface Reloader {
  /** Takes what the folders hold now; a call while one runs begins another one after it. */
  reload(): Promise<ReloadState>
  /** The last one, undefined before the first. */
  state(): ReloadState | undefined
  close(): Promise<void>
}

export function openReloader(options: ReloaderOptions): Reloader {
  const { user, dir, apply, counters, now, say } = options
  let running = options.running
  /** Of the last set that was tried, taken or not: what was refused is not tried again until it changes. */
  let tried = running.fingerprint
  let looked = tried
  let copies = 1
  let last: ReloadState | undefined
  let turn: Promise<unknown> = Promise.resolve()
  let next: Promise<ReloadState> | undefined
  let closed = false
  counters.gauge('reload_refused', () => (last?.outcome === 'refused' ? 1 : 0))

  async function run(): Promise<ReloadState> {
    next = undefined
    const set = await copySet(user, join(dir, String(++copies)))
    tried = set.fingerprint
    looked = tried
    try {
      const { rules, correlations } = await apply(set)
      const before = running
      running = set
      last = { at: now(), outcome: 'applied', problems: [], rules, correlations }
      say(`reloaded: ${rules} rules, ${correlations} correlations`)
      await before.remove()
    } catch (error) {
      const problems = set.original(describe(error)).split('\n')
      last = { at: now(), outcome: 'refused', problems }
      for (const problem of problems) say(`reload refused, the running packs and rules go on: ${problem}`)
      await set.remove()
    }
    counters.add('reload_total', 1, { outcome: last.outcome })
    return last
  }

  function reload(): Promise<ReloadState> {
    if (!next) {
      next = turn.then(run)
      turn = next.catch(() => {}) // whoever asked is told
    }
    return next
  }

  let looking = false
  const timer = setInterval(async () => {
    if (looking || closed) return
    looking = true
    try {
      const found = await fingerprintOf(user)
      if (found !== tried && found === looked && !closed) await reload()
      looked = found
    } catch (error) {
      say(`packs and rules cannot be looked at: ${describe(error)}`)
    }
    looking = false
  }, options.lookEveryMs ?? LOOK_EVERY_MS)
  timer.unref()

  return {
    reload,
    state: () => last,
    async close() {
      closed = true
      clearInterval(timer)
      await turn
      await running.remove()
    },
  }
}
