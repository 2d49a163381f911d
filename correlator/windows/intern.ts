// Matches of one rule say much the same: the same reasons, the same few users and addresses. Each is kept once.

import type { Reason, RuleMatch } from '../../core/detect.ts'

const MAX_KEPT = 4096

/** The reasons of one rule's matches: mostly those of the match before, else looked up by their text. */
export class Reasons {
  readonly #byText = new Map<string, readonly [readonly Reason[]]>()
  #last: readonly [readonly Reason[]] = [[]]

  /** @returns `[why]` as a stored match has it; the same list for equal reasons */
  listOf(why: readonly Reason[]): readonly [readonly Reason[]] {
    if (isSameWhy(this.#last[0], why)) return this.#last
    const text = JSON.stringify(why)
    let list = this.#byText.get(text)
    if (!list) {
      // forgets everything when full: what was handed out stays good, it is only shared less
      if (this.#byText.size >= MAX_KEPT) this.#byText.clear()
      list = [why]
      this.#byText.set(text, list)
    }
    this.#last = list
    return list
  }
}

function isSameWhy(known: readonly Reason[], why: readonly Reason[]): boolean {
  if (known.length !== why.length) return false
  for (let i = 0; i < why.length; i++) {
    const a = known[i] as Reason
    const b = why[i] as Reason
    if (a.value !== b.value || a.field !== b.field || a.selection !== b.selection) return false
  }
  return true
}

type Entities = RuleMatch['entities']
const SLOTS = 8192

/** Entities by a hash of lengths and last characters, one a slot: a hit saves memory, a miss costs little. */
export class EntitySlots {
  readonly #slots: (Entities | undefined)[] = new Array(SLOTS).fill(undefined)

  /** @returns equal entities of before, if they are still known */
  intern(entities: Entities): Entities {
    let hash = 0
    for (const name in entities) {
      const value = entities[name] as string
      const { length } = value
      hash = Math.imul(hash ^ length, 0x9e3779b1)
      if (length > 2)
        hash ^=
          value.charCodeAt(length - 1) + (value.charCodeAt(length - 2) << 7) + (value.charCodeAt(length >> 1) << 14)
    }
    hash = Math.imul(hash, 0x85ebca6b)
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1)
    const known = this.#slots[slot]
    if (known && isSameEntities(known, entities)) return known
    this.#slots[slot] = entities
    return entities
  }
}

function isSameEntities(known: Entities, entities: Entities): boolean {
  let count = 0
  for (const name in entities) {
    if (known[name] !== entities[name]) return false
    count++
  }
  for (const _name in known) count--
  return count === 0
}

const numbers: (readonly [number])[] = []

/** `[index]`, the same array for the same number. */
export function indexList(index: number): readonly [number] {
  return (numbers[index] ??= [index])
}
