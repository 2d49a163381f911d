// A detector whose matches pass through one more hand: exceptions and folding are put on this way.

import type { RuleMatch } from '../core/detect.ts'
import type { EcsEvent } from '../core/event.ts'
import type { SigmaDetector } from './sigma/engine.ts'

/**
 * @param change the match to go on with, the same one when nothing changes; a pure function of match, event and the
 *   event's time (ms since 1970), so that the order of events cannot matter
 */
export function changeMatches(
  inner: SigmaDetector,
  change: (match: RuleMatch, event: EcsEvent, timestamp: number) => RuleMatch,
): SigmaDetector {
  return {
    ruleIds: inner.ruleIds,
    get lastCandidates() {
      return inner.lastCandidates
    },
    explain: (event, ruleId) => inner.explain(event, ruleId),
    detect(event, eventId, timestamp, partition, offset) {
      const matches = inner.detect(event, eventId, timestamp, partition, offset)
      for (let i = 0; i < matches.length; i++) matches[i] = change(matches[i] as RuleMatch, event, timestamp)
      return matches
    },
  }
}
