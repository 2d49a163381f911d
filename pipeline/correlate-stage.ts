// The correlate stage of one node: matches of the pump's deliveries in, alerts in the book. Gathers the matches of a
// moment, because telling a growing alert anew for every delivery costs far more than what anybody can read.

import type { AlertChange, RuleMatch } from '../core/detect.ts'
import type { WindowCorrelator } from '../correlator/correlator.ts'
import type { AlertBook } from '../store/documents/alert-book.ts'

/** An alert is told at the latest this long after its last event was processed. */
const GATHER_MS = 200
const GATHER_MATCHES = 10_000

/**
 * When event time has not moved for this long, and all that was received until then is correlated, what waits for time to pass
 * is judged by the clock: nobody may be there to say that somebody fell silent.
 */
const IDLE_MS = 30_000

/** What of a correlator a running node needs. */
export type StageCorrelator = Pick<
  WindowCorrelator,
  'push' | 'snapshot' | 'reconcile' | 'unsettledSince' | 'anticipate'
>

export interface ExceptedMatches {
  readonly matches: number
  readonly lastEventId: string
  /** Event time, ms. */
  readonly lastAt: number
}

export interface CorrelateStage {
  /** In bus order. Resolves to the number of alert changes written meanwhile. */
  correlate(matches: readonly RuleMatch[], watermark: number, partition: number, next: number): Promise<number>
  /** Matches out of order, of repaired events. Resolves to the number of alert changes when they are in the book. */
  late(matches: readonly RuleMatch[]): Promise<number>
  /** State and how far it has come, which belong together; what is gathered comes after it. */
  progress(): { readonly upTo: ReadonlyMap<number, number>; readonly state: unknown }
  /** Per partition: the alerts of everything before are in the book. */
  readonly upTo: ReadonlyMap<number, number>
  readonly matchesPerRule: ReadonlyMap<string, number>
  /** Exception -> what it kept from alerting since the start. */
  readonly excepted: ReadonlyMap<string, ExceptedMatches>
  /**
   * Goes on with another correlator, made of the state of this one, before the first delivery for which `reached` holds:
   * what comes before was judged by the rules of before.
   */
  replace(reached: (partition: number, next: number) => boolean, make: (state: unknown) => StageCorrelator): void
  /** Runs `task` while no matches are being pushed or written. */
  between<T>(task: () => Promise<T>): Promise<T>
  /** Pushes what is gathered. */
  flush(): Promise<number>
  close(): void
}

export function openCorrelateStage(options: {
  readonly correlator: StageCorrelator
  readonly alerts: Pick<AlertBook, 'save' | 'since'>
  readonly upTo: ReadonlyMap<number, number>
  /**
   * How far an earlier run has told alerts (`AlertBook.toldUpTo`): it may have been killed ahead of its last checkpoint.
   * Once we have come as far, the book is compared with what is true, and set right.
   */
  readonly toldUpTo?: ReadonlyMap<number, number>
  readonly now: () => number
  /** Per partition, the end of what is on the bus; without, nothing is judged by the clock. */
  readonly ends?: () => ReadonlyMap<number, { readonly next: number }>
  readonly idleMs?: number
  /** Told once per trouble; it is tried again. */
  readonly onError: (error: unknown) => void
}): CorrelateStage {
  const { alerts, now, onError } = options
  let { correlator } = options
  /** In the order they were asked for. */
  const replacements: {
    reached: (partition: number, next: number) => boolean
    make: (state: unknown) => StageCorrelator
  }[] = []
  const upTo = new Map(options.upTo)
  const matchesPerRule = new Map<string, number>()
  let gathered: RuleMatch[] = []
  let gatheredTo = new Map<number, number>()
  let gatheredWatermark = Number.NEGATIVE_INFINITY
  let lastPush = performance.now()
  let queue: Promise<unknown> = Promise.resolve()
  /** How things stood when event time last moved or was looked at. */
  let quiet: { since: number; watermark: number; ends: ReadonlyMap<number, { readonly next: number }> } | undefined
  let closed = false
  let mended = false

  function inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = queue.then(run)
    queue = turn.catch(() => {}) // whoever asked for the turn is told
    return turn
  }

  /** A full disk holds correlation, and through the pump everything before it; it loses no alert. */
  async function save(changes: readonly AlertChange[], reached?: ReadonlyMap<number, number>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await alerts.save(changes, now(), reached)
      } catch (error) {
        if (closed) throw error
        if (attempt === 0) onError(error)
        await new Promise((resolve) => setTimeout(resolve, Math.min(2000, 100 * 2 ** attempt)))
      }
    }
  }

  async function push(): Promise<number> {
    if (gatheredTo.size === 0) return 0
    const matches = gathered
    const reached = gatheredTo
    gathered = []
    gatheredTo = new Map()
    lastPush = performance.now()
    const changes = correlator.push(matches, gatheredWatermark)
    if (changes.length > 0) await save(changes, reached)
    for (const [partition, next] of reached) upTo.set(partition, next)
    return changes.length + (await mend())
  }

  /** In the turn of the push that came far enough: nothing is pushed, and no checkpoint taken, meanwhile. */
  async function mend(): Promise<number> {
    if (mended) return 0
    for (const [partition, next] of options.toldUpTo ?? []) if ((upTo.get(partition) ?? 0) < next) return 0
    let count = 0
    const keep = async (changes: readonly AlertChange[]) => {
      count += changes.length
      if (changes.length > 0) await save(changes)
    }
    for await (const page of alerts.since(correlator.unsettledSince)) await keep(correlator.reconcile(page, true))
    await keep(correlator.reconcile([]))
    mended = true
    return count
  }

  /** Looked at every `idleMs`. */
  async function lookForQuiet(): Promise<void> {
    const before = quiet
    quiet = { since: now(), watermark: gatheredWatermark, ends: new Map(options.ends?.()) }
    if (before === undefined || before.watermark !== gatheredWatermark || gatheredTo.size > 0) return
    for (const [partition, { next }] of before.ends) if ((upTo.get(partition) ?? 0) < next) return
    await mend()
    if (!mended) return
    const changes = correlator.anticipate(before.since)
    if (changes.length > 0) await save(changes)
  }

  async function replaceBy(make: (state: unknown) => StageCorrelator): Promise<void> {
    await push()
    correlator = make(correlator.snapshot())
    if (mended) correlator.reconcile([]) // the book is right already
  }

  async function pushLate(matches: readonly RuleMatch[]): Promise<number> {
    const changes = correlator.push(matches, Number.NEGATIVE_INFINITY) // event time stays where it is
    if (changes.length > 0) await save(changes)
    return changes.length
  }

  const excepted = new Map<string, ExceptedMatches>()
  function count({ ruleId, excepted: by, eventId, timestamp }: RuleMatch): void {
    matchesPerRule.set(ruleId, (matchesPerRule.get(ruleId) ?? 0) + 1)
    for (const { exception } of by ?? []) {
      const before = excepted.get(exception)
      const later = before === undefined || timestamp >= before.lastAt
      excepted.set(exception, {
        matches: (before?.matches ?? 0) + 1,
        lastEventId: later ? eventId : before.lastEventId,
        lastAt: later ? timestamp : before.lastAt,
      })
    }
  }

  // A quiet moment must not leave the last matches waiting.
  const timer = setInterval(() => {
    if (gatheredTo.size > 0) inTurn(push).catch(onError)
  }, GATHER_MS)

  const idle = options.ends && setInterval(() => inTurn(lookForQuiet).catch(onError), options.idleMs ?? IDLE_MS)

  return {
    upTo,
    matchesPerRule,
    excepted,
    async correlate(matches, watermark, partition, next) {
      const due = replacements.findLastIndex(({ reached }) => reached(partition, next))
      const [replacement] = replacements.splice(0, due + 1).slice(-1)
      if (replacement) await inTurn(() => replaceBy(replacement.make))
      for (const match of matches) {
        gathered.push(match)
        count(match)
      }
      gatheredTo.set(partition, next)
      if (watermark > gatheredWatermark) gatheredWatermark = watermark
      const isTime = gathered.length >= GATHER_MATCHES || performance.now() - lastPush >= GATHER_MS
      return isTime ? inTurn(push) : 0
    },
    late(matches) {
      matches.forEach(count)
      return inTurn(() => pushLate(matches))
    },
    progress: () => ({ upTo: new Map(upTo), state: correlator.snapshot() }),
    replace(reached, make) {
      replacements.push({ reached, make })
    },
    between: inTurn,
    flush: () => inTurn(push),
    close() {
      closed = true
      clearInterval(timer)
      clearInterval(idle)
    },
  }
}
