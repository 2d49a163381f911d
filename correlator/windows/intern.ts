// Matches of one rule, and those of one group, say much the same. What is the same is kept once.

import type { Reason } from '../../core/detect.ts'

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

type Flat = Readonly<Record<string, unknown>>

/** The same names with the same values, none of them a list. */
export function isSameFlat(known: Flat, other: Flat): boolean {
  if (known === other) return true
  let count = 0
  for (const name in other) {
    if (known[name] !== other[name]) return false
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
