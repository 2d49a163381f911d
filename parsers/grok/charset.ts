// Sets of UTF-16 code units as sorted, disjoint, inclusive ranges [lo, hi, lo, hi, ...]: what classes become.

export type CharSet = readonly number[]

const MAX = 0xffff

export const emptySet: CharSet = []
export const anySet: CharSet = [0, MAX]
export const digitSet: CharSet = [0x30, 0x39]
export const wordSet: CharSet = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a]
export const hexSet: CharSet = [0x30, 0x39, 0x41, 0x46, 0x61, 0x66]
export const spaceSet: CharSet = [0x09, 0x0d, 0x20, 0x20]
export const newlineSet: CharSet = [0x0a, 0x0a]

export function single(unit: number): CharSet {
  return [unit, unit]
}

/** Sorts and joins ranges given in any order. */
export function normalize(ranges: readonly number[]): CharSet {
  const pairs: [number, number][] = []
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i]!, ranges[i + 1]!])
  pairs.sort((a, b) => a[0] - b[0])
  const out: number[] = []
  for (const [lo, hi] of pairs) {
    const last = out.length - 1
    if (last > 0 && lo <= out[last]! + 1) out[last] = Math.max(out[last]!, hi)
    else out.push(lo, hi)
  }
  return out
}

export function union(...sets: readonly CharSet[]): CharSet {
  return normalize(sets.flat())
}

export function negate(set: CharSet): CharSet {
  const out: number[] = []
  let next = 0
  for (let i = 0; i < set.length; i += 2) {
    if (set[i]! > next) out.push(next, set[i]! - 1)
    next = set[i + 1]! + 1
  }
  if (next <= MAX) out.push(next, MAX)
  return out
}

export function intersect(a: CharSet, b: CharSet): CharSet {
  const out: number[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const lo = Math.max(a[i]!, b[j]!)
    const hi = Math.min(a[i + 1]!, b[j + 1]!)
    if (lo <= hi) out.push(lo, hi)
    if (a[i + 1]! < b[j + 1]!) i += 2
    else j += 2
  }
  return out
}

export function overlaps(a: CharSet, b: CharSet): boolean {
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    if (a[i]! <= b[j + 1]! && b[j]! <= a[i + 1]!) return true
    if (a[i + 1]! < b[j + 1]!) i += 2
    else j += 2
  }
  return false
}

export function contains(set: CharSet, unit: number): boolean {
  for (let i = 0; i < set.length; i += 2) if (unit >= set[i]! && unit <= set[i + 1]!) return true
  return false
}

export function isSubset(inner: CharSet, outer: CharSet): boolean {
  return intersect(inner, outer).join() === inner.join()
}

export function sameSet(a: CharSet, b: CharSet): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

/** The only member, or -1. */
export function onlyMember(set: CharSet): number {
  return set.length === 2 && set[0] === set[1] ? set[0]! : -1
}

/** Adds the other case of every member that has one of a single code unit. */
export function foldCase(set: CharSet): CharSet {
  if (set.length === 2 && set[0] === 0 && set[1] === MAX) return set
  const out: number[] = [...set]
  for (let i = 0; i < set.length; i += 2) {
    for (let unit = set[i]!; unit <= set[i + 1]!; unit++) {
      const char = String.fromCharCode(unit)
      for (const other of [char.toLowerCase(), char.toUpperCase()])
        if (other.length === 1 && other !== char) out.push(other.charCodeAt(0), other.charCodeAt(0))
    }
  }
  return normalize(out)
}

const byProperty = new Map<string, CharSet>()

/** Members of a Unicode property within the basic plane. @throws SyntaxError for a property JavaScript does not know */
export function propertySet(property: string): CharSet {
  const known = byProperty.get(property)
  if (known) return known
  const test = new RegExp(`^\\p{${property}}$`, 'u')
  const out: number[] = []
  let start = -1
  for (let unit = 0; unit <= MAX + 1; unit++) {
    const is = unit <= MAX && test.test(String.fromCharCode(unit))
    if (is && start < 0) start = unit
    else if (!is && start >= 0) {
      out.push(start, unit - 1)
      start = -1
    }
  }
  byProperty.set(property, out)
  return out
}

function escapeUnit(unit: number, inClass: boolean): string {
  if (unit < 0x20 || unit > 0x7e) return `\\u${unit.toString(16).padStart(4, '0')}`
  const char = String.fromCharCode(unit)
  return (inClass ? '\\]^-[' : '\\^$.*+?()[]{}|/').includes(char) ? `\\${char}` : char
}

const shorthand: readonly (readonly [CharSet, string])[] = [
  [anySet, '[^]'],
  [digitSet, '\\d'],
  [negate(digitSet), '\\D'],
  [wordSet, '\\w'],
  [negate(wordSet), '\\W'],
]

/** The set as JavaScript regular expression text (no flags needed). */
export function setSource(set: CharSet): string {
  if (set.length === 0) return '[]'
  const only = onlyMember(set)
  if (only >= 0) return escapeUnit(only, false)
  for (const [known, text] of shorthand) if (sameSet(set, known)) return text
  const inverse = negate(set)
  const negated = inverse.length < set.length || (inverse.length === set.length && set[set.length - 1] === MAX)
  let text = negated ? '[^' : '['
  const ranges = negated ? inverse : set
  for (let i = 0; i < ranges.length; i += 2) {
    const lo = ranges[i]!
    const hi = ranges[i + 1]!
    text += escapeUnit(lo, true)
    if (hi > lo) text += (hi > lo + 1 ? '-' : '') + escapeUnit(hi, true)
  }
  return `${text}]`
}
