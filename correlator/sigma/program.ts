// The rules of one kind of event, ready to run: an index over their witnesses finds candidates, candidates are evaluated.
//
//   slot texts ──index──> witness atoms ──> candidate rules ──evaluate──> matches

import { Census } from './census.ts'
import { LiteralIndex } from './literal-index.ts'
import type { PlanAtom, PlanNode } from './plan.ts'
import type { EventView } from './slots.ts'
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
        for (const text of view.folded(node.slot)) if (node.index.search(text, stop)) held = true
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

interface SlotIndex {
  readonly slot: number
  readonly index: LiteralIndex
  /** literal -> rules */
  readonly rules: readonly Int32Array[]
}

/** Every 4th event is measured until there are 256: which literals come how often. Then the witnesses are chosen again. */
const sampleEvery = 4
const sampleCount = 256

export class Program {
  readonly rules: readonly PlannedRule[]
  readonly #memo: Memo
  #indexes: SlotIndex[] = []
  /** Witnesses without literals (numbers, networks, presence): asked one by one. */
  #asked: { readonly atom: PlanAtom; readonly rules: Int32Array }[] = []
  /** Rules that nothing gives away. */
  #always: Int32Array = new Int32Array(0)
  readonly #candidateStamp: Int32Array
  #candidates: number[] = []
  #stamp = 0
  #onLiteral: (literal: number) => boolean
  #current: readonly Int32Array[] = []
  #seen = 0
  #sampled = 0
  #census: Census | undefined

  constructor(rules: readonly PlannedRule[], memo: Memo) {
    this.rules = rules
    this.#memo = memo
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
    for (const { slot, index, rules } of this.#indexes) {
      this.#current = rules
      // Keywords are always looked for inside texts, so one search over all texts of the event proposes all there are.
      if (view.isKeywords(slot)) index.search(view.joined(slot), this.#onLiteral)
      else for (const text of view.folded(slot)) index.search(text, this.#onLiteral)
    }
    for (const { atom, rules } of this.#asked) if (this.#memo.atom(atom, view)) this.#propose(rules)
    this.#propose(this.#always)
    for (const candidate of this.#candidates) {
      const rule = this.rules[candidate] as PlannedRule
      if (this.#memo.evaluate(rule.node, view)) out.push(rule.number)
    }
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
    const bySlot = new Map<number, Map<string, { how: TextHow; text: string; rules: Set<number> }>>()
    const asked = new Map<PlanAtom, Set<number>>()
    const always: number[] = []
    this.rules.forEach(({ node }, rule) => {
      const witnesses = chooseWitnesses(node, costOf)
      if (witnesses === undefined) always.push(rule)
      for (const atom of witnesses?.atoms ?? []) {
        if (atom.guards === undefined || atom.guards.length === 0) {
          const rules = asked.get(atom)
          if (rules) rules.add(rule)
          else asked.set(atom, new Set([rule]))
          continue
        }
        let literals = bySlot.get(atom.slot)
        if (!literals) bySlot.set(atom.slot, (literals = new Map()))
        for (const { how, text } of atom.guards) {
          const key = `${how} ${text}`
          const found = literals.get(key)
          if (found) found.rules.add(rule)
          else literals.set(key, { how, text, rules: new Set([rule]) })
        }
      }
    })
    this.#indexes = [...bySlot].map(([slot, literals]) => {
      const list = [...literals.values()]
      return {
        slot,
        index: new LiteralIndex(list, census?.gramsOf(slot)),
        rules: list.map((one) => Int32Array.from(one.rules)),
      }
    })
    this.#asked = [...asked].map(([atom, rules]) => ({ atom, rules: Int32Array.from(rules) }))
    this.#always = Int32Array.from(always)
  }
}
