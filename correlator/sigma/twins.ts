// Rules that mean the same and only serve correlations are evaluated once. Every file of ours brings its own base rule, so
// that it can be read and tested alone; without this a failed login would match four times.

import type { RuleExpr, SigmaCorrelation, SigmaRule } from './types.ts'

/** Rules without later twins, and correlations that name the first one instead. */
export function mergeTwins(
  rules: readonly SigmaRule[],
  correlations: readonly SigmaCorrelation[],
): { rules: SigmaRule[]; correlations: SigmaCorrelation[] } {
  const first = new Map<string, SigmaRule>()
  const twinOf = new Map<string, string>()
  for (const rule of rules) {
    if (rule.alerts) continue
    const twin = first.get(rule.version)
    if (!twin) first.set(rule.version, rule)
    // A correlation that names both counts them as two different rules.
    else if (!correlations.some((one) => names(one, rule.id) && names(one, twin.id))) twinOf.set(rule.id, twin.id)
  }
  if (twinOf.size === 0) return { rules: [...rules], correlations: [...correlations] }

  const fields = new Map<string, Set<string>>()
  for (const rule of rules) {
    const id = twinOf.get(rule.id) ?? rule.id
    const wanted = fields.get(id) ?? new Set()
    for (const name of rule.fieldsForCorrelations) wanted.add(name)
    fields.set(id, wanted)
  }
  const idOf = (id: string) => twinOf.get(id) ?? id
  return {
    rules: rules
      .filter((rule) => !twinOf.has(rule.id))
      .map((rule) => ({ ...rule, fieldsForCorrelations: [...(fields.get(rule.id) ?? [])].sort() })),
    correlations: correlations.map((one) => rename(one, idOf)),
  }
}

const names = (correlation: SigmaCorrelation, id: string) => correlation.rules.some((rule) => rule.id === id)

function rename(one: SigmaCorrelation, idOf: (id: string) => string): SigmaCorrelation {
  const inExpression = (expr: RuleExpr): RuleExpr =>
    expr.kind === 'rule'
      ? { kind: 'rule', id: idOf(expr.id) }
      : expr.kind === 'not'
        ? { kind: 'not', of: inExpression(expr.of) }
        : { kind: expr.kind, of: expr.of.map(inExpression) }
  const aliases: Record<string, Record<string, string>> = Object.create(null)
  for (const [alias, byRule] of Object.entries(one.aliases)) {
    const inner: Record<string, string> = Object.create(null)
    for (const [id, field] of Object.entries(byRule)) inner[idOf(id)] = field
    aliases[alias] = inner
  }
  const { expression } = one.condition
  return {
    ...one,
    rules: one.rules.map((rule) => ({ ...rule, id: idOf(rule.id) })),
    aliases,
    condition: { ...one.condition, ...(expression ? { expression: inExpression(expression) } : {}) },
  }
}
