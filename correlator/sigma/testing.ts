// For tests: a rule in few lines, and whether it matches an event by both evaluators.

import type { EcsEvent } from '../../core/event.ts'
import { compileDetector } from './engine.ts'
import { type LoadOptions, parseRules } from './load.ts'
import { matchesNaively } from './naive.ts'
import type { LoadedRules } from './types.ts'

/** A document around a detection; `detection` is YAML, indented or not. */
export function ruleText(detection: string, more = ''): string {
  const lines = detection.replace(/^\n/, '').replace(/\s+$/, '').split('\n')
  const cut = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)))
  const body = lines.map((line) => `  ${line.slice(cut)}`).join('\n')
  return `title: made for a test\nid: 11111111-2222-4333-8444-555555555555\nlogsource: { product: test }\n${more}detection:\n${body}\n`
}

/** @throws when the rule is refused, or when the two evaluators disagree */
export function matches(detection: string, event: EcsEvent, options: LoadOptions = {}): boolean {
  const loaded = parseRules(ruleText(detection), 'test.yml', options)
  if (loaded.refused.length > 0) throw new Error(loaded.refused[0]?.reason)
  const indexed = detectIds(loaded, event).length > 0
  const plain = loaded.rules.some((rule) => matchesNaively(rule, event))
  if (indexed !== plain) throw new Error(`indexed says ${indexed}, plain says ${plain}`)
  return indexed
}

export function detectIds(loaded: LoadedRules, event: EcsEvent): string[] {
  return compileDetector(loaded, { logsource: 'open' })
    .detect(event, 'e', 0, 0, 0)
    .map((match) => match.ruleId)
}

/** Why the document is refused; throws when it is not. */
export function refusal(text: string): { reason: string; line: number | undefined } {
  const found = parseRules(text, 'test.yml').refused[0]
  if (!found) throw new Error('the document was not refused')
  return { reason: found.reason, line: found.line }
}
