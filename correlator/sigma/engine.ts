// The detector: events in, rule matches out. Rules are planned once; programs, one for each kind of event, are made when
// the first such event comes.

import type { Detector, Reason, RuleMatch } from '../../core/detect.ts'
import type { EcsEvent, Scalar } from '../../core/event.ts'
import { parseSource } from './event-access.ts'
import { type Explanation, explainNode } from './explain.ts'
import { type FieldTable, placesOf } from './fields/index.ts'
import { type Facts, factsKey, factsOf, matchLogsource } from './logsource.ts'
import { collectReasons, entitiesOf, foldValues } from './match.ts'
import { type NodeBuilder, type PlanAtom, planAtom, planExpr } from './plan.ts'
import { Memo, type PlannedRule, Program } from './program.ts'
import { EventView, SlotTable } from './slots.ts'
import type { Atom, Expr, LoadedRules, Logsource, SigmaRule } from './types.ts'

export interface DetectorOptions {
  /** Field tables of the installation; looked at before our own. */
  readonly fieldMap?: readonly FieldTable[]
  /**
   * `match` (default): a rule sees the events of its logsource. `open`: every event, whatever it is of; for plain files
   * whose events do not say.
   */
  readonly logsource?: 'match' | 'open'
}

export interface SigmaDetector extends Detector {
  /** Rules that can match: those that wait for a placeholder list are not in it. */
  readonly ruleIds: readonly string[]
  /** What decided: every atom of the rule with its values and whether it held. Undefined for an unknown rule. */
  explain(event: EcsEvent, ruleId: string): Explanation | undefined
  /** For measuring: rules that were evaluated for the last event, of those of its logsource. */
  readonly lastCandidates: number
}

/** Kinds of events that are remembered; beyond, all are forgotten and found again. */
const maxCached = 4096
/**
 * All rules of an event in one program is fastest. Events choose the combinations of logsources, so programs for
 * combinations are made until they hold this many times the rules there are; then each logsource has its own.
 */
const maxCombined = 3

export function compileDetector(loaded: LoadedRules, options: DetectorOptions = {}): SigmaDetector {
  return new IndexedDetector(loaded, options)
}

interface Planned {
  readonly rule: SigmaRule
  readonly expr: Expr
  readonly fields: readonly { readonly name: string; readonly slot: number }[]
  readonly logsource: number
}

class IndexedDetector implements SigmaDetector {
  readonly ruleIds: readonly string[]
  lastCandidates = 0
  readonly #rules: Planned[] = []
  readonly #planned: PlannedRule[] = []
  readonly #byId = new Map<string, number>()
  /** Places of atoms of one rule's expression, for reasons. */
  readonly #slotOf: (logsource: Logsource, field: string) => number
  readonly #checks: ((facts: Facts) => boolean)[] = []
  readonly #table: SlotTable
  readonly #view: EventView
  readonly #memo: Memo
  readonly #byFacts = new Map<string, readonly Program[]>()
  /** By the numbers of the logsources whose rules are in it. */
  readonly #programs = new Map<string, Program>()
  #combinedRules = 0
  readonly #open: boolean
  readonly #out: number[] = []
  readonly #atomOf: (logsource: Logsource, atom: Atom) => PlanAtom

  constructor(loaded: LoadedRules, options: DetectorOptions) {
    this.#open = options.logsource === 'open'
    const extra = options.fieldMap ?? []
    const table = new SlotTable()
    this.#table = table
    const slots = new Map<string, number>()
    this.#slotOf = (logsource, field) => {
      const key = `${logsourceKey(logsource)}\u0000${field}`
      let slot = slots.get(key)
      if (slot === undefined) {
        slot = table.slotOf(field === '' ? undefined : placesOf(logsource, field, extra).map(parseSource))
        slots.set(key, slot)
      }
      return slot
    }
    const atoms = new Map<string, PlanAtom>()
    const known = new Map<string, Map<Atom, PlanAtom>>()
    this.#atomOf = (logsource, atom) => {
      const key = logsourceKey(logsource)
      let ofLogsource = known.get(key)
      if (ofLogsource === undefined) known.set(key, (ofLogsource = new Map()))
      let planned = ofLogsource.get(atom)
      if (planned === undefined) ofLogsource.set(atom, (planned = plan(logsource, atom)))
      return planned
    }
    const plan = (logsource: Logsource, atom: Atom): PlanAtom => {
      const slot = this.#slotOf(logsource, atom.field)
      const other = atom.test.kind === 'fieldref' ? this.#slotOf(logsource, atom.test.field) : -1
      const key = `${slot} ${other} ${JSON.stringify(atom.test)}`
      let planned = atoms.get(key)
      if (planned === undefined) {
        planned = planAtom(atoms.size, slot, other, atom)
        atoms.set(key, planned)
      }
      return planned
    }

    let lists = 0
    const logsources = new Map<string, number>()
    for (const rule of loaded.rules) {
      if (rule.needsPlaceholders.length > 0) continue
      const key = logsourceKey(rule.logsource)
      let logsource = logsources.get(key)
      if (logsource === undefined) {
        logsource = logsources.size
        logsources.set(key, logsource)
        this.#checks.push(matchLogsource(rule.logsource).check)
      }
      const builder: NodeBuilder = { atom: (atom) => this.#atomOf(rule.logsource, atom), nextListId: () => lists++ }
      const number = this.#rules.length
      const node = planExpr(rule.expr, builder)
      const fields = rule.fieldsForCorrelations.map((name) => ({ name, slot: this.#slotOf(rule.logsource, name) }))
      this.#rules.push({ rule, expr: rule.expr, fields, logsource })
      this.#planned.push({ number, node })
      this.#byId.set(rule.id, number)
    }
    this.ruleIds = this.#rules.map(({ rule }) => rule.id)
    this.#view = new EventView(table)
    this.#memo = new Memo(atoms.size, lists)
  }

  detect(event: EcsEvent, eventId: string, timestamp: number, partition: number, offset: number): RuleMatch[] {
    const programs = this.#programsFor(event)
    this.lastCandidates = 0
    if (programs.length === 0) return []
    this.#begin(event)
    const out = this.#out
    out.length = 0
    for (const program of programs) {
      program.run(this.#view, out)
      this.lastCandidates += program.candidateCount
    }
    if (out.length === 0) return []
    if (out.length > 1) out.sort((a, b) => a - b)
    const entities = entitiesOf(event)
    return out.map((number) => {
      const { rule, expr, fields } = this.#rules[number] as Planned
      const why: Reason[] = []
      collectReasons(expr, (atom) => this.#atomOf(rule.logsource, atom), this.#view, this.#memo, why)
      const values: Record<string, Scalar | Scalar[]> = {}
      for (const { name, slot } of fields) {
        const folded = foldValues(this.#view.values(slot))
        if (folded !== undefined) values[name] = folded
      }
      const { id: ruleId, version: ruleVersion } = rule
      return { ruleId, ruleVersion, eventId, timestamp, partition, offset, why, fields: values, entities }
    })
  }

  explain(event: EcsEvent, ruleId: string): Explanation | undefined {
    const number = this.#byId.get(ruleId)
    if (number === undefined) return undefined
    const { rule, expr, logsource } = this.#rules[number] as Planned
    this.#begin(event)
    const ofLogsource = this.#open || (this.#checks[logsource]?.(factsOf(event)) ?? false)
    return explainNode(rule, expr, ofLogsource, (atom) => this.#atomOf(rule.logsource, atom), this.#view, this.#memo)
  }

  #begin(event: EcsEvent): void {
    const before = this.#view.stamp
    this.#view.open(event)
    if (this.#view.stamp > before) return
    this.#memo.clear()
    for (const program of this.#programs.values()) program.resetStamps()
  }

  #programsFor(event: EcsEvent): readonly Program[] {
    const facts = this.#open ? undefined : factsOf(event)
    const key = facts ? factsKey(facts) : ''
    const known = this.#byFacts.get(key)
    if (known !== undefined) return known
    const logsources = this.#checks.flatMap((check, i) => (facts === undefined || check(facts) ? [i] : []))
    const together = this.#program(logsources)
    const found = together === undefined ? logsources.flatMap((one) => this.#program([one]) ?? []) : [together]
    const programs = found.filter(({ rules }) => rules.length > 0)
    if (this.#byFacts.size >= maxCached) this.#byFacts.clear()
    this.#byFacts.set(key, programs)
    return programs
  }

  /** @returns undefined when there are too many combinations already */
  #program(logsources: readonly number[]): Program | undefined {
    const key = logsources.join(' ')
    const known = this.#programs.get(key)
    if (known !== undefined) return known
    const rules = this.#planned.filter(({ number }) => logsources.includes(this.#rules[number]?.logsource as number))
    if (logsources.length > 1) {
      if (this.#combinedRules + rules.length > maxCombined * this.#planned.length) return undefined
      this.#combinedRules += rules.length
    }
    const program = new Program(rules, this.#memo, this.#table)
    this.#programs.set(key, program)
    return program
  }
}

const logsourceKey = ({ product, category, service }: Logsource): string =>
  `${product ?? ''}\u0001${category ?? ''}\u0001${service ?? ''}`
