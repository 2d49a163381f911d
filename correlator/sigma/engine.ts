// The detector: events in, rule matches out.

import type { Detector, Reason, RuleMatch } from '../../core/detect.ts'
import type { EcsEvent, Scalar } from '../../core/event.ts'
import { collectValues, type FieldValue, type Source } from './event-access.ts'
import { type FieldTable, sourcesOf } from './fields/index.ts'
import { factsOf, matchLogsource } from './logsource.ts'
import { entitiesOf, foldValues } from './match.ts'
import { matchesNaively } from './naive.ts'
import type { LoadedRules, SigmaRule } from './types.ts'

export interface DetectorOptions {
  /** Field tables of the installation; looked at before our own. */
  readonly fieldMap?: readonly FieldTable[]
  /**
   * `match` (default): a rule sees the events of its logsource. `open`: every event, whatever it is of; for plain files
   * whose events do not say.
   */
  readonly logsource?: 'match' | 'open'
}

export interface SigmaDetector extends Detector {
  /** Rules that can match: those that wait for a placeholder list are not in it. */
  readonly ruleIds: readonly string[]
}

export function compileDetector(loaded: LoadedRules, options: DetectorOptions = {}): SigmaDetector {
  const extra = options.fieldMap ?? []
  const ready = loaded.rules.filter((rule) => rule.needsPlaceholders.length === 0)
  const checks = ready.map((rule) => (options.logsource === 'open' ? () => true : matchLogsource(rule.logsource).check))
  return {
    ruleIds: ready.map((rule) => rule.id),
    detect(event, eventId, timestamp, partition, offset) {
      const facts = factsOf(event)
      const out: RuleMatch[] = []
      ready.forEach((rule, i) => {
        if (!checks[i]?.(facts) || !matchesNaively(rule, event, extra)) return
        const why: Reason[] = []
        out.push({
          ruleId: rule.id,
          ruleVersion: rule.version,
          eventId,
          timestamp,
          partition,
          offset,
          why,
          fields: fieldsFor(rule, event, (field) => sourcesOf(rule.logsource, field, extra)),
          entities: entitiesOf(event),
        })
      })
      return out
    },
  }
}

function fieldsFor(rule: SigmaRule, event: EcsEvent, sources: (field: string) => Source[]): RuleMatch['fields'] {
  const out: Record<string, Scalar | Scalar[]> = {}
  for (const field of rule.fieldsForCorrelations) {
    const values: FieldValue[] = []
    collectValues(event, sources(field), values)
    const folded = foldValues(values)
    if (folded !== undefined) out[field] = folded
  }
  return out
}
