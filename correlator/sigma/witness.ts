// Which atoms give a rule away: the cheapest set of which one must hold whenever the rule does. Only these are looked up
// for every event; all other atoms are asked for rules that a witness named.

import type { PlanAtom, PlanNode } from './plan.ts'

/** Share of events in which the atom holds, 0..1. */
export type CostOf = (atom: PlanAtom) => number

export interface Witnesses {
  readonly atoms: readonly PlanAtom[]
  readonly cost: number
}

/** Undefined: nothing positive must hold (`not x`), so the rule is asked for every event. */
export function chooseWitnesses(node: PlanNode, costOf: CostOf): Witnesses | undefined {
  switch (node.kind) {
    case 'atom':
      // `x: null` holds for most events: it gives nothing away.
      return node.atom.test.kind === 'null' ? undefined : { atoms: [node.atom], cost: costOf(node.atom) }
    case 'list':
      return { atoms: node.atoms, cost: sum(node.atoms.map(costOf)) }
    case 'not':
      return undefined
    case 'and': {
      let best: Witnesses | undefined
      for (const one of node.of) {
        const found = chooseWitnesses(one, costOf)
        if (found && (best === undefined || found.cost < best.cost)) best = found
      }
      return best
    }
    case 'or': {
      const all = node.of.map((one) => chooseWitnesses(one, costOf))
      if (all.some((one) => one === undefined)) return undefined
      const atoms = new Set(all.flatMap((one) => one?.atoms ?? []))
      return { atoms: [...atoms], cost: sum(all.map((one) => one?.cost ?? 0)) }
    }
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** A guess before anything was measured: longer literals are rarer, equality is rarer than containing. */
export function guessCost(atom: PlanAtom): number {
  const { guards } = atom
  if (guards === undefined || guards.length === 0) return 0.9 // must be asked for every event, and may often hold
  let cost = 0
  for (const { how, text } of guards) {
    const rare = 0.6 ** Math.min(text.length, 16)
    cost += how === 'equals' ? Math.max(0.01, rare / 4) : how === 'contains' ? rare + 0.0005 : rare + 0.003
  }
  return Math.min(cost, 0.95)
}
