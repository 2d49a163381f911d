// Which fields the events of each rule's logsource had: what coverage asks. Bounded by the rules, not by the events.

import type { EcsEvent, EcsValue } from '../../core/event.ts'
import type { FieldsSeen } from './coverage.ts'
import { type Facts, factsKey, factsOf, matchLogsource } from './logsource.ts'
import type { LoadedRules, Logsource } from './types.ts'

const maxFields = 20_000
const maxKinds = 4096
const maxDepth = 20

interface Seen {
  readonly logsource: Logsource
  readonly check: (facts: Facts) => boolean
  readonly fields: Set<string>
  events: number
}

export class SeenFields {
  readonly #seen: Seen[] = []
  /** By kind of event, so that checks are asked once a kind. */
  readonly #byFacts = new Map<string, readonly Seen[]>()

  constructor({ rules }: Pick<LoadedRules, 'rules'>) {
    const keys = new Set<string>()
    for (const { logsource } of rules) {
      const key = JSON.stringify(logsource)
      if (keys.has(key)) continue
      keys.add(key)
      this.#seen.push({ logsource, check: matchLogsource(logsource).check, fields: new Set(), events: 0 })
    }
  }

  /** @param more names of fields that other events of the same kind are known to have */
  add(event: EcsEvent, more: readonly string[] = []): void {
    const facts = factsOf(event)
    const key = factsKey(facts)
    let of = this.#byFacts.get(key)
    if (!of) {
      if (this.#byFacts.size >= maxKinds) this.#byFacts.clear()
      of = this.#seen.filter(({ check }) => check(facts))
      this.#byFacts.set(key, of)
    }
    if (of.length === 0) return
    const names = new Set(more)
    collect(event, '', names, 0)
    for (const one of of) {
      one.events++
      for (const name of names) if (one.fields.size < maxFields) one.fields.add(name)
    }
  }

  seen(): FieldsSeen[] {
    return this.#seen
      .filter(({ events }) => events > 0)
      .map(({ logsource, events, fields }) => ({ logsource, events, fields }))
  }
}

function collect(value: EcsValue, path: string, out: Set<string>, depth: number): void {
  if (value === null || value === undefined || depth > maxDepth) return
  if (Array.isArray(value)) {
    for (const one of value) collect(one, path, out, depth + 1)
    return
  }
  if (typeof value !== 'object') {
    out.add(path)
    return
  }
  for (const key of Object.keys(value)) collect(value[key], path === '' ? key : `${path}.${key}`, out, depth + 1)
}
