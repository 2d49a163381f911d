// The rules of one kind of event, ready to run: an index over their witnesses finds candidates, candidates are evaluated.
//
//   texts ──index──> witness atoms ──> candidate rules ──evaluate──> matches
//
// Slots that read a place in common (Image and SourceImage: process.executable) have one index together, so that each text
// of the event is looked through once. A literal found in the place of another slot proposes a rule that does not match:
// candidates are evaluated anyway.

import { Census } from './census.ts'
import { type FieldValue, take } from './event-access.ts'
import { LiteralIndex } from './literal-index.ts'
import type { PlanAtom, PlanNode } from './plan.ts'
import type { EventView, Form, SlotTable } from './slots.ts'
import type { TextHow } from './types.ts'
import { chooseWitnesses, guessCost } from './witness.ts'

export interface PlannedRule {
  /** Number of the rule in the detector. */
  readonly number: number
  readonly node: PlanNode
}

/** Truth of atoms and lists for the current event, shared by all programs of a detector. */
export class Memo {
  readonly #atoms: Int32Array
  readonly #lists: Int32Array

  constructor(atoms: number, lists: number) {
    this.#atoms = new Int32Array(atoms)
    this.#lists = new Int32Array(lists)
  }

  evaluate(node: PlanNode, view: EventView): boolean {
    switch (node.kind) {
      case 'atom':
        return this.atom(node.atom, view)
      case 'and':
        for (const one of node.of) if (!this.evaluate(one, view)) return false
        return true
      case 'or':
        for (const one of node.of) if (this.evaluate(one, view)) return true
        return false
      case 'not':
        return !this.evaluate(node.of, view)
      case 'list': {
        const known = this.#lists[node.id] as number
        if (known >> 1 === view.stamp) return (known & 1) === 1
        node.index ??= new LiteralIndex(distinctTexts(node.atoms))
        let held = false
        for (const value of view.values(node.slot))
          if (value !== null && node.index.search(String(value), stop)) {
            held = true
            break
          }
        this.#lists[node.id] = (view.stamp << 1) | (held ? 1 : 0)
        return held
      }
    }
  }

  atom(atom: PlanAtom, view: EventView): boolean {
    const known = this.#atoms[atom.id] as number
    if (known >> 1 === view.stamp) return (known & 1) === 1
    const held = atom.check(view)
    this.#atoms[atom.id] = (view.stamp << 1) | (held ? 1 : 0)
    return held
  }

  /** After the view's stamp began again from the start. */
  clear(): void {
    this.#atoms.fill(0)
    this.#lists.fill(0)
  }
}

const stop = () => true

function distinctTexts(atoms: readonly PlanAtom[]): { how: TextHow; text: string }[] {
  const out = new Map<string, { how: TextHow; text: string }>()
  for (const { test } of atoms) if (test.kind === 'text') out.set(`${test.how} ${test.text}`, test)
  return [...out.values()]
}

interface SharedIndex {
  readonly index: LiteralIndex
  /** literal -> rules */
  readonly rules: readonly Int32Array[]
  /** Texts of the current event it was asked about: most places beside each other hold the same. */
  readonly texts: string[]
}

/** Every 4th event is measured until there are 256: which literals come how often. Then the witnesses are chosen again. */
const sampleEvery = 4
const sampleCount = 256

export class Program {
  readonly rules: readonly PlannedRule[]
  readonly #memo: Memo
  /** By slot and by place; the one of keywords apart. */
  readonly #bySlot: (SharedIndex | undefined)[] = []
  readonly #byForm: (SharedIndex | undefined)[] = []
  #shared: SharedIndex[] = []
  #keywords: { readonly slot: number; readonly shared: SharedIndex } | undefined
  /** Witnesses without literals (numbers, networks, presence): asked one by one. */
  #asked: { readonly atom: PlanAtom; readonly rules: Int32Array }[] = []
  /** Rules that nothing gives away. */
  #always: Int32Array = new Int32Array(0)
  readonly #candidateStamp: Int32Array
  #candidates: number[] = []
  #stamp = 0
  #onLiteral: (literal: number) => boolean
  #current: readonly Int32Array[] = []
  readonly #scratch: FieldValue[] = []
  #seen = 0
  #sampled = 0
  #census: Census | undefined

  readonly #table: SlotTable

  constructor(rules: readonly PlannedRule[], memo: Memo, table: SlotTable) {
    this.rules = rules
    this.#memo = memo
    this.#table = table
    this.#candidateStamp = new Int32Array(rules.length)
    this.#onLiteral = (literal) => {
      this.#propose(this.#current[literal] as Int32Array)
      return false
    }
    this.#build(guessCost)
  }

  /** Adds the numbers of the rules that match. */
  run(view: EventView, out: number[]): void {
    if (this.#sampled < sampleCount && this.#seen++ % sampleEvery === sampleEvery - 1) this.#sample(view)
    this.#stamp = view.stamp
    this.#candidates.length = 0
    if (this.#shared.length > 0) this.#searchPlaces(view)
    if (this.#keywords !== undefined) {
      // Keywords are always looked for inside texts, so one search over all texts of the event proposes all there are.
      const { slot, shared } = this.#keywords
      this.#current = shared.rules
      shared.index.search(view.joined(slot), this.#onLiteral)
    }
    for (const { atom, rules } of this.#asked) if (this.#memo.atom(atom, view)) this.#propose(rules)
    this.#propose(this.#always)
    for (const candidate of this.#candidates) {
      const rule = this.rules[candidate] as PlannedRule
      if (this.#memo.evaluate(rule.node, view)) out.push(rule.number)
    }
  }

  #searchPlaces(view: EventView): void {
    for (const { texts } of this.#shared) texts.length = 0
    const { present, slow } = view
    for (let i = 0; i < present.length; i++) {
      const form = present[i] as Form
      const shared = this.#byForm[form.id]
      if (shared === undefined) continue
      const value = view.valueAt(form)
      if (typeof value === 'string' && form.prefix === '') this.#search(shared, value)
      else {
        this.#scratch.length = 0
        take(value, form.prefix, this.#scratch)
        this.#searchValues(shared, this.#scratch)
      }
    }
    if (slow === undefined)
      this.#bySlot.forEach((shared, slot) => {
        if (shared !== undefined) this.#searchValues(shared, view.values(slot))
      })
    else
      for (const slot of slow) {
        const shared = this.#bySlot[slot]
        if (shared !== undefined) this.#searchValues(shared, view.values(slot))
      }
  }

  #searchValues(shared: SharedIndex, values: readonly FieldValue[]): void {
    for (const value of values)
      if (value !== null) this.#search(shared, typeof value === 'string' ? value : String(value))
  }

  #search(shared: SharedIndex, text: string): void {
    const { texts } = shared
    for (let i = 0; i < texts.length && i < maxTexts; i++) if (texts[i] === text) return
    texts.push(text)
    this.#current = shared.rules
    shared.index.search(text, this.#onLiteral)
  }

  /** How many rules the index named for the last event; for measuring. */
  get candidateCount(): number {
    return this.#candidates.length
  }

  resetStamps(): void {
    this.#candidateStamp.fill(0)
  }

  #propose(rules: Int32Array): void {
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as number
      if (this.#candidateStamp[rule] === this.#stamp) continue
      this.#candidateStamp[rule] = this.#stamp
      this.#candidates.push(rule)
    }
  }

  #sample(view: EventView): void {
    this.#census ??= new Census(this.rules)
    this.#census.count(view)
    if (++this.#sampled < sampleCount) return
    const census = this.#census
    this.#census = undefined
    this.#sampled = Number.POSITIVE_INFINITY
    this.#build((atom) => census.costOf(atom), census)
  }

  #build(costOf: (atom: PlanAtom) => number, census?: Census): void {
    const asked = new Map<PlanAtom, Set<number>>()
    const always: number[] = []
    const witnesses: { readonly atom: PlanAtom; readonly rule: number }[] = []
    this.rules.forEach(({ node }, rule) => {
      const chosen = chooseWitnesses(node, costOf)
      if (chosen === undefined) always.push(rule)
      for (const atom of chosen?.atoms ?? [])
        if (atom.guards !== undefined && atom.guards.length > 0) witnesses.push({ atom, rule })
        else {
          const rules = asked.get(atom)
          if (rules) rules.add(rule)
          else asked.set(atom, new Set([rule]))
        }
    })
    const slots = new Set(witnesses.map(({ atom }) => atom.slot))
    const heads = joinSlots(this.#table, slots)
    const byHead = new Map<number, Map<string, { how: TextHow; text: string; rules: Set<number> }>>()
    for (const { atom, rule } of witnesses) {
      const head = heads.get(atom.slot) as number
      let literals = byHead.get(head)
      if (!literals) byHead.set(head, (literals = new Map()))
      for (const { how, text } of atom.guards ?? []) {
        const key = `${how} ${text}`
        const found = literals.get(key)
        if (found) found.rules.add(rule)
        else literals.set(key, { how, text, rules: new Set([rule]) })
      }
    }
    this.#bySlot.length = 0
    this.#byForm.length = 0
    this.#shared = []
    this.#keywords = undefined
    for (const [head, literals] of byHead) {
      const list = [...literals.values()]
      const own = [...slots].filter((slot) => heads.get(slot) === head)
      const shared = {
        index: new LiteralIndex(list, census?.gramsOf(own)),
        rules: list.map((one) => Int32Array.from(one.rules)),
        texts: [],
      }
      if (this.#table.slots[head]?.keywords) this.#keywords = { slot: head, shared }
      else {
        this.#shared.push(shared)
        for (const slot of own) {
          this.#bySlot[slot] = shared
          for (const { id } of this.#table.slots[slot]?.forms ?? []) this.#byForm[id] = shared
        }
      }
    }
    for (let i = 0; i < this.#bySlot.length; i++) this.#bySlot[i] ??= undefined
    for (let i = 0; i < this.#table.formCount; i++) this.#byForm[i] ??= undefined // no holes: faster to ask
    this.#asked = [...asked].map(([atom, rules]) => ({ atom, rules: Int32Array.from(rules) }))
    this.#always = Int32Array.from(always)
  }
}

/** Texts of one place and event that are compared before they are looked through again. */
const maxTexts = 16

/** @returns slot -> one of the slots it reads a place in common with, directly or by others: the same for all of them */
function joinSlots(table: SlotTable, slots: ReadonlySet<number>): Map<number, number> {
  const heads = new Map<number, number>()
  const headOf = (slot: number): number => {
    let head = slot
    for (let up = heads.get(head); up !== undefined && up !== head; up = heads.get(head)) head = up
    return head
  }
  const byForm = new Map<number, number>()
  for (const slot of slots) {
    heads.set(slot, slot)
    for (const { id } of table.slots[slot]?.forms ?? []) {
      const other = byForm.get(id)
      if (other === undefined) byForm.set(id, slot)
      else heads.set(headOf(other), headOf(slot))
    }
  }
  for (const slot of slots) heads.set(slot, headOf(slot))
  return heads
}
