// Correlation documents. References stay texts here; resolve.ts finds what they name once everything is read.

import { type Named, parseCondition } from './condition.ts'
import { isMap, isScalar } from './detection.ts'
import { type Document, hashMeaning, type Meta, readMeta } from './document.ts'
import { parseTimespan } from './legacy.ts'
import { SigmaProblem } from './problem.ts'
import { type Bound, boundOps, type CorrelationType, correlationTypes, type RuleExpr } from './types.ts'

/** A correlation whose rules are still the names of the document. */
export interface UnresolvedCorrelation extends Meta {
  readonly version: string
  readonly type: CorrelationType
  readonly refs: readonly string[]
  readonly groupBy: readonly string[]
  /** alias -> reference -> field */
  readonly aliases: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly timespanMs: number
  readonly latenessMs?: number
  readonly condition: {
    readonly bounds: readonly Bound[]
    readonly fields: readonly string[]
    readonly percentile?: number
    /** Ids are references still. */
    readonly expression?: RuleExpr
  }
  readonly generate: boolean
  readonly file: string
  readonly line: number
}

const known = ['type', 'rules', 'group-by', 'timespan', 'timeframe', 'condition', 'aliases', 'generate', 'lateness']
/** Snapshots and memory keep what lateness asks for. */
const maxLatenessMs = 7 * 86_400_000

/** @throws SigmaProblem */
export function readCorrelation(
  doc: Document,
  file: string,
  line: number,
  note: (text: string) => void,
): UnresolvedCorrelation {
  const node = doc['correlation']
  const at = (...rest: (string | number)[]) => ['correlation', ...rest]
  if (!isMap(node)) throw new SigmaProblem("'correlation' is not a map", at())
  for (const key of Object.keys(node))
    if (!known.includes(key)) throw new SigmaProblem(`correlation has no '${key}'`, at(key))

  const written = typeof node['type'] === 'string' ? node['type'] : ''
  const type = (written === 'value_median' ? 'value_percentile' : written) as CorrelationType
  if (!correlationTypes.includes(type))
    throw new SigmaProblem(`correlation type '${written}' is none of ${correlationTypes.join(', ')}`, at('type'))

  const refs = readTexts(node['rules'], at('rules'))
  if (refs.length === 0) throw new SigmaProblem('a correlation names at least one rule', at('rules'))
  if (new Set(refs).size < refs.length && type !== 'temporal_ordered' && type !== 'absence')
    throw new SigmaProblem('a rule is named twice', at('rules'))
  const groupBy = readTexts(node['group-by'], at('group-by'))
  const span = node['timespan'] ?? node['timeframe']
  const timespanMs = parseTimespan(span)
  if (timespanMs === undefined)
    throw new SigmaProblem(`timespan '${String(span ?? '')}' is not a number and one of s m h d w M y`, at('timespan'))
  const latenessMs = node['lateness'] === undefined ? undefined : parseTimespan(node['lateness'])
  if (node['lateness'] !== undefined && (latenessMs === undefined || latenessMs > maxLatenessMs))
    throw new SigmaProblem(`lateness '${String(node['lateness'])}' is not a time span of at most 7d`, at('lateness'))
  if (node['timespan'] === undefined) note("'timeframe' is read as 'timespan'")
  if (node['generate'] !== undefined && typeof node['generate'] !== 'boolean')
    throw new SigmaProblem("'generate' is true or false", at('generate'))

  if (type === 'absence' && node['condition'] !== undefined)
    throw new SigmaProblem(
      'absence takes no condition: the rules after the first are those that must not come',
      at('condition'),
    )
  const aliases = readAliases(node['aliases'], refs, at('aliases'))
  const condition = readBounds(node['condition'], type, refs, at('condition'), note)
  const percentile = written === 'value_median' ? 50 : condition.percentile
  const late = latenessMs === undefined ? {} : { latenessMs }
  const meaning = { type, refs, groupBy, aliases, timespanMs, ...late, ...condition, percentile }
  const version = hashMeaning(meaning)
  return {
    ...readMeta(doc, version, note),
    version,
    type,
    refs,
    groupBy,
    aliases,
    timespanMs,
    ...late,
    condition: {
      bounds: condition.bounds,
      fields: condition.fields,
      ...(percentile === undefined ? {} : { percentile }),
      ...(condition.expression ? { expression: condition.expression } : {}),
    },
    generate: node['generate'] === true,
    file,
    line,
  }
}

type Path = (string | number)[]

function readBounds(
  node: unknown,
  type: CorrelationType,
  refs: readonly string[],
  path: Path,
  note: (text: string) => void,
): { bounds: Bound[]; fields: string[]; percentile?: number; expression?: RuleExpr } {
  const temporal = type === 'temporal' || type === 'temporal_ordered'
  if (node === undefined || node === null) {
    if (temporal || type === 'absence') return { bounds: [], fields: [] }
    throw new SigmaProblem(`${type} wants a condition`, path)
  }
  if (typeof node === 'string') {
    if (!temporal) throw new SigmaProblem(`only temporal types take a text condition`, path)
    return { bounds: [], fields: [], expression: toRuleExpr(parseCondition(node, refs, path)) }
  }
  if (!isMap(node)) throw new SigmaProblem('the condition is not a map', path)
  const bounds: Bound[] = []
  let fields: string[] = []
  let percentile: number | undefined
  for (const key of Object.keys(node)) {
    const value = node[key]
    if (key === 'field') fields = readTexts(value, [...path, key])
    else if (key === 'percentile' && type === 'value_percentile') {
      if (typeof value !== 'number' || value < 0 || value > 100)
        throw new SigmaProblem("'percentile' is a number from 0 to 100", [...path, key])
      percentile = value
    } else if ((boundOps as readonly string[]).includes(key)) {
      if (typeof value !== 'number') throw new SigmaProblem(`'${key}' wants a number`, [...path, key])
      bounds.push({ op: key as Bound['op'], value })
    } else throw new SigmaProblem(`a condition has no '${key}'`, [...path, key])
  }
  if (type === 'first_seen') {
    if (bounds.length > 0) throw new SigmaProblem('first_seen compares nothing: its condition names a field', path)
  } else if (bounds.length === 0)
    throw new SigmaProblem(`the condition compares nothing (${boundOps.join(', ')})`, path)
  const wantsField = type.startsWith('value_') || type === 'first_seen'
  if (wantsField && fields.length === 0) throw new SigmaProblem(`${type} wants a 'field' in its condition`, path)
  if (!wantsField && fields.length > 0) throw new SigmaProblem(`${type} takes no 'field'`, [...path, 'field'])
  if (fields.length > 1 && type !== 'value_count' && type !== 'first_seen')
    throw new SigmaProblem(`${type} takes one field`, [...path, 'field'])
  if (type === 'value_percentile' && percentile === undefined) {
    percentile = 50
    note("the condition has no 'percentile'; 50, the median, is compared")
  }
  return { bounds, fields, percentile }
}

function readAliases(node: unknown, refs: readonly string[], path: Path): Record<string, Record<string, string>> {
  const out: Record<string, Record<string, string>> = Object.create(null)
  if (node === undefined || node === null) return out
  if (!isMap(node)) throw new SigmaProblem("'aliases' is not a map", path)
  for (const alias of Object.keys(node)) {
    const fields = node[alias]
    if (!isMap(fields)) throw new SigmaProblem(`alias '${alias}' is not a map of rule and field`, [...path, alias])
    const inner: Record<string, string> = Object.create(null)
    for (const ref of Object.keys(fields)) {
      const field = fields[ref]
      if (typeof field !== 'string' || field === '')
        throw new SigmaProblem(`alias '${alias}' wants a field name for '${ref}'`, [...path, alias, ref])
      if (!refs.includes(ref))
        throw new SigmaProblem(`alias '${alias}' names '${ref}', which is not among the rules`, [...path, alias, ref])
      inner[ref] = field
    }
    out[alias] = inner
  }
  return out
}

function readTexts(node: unknown, path: Path): string[] {
  const list = node === undefined || node === null ? [] : Array.isArray(node) ? node : [node]
  return list.map((one, i) => {
    if (!isScalar(one) || one === null || one === '') throw new SigmaProblem('a text is expected', [...path, i])
    return String(one)
  })
}

function toRuleExpr(named: Named): RuleExpr {
  if (named.kind === 'name') return { kind: 'rule', id: named.name }
  if (named.kind === 'not') return { kind: 'not', of: toRuleExpr(named.of) }
  return { kind: named.kind, of: named.of.map(toRuleExpr) }
}
