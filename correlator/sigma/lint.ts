// Findings about rules that load: what is likely not meant. And, for one event, which part of a rule decided.

import type { EcsEvent } from '../../core/event.ts'
import { eachAtom } from './detection.ts'
import { compileDetector, type DetectorOptions } from './engine.ts'
import type { Explanation } from './explain.ts'
import { matchLogsource } from './logsource.ts'
import type { Expr, LoadedRules, SigmaRule } from './types.ts'

export interface Finding {
  readonly file: string
  readonly line?: number
  readonly ruleId?: string
  /** error: not loaded. warning: loaded, likely not meant. note: worth knowing. */
  readonly severity: 'error' | 'warning' | 'note'
  readonly code: LintCode
  readonly text: string
}

export const lintCodes = [
  'refused',
  'note',
  'no-id',
  'no-description',
  'tag-form',
  'unknown-logsource',
  'needs-placeholder',
  'only-negative',
  'short-literal',
  'same-meaning',
] as const
export type LintCode = (typeof lintCodes)[number]

const tagForm = /^[a-z0-9_-]+(\.[a-z0-9_.-]+)+$/
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** In the order of the rules; refused documents first. */
export function lintRules(loaded: LoadedRules): Finding[] {
  const out: Finding[] = []
  for (const { file, line, reason, id } of loaded.refused)
    out.push({ file, line, ...(id ? { ruleId: id } : {}), severity: 'error', code: 'refused', text: reason })
  for (const { file, line, text, id } of loaded.notes)
    out.push({ file, line, ...(id ? { ruleId: id } : {}), severity: 'note', code: 'note', text })
  const byVersion = new Map<string, SigmaRule>()
  for (const rule of loaded.rules) {
    const say = (severity: Finding['severity'], code: LintCode, text: string) =>
      void out.push({ file: rule.file, line: rule.line, ruleId: rule.id, severity, code, text })
    const base = rule.id.replace(/[/#].*$/, '')
    if (!uuid.test(base)) say('note', 'no-id', 'the id is no UUID; a rule keeps its alerts apart by it')
    if (rule.description === '') say('note', 'no-description', 'no description: who reads the alert will want one')
    for (const tag of rule.tags)
      if (!tagForm.test(tag)) say('warning', 'tag-form', `tag '${tag}' is not namespace.name`)
    if (matchLogsource(rule.logsource).known === 'name')
      say(
        'note',
        'unknown-logsource',
        'the logsource is not in the tables: only events whose dataset is so named are seen',
      )
    for (const name of rule.needsPlaceholders) say('warning', 'needs-placeholder', `waits for the list %${name}%`)
    const polarity = polarityOf(rule.expr)
    if (polarity === 'negative') say('warning', 'only-negative', 'nothing has to be there: every other event matches')
    eachAtom(rule.expr, ({ field, test }) => {
      if (test.kind === 'text' && test.how !== 'equals' && test.text.length === 1)
        say('note', 'short-literal', `${field || 'keyword'}|${test.how}: '${test.text}' is a single character`)
    })
    const twin = byVersion.get(rule.version)
    if (twin) say('warning', 'same-meaning', `means the same as ${twin.id} in ${twin.file}`)
    else byVersion.set(rule.version, rule)
  }
  return out
}

/** Whether some part has to be there for the expression to hold. */
function polarityOf(expr: Expr): 'positive' | 'negative' {
  switch (expr.kind) {
    case 'atom':
      return expr.test.kind === 'null' ? 'negative' : 'positive'
    case 'not':
      return 'negative'
    case 'and':
      return expr.of.some((one) => polarityOf(one) === 'positive') ? 'positive' : 'negative'
    case 'or':
      return expr.of.every((one) => polarityOf(one) === 'positive') ? 'positive' : 'negative'
  }
}

/** Which atoms of the rule held for the event, with the values found. */
export function explainRule(rule: SigmaRule, event: EcsEvent, options: DetectorOptions = {}): Explanation {
  const ready: SigmaRule = { ...rule, needsPlaceholders: [] }
  const detector = compileDetector({ rules: [ready], correlations: [], filters: [], refused: [], notes: [] }, options)
  return detector.explain(event, rule.id) as Explanation
}
