// first_seen: a value that its group did not have within the timespan before, though the group was there. Of what is judged,
// the newest match of each value is all that later ones ask for: the history is as long as there are different values.
//
//   kim  Seoul  Seoul  Seoul  Busan! Seoul  Busan   ...quiet for the timespan...   Seoul (nothing known of kim: no alert)

import { closeEpisode, type ScanState } from './scan.ts'
import type { StoredMatch } from './stored-match.ts'

/** What a match says; numbers are of other types. */
export function valuesIn({ values }: StoredMatch): readonly string[] {
  if (values === undefined) return []
  return typeof values === 'string' ? [values] : (values as readonly string[])
}

/**
 * Judges matches before `horizon`, one after the other.
 * @param found told the index of each match with a new value
 */
export function scanFirstSeen(
  timespanMs: number,
  matches: readonly StoredMatch[],
  state: ScanState,
  horizon: number,
  found: (at: number) => void,
): void {
  if (state.at >= matches.length || (matches[state.at] as StoredMatch).t >= horizon) return
  const last = new Map<string, number>()
  let newest = Number.NEGATIVE_INFINITY
  const remember = (match: StoredMatch) => {
    for (const value of valuesIn(match)) {
      last.set(value, match.t)
      newest = match.t
    }
  }
  for (let i = 0; i < state.at; i++) remember(matches[i] as StoredMatch)
  for (; state.at < matches.length; state.at++) {
    const match = matches[state.at] as StoredMatch
    if (match.t >= horizon) return
    const since = match.t - timespanMs
    const isNew = (value: string) => (last.get(value) ?? Number.NEGATIVE_INFINITY) < since
    if (newest >= since && valuesIn(match).some(isNew)) {
      found(state.at)
      closeEpisode(state)
    }
    remember(match)
  }
}

/** Of the first `judged` matches, those that later ones may ask for: the newest of each value, not before `keepFrom`. */
export function historyOf(matches: readonly StoredMatch[], judged: number, keepFrom: number): StoredMatch[] {
  const seen = new Set<string>()
  const kept: StoredMatch[] = []
  for (let i = judged - 1; i >= 0; i--) {
    const match = matches[i] as StoredMatch
    if (match.t < keepFrom) break
    let fresh = false
    for (const value of valuesIn(match)) {
      if (!seen.has(value)) fresh = true
      seen.add(value)
    }
    if (fresh) kept.push(match)
  }
  return kept.reverse()
}
