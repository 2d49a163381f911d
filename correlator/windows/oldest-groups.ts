// Which groups are the oldest by event time, asked only when room is needed: nothing is moved about meanwhile.

import type { Group } from './group.ts'

/** Looked for at once, so that a flood of new groups does not look through all of them for each. */
const SHARE = 10
const FEW = 1024
/** Beyond every time: groups whose alert may still grow go after all others. */
const TOLD = 2 ** 52

export class OldestGroups {
  readonly #groups: ReadonlyMap<string, Group>
  /** Oldest last: taken from the end. */
  #queue: { readonly group: Group; readonly age: number }[] = []

  constructor(groups: ReadonlyMap<string, Group>) {
    this.#groups = groups
  }

  /** The oldest group; one whose alert grows only when there is no other. It must be dropped before the next call. */
  take(): Group | undefined {
    for (let looked = false; ; looked = true) {
      for (let next = this.#queue.pop(); next; next = this.#queue.pop()) {
        const { group, age } = next
        if (ageOf(group) !== age || this.#groups.get(group.key) !== group) continue
        if (age < TOLD || looked) return group
        break // there may be newer groups that nobody was told of
      }
      if (looked) return undefined
      this.#look()
    }
  }

  /** Tells of a new group: late events make groups that are older than some of those looked for. */
  see(group: Group): void {
    const queue = this.#queue
    const age = ageOf(group)
    if (queue.length === 0 || age > (queue[0]?.age as number)) return // who looks next will find it
    let low = 0
    let high = queue.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((queue[middle]?.age as number) > age) low = middle + 1
      else high = middle
    }
    queue.splice(low, 0, { group, age })
  }

  #look(): void {
    const ages = Float64Array.from(this.#groups.values(), ageOf).sort()
    const latest = ages[Math.min(ages.length - 1, Math.max(FEW, Math.floor(ages.length / SHARE)))] ?? 0
    const queue: { group: Group; age: number }[] = []
    for (const group of this.#groups.values()) {
      const age = ageOf(group)
      if (age <= latest) queue.push({ group, age })
    }
    this.#queue = queue.reverse().sort((a, b) => b.age - a.age) // stable: of one time, the longest known goes first
  }
}

const ageOf = (group: Group): number => group.newest + (group.told ? TOLD : 0)
