// One text of YAML into rules, correlations and filters that do not know of each other yet.

import { readCorrelation, type UnresolvedCorrelation } from './correlation.ts'
import { compileCondition, compileSelections, eachAtom, isMap, isScalar } from './detection.ts'
import { type Document, hashMeaning, type Meta, readLogsource, readMeta } from './document.ts'
import { parseLegacy, parseTimespan } from './legacy.ts'
import { SigmaProblem } from './problem.ts'
import type { Expr, Logsource, Note, Refusal, RuleExpr, SigmaFilter } from './types.ts'
import { readYamlDocuments, type YamlDocument } from './yaml-documents.ts'

export interface ReadRule extends Meta {
  readonly meaning: string
  readonly logsource: Logsource
  readonly expr: Expr
  readonly needsPlaceholders: readonly string[]
  readonly file: string
  readonly line: number
}
export interface ReadFilter extends SigmaFilter {
  readonly meaning: string
}

export interface ReadResult {
  readonly rules: ReadRule[]
  readonly correlations: UnresolvedCorrelation[]
  readonly filters: ReadFilter[]
  readonly refused: Refusal[]
  readonly notes: Note[]
}

export type Placeholders = ReadonlyMap<string, readonly string[]>

/** Never throws: what cannot be read is in `refused`. */
export function readRules(text: string, file: string, placeholders: Placeholders): ReadResult {
  const result: ReadResult = { rules: [], correlations: [], filters: [], refused: [], notes: [] }
  let documents: YamlDocument[]
  try {
    documents = readYamlDocuments(text)
  } catch (error) {
    result.refused.push({
      file,
      line: 1,
      reason: `not YAML: ${error instanceof Error ? error.message : String(error)}`,
    })
    return result
  }
  const collection = new Collection()
  for (const document of documents) {
    if (document.problem) {
      result.refused.push({ file, ...document.problem })
      continue
    }
    if (document.value === undefined || document.value === null) continue
    let id: string | undefined
    try {
      if (!isMap(document.value)) throw new SigmaProblem('a rule is a map')
      const doc = collection.next(document.value)
      if (!doc) continue
      id = isScalar(doc['id']) && doc['id'] !== null ? String(doc['id']) : undefined
      readOne(doc, file, document.line, placeholders, result)
    } catch (error) {
      const line = error instanceof SigmaProblem ? document.lineOf(error.path) : document.line
      const reason = error instanceof Error ? error.message : String(error)
      result.refused.push({ file, line, reason, ...(id ? { id } : {}) })
    }
  }
  return result
}

/** `action: global | repeat | reset` of before Sigma 2: parts that the following documents share. */
class Collection {
  #global: Document = {}
  #previous: Document = {}
  readonly #shared = new Map<string, number>()

  /** The whole document, or undefined when it only sets what others share. */
  next(doc: Document): Document | undefined {
    const action = doc['action']
    const { action: _, ...rest } = doc
    if (action === 'global') {
      this.#global = merge(this.#global, rest)
      return undefined
    }
    if (action === 'reset') {
      this.#global = {}
      return undefined
    }
    if (action !== undefined && action !== 'repeat')
      throw new SigmaProblem(`action '${String(action)}' is not known`, ['action'])
    this.#previous = action === 'repeat' ? merge(this.#previous, rest) : merge(this.#global, rest)
    const id = this.#previous['id']
    if (rest['id'] !== undefined || typeof id !== 'string') return this.#previous
    // Rules of one collection share the id that is written once; each still needs one of its own.
    const shared = (this.#shared.get(id) ?? 0) + 1
    this.#shared.set(id, shared)
    return shared === 1 ? this.#previous : merge(this.#previous, { id: `${id}#${shared}` })
  }
}

function merge(base: Document, over: Document): Document {
  const out: Document = Object.assign(Object.create(null), base)
  for (const key of Object.keys(over)) {
    const [a, b] = [out[key], over[key]]
    out[key] = isMap(a) && isMap(b) ? merge(a, b) : b
  }
  return out
}

function readOne(doc: Document, file: string, line: number, placeholders: Placeholders, result: ReadResult): void {
  const id = isScalar(doc['id']) && doc['id'] !== null ? String(doc['id']) : undefined
  const note = (text: string) => void result.notes.push({ file, line, text, ...(id ? { id } : {}) })
  if (doc['correlation'] !== undefined) result.correlations.push(readCorrelation(doc, file, line, note))
  else if (doc['filter'] !== undefined) result.filters.push(readFilter(doc, file, line, placeholders, note))
  else readRule(doc, file, line, placeholders, result, note)
}

function readRule(
  doc: Document,
  file: string,
  line: number,
  placeholders: Placeholders,
  result: ReadResult,
  note: (text: string) => void,
): void {
  const detection = doc['detection']
  if (!isMap(detection)) throw new SigmaProblem('there is no detection', detection === undefined ? [] : ['detection'])
  const logsource = readLogsource(doc)
  const needs = new Set<string>()
  const context = { placeholders, note, needPlaceholder: (name: string) => void needs.add(name) }
  const selections = compileSelections(detection, ['condition', 'timeframe'], ['detection'], context)
  if (selections.size === 0) throw new SigmaProblem('the detection has no selection', ['detection'])
  const conditions = readConditions(detection['condition'])
  const used = [...needs].sort().map((name) => [name, placeholders.get(name) ?? null])
  const meaning = hashMeaning({ detection, logsource, used: placeholdersUsed(detection, placeholders), missing: used })
  const meta = readMeta(doc, meaning, note)
  const make = (expr: Expr, over: Partial<ReadRule>): ReadRule => ({
    ...meta,
    meaning,
    logsource,
    expr,
    needsPlaceholders: [...needs].sort(),
    file,
    line,
    ...over,
  })

  if (conditions.some((text) => text.includes('|'))) {
    if (conditions.length > 1)
      throw new SigmaProblem('an aggregation in a list of conditions', ['detection', 'condition'])
    readLegacy(detection, conditions[0] as string, selections, make, meta, result, note)
    return
  }
  if (detection['timeframe'] !== undefined) note("'timeframe' has no meaning without an aggregation; it is not applied")
  const of = conditions.map((text) => compileCondition(text, selections, ['detection', 'condition']))
  result.rules.push(make(of.length === 1 ? (of[0] as Expr) : { kind: 'or', of }, {}))
}

function readConditions(node: unknown): string[] {
  const path = ['detection', 'condition']
  const list = Array.isArray(node) ? node : [node]
  if (node === undefined || node === null || list.length === 0)
    throw new SigmaProblem('there is no condition', ['detection'])
  for (const one of list)
    if (typeof one !== 'string' || one.trim() === '') throw new SigmaProblem('a condition is a text', path)
  return list as string[]
}

/** A rule with an aggregation becomes its base rule and a correlation that carries the rule's id. */
function readLegacy(
  detection: Document,
  text: string,
  selections: ReadonlyMap<string, Expr>,
  make: (expr: Expr, over: Partial<ReadRule>) => ReadRule,
  meta: Meta,
  result: ReadResult,
  note: (text: string) => void,
): void {
  const path = ['detection', 'condition']
  const legacy = parseLegacy(text, path)
  if (!legacy) throw new SigmaProblem('an aggregation was expected', path)
  const timespanMs = parseTimespan(detection['timeframe'])
  if (timespanMs === undefined)
    throw new SigmaProblem(
      detection['timeframe'] === undefined
        ? 'an aggregation without a timeframe: over what time should it be counted?'
        : `timeframe '${String(detection['timeframe'])}' is not a number and one of s m h d w M y`,
      detection['timeframe'] === undefined ? path : ['detection', 'timeframe'],
    )
  const part = (suffix: string, expr: Expr) =>
    make(expr, { id: `${meta.id}/${suffix}`, name: undefined, title: `${meta.title} (${suffix})` })
  const rules = [part('base', compileCondition(legacy.condition, selections, path))]
  const terms: RuleExpr[] = [{ kind: 'rule', id: `${meta.id}/base` }]
  for (const { selection, negated } of legacy.near) {
    const rule = part(selection, compileCondition(selection, selections, path))
    const term: RuleExpr = { kind: 'rule', id: rule.id }
    if (!rules.some((one) => one.id === rule.id)) rules.push(rule)
    terms.push(negated ? { kind: 'not', of: term } : term)
  }
  const expression: RuleExpr | undefined = legacy.near.some((one) => one.negated)
    ? { kind: 'and', of: terms }
    : undefined
  const refs = rules.map((rule) => rule.id)
  const { type, groupBy, bounds, fields } = legacy
  result.rules.push(...rules)
  result.correlations.push({
    ...meta,
    version: hashMeaning({ type, refs, groupBy, bounds, fields, expression, timespanMs }),
    type,
    refs,
    groupBy,
    aliases: {},
    timespanMs,
    condition: { bounds, fields, ...(expression ? { expression } : {}) },
    generate: false,
    file: rules[0]?.file ?? '',
    line: rules[0]?.line ?? 1,
  })
  note(`the old aggregation '${text.slice(text.indexOf('|')).trim()}' became a ${type} correlation`)
  if (legacy.near.length > 0) note("'near' names no group: events of all hosts are put together")
}

function readFilter(
  doc: Document,
  file: string,
  line: number,
  placeholders: Placeholders,
  note: (text: string) => void,
): ReadFilter {
  const node = doc['filter']
  if (!isMap(node)) throw new SigmaProblem("'filter' is not a map", ['filter'])
  const logsource = readLogsource(doc)
  const needs = new Set<string>()
  const title = isScalar(doc['title']) && doc['title'] ? String(doc['title']) : 'filter'
  const context = {
    placeholders,
    note,
    needPlaceholder: (name: string) => void needs.add(name),
    prefix: `filter ${title}: `,
  }
  const selections = compileSelections(node, ['rules', 'condition'], ['filter'], context)
  const condition = node['condition']
  if (typeof condition !== 'string') throw new SigmaProblem('a filter has one condition', ['filter', 'condition'])
  if (condition.includes('|')) throw new SigmaProblem('a filter cannot aggregate', ['filter', 'condition'])
  if (!/\bnot\b/i.test(condition))
    note("the condition is joined with 'and' as it is written; without a 'not' the filter keeps only what it selects")
  const rules = readFilterRules(node['rules'])
  const meaning = hashMeaning({ filter: { ...node, rules: null }, used: placeholdersUsed(node, placeholders) })
  const meta = readMeta(doc, meaning, () => {})
  return {
    id: meta.id,
    title,
    logsource,
    rules,
    expr: compileCondition(condition, selections, ['filter', 'condition']),
    needsPlaceholders: [...needs].sort(),
    file,
    line,
    meaning,
  }
}

function readFilterRules(node: unknown): string[] | undefined {
  if (node === 'any' || (Array.isArray(node) && node.length === 1 && node[0] === 'any')) return undefined
  const list = typeof node === 'string' ? [node] : node
  if (!Array.isArray(list) || list.length === 0 || list.some((one) => !isScalar(one) || one === null))
    throw new SigmaProblem("a filter names its rules by id or name, or 'any'", ['filter', 'rules'])
  return list.map(String)
}

/** Lists that are named anywhere in the detection: their content is part of the meaning. */
function placeholdersUsed(node: unknown, placeholders: Placeholders): unknown {
  if (placeholders.size === 0) return null
  const text = JSON.stringify(node)
  const used = [...placeholders].filter(([name]) => text.includes(`%${name}%`))
  return used.length === 0 ? null : used.sort(([a], [b]) => (a < b ? -1 : 1))
}

/** The rule's own field names in the expression, sorted. */
export function fieldsOf(expr: Expr): { fields: string[]; keywords: boolean } {
  const fields = new Set<string>()
  let keywords = false
  eachAtom(expr, (atom) => {
    if (atom.field === '') keywords = true
    else fields.add(atom.field)
    if (atom.test.kind === 'fieldref') fields.add(atom.test.field)
  })
  return { fields: [...fields].sort(), keywords }
}
