// The `detection` part: selections (maps, lists of maps, keywords) and the condition, made into one expression.

import { type Named, parseCondition } from './condition.ts'
import { compileItem, type ModifierContext, type Plain } from './modifiers.ts'
import { SigmaProblem } from './problem.ts'
import type { Atom, Expr } from './types.ts'

export interface DetectionContext {
  readonly placeholders: ReadonlyMap<string, readonly string[]>
  needPlaceholder(name: string): void
  note(text: string): void
  /** Shown before selection names in reasons: filters say who they are. */
  readonly prefix?: string
}

type Path = readonly (string | number)[]
const maxNesting = 20

/** Every selection of the map by name, compiled. `skip` are the keys that are no selections. */
export function compileSelections(
  detection: Record<string, unknown>,
  skip: readonly string[],
  path: Path,
  context: DetectionContext,
): Map<string, Expr> {
  const selections = new Map<string, Expr>()
  for (const name of Object.keys(detection)) {
    if (skip.includes(name)) continue
    const inner: ModifierContext = { ...context, selection: (context.prefix ?? '') + name }
    selections.set(name, compileSelection(detection[name], [...path, name], inner, 0))
  }
  return selections
}

/** A condition over compiled selections. */
export function compileCondition(text: string, selections: ReadonlyMap<string, Expr>, path: Path): Expr {
  return substitute(parseCondition(text, [...selections.keys()], path), selections)
}

function substitute(named: Named, selections: ReadonlyMap<string, Expr>): Expr {
  if (named.kind === 'name') return selections.get(named.name) as Expr
  if (named.kind === 'not') return { kind: 'not', of: substitute(named.of, selections) }
  return { kind: named.kind, of: named.of.map((one) => substitute(one, selections)) }
}

function compileSelection(node: unknown, path: Path, context: ModifierContext, depth: number): Expr {
  if (depth > maxNesting) throw new SigmaProblem('nested too deeply', path)
  if (isScalar(node)) return item('', [], [node], path, context)
  if (Array.isArray(node)) {
    if (node.length === 0) throw new SigmaProblem('the selection is an empty list', path)
    const of = node.map((entry, i) => {
      if (Array.isArray(entry)) throw new SigmaProblem('a list stands in a list', [...path, i])
      return compileSelection(entry, [...path, i], context, depth + 1)
    })
    return of.length === 1 ? (of[0] as Expr) : { kind: 'or', of }
  }
  if (!isMap(node)) throw new SigmaProblem('a selection is a map, a list or a keyword', path)
  const keys = Object.keys(node)
  if (keys.length === 0) throw new SigmaProblem('the selection is an empty map', path)
  const of = keys.map((key) => {
    const here = [...path, key]
    const [field, ...modifiers] = key.split('|') as [string, ...string[]]
    const value = node[key]
    if (field === '' && modifiers.length === 0) throw new SigmaProblem('a field without a name', here)
    if (isScalar(value)) return item(field, modifiers, [value], here, context)
    if (!Array.isArray(value)) throw new SigmaProblem(`'${key}' holds a map where values are expected`, here)
    const bad = value.findIndex((entry) => !isScalar(entry))
    if (bad >= 0) throw new SigmaProblem(`'${key}' holds something that is not a plain value`, [...here, bad])
    // An empty list is null: that is how the reference implementation reads it.
    return item(field, modifiers, value.length === 0 ? [null] : value, here, context)
  })
  return of.length === 1 ? (of[0] as Expr) : { kind: 'and', of }
}

function item(field: string, modifiers: string[], values: Plain[], path: Path, context: ModifierContext): Expr {
  try {
    return compileItem(field, modifiers, values, context)
  } catch (error) {
    if (error instanceof SigmaProblem && error.path.length === 0) throw new SigmaProblem(error.message, path)
    throw error
  }
}

export const isScalar = (node: unknown): node is Plain =>
  node === null || typeof node === 'string' || typeof node === 'number' || typeof node === 'boolean'

export const isMap = (node: unknown): node is Record<string, unknown> =>
  node !== null && typeof node === 'object' && !Array.isArray(node)

/** Calls back for every atom of the expression. */
export function eachAtom(expr: Expr, visit: (atom: Atom) => void): void {
  if (expr.kind === 'atom') visit(expr)
  else if (expr.kind === 'not') eachAtom(expr.of, visit)
  else for (const one of expr.of) eachAtom(one, visit)
}
