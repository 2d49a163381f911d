// Puts what was read together: filters onto rules, references to ids, who alerts, which fields correlations need.

import type { UnresolvedCorrelation } from './correlation.ts'
import { hashMeaning } from './document.ts'
import { fieldsOf, type ReadFilter, type ReadResult, type ReadRule } from './read.ts'
import { mergeTwins } from './twins.ts'
import {
  type Expr,
  groupField,
  type LoadedRules,
  type Logsource,
  type Note,
  type Refusal,
  type RuleExpr,
  type SigmaCorrelation,
  type SigmaRule,
} from './types.ts'

export function resolveRules(read: ReadResult): LoadedRules {
  const refused: Refusal[] = [...read.refused]
  const notes: Note[] = [...read.notes]
  const taken = new Map<string, string>()
  const claim = (one: { id: string; name?: string; file: string; line: number }): boolean => {
    const place = taken.get(one.id)
    if (place === undefined) taken.set(one.id, `${one.file}:${one.line}`)
    else refused.push({ file: one.file, line: one.line, id: one.id, reason: `the id is used by ${place} already` })
    return place === undefined
  }
  const readRules = read.rules.filter(claim)
  const readCorrelations = read.correlations.filter(claim)

  const byRef = new Map<string, { id: string; kind: 'rule' | 'correlation' }>()
  const ambiguous = new Set<string>()
  for (const [list, kind] of [[readRules, 'rule'] as const, [readCorrelations, 'correlation'] as const])
    for (const one of list) byRef.set(one.id, { id: one.id, kind })
  for (const [list, kind] of [[readRules, 'rule'] as const, [readCorrelations, 'correlation'] as const])
    for (const one of list) {
      if (!one.name || one.name === one.id) continue
      if (byRef.has(one.name)) ambiguous.add(one.name)
      else byRef.set(one.name, { id: one.id, kind })
    }

  const correlations = resolveCorrelations(readCorrelations, byRef, ambiguous, refused)
  const silenced = silencedIds(correlations)
  const wanted = fieldsWanted(correlations)
  for (const filter of read.filters) noteFilter(filter, readRules, notes)
  const rules = readRules.map((rule) => resolveRule(rule, read.filters, silenced, wanted.get(rule.id)))
  return {
    ...mergeTwins(
      rules,
      correlations.map((one) => ({ ...one, alerts: !silenced.has(one.id) })),
    ),
    filters: read.filters.map(({ meaning: _, ...filter }) => filter),
    refused,
    notes,
  }
}

function resolveRule(
  rule: ReadRule,
  filters: readonly ReadFilter[],
  silenced: ReadonlySet<string>,
  wanted: ReadonlySet<string> | undefined,
): SigmaRule {
  const applied = filters.filter((filter) => namesRule(filter, rule) && covers(filter.logsource, rule.logsource))
  const expr: Expr =
    applied.length === 0 ? rule.expr : { kind: 'and', of: [rule.expr, ...applied.map((filter) => filter.expr)] }
  const { fields, keywords } = fieldsOf(expr)
  const { meaning, ...rest } = rule
  return {
    ...rest,
    version: applied.length === 0 ? meaning : hashMeaning([meaning, ...applied.map((filter) => filter.meaning).sort()]),
    expr,
    fieldsNeeded: fields,
    usesKeywords: keywords,
    fieldsForCorrelations: [...new Set([...(wanted ?? []), ...foldedBy(rule)])].sort(),
    needsPlaceholders: [
      ...new Set([...rule.needsPlaceholders, ...applied.flatMap((one) => one.needsPlaceholders)]),
    ].sort(),
    filters: applied.map((filter) => filter.id),
    alerts: !silenced.has(rule.id),
  }
}

const foldedBy = ({ folding }: ReadRule): readonly string[] =>
  folding === undefined || folding === 'none' ? [] : folding.by

const namesRule = (filter: ReadFilter, rule: ReadRule): boolean =>
  filter.rules === undefined ||
  filter.rules.some((ref) => ref === rule.id || ref === rule.name || rule.id.startsWith(`${ref}/`))

/** The rule's logsource is the filter's, or narrower. */
const covers = (filter: Logsource, rule: Logsource): boolean =>
  (['product', 'category', 'service'] as const).every((key) => filter[key] === undefined || filter[key] === rule[key])

function noteFilter(filter: ReadFilter, rules: readonly ReadRule[], notes: Note[]): void {
  const say = (text: string) => notes.push({ file: filter.file, line: filter.line, id: filter.id, text })
  for (const ref of filter.rules ?? []) {
    const named = rules.filter((rule) => rule.id === ref || rule.name === ref || rule.id.startsWith(`${ref}/`))
    if (named.length === 0) say(`no rule '${ref}' is loaded; the filter does nothing there`)
    else if (!named.some((rule) => covers(filter.logsource, rule.logsource)))
      say(`rule '${ref}' has another logsource; the filter does not apply to it`)
  }
}

type Resolved = Omit<SigmaCorrelation, 'alerts'>

function resolveCorrelations(
  read: readonly UnresolvedCorrelation[],
  byRef: ReadonlyMap<string, { id: string; kind: 'rule' | 'correlation' }>,
  ambiguous: ReadonlySet<string>,
  refused: Refusal[],
): Resolved[] {
  let left = new Map(read.map((one) => [one.id, one]))
  const refuse = (one: UnresolvedCorrelation, reason: string) => {
    refused.push({ file: one.file, line: one.line, id: one.id, reason })
    left = new Map([...left].filter(([id]) => id !== one.id))
  }
  for (const one of read) {
    const unclear = one.refs.find((ref) => ambiguous.has(ref))
    if (unclear !== undefined) refuse(one, `'${unclear}' names more than one rule; use the id`)
    else if (inCycle(one, read, byRef)) refuse(one, 'the correlation refers to itself, directly or through others')
  }
  // A correlation that lost what it names is lost too, until nothing changes.
  for (let before = -1; before !== left.size; ) {
    before = left.size
    for (const one of [...left.values()])
      for (const ref of one.refs) {
        const target = byRef.get(ref)
        if (target && (target.kind === 'rule' || left.has(target.id))) continue
        refuse(one, target ? `correlation '${ref}' was refused` : `no rule with the id or name '${ref}' is loaded`)
        break
      }
  }
  return [...left.values()].map(({ refs, ...one }): Resolved => {
    const idOf = (ref: string) => byRef.get(ref)?.id ?? ref
    const rename = (expr: RuleExpr): RuleExpr =>
      expr.kind === 'rule'
        ? { kind: 'rule', id: idOf(expr.id) }
        : expr.kind === 'not'
          ? { kind: 'not', of: rename(expr.of) }
          : { kind: expr.kind, of: expr.of.map(rename) }
    const { expression, ...condition } = one.condition
    const aliases: Record<string, Record<string, string>> = Object.create(null)
    for (const alias of Object.keys(one.aliases)) {
      const inner: Record<string, string> = Object.create(null)
      for (const ref of Object.keys(one.aliases[alias] ?? {})) inner[idOf(ref)] = one.aliases[alias]?.[ref] as string
      aliases[alias] = inner
    }
    return {
      ...one,
      rules: refs.map((ref) => ({ ref, id: idOf(ref), kind: byRef.get(ref)?.kind ?? 'rule' })),
      aliases,
      condition: { ...condition, ...(expression ? { expression: rename(expression) } : {}) },
    }
  })
}

function inCycle(
  start: UnresolvedCorrelation,
  all: readonly UnresolvedCorrelation[],
  byRef: ReadonlyMap<string, { id: string }>,
): boolean {
  const byId = new Map(all.map((one) => [one.id, one]))
  const seen = new Set<string>()
  const open = [...start.refs]
  for (let ref = open.pop(); ref !== undefined; ref = open.pop()) {
    const id = byRef.get(ref)?.id
    if (id === start.id) return true
    if (id === undefined || seen.has(id)) continue
    seen.add(id)
    open.push(...(byId.get(id)?.refs ?? []))
  }
  return false
}

/** Ids that some correlation uses and none of those that use it generates. */
function silencedIds(correlations: readonly Resolved[]): Set<string> {
  const used = new Set<string>()
  const generated = new Set<string>()
  for (const one of correlations) for (const rule of one.rules) (one.generate ? generated : used).add(rule.id)
  return new Set([...used].filter((id) => !generated.has(id)))
}

/** rule id -> field names that correlations over it, at any height, group by or measure. */
function fieldsWanted(correlations: readonly Resolved[]): Map<string, Set<string>> {
  const byId = new Map(correlations.map((one) => [one.id, one]))
  const wanted = new Map<string, Set<string>>()
  const give = (id: string, names: readonly string[], depth: number): void => {
    const inner = byId.get(id)
    if (inner && depth < 32) for (const rule of inner.rules) give(rule.id, names, depth + 1)
    const set = wanted.get(id) ?? new Set()
    for (const name of names) set.add(name)
    wanted.set(id, set)
  }
  for (const one of correlations)
    for (const rule of one.rules) {
      const names = [...one.groupBy, ...one.condition.fields]
      const full: SigmaCorrelation = { ...one, alerts: true }
      give(
        rule.id,
        names.map((name) => groupField(full, rule.id, name)),
        0,
      )
    }
  return wanted
}
