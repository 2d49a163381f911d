// A rule made ready to run: atoms with their slots, shared between rules that ask the same, and the tree over them.

import { compareNumbers, numberOf } from './compare.ts'
import { timePart } from './datetime.ts'
import type { FieldValue } from './event-access.ts'
import { inNetwork, parseCidr, parseIp } from './ip.ts'
import type { LiteralIndex } from './literal-index.ts'
import { Automaton } from './regex/automaton.ts'
import { requiredLiterals } from './regex/literals.ts'
import { parseRegex } from './regex/parse.ts'
import type { EventView } from './slots.ts'
import { compileParts, fold } from './text.ts'
import type { Atom, Expr, Part, Test, TextHow } from './types.ts'

export interface PlanAtom {
  readonly id: number
  readonly slot: number
  readonly test: Test
  /** Tells whether the slot's values satisfy the test; remembers nothing. */
  readonly check: (view: EventView) => boolean
  /** Whether this one value satisfies it; for reasons. Undefined where the test is not about a value. */
  readonly checkOne: ((value: FieldValue) => boolean) | undefined
  /** Folded literals of which the slot's text must have one, if the atom holds. */
  readonly guards: readonly { readonly how: TextHow; readonly text: string }[] | undefined
}

export type PlanNode =
  | { readonly kind: 'atom'; readonly atom: PlanAtom }
  | { readonly kind: 'and' | 'or'; readonly of: readonly PlanNode[] }
  | { readonly kind: 'not'; readonly of: PlanNode }
  /** Many texts on one slot, any of which will do: looked for together. `atoms` say the same one by one. */
  | {
      readonly kind: 'list'
      readonly id: number
      readonly slot: number
      readonly atoms: readonly PlanAtom[]
      index?: LiteralIndex
    }

/** @param otherSlot of a fieldref's field */
export function planAtom(id: number, slot: number, otherSlot: number, atom: Atom): PlanAtom {
  const { test } = atom
  const base = { id, slot, test, guards: guardsOf(test) }
  switch (test.kind) {
    case 'exists':
      return { ...base, check: (view) => view.values(slot).length > 0, checkOne: undefined }
    case 'null':
      return { ...base, check: (view) => isNull(view.values(slot)), checkOne: undefined }
    case 'fieldref': {
      const compare = textCompare(test.how)
      const texts = (view: EventView, of: number) => (test.cased ? casedTexts(view, of) : view.folded(of))
      const check = (view: EventView) => {
        const others = texts(view, otherSlot)
        return texts(view, slot).some((one) => others.some((other) => compare(one, other)))
      }
      return { ...base, check, checkOne: undefined }
    }
    case 'text': {
      if (test.cased) break
      const { text } = test
      const compare = textCompare(test.how)
      const check = (view: EventView) => {
        for (const one of view.folded(slot)) if (compare(one, text)) return true
        return false
      }
      return { ...base, check, checkOne: (value) => value !== null && compare(fold(String(value)), text) }
    }
    case 'glob': {
      if (test.cased) break
      const fits = compileParts(test.parts)
      return {
        ...base,
        check: (view) => view.folded(slot).some(fits),
        checkOne: (value) => value !== null && fits(fold(String(value))),
      }
    }
  }
  const checkOne = checkValue(test)
  const check = (view: EventView) => {
    for (const value of view.values(slot)) if (checkOne(value)) return true
    return false
  }
  return { ...base, check, checkOne }
}

function checkValue(test: Test): (value: FieldValue) => boolean {
  switch (test.kind) {
    case 'text': {
      const compare = textCompare(test.how)
      return (value) => value !== null && compare(String(value), test.text)
    }
    case 'glob': {
      const fits = compileParts(test.parts)
      return (value) => value !== null && fits(String(value))
    }
    case 'regex': {
      const parsed = parseRegex(test.source, test.flags)
      const guards = requiredLiterals(parsed)?.filter((text) => text.length > 1)
      const guarded =
        guards !== undefined &&
        guards.length > 0 &&
        guards.length <= 4 &&
        guards.length === requiredLiterals(parsed)?.length
      let automaton: Automaton | undefined
      return (value) => {
        if (value === null) return false
        const text = String(value)
        if (guarded) {
          const folded = fold(text)
          if (!guards.some((guard) => folded.includes(guard))) return false
        }
        automaton ??= new Automaton(parsed)
        return automaton.test(text)
      }
    }
    case 'cidr': {
      const network = parseCidr(test.text)
      return (value) => {
        if (network === undefined || typeof value !== 'string') return false
        const address = addressOf(value)
        return address !== undefined && inNetwork(network, address)
      }
    }
    case 'compare': {
      const { op, value: limit, part } = test
      return (value) => {
        const number = part ? timePart(value, part) : numberOf(value)
        return number !== undefined && compareNumbers(op, number, limit)
      }
    }
    case 'any':
      return (value) => value !== null
    default:
      return () => false
  }
}

const addresses = new Map<string, bigint | undefined>()
const maxAddresses = 4096

/** Many rules ask for networks of the same address, and it comes again in the next event. */
function addressOf(text: string): bigint | undefined {
  if (text.length > 64) return undefined
  const known = addresses.get(text)
  if (known !== undefined || addresses.has(text)) return known
  const address = parseIp(text)
  if (addresses.size >= maxAddresses) addresses.clear()
  addresses.set(text, address)
  return address
}

const isNull = (values: readonly FieldValue[]): boolean => values.length === 0 || values.includes(null)

function casedTexts(view: EventView, slot: number): string[] {
  return view
    .values(slot)
    .filter((value) => value !== null)
    .map(String)
}

function textCompare(how: TextHow): (text: string, wanted: string) => boolean {
  switch (how) {
    case 'equals':
      return (text, wanted) => text === wanted
    case 'startswith':
      return (text, wanted) => text.startsWith(wanted)
    case 'endswith':
      return (text, wanted) => text.endsWith(wanted)
    case 'contains':
      return (text, wanted) => text.includes(wanted)
  }
}

function guardsOf(test: Test): PlanAtom['guards'] {
  switch (test.kind) {
    case 'text':
      return [{ how: test.how, text: test.cased ? fold(test.text) : test.text }]
    case 'glob': {
      const guard = guardOfParts(test.parts)
      return guard ? [{ how: guard.how, text: fold(guard.text) }] : undefined
    }
    case 'regex':
      return requiredLiterals(parseRegex(test.source, test.flags))?.map((text) => ({ how: 'contains', text }))
    default:
      return undefined
  }
}

/** The longest literal; at an end of the pattern it is known where it stands. */
function guardOfParts(parts: readonly Part[]): { how: TextHow; text: string } | undefined {
  let best: { how: TextHow; text: string } | undefined
  parts.forEach((part, i) => {
    if (typeof part !== 'string' || (best && part.length <= best.text.length)) return
    const how = i === 0 ? 'startswith' : i === parts.length - 1 && parts.length > 1 ? 'endswith' : 'contains'
    best = { how, text: part }
  })
  return best
}

/** How many texts in an `or` are worth an index of their own. Below, one after the other is as fast. */
const listFrom = 8

export interface NodeBuilder {
  atom(atom: Atom): PlanAtom
  nextListId(): number
}

export function planExpr(expr: Expr, builder: NodeBuilder): PlanNode {
  if (expr.kind === 'atom') return { kind: 'atom', atom: builder.atom(expr) }
  if (expr.kind === 'not') return { kind: 'not', of: planExpr(expr.of, builder) }
  const of = expr.of.map((one) => planExpr(one, builder)).flatMap((one) => (one.kind === expr.kind ? one.of : [one]))
  if (expr.kind === 'and') return { kind: 'and', of }
  const bySlot = new Map<number, PlanAtom[]>()
  for (const one of of) {
    if (one.kind !== 'atom' || one.atom.test.kind !== 'text' || one.atom.test.cased) continue
    const atoms = bySlot.get(one.atom.slot)
    if (atoms) atoms.push(one.atom)
    else bySlot.set(one.atom.slot, [one.atom])
  }
  const listed = new Set<PlanAtom>()
  const lists: PlanNode[] = []
  for (const [slot, atoms] of bySlot) {
    const distinct = [...new Set(atoms)]
    if (distinct.length < listFrom) continue
    for (const atom of distinct) listed.add(atom)
    lists.push({ kind: 'list', id: builder.nextListId(), slot, atoms: distinct })
  }
  const rest = of.filter((one) => one.kind !== 'atom' || !listed.has(one.atom))
  const all = [...rest, ...lists]
  return all.length === 1 ? (all[0] as PlanNode) : { kind: 'or', of: all }
}
