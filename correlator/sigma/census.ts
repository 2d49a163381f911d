// How often the literals of a program's atoms come in real events: what witnesses are chosen by. A literal that stands in
// every command line is a bad witness, however long it is.

import { GramCounts, LiteralIndex } from './literal-index.ts'
import type { PlanAtom, PlanNode } from './plan.ts'
import type { PlannedRule } from './program.ts'
import type { EventView } from './slots.ts'
import type { TextHow } from './types.ts'
import { guessCost } from './witness.ts'

interface Counted {
  readonly how: TextHow
  readonly text: string
  hits: number
}

export class Census {
  readonly #slots: { readonly slot: number; readonly index: LiteralIndex; readonly literals: readonly Counted[] }[]
  readonly #byAtom = new Map<PlanAtom, readonly Counted[]>()
  readonly #grams = new Map<number, GramCounts>()
  #events = 0

  constructor(rules: readonly PlannedRule[]) {
    const bySlot = new Map<number, Map<string, Counted>>()
    const visit = (node: PlanNode): void => {
      if (node.kind === 'atom') enter(node.atom)
      else if (node.kind === 'list') node.atoms.forEach(enter)
      else if (node.kind !== 'not') node.of.forEach(visit)
    }
    const enter = (atom: PlanAtom): void => {
      if (this.#byAtom.has(atom) || atom.guards === undefined) return
      let literals = bySlot.get(atom.slot)
      if (!literals) bySlot.set(atom.slot, (literals = new Map()))
      const counted = atom.guards.map(({ how, text }) => {
        const key = `${how} ${text}`
        const found = literals.get(key) ?? { how, text, hits: 0 }
        literals.set(key, found)
        return found
      })
      this.#byAtom.set(atom, counted)
    }
    for (const { node } of rules) visit(node)
    this.#slots = [...bySlot].map(([slot, literals]) => {
      const list = [...literals.values()]
      return { slot, index: new LiteralIndex(list), literals: list }
    })
  }

  count(view: EventView): void {
    this.#events++
    for (const { slot, index, literals } of this.#slots) {
      const onLiteral = (literal: number) => {
        ;(literals[literal] as Counted).hits++
        return false
      }
      let grams = this.#grams.get(slot)
      if (grams === undefined) this.#grams.set(slot, (grams = new GramCounts()))
      for (const text of view.folded(slot)) {
        index.search(text, onLiteral)
        grams.add(text)
      }
    }
  }

  /** Of slots that are looked through together. */
  gramsOf(slots: readonly number[]): GramCounts | undefined {
    const found = slots.flatMap((slot) => this.#grams.get(slot) ?? [])
    return found.length > 1 ? GramCounts.sum(found) : found[0]
  }

  /** Share of the counted events in which the atom's guard was found; the guess breaks ties between rare ones. */
  costOf(atom: PlanAtom): number {
    const counted = this.#byAtom.get(atom)
    if (counted === undefined) return guessCost(atom)
    const hits = counted.reduce((sum, one) => sum + Math.min(one.hits, this.#events), 0)
    return (hits + guessCost(atom)) / (this.#events + 1)
  }
}
