// Exceptions: what a rule must not alert on, by whom, why and until when. Files in a folder; docs/rules.md describes them.
//
//   title: The nightly scan
//   id: nightly-scan
//   exception:
//     rules: [0b6f…]                  ids or names of rules and correlations
//     owner: kim@example.com
//     reason: Vulnerability scan, ticket 4711
//     from: 2026-11-01                optional; event time, included
//     until: 2027-02-01               event time, not included any more
//     scanner: {source.ip: 10.1.2.3}  selections as in a rule
//     condition: scanner

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { compileCondition, compileSelections, isMap, isScalar } from '../sigma/detection.ts'
import { hashMeaning } from '../sigma/document.ts'
import { SigmaProblem } from '../sigma/problem.ts'
import type { Expr, Refusal } from '../sigma/types.ts'
import { readYamlDocuments } from '../sigma/yaml-documents.ts'

export interface RuleException {
  readonly id: string
  readonly title: string
  /** Ids or names, as written. */
  readonly rules: readonly string[]
  readonly owner: string
  readonly reason: string
  /** Event time, ms since 1970: `from` <= t < `until`. Without `from` it holds for all of the past. */
  readonly from: number | undefined
  readonly until: number
  /** True for the events that are left out. */
  readonly expr: Expr
  /** Hash of what it means. */
  readonly version: string
  readonly file: string
  readonly line: number
}

export interface ReadExceptions {
  readonly exceptions: readonly RuleException[]
  readonly refused: readonly Refusal[]
}

export const noExceptions: ReadExceptions = { exceptions: [], refused: [] }

const words = ['rules', 'owner', 'reason', 'from', 'until', 'condition']
const maxFileBytes = 1024 * 1024

/** Every `.yml` of the folder and below, by name. A folder that is not there holds none. Never throws. */
export function readExceptionFolder(folder: string): ReadExceptions {
  const exceptions: RuleException[] = []
  const refused: Refusal[] = []
  const taken = new Map<string, string>()
  let names: string[] = []
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      refused.push({ file: folder, reason: error instanceof Error ? error.message : String(error) })
  }
  for (const name of names.filter((one) => /\.ya?ml$/i.test(one)).sort()) {
    const file = join(folder, name)
    try {
      if (statSync(file).size > maxFileBytes)
        throw new RangeError(`an exception file has at most ${maxFileBytes} bytes`)
      const read = readExceptions(readFileSync(file, 'utf8'), file)
      refused.push(...read.refused)
      for (const one of read.exceptions) {
        const place = taken.get(one.id)
        taken.set(one.id, place ?? `${file}:${one.line}`)
        if (place === undefined) exceptions.push(one)
        else refused.push({ file, line: one.line, id: one.id, reason: `the id is used by ${place} already` })
      }
    } catch (error) {
      refused.push({ file, reason: error instanceof Error ? error.message : String(error) })
    }
  }
  return { exceptions, refused }
}

/** One text of one or several documents. Never throws. */
export function readExceptions(text: string, file: string): ReadExceptions {
  const exceptions: RuleException[] = []
  const refused: Refusal[] = []
  for (const document of readYamlDocuments(text)) {
    if (document.problem) refused.push({ file, ...document.problem })
    if (document.problem || document.value === undefined || document.value === null) continue
    try {
      exceptions.push(readException(document.value, file, document.line))
    } catch (error) {
      const line = error instanceof SigmaProblem ? document.lineOf(error.path) : document.line
      refused.push({ file, line, reason: error instanceof Error ? error.message : String(error) })
    }
  }
  return { exceptions, refused }
}

function readException(doc: unknown, file: string, line: number): RuleException {
  const node = isMap(doc) ? doc['exception'] : undefined
  if (!isMap(doc) || !isMap(node)) throw new SigmaProblem("there is no 'exception'")
  const said = (key: string): string => {
    const value = node[key]
    if (!isScalar(value) || value === null || String(value).trim() === '')
      throw new SigmaProblem(`an exception says its ${key}`, ['exception', key])
    return String(value).trim()
  }
  const rules = (Array.isArray(node['rules']) ? node['rules'] : [node['rules']]).map((one) => {
    if (!isScalar(one) || one === null || one === '')
      throw new SigmaProblem('an exception names its rules by id or name', ['exception', 'rules'])
    return String(one)
  })
  if (rules.length === 0) throw new SigmaProblem('an exception names at least one rule', ['exception', 'rules'])
  const owner = said('owner')
  const reason = said('reason')
  const until = timeOf(said('until'), 'until')
  const from = node['from'] === undefined ? undefined : timeOf(said('from'), 'from')
  // Both the same: one that was ended before it began.
  if (from !== undefined && from > until) throw new SigmaProblem("'until' is before 'from'", ['exception', 'until'])
  const context = {
    placeholders: new Map(),
    note: () => {},
    needPlaceholder: (name: string) => {
      throw new SigmaProblem(`an exception takes no list (%${name}%)`, ['exception'])
    },
    prefix: 'exception ',
  }
  const selections = compileSelections(node, words, ['exception'], context)
  if (selections.size === 0) throw new SigmaProblem('an exception says for which events it holds', ['exception'])
  const condition = said('condition')
  if (condition.includes('|')) throw new SigmaProblem('an exception cannot aggregate', ['exception', 'condition'])
  const expr = compileCondition(condition, selections, ['exception', 'condition'])
  const version = hashMeaning({ ...node, owner: null, reason: null })
  const id = isScalar(doc['id']) && doc['id'] ? String(doc['id']) : `exception-${version}`
  const title = isScalar(doc['title']) && doc['title'] ? String(doc['title']) : reason
  return { id, title, rules, owner, reason, from, until, expr, version, file, line }
}

/** `2026-11-01` (UTC) or ISO 8601 with a zone. */
function timeOf(text: string, key: string): number {
  const at = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at))
    throw new SigmaProblem(`'${text}' is no time: write 2026-11-30 or 2026-11-30T18:00:00Z`, ['exception', key])
  return at
}
