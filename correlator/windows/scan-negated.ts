// Text conditions with `not`: something was seen, and something else was not, within the timespan.
//
//                 a         b                     a and b and not c, timespan 10m
//   ----|---------|---------|---------|----->     the run: from a wanted match (a) to the one that completes what is
//     12:58     13:00     13:08     13:10         wanted (b)
//       '----- no c may be here -----'            every stretch as long as the timespan that holds the run
//
// Which came first does not matter to `temporal`, so neither does it here: a c before counts as one after.

import type { GroupRules } from './group-rules.ts'
import type { ScanState } from './scan.ts'
import { evaluateParted, type RuleExpr } from './spec.ts'
import type { StoredMatch } from './stored-match.ts'
import { openRun, RuleCounts } from './window-measure.ts'

/**
 * A window begins at each wanted match and is as long as the timespan; those whose end lies before `horizon` are judged.
 * Everything moves forward only: the run of a later match ends no earlier.
 * @param add told the first and the last match of a window that is full, how many rules it saw, and its end
 */
export function scanNegated(
  { spec, wanted }: GroupRules,
  matches: readonly StoredMatch[],
  state: ScanState,
  horizon: number,
  add: (low: number, high: number, value: number, end: number) => void,
): void {
  const { timespanMs } = spec
  const expression = spec.condition.expression as RuleExpr
  const run = openRun(spec)
  const within = new RuleCounts(spec)
  const around = new RuleCounts(spec)
  let low = state.at
  while (low > 0 && (matches[low - 1] as StoredMatch).t === (matches[low] as StoredMatch | undefined)?.t) low--
  let high = low // of the window; of what is around, too
  let runEnd = low
  let first = 0 // of what is around
  let entered = 0
  for (; state.at < matches.length; state.at++) {
    const match = matches[state.at] as StoredMatch
    const end = match.t + timespanMs
    if (end >= horizon) return
    if (!wanted(match)) continue
    for (; (matches[low] as StoredMatch).t < match.t; low++) {
      if (low < high) within.leave(matches[low] as StoredMatch)
      if (low < runEnd) run.leave(matches[low] as StoredMatch)
    }
    for (high = Math.max(high, low); high < matches.length && (matches[high] as StoredMatch).t <= end; high++)
      within.enter(matches[high] as StoredMatch)
    runEnd = Math.max(runEnd, low)
    while (runEnd < high && !run.full(match.t)) run.enter(matches[runEnd++] as StoredMatch)
    if (!run.full(match.t)) continue
    const from = (runEnd > low ? (matches[runEnd - 1] as StoredMatch).t : match.t) - timespanMs
    while (entered < high) around.enter(matches[entered++] as StoredMatch)
    while ((matches[first] as StoredMatch).t < from) around.leave(matches[first++] as StoredMatch)
    if (evaluateParted(expression, within.has, around.has)) add(low, high - 1, within.size, end)
  }
}
