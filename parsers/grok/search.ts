// Long lines, read by patterns that could take too long for them. Nothing can stop the engine within an expression, so there
// is a look at the clock between parts of the work.
//
// A search that may begin anywhere, over a long line, by a pattern that may then take time square to the line: the starts
// are tried one after the other. A single start takes time proportional to the line (safety.ts sees to that), so the whole is
// bounded.
//
// An expression with two runs over the same characters shows on the first part of the line how it will fare: it is tried on
// longer and longer parts before it gets the whole.

import { performance } from 'node:perf_hooks'

/** Shorter lines are searched natively: 1,024 starts over 1,024 characters took up to 15 ms in the worst pattern known. */
export const LONG_LINE = 1024
/** One start over 64 KiB took up to 20 ms in the worst pattern known: both together stay below 50 ms. */
const BUDGET_MS = 25

let cut = 0

/** How many times since the last call a line was not searched to its end: then it counts as no match. */
export function takeCutSearches(): number {
  const taken = cut
  cut = 0
  return taken
}

/** @param expression may take time polynomial in the line */
export function tryLong(expression: RegExp, line: string): RegExpExecArray | null {
  const end = performance.now() + BUDGET_MS / 2 // the last part takes about as long as those before it took together
  for (let length = LONG_LINE; length < line.length; length += LONG_LINE) {
    expression.exec(line.slice(0, length))
    if (performance.now() > end) {
      cut++
      return null
    }
  }
  return expression.exec(line)
}

/**
 * @param sticky the expression with the flag y
 * @param begins 1 for each code unit below 128 that a match can begin with, and at 128 for all others; undefined: any
 * @param last no match begins after it
 */
export function searchLong(
  sticky: RegExp,
  line: string,
  begins: Uint8Array | undefined,
  last: number,
): RegExpExecArray | null {
  const end = performance.now() + BUDGET_MS
  for (let i = 0; i <= last; i++) {
    if (begins !== undefined) {
      const unit = line.charCodeAt(i)
      if (!begins[unit < 128 ? unit : 128]) continue
    }
    sticky.lastIndex = i
    const found = sticky.exec(line)
    if (found !== null) return found
    if (performance.now() > end) {
      cut++
      return null
    }
  }
  return null
}
