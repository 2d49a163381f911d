// How often something of a pack was tried and how often it could read the line. Plain numbers, so that counting costs no
// more than an addition; the time is taken of every 256th try only.

export interface Tally {
  tried: number
  hits: number
  /** Tries that were timed, and what they took in ms. */
  timed: number
  ms: number
  /** Tries of all time: says which are timed. */
  turn: number
}

/** A grok step of a pack: what it is made of, to explain where it stops, and how it does. */
export interface GrokStep extends Tally {
  /** `file:line`. */
  readonly place: string
  readonly patterns: readonly string[]
  readonly definitions: ReadonlyMap<string, string>
  readonly anchored: 'start' | 'both' | 'none'
  /** It reads the body, not another field. */
  readonly ofBody: boolean
}

export const newTally = (): Tally => ({ tried: 0, hits: 0, timed: 0, ms: 0, turn: 0 })

const TIMED = 256

/** Before a try. @returns what endTry wants */
export function beginTry(counts: Tally): number {
  counts.tried++
  return ++counts.turn % TIMED === 0 ? performance.now() : -1
}

export function endTry(counts: Tally, begun: number, hit: boolean): void {
  if (hit) counts.hits++
  if (begun < 0) return
  counts.ms += performance.now() - begun
  counts.timed++
}

/** What was counted, which then begins anew. */
export function drainTally(counts: Tally): Tally {
  const { tried, hits, timed, ms, turn } = counts
  counts.tried = counts.hits = counts.timed = counts.ms = 0
  return { tried, hits, timed, ms, turn }
}
