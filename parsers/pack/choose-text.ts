// Which packs may know a text, told without running their patterns.
//
//   first character -> packs that know texts which begin so (found out once a character)
//     -> those whose characters the text has, by a mask of the 128 -> those whose words it has

import { charsOf, either, MAX_MARKED, mayBegin, needOfTexts, type TextNeed } from './needs.ts'
import type { Pack } from './pack.ts'

interface Entry {
  readonly pack: Pack
  readonly starts: readonly string[]
  readonly contains: readonly string[]
  /** Masks of which the text must have one: four numbers each. */
  readonly masks: readonly number[]
}

const NONE: readonly Pack[] = []
/** Characters past ASCII share the last list. */
const OTHER = 128
const ALL = [-1, -1, -1, -1]
const ANY: readonly TextNeed[] = [{ first: undefined, chars: [0, 0, 0, 0] }]

export class TextIndex {
  readonly #packs: readonly Pack[]
  readonly #byFirst: (readonly Entry[] | undefined)[] = new Array(OTHER + 1).fill(undefined)
  readonly #found: Pack[] = []

  /** @param packs in the order in which they are asked */
  constructor(packs: readonly Pack[]) {
    this.#packs = packs
  }

  /** Packs that may know the text, in order. The list is the caller's until the next call. */
  find(text: string): readonly Pack[] {
    if (this.#packs.length === 0) return NONE
    const unit = text.charCodeAt(0) // NaN, so among the others, for an empty text
    const first = unit < OTHER ? unit : OTHER
    const entries = (this.#byFirst[first] ??= this.#beginning(first))
    if (entries.length === 0) return NONE
    const mask = text.length <= MAX_MARKED ? charsOf(text) : ALL
    const a = ~(mask[0] as number)
    const b = ~(mask[1] as number)
    const c = ~(mask[2] as number)
    const d = ~(mask[3] as number)
    const found = this.#found
    found.length = 0
    for (let i = 0; i < entries.length; i++) {
      const { pack, starts, contains, masks } = entries[i] as Entry
      let fits = false
      for (let k = 0; k < masks.length && !fits; k += 4)
        fits =
          ((masks[k] as number) & a) === 0 &&
          ((masks[k + 1] as number) & b) === 0 &&
          ((masks[k + 2] as number) & c) === 0 &&
          ((masks[k + 3] as number) & d) === 0
      if (fits && beginsWithOne(text, starts) && hasAll(text, contains)) found.push(pack)
    }
    return found
  }

  /** Packs that may know a text that begins with this character. */
  #beginning(first: number): Entry[] {
    const entries: Entry[] = []
    for (const pack of this.#packs) {
      const { contains, starts } = pack.detect
      const own = starts.filter((text) => text === '' || Math.min(text.charCodeAt(0), OTHER) === first)
      const needs = (pack.needs ?? ANY).filter((need) => first === OTHER || mayBegin(need, first))
      if ((starts.length > 0 && own.length === 0) || needs.length === 0) continue
      const texts = needOfTexts(contains)
      const masks = needs.flatMap((need) => either(need.chars, texts))
      entries.push({ pack, starts: own, contains, masks })
    }
    return entries
  }
}

function beginsWithOne(text: string, starts: readonly string[]): boolean {
  if (starts.length === 0) return true
  for (let i = 0; i < starts.length; i++) if (text.startsWith(starts[i] as string)) return true
  return false
}

function hasAll(text: string, contains: readonly string[]): boolean {
  for (let i = 0; i < contains.length; i++) if (!text.includes(contains[i] as string)) return false
  return true
}
