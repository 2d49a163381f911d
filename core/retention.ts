// What is too old or too much leaves the store, what is under legal hold stays; every deletion is said and counted.

import type { Counters } from './counters.ts'
import type { Filter } from './query.ts'
import type { EventStore } from './store.ts'

export interface LegalHold {
  /** For people: why. */
  readonly reason: string
  /** Events it wants stay. */
  readonly filter: Filter
  /** From then on it holds nothing. Without: as long as it is configured. */
  readonly untilMs?: number
}

export interface RetentionOptions {
  readonly store: Pick<EventStore, 'retire' | 'stats'>
  readonly keepForMs: number
  readonly keepBytes?: number
  readonly holds: readonly LegalHold[]
  readonly counters: Counters
  readonly now: () => number
  readonly say: (line: string) => void
}

/** Age is looked at every so many checks, size at each. */
const AGE_EVERY_CHECKS = 12

export interface Retention {
  /** One at a time: a call during another joins it. @throws what the store threw; nothing is undone by that */
  check(): Promise<void>
}

export function openRetention(options: RetentionOptions): Retention {
  const { store, keepForMs, keepBytes, holds, counters, now, say } = options
  const ended = new Set<LegalHold>()
  /** Checks until age is looked at; stays due when that fails. */
  let untilAge = 0
  /** Over the size, and the last try did not help: what is left is held or being written. */
  let stuck = false
  let overBytes = 0
  let heldEvents = 0
  let running: Promise<void> | undefined

  /** Those in force; says once of each that it ended. */
  function inForce(): LegalHold[] {
    for (const hold of holds) {
      if (hold.untilMs === undefined || now() < hold.untilMs || ended.has(hold)) continue
      ended.add(hold)
      say(
        `legal hold ended ${dayOf(hold.untilMs)}, what it held is deleted when its age or the size wants it: ${hold.reason}`,
      )
    }
    return holds.filter((hold) => !ended.has(hold))
  }

  async function measureOver(): Promise<void> {
    overBytes = keepBytes === undefined ? 0 : Math.max(0, (await store.stats()).bytes - keepBytes)
  }

  async function check(): Promise<void> {
    const due = untilAge-- <= 0
    await measureOver()
    if (overBytes === 0) stuck = false
    if (!due && (overBytes === 0 || stuck)) return
    const hold = inForce().map(({ filter }) => filter)
    const { segments, events, held = 0 } = await store.retire(now() - keepForMs, { maxBytes: keepBytes, hold })
    if (due) untilAge = AGE_EVERY_CHECKS - 1
    heldEvents = held
    if (events > 0 || segments > 0) {
      const why = keepBytes === undefined ? 'too old' : 'too old, or beyond store.keepBytes'
      say(`${events} events deleted, ${why}${held > 0 ? `; ${held} stay under legal hold` : ''}`)
    }
    const wasStuck = stuck
    await measureOver()
    stuck = overBytes > 0
    if (stuck && !wasStuck) {
      say(
        `the store is ${overBytes} bytes over store.keepBytes and nothing more may be deleted${held > 0 ? `: ${held} events are under legal hold` : ' yet'}`,
      )
    }
  }

  for (const { reason, untilMs } of inForce()) {
    say(`legal hold ${untilMs === undefined ? 'without end' : `until ${dayOf(untilMs)}`}: ${reason}`)
  }
  counters.gauge('store_legal_holds', () => inForce().length)
  counters.gauge('store_held_events', () => heldEvents)
  counters.gauge('store_over_limit_bytes', () => overBytes)
  return {
    check() {
      running ??= check().finally(() => {
        running = undefined
      })
      return running
    },
  }
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 16)
