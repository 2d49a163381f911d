// Can the rules match what really arrives? A pure function of the rules and of which fields were seen.

import { type FieldTable, placesOf } from './fields/index.ts'
import { matchLogsource } from './logsource.ts'
import { fold } from './text.ts'
import type { Expr, LoadedRules, Logsource, SigmaRule } from './types.ts'

export const readinessStates = ['ready', 'waiting', 'blind', 'refused'] as const

export interface Readiness {
  readonly ruleId: string
  readonly title: string
  readonly file: string
  /**
   * ready: may match. waiting: needs something that is not there yet (a placeholder list, events of its logsource).
   * blind: its events come, but every way to match needs a field they never had. refused: not loaded.
   */
  readonly state: (typeof readinessStates)[number]
  readonly reason: string
  /** The rule's fields that were never seen in events of its logsource. */
  readonly missing: readonly string[]
}

/** What arrived, for one logsource. */
export interface FieldsSeen {
  readonly logsource: Logsource
  readonly events: number
  /** Dotted paths that had a value; lists are not counted through (`process.args`, not `process.args.0`). */
  readonly fields: ReadonlySet<string>
}

export function coverage(
  loaded: LoadedRules,
  seen: readonly FieldsSeen[],
  extra: readonly FieldTable[] = [],
): Readiness[] {
  const out = loaded.rules.map((rule) => readinessOf(rule, seen, extra))
  for (const { file, reason, id, line } of loaded.refused)
    out.push({
      ruleId: id ?? '',
      title: '',
      file,
      state: 'refused',
      reason: line ? `line ${line}: ${reason}` : reason,
      missing: [],
    })
  const states = new Map(out.map((one) => [one.ruleId, one]))
  // Correlations may stand on one another: the innermost are asked first, by repeating until all have their answer.
  let left = [...loaded.correlations]
  for (let before = -1; before !== left.length; ) {
    before = left.length
    left = left.filter((one) => {
      const parts = one.rules.map(({ id }) => states.get(id))
      if (parts.some((part) => part === undefined)) return true
      const worst = parts.find((part) => part?.state === 'blind') ?? parts.find((part) => part?.state === 'waiting')
      const base = { ruleId: one.id, title: one.title, file: one.file, missing: [] }
      const made: Readiness = worst
        ? { ...base, state: worst.state, reason: `rule '${worst.title || worst.ruleId}': ${worst.reason}` }
        : { ...base, state: 'ready', reason: '' }
      states.set(one.id, made)
      out.push(made)
      return false
    })
  }
  return out
}

function readinessOf(rule: SigmaRule, seen: readonly FieldsSeen[], extra: readonly FieldTable[]): Readiness {
  const { id: ruleId, title, file } = rule
  const say = (state: Readiness['state'], reason: string, missing: readonly string[] = []): Readiness => ({
    ruleId,
    title,
    file,
    state,
    reason,
    missing,
  })
  if (rule.needsPlaceholders.length > 0)
    return say('waiting', `needs the list ${rule.needsPlaceholders.map((name) => `%${name}%`).join(', ')}`)
  const own = seen.filter(({ logsource, events }) => events > 0 && sameLogsource(rule.logsource, logsource))
  if (own.length === 0) {
    const named = matchLogsource(rule.logsource).known === 'name'
    return say(
      'waiting',
      `no event of ${describeLogsource(rule.logsource)} yet${named ? '; only events whose dataset is so named count' : ''}`,
    )
  }
  const fields = new Set<string>()
  for (const one of own) for (const field of one.fields) fields.add(field)
  const present = (name: string) =>
    name === '' || placesOf(rule.logsource, name, extra).some((place) => isSeen(place, fields))
  const missing = rule.fieldsNeeded.filter((name) => !present(name))
  if (missing.length === 0) return say('ready', '')
  return canHold(rule.expr, present)
    ? say('ready', `never seen: ${missing.join(', ')}`, missing)
    : say('blind', `cannot match without ${missing.join(', ')}, never seen`, missing)
}

function isSeen(place: string, fields: ReadonlySet<string>): boolean {
  const path = place.slice(place.indexOf('=@') < 0 ? 0 : place.indexOf('=@') + 2)
  if (fields.has(path)) return true
  if (fields.has(path.replace(/\.\d+$/, ''))) return true
  for (const field of fields) if (field.startsWith(`${path}.`)) return true // an object: its text form is compared
  return false
}

/** Whether the expression can hold if absent fields have no value at all. */
function canHold(expr: Expr, present: (field: string) => boolean): boolean {
  switch (expr.kind) {
    case 'atom':
      return expr.test.kind === 'null' || present(expr.field)
    case 'and':
      return expr.of.every((one) => canHold(one, present))
    case 'or':
      return expr.of.some((one) => canHold(one, present))
    case 'not':
      return true // a part that must not hold is no obstacle
  }
}

const sameLogsource = (rule: Logsource, events: Logsource): boolean =>
  (['product', 'category', 'service'] as const).every(
    (key) => rule[key] === undefined || (events[key] !== undefined && fold(events[key]) === rule[key]),
  )

const describeLogsource = (logsource: Logsource): string =>
  (['product', 'category', 'service'] as const)
    .flatMap((key) => (logsource[key] === undefined ? [] : [`${key} ${logsource[key]}`]))
    .join(', ')
