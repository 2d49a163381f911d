// What a match carries besides its rule: reasons, the values correlations need, the entities of the event.

import type { Reason } from '../../core/detect.ts'
import type { EcsEvent, EcsValue, Scalar } from '../../core/event.ts'
import type { FieldValue } from './event-access.ts'
import type { PlanAtom } from './plan.ts'
import type { Memo } from './program.ts'
import type { EventView } from './slots.ts'
import type { Atom, Expr } from './types.ts'

/** Fields whose values make an alert readable: who, from where, on what. */
export const entityFields = [
  'user.name',
  'source.ip',
  'host.name',
  'destination.ip',
  'process.name',
  'container.name',
  'kubernetes.pod.name',
  'kubernetes.namespace',
  'orchestrator.cluster.name',
  'cloud.account.id',
] as const

/** Plain vendor events name the same otherwise. */
const fallbacks: Partial<Record<(typeof entityFields)[number], readonly string[]>> = {
  'user.name': ['winlog.event_data.TargetUserName', 'TargetUserName', 'User', 'SubjectUserName'],
  'source.ip': ['IpAddress', 'SourceIp', 'sourceIPAddress'],
  'host.name': ['winlog.computer_name', 'Computer'],
  'destination.ip': ['DestinationIp'],
  'process.name': ['process.executable', 'Image'],
}

const maxEntityLength = 256

/** Name and places of each, the ways to them split. */
const entityPlaces = entityFields.map((name) => ({
  name,
  places: [name, ...(fallbacks[name] ?? [])].map((place) => place.split('.')),
}))

export function entitiesOf(event: EcsEvent): Record<string, string> {
  const out: Record<string, string> = {}
  for (const { name, places } of entityPlaces)
    for (const path of places) {
      const value = textAt(event, path)
      if (value === undefined) continue
      out[name] = value.length > maxEntityLength ? value.slice(0, maxEntityLength) : value
      break
    }
  return out
}

function textAt(event: EcsEvent, path: readonly string[]): string | undefined {
  let node: EcsValue = event
  for (const key of path) {
    if (node === null || typeof node !== 'object' || Array.isArray(node)) return undefined
    node = (node as EcsEvent)[key] // none of these is a name that every object knows something by
  }
  const one = Array.isArray(node) ? node[0] : node
  if (typeof one === 'number' || typeof one === 'boolean') return String(one)
  return typeof one === 'string' && one !== '' && one !== '-' ? one : undefined
}

/** One value as it is, several as a list without repetitions, none as undefined. */
export function foldValues(values: readonly FieldValue[]): Scalar | Scalar[] | undefined {
  if (values.length < 2) return values[0] ?? undefined
  const present = [...new Set(values)].filter((value) => value !== null)
  return present.length > 1 ? present : present[0]
}

const maxReasons = 32
const maxReasonLength = 512

/**
 * The atoms that made the expression true, with the value each found. What had to be absent (`not`) gives no reason.
 * Called for expressions that hold.
 */
export function collectReasons(
  expr: Expr,
  atomOf: (atom: Atom) => PlanAtom,
  view: EventView,
  memo: Memo,
  out: Reason[],
): void {
  if (out.length >= maxReasons) return
  switch (expr.kind) {
    case 'not':
      return
    case 'and':
      for (const one of expr.of) collectReasons(one, atomOf, view, memo, out)
      return
    case 'or':
      for (const one of expr.of) if (holds(one, atomOf, view, memo)) collectReasons(one, atomOf, view, memo, out)
      return
    case 'atom': {
      const atom = atomOf(expr)
      const values = view.values(atom.slot)
      const value = atom.checkOne ? values.find(atom.checkOne) : values[0]
      addReason(out, expr.selection, expr.field, value ?? '')
    }
  }
}

function holds(expr: Expr, atomOf: (atom: Atom) => PlanAtom, view: EventView, memo: Memo): boolean {
  if (expr.kind === 'atom') return memo.atom(atomOf(expr), view)
  if (expr.kind === 'not') return !holds(expr.of, atomOf, view, memo)
  return expr.kind === 'and'
    ? expr.of.every((one) => holds(one, atomOf, view, memo))
    : expr.of.some((one) => holds(one, atomOf, view, memo))
}

/** Adds a reason unless it is there or there are enough; long values are cut. */
export function addReason(reasons: Reason[], selection: string, field: string, value: Scalar): void {
  if (reasons.length >= maxReasons) return
  const short =
    typeof value === 'string' && value.length > maxReasonLength ? `${value.slice(0, maxReasonLength)}…` : value
  if (reasons.some((one) => one.selection === selection && one.field === field && one.value === short)) return
  reasons.push({ selection, field, value: short })
}
