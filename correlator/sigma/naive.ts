// The plain reading of a rule: every atom of every rule, one after the other. Slow, short and easy to check; the indexed
// engine is tested against it.

import type { EcsEvent } from '../../core/event.ts'
import { compareNumbers, numberOf } from './compare.ts'
import { timePart } from './datetime.ts'
import { collectKeywordTexts, collectValues, type FieldValue, type Source } from './event-access.ts'
import { type FieldTable, sourcesOf } from './fields/index.ts'
import { inNetwork, parseCidr, parseIp } from './ip.ts'
import { parseRegex } from './regex/parse.ts'
import { printRegex } from './regex/print.ts'
import { fold, matchParts } from './text.ts'
import type { Atom, Expr, SigmaRule, Test } from './types.ts'

/** Whether the rule's condition holds for the event, whatever its logsource. */
export function matchesNaively(rule: SigmaRule, event: EcsEvent, extra: readonly FieldTable[] = []): boolean {
  if (rule.needsPlaceholders.length > 0) return false
  const read = (field: string): FieldValue[] => {
    const out: FieldValue[] = []
    if (field === '') collectKeywordTexts(event, out)
    else collectValues(event, sources(rule, field, extra), out)
    return out
  }
  return evaluate(rule.expr, read)
}

const known = new WeakMap<SigmaRule, Map<string, Source[]>>()

/** Where the rule's fields are, found once; the tables are the same for all calls in a process that asks this evaluator. */
function sources(rule: SigmaRule, field: string, extra: readonly FieldTable[]): Source[] {
  if (extra.length > 0) return sourcesOf(rule.logsource, field, extra)
  let ofRule = known.get(rule)
  if (ofRule === undefined) known.set(rule, (ofRule = new Map()))
  let found = ofRule.get(field)
  if (found === undefined) ofRule.set(field, (found = sourcesOf(rule.logsource, field)))
  return found
}

function evaluate(expr: Expr, read: (field: string) => FieldValue[]): boolean {
  switch (expr.kind) {
    case 'and':
      return expr.of.every((one) => evaluate(one, read))
    case 'or':
      return expr.of.some((one) => evaluate(one, read))
    case 'not':
      return !evaluate(expr.of, read)
    case 'atom':
      return holds(expr, read)
  }
}

function holds(atom: Atom, read: (field: string) => FieldValue[]): boolean {
  const { test } = atom
  const values = read(atom.field)
  if (test.kind === 'exists') return values.length > 0
  if (test.kind === 'null') return values.length === 0 || values.includes(null)
  const present = values.filter((value) => value !== null)
  if (test.kind === 'fieldref') {
    const others = read(test.field).filter((value) => value !== null)
    return present.some((a) => others.some((b) => compareTexts(test.how, String(a), String(b), test.cased)))
  }
  return present.some((value) => holdsFor(test, value))
}

function compareTexts(
  how: 'equals' | 'startswith' | 'endswith' | 'contains',
  a: string,
  b: string,
  cased: boolean,
): boolean {
  const [x, y] = cased ? [a, b] : [fold(a), fold(b)]
  if (how === 'equals') return x === y
  if (how === 'startswith') return x.startsWith(y)
  return how === 'endswith' ? x.endsWith(y) : x.includes(y)
}

function holdsFor(test: Test, value: string | number | boolean): boolean {
  const text = String(value)
  switch (test.kind) {
    case 'any':
      return true
    case 'text': {
      const folded = test.cased ? text : fold(text)
      if (test.how === 'equals') return folded === test.text
      if (test.how === 'startswith') return folded.startsWith(test.text)
      return test.how === 'endswith' ? folded.endsWith(test.text) : folded.includes(test.text)
    }
    case 'glob':
      return matchParts(test.parts, test.cased ? text : fold(text))
    case 'regex':
      return new RegExp(printRegex(parseRegex(test.source, test.flags)), 'u').test(text)
    case 'cidr': {
      const network = parseCidr(test.text)
      const address = parseIp(text)
      return network !== undefined && address !== undefined && inNetwork(network, address)
    }
    case 'compare': {
      const number = test.part ? timePart(value, test.part) : numberOf(value)
      return number !== undefined && compareNumbers(test.op, number, test.value)
    }
    default:
      return false
  }
}
