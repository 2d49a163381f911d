// Puts exceptions to matches: a pure function of the event and of its time, so the order of events cannot matter.

import type { Detector, Excepted } from '../../core/detect.ts'
import type { EcsEvent } from '../../core/event.ts'
import { changeMatches } from '../change-matches.ts'
import { compileDetector, type DetectorOptions, type SigmaDetector } from '../sigma/engine.ts'
import type { LoadedRules, SigmaCorrelation, SigmaRule } from '../sigma/types.ts'
import type { RuleException } from './read.ts'

/**
 * A correlation of correlations has no events of its own: an exception for it takes the events from those below, as far as
 * they serve it alone.
 * @returns the correlation and those below it, or the one below that others need too
 */
export function servedAlone(
  correlation: SigmaCorrelation,
  { correlations }: LoadedRules,
): { readonly all: readonly SigmaCorrelation[]; readonly shared?: SigmaCorrelation } {
  const all = [correlation]
  for (const one of all)
    for (const { id } of one.rules) {
      const below = correlations.find((other) => other.id === id)
      if (below && !all.includes(below)) all.push(below)
    }
  const ids = new Set(all.map(({ id }) => id))
  const usedElsewhere = (id: string) =>
    correlations.some((other) => !ids.has(other.id) && other.rules.some((rule) => rule.id === id))
  const shared = all.find((one) => one !== correlation && (one.alerts || usedElsewhere(one.id)))
  return shared ? { all, shared } : { all }
}

/** For the matches of one event rule: which exceptions to ask, and whose they are. */
interface Asked {
  readonly detector: SigmaDetector
  readonly exceptions: ReadonlyMap<string, { readonly exception: RuleException; readonly rules: readonly string[] }>
}

/** Rules and correlations an exception is made for. */
export function namedBy(
  exception: RuleException,
  loaded: LoadedRules,
): { rules: SigmaRule[]; correlations: SigmaCorrelation[] } {
  const named = (one: { id: string; name?: string }) =>
    exception.rules.some((ref) => ref === one.id || ref === one.name)
  return { rules: loaded.rules.filter(named), correlations: loaded.correlations.filter(named) }
}

/**
 * The detector with `excepted` on the matches that exceptions hold for.
 * @returns the same detector when no exception is for a rule that is loaded
 */
export function withExceptions(
  inner: SigmaDetector,
  loaded: LoadedRules,
  exceptions: readonly RuleException[],
  options: DetectorOptions = {},
): SigmaDetector {
  const asked = askedByRule(loaded, exceptions, options)
  if (asked.size === 0) return inner
  return changeMatches(inner, (match, event, timestamp) => {
    const one = asked.get(match.ruleId)
    const excepted = one && holding(one, event, timestamp)
    return excepted ? { ...match, excepted } : match
  })
}

function holding({ detector, exceptions }: Asked, event: EcsEvent, timestamp: number): Excepted[] | undefined {
  let out: Excepted[] | undefined
  for (const { ruleId } of (detector as Detector).detect(event, '', timestamp, 0, 0)) {
    const found = exceptions.get(ruleId)
    if (!found || !holdsAt(found.exception, timestamp)) continue
    for (const rule of found.rules) {
      out ??= []
      out.push({ rule, exception: ruleId })
    }
  }
  return out
}

/** By event time, never by the clock: an event that comes late is judged as it would have been in time. */
export const holdsAt = ({ from, until }: RuleException, timestamp: number): boolean =>
  timestamp < until && (from === undefined || timestamp >= from)

function askedByRule(
  loaded: LoadedRules,
  exceptions: readonly RuleException[],
  options: DetectorOptions,
): Map<string, Asked> {
  const wanted = new Map<SigmaRule, Map<RuleException, string[]>>()
  const want = (rule: SigmaRule | undefined, exception: RuleException, forWhom: string) => {
    if (!rule) return
    const byException = wanted.get(rule) ?? new Map<RuleException, string[]>()
    wanted.set(rule, byException)
    const list = byException.get(exception) ?? []
    byException.set(exception, list)
    if (!list.includes(forWhom)) list.push(forWhom)
  }
  const byId = new Map(loaded.rules.map((rule) => [rule.id, rule]))
  for (const exception of exceptions) {
    const { rules, correlations } = namedBy(exception, loaded)
    for (const rule of rules) want(rule, exception, rule.id)
    for (const correlation of correlations)
      for (const one of servedAlone(correlation, loaded).all)
        for (const { id } of one.rules) want(byId.get(id), exception, one.id)
  }
  return new Map(
    [...wanted].map(([rule, byException]) => {
      // Fields mean what they mean in the rule; its events are of its logsource already.
      const rules = [...byException.keys()].map(
        ({ id, expr }): SigmaRule => ({
          ...rule,
          id,
          expr,
          needsPlaceholders: [],
          fieldsForCorrelations: [],
          alerts: true,
        }),
      )
      const detector = compileDetector(
        { rules, correlations: [], filters: [], refused: [], notes: [] },
        { ...options, logsource: 'open' },
      )
      const found = [...byException].map(
        ([exception, forWhom]) => [exception.id, { exception, rules: forWhom }] as const,
      )
      return [rule.id, { detector, exceptions: new Map(found) }] as const
    }),
  )
}
