// Which groups were touched least recently, asked only when room is needed: a group says the turn in which it was touched
// last, and nothing is moved about meanwhile.

import type { Group } from './group.ts'

/** Looked for at once, so that a flood of new groups does not look through all of them for each. */
const SHARE = 10
const FEW = 1024

export class OldestGroups {
  readonly #groups: ReadonlyMap<string, Group>
  /** Newest first: taken from the end. */
  #queue: { readonly group: Group; readonly turn: number }[] = []

  constructor(groups: ReadonlyMap<string, Group>) {
    this.#groups = groups
  }

  /** The least recently touched group that was not taken before; undefined when there is none but those in `not`. */
  take(not: ReadonlySet<Group>): Group | undefined {
    for (let looked = false; ; looked = true) {
      for (let next = this.#queue.pop(); next; next = this.#queue.pop()) {
        const { group, turn } = next
        if (group.turn === turn && this.#groups.get(group.key) === group && !not.has(group)) return group
      }
      if (looked) return undefined
      this.#look(not)
    }
  }

  #look(not: ReadonlySet<Group>): void {
    const turns = Float64Array.from(this.#groups.values(), ({ turn }) => turn).sort()
    const latest = turns[Math.min(turns.length - 1, not.size + Math.max(FEW, Math.floor(turns.length / SHARE)))] ?? 0
    const queue: { group: Group; turn: number }[] = []
    for (const group of this.#groups.values())
      if (group.turn <= latest && !not.has(group)) queue.push({ group, turn: group.turn })
    this.#queue = queue.reverse().sort((a, b) => b.turn - a.turn) // stable: of one turn, the longest known goes first
  }
}
