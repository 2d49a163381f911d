// Sets of code points as sorted ranges, flat: [from, to, from, to, ...], both ends included.

export type CharSet = readonly number[]

export const maxCodePoint = 0x10ffff

export function unionOf(ranges: readonly (readonly [number, number])[]): number[] {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0])
  const out: number[] = []
  for (const [from, to] of sorted) {
    const end = out.length - 1
    if (end > 0 && from <= (out[end] as number) + 1) out[end] = Math.max(out[end] as number, to)
    else out.push(from, to)
  }
  return out
}

export function pairsOf(set: CharSet): [number, number][] {
  const out: [number, number][] = []
  for (let i = 0; i < set.length; i += 2) out.push([set[i] as number, set[i + 1] as number])
  return out
}

export function negate(set: CharSet): number[] {
  const out: number[] = []
  let from = 0
  for (const [a, b] of pairsOf(set)) {
    if (a > from) out.push(from, a - 1)
    from = b + 1
  }
  if (from <= maxCodePoint) out.push(from, maxCodePoint)
  return out
}

export function includes(set: CharSet, code: number): boolean {
  let low = 0
  let high = set.length / 2 - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    if (code < (set[middle * 2] as number)) high = middle - 1
    else if (code > (set[middle * 2 + 1] as number)) low = middle + 1
    else return true
  }
  return false
}

/** The set with every other case of its members. Simple case mapping; U+0131 and U+0130 stay apart from i. */
export function withCases(set: CharSet): number[] {
  const ranges = pairsOf(set)
  for (const [from, to] of pairsOf(set)) {
    if (to < 128) {
      for (let code = Math.max(from, 65); code <= Math.min(to, 122); code++) {
        const other = code ^ 32
        if ((code >= 65 && code <= 90) || code >= 97) {
          ranges.push([other, other])
          if (code === 75 || code === 107) ranges.push([0x212a, 0x212a]) // Kelvin sign
          if (code === 83 || code === 115) ranges.push([0x17f, 0x17f]) // long s
        }
      }
      continue
    }
    for (const family of caseFamilies())
      if (family.some((code) => code >= from && code <= to)) for (const code of family) ranges.push([code, code])
  }
  return unionOf(ranges)
}

let families: number[][] | undefined

/** Groups of code points that differ in case only. Made when a rule first needs it: 20 ms. */
function caseFamilies(): number[][] {
  if (families) return families
  const byKey = new Map<number, number[]>()
  const single = (text: string, otherwise: number) => {
    const code = text.codePointAt(0) as number
    return text.length === (code > 0xffff ? 2 : 1) ? code : otherwise
  }
  for (let code = 0; code < 0x1e944; code++) {
    if (code === 0x130 || code === 0x131 || (code >= 0xd800 && code <= 0xdfff)) continue
    const upper = single(String.fromCodePoint(code).toUpperCase(), code)
    const key = single(String.fromCodePoint(upper).toLowerCase(), upper)
    const family = byKey.get(key)
    if (family) family.push(code)
    else byKey.set(key, [code])
  }
  families = [...byKey.values()].filter((family) => family.length > 1)
  return families
}

export const digits: CharSet = [48, 57]
export const wordChars: CharSet = [48, 57, 65, 90, 95, 95, 97, 122]
export const spaces: CharSet = [9, 13, 32, 32]
export const notNewline: CharSet = [0, 9, 11, maxCodePoint]
export const anything: CharSet = [0, maxCodePoint]

export const posixClasses: Readonly<Record<string, CharSet>> = {
  alpha: [65, 90, 97, 122],
  digit: digits,
  alnum: [48, 57, 65, 90, 97, 122],
  upper: [65, 90],
  lower: [97, 122],
  space: spaces,
  blank: [9, 9, 32, 32],
  punct: [33, 47, 58, 64, 91, 96, 123, 126],
  xdigit: [48, 57, 65, 70, 97, 102],
  word: wordChars,
  cntrl: [0, 31, 127, 127],
  print: [32, 126],
  graph: [33, 126],
}
