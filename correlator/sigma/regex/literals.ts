// What a text must contain for an expression to match: the guard before it, and the way to find its rule by index.

import { fold } from '../text.ts'
import { type CharSet, pairsOf } from './char-set.ts'
import type { Regex } from './parse.ts'

const maxChoices = 16
const maxLiteral = 40
const maxSetSize = 8

interface Found {
  /** All texts the expression can be, when they are few. */
  readonly exact?: readonly string[]
  /** Any text that matches has at least one of these within. */
  readonly some?: readonly string[]
}

/** Folded literals of which a matching text's folded form contains at least one; undefined when nothing is sure. */
export function requiredLiterals(regex: Regex): readonly string[] | undefined {
  const found = analyse(regex)
  const best = better(usable(found.exact), found.some)
  return best && best.length > 0 ? best : undefined
}

const usable = (exact: readonly string[] | undefined): readonly string[] | undefined =>
  exact && exact.length > 0 && exact.every((text) => text.length > 0) ? exact : undefined

/** The set with the longer shortest literal, then the smaller one. */
function better(a: readonly string[] | undefined, b: readonly string[] | undefined): readonly string[] | undefined {
  if (!a || !b) return a ?? b
  const shortest = (set: readonly string[]) => Math.min(...set.map((text) => text.length))
  const [x, y] = [shortest(a), shortest(b)]
  return x !== y ? (x > y ? a : b) : a.length <= b.length ? a : b
}

function analyse(regex: Regex): Found {
  switch (regex.kind) {
    case 'assert':
      return { exact: [''] }
    case 'set': {
      const chars = foldedChars(regex.set)
      return chars ? { exact: chars } : {}
    }
    case 'choice': {
      const all = regex.of.map(analyse)
      const exact = all.every((one) => one.exact) ? [...new Set(all.flatMap((one) => one.exact ?? []))] : undefined
      if (exact && exact.length <= maxChoices) return { exact }
      const some = all.map((one) => better(usable(one.exact), one.some))
      const joined = some.every((one) => one !== undefined) ? [...new Set(some.flat() as string[])] : undefined
      return joined && joined.length <= 64 ? { some: joined } : {}
    }
    case 'repeat': {
      if (regex.min === 0) return {}
      const inner = analyse(regex.of)
      if (regex.min === 1 && regex.max === 1) return inner
      if (regex.min === regex.max && inner.exact?.length === 1) {
        const text = (inner.exact[0] as string).repeat(Math.min(regex.min, maxLiteral))
        return text.length <= maxLiteral ? { exact: [text] } : { some: [text.slice(0, maxLiteral)] }
      }
      const some = better(usable(inner.exact), inner.some)
      return some ? { some } : {}
    }
    case 'concat': {
      let exact: readonly string[] | undefined = ['']
      let whole = true
      let some: readonly string[] | undefined
      for (const one of regex.of) {
        const inner = analyse(one)
        if (inner.exact && exact) {
          const product: string[] = exact.flatMap((head) => (inner.exact ?? []).map((tail) => head + tail))
          const distinct = [...new Set(product)]
          if (distinct.length <= maxChoices && distinct.every((text) => text.length <= maxLiteral)) {
            exact = distinct
            continue
          }
        }
        // The run of sure texts ends here; a new one begins with this piece, if it is sure itself.
        some = better(some, usable(exact))
        some = better(some, inner.some)
        whole = false
        exact = inner.exact ?? ['']
      }
      if (whole) return { exact }
      some = better(some, usable(exact))
      return some ? { some } : {}
    }
  }
}

function foldedChars(set: CharSet): string[] | undefined {
  const chars = new Set<string>()
  let count = 0
  for (const [from, to] of pairsOf(set)) {
    count += to - from + 1
    if (count > maxSetSize) return undefined
    for (let code = from; code <= to; code++) {
      if (code >= 0xd800 && code <= 0xdfff) return undefined
      chars.add(fold(String.fromCodePoint(code)))
    }
  }
  return chars.size <= 4 ? [...chars] : undefined
}
