// Which rules matched which of the recent events: for the badges of tails. A book of bounded size; an alert is elsewhere.

import type { RuleMatch } from '../core/detect.ts'

/** Events whose matches are remembered: a tail shows a line within moments of its match. */
const MAX_EVENTS = 20_000
/** Rules named of one event. */
const MAX_RULES = 8

export interface Mark {
  readonly eventId: string
  readonly ruleId: string
}

export class MarkBook {
  readonly #rules = new Map<string, string[]>()
  readonly #listeners = new Set<(marks: readonly Mark[]) => void>()

  /** Of the pump's matches. What an exception keeps from its own rule is no match to show. */
  note(matches: readonly RuleMatch[]): void {
    if (matches.length === 0) return
    const fresh: Mark[] = []
    for (const { eventId, ruleId, excepted } of matches) {
      if (excepted?.some(({ rule }) => rule === ruleId)) continue
      let rules = this.#rules.get(eventId)
      if (!rules) {
        rules = []
        this.#rules.set(eventId, rules)
        if (this.#rules.size > MAX_EVENTS) this.#rules.delete(this.#rules.keys().next().value as string)
      }
      if (rules.length >= MAX_RULES || rules.includes(ruleId)) continue
      rules.push(ruleId)
      fresh.push({ eventId, ruleId })
    }
    if (fresh.length > 0) for (const listener of this.#listeners) listener(fresh)
  }

  of(eventId: string): readonly string[] {
    return this.#rules.get(eventId) ?? []
  }

  /** @returns what ends it */
  listen(listener: (marks: readonly Mark[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
