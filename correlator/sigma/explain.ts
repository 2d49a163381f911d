// Why a rule did or did not match an event: the condition's tree with the truth of every part.

import type { FieldValue } from './event-access.ts'
import type { PlanAtom } from './plan.ts'
import type { Memo } from './program.ts'
import type { EventView } from './slots.ts'
import type { Atom, Expr, SigmaRule } from './types.ts'

export interface Explanation {
  readonly ruleId: string
  /** The event is of the rule's logsource; without that the rule is never asked. */
  readonly logsource: boolean
  readonly matched: boolean
  readonly tree: ExplainedNode
}

export type ExplainedNode =
  | { readonly kind: 'and' | 'or' | 'not'; readonly held: boolean; readonly of: readonly ExplainedNode[] }
  | {
      readonly kind: 'atom'
      readonly held: boolean
      readonly selection: string
      readonly field: string
      readonly test: Atom['test']
      /** What the event has there; at most 8 values. */
      readonly values: readonly FieldValue[]
    }

export function explainNode(
  rule: SigmaRule,
  expr: Expr,
  logsource: boolean,
  atomOf: (atom: Atom) => PlanAtom,
  view: EventView,
  memo: Memo,
): Explanation {
  const walk = (node: Expr): ExplainedNode => {
    if (node.kind === 'atom') {
      const planned = atomOf(node)
      const values = view.values(planned.slot).slice(0, 8)
      const { selection, field, test } = node
      return { kind: 'atom', held: memo.atom(planned, view), selection, field, test, values }
    }
    if (node.kind === 'not') {
      const of = walk(node.of)
      return { kind: 'not', held: !of.held, of: [of] }
    }
    const of = node.of.map(walk)
    const held = node.kind === 'and' ? of.every((one) => one.held) : of.some((one) => one.held)
    return { kind: node.kind, held, of }
  }
  const tree = walk(expr)
  return { ruleId: rule.id, logsource, matched: logsource && tree.held, tree }
}
