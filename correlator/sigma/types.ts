// The words of Sigma: what a rule, a correlation and a filter are once they are read. Plain data, no behaviour.

import type { Level } from '../../core/detect.ts'

export interface Logsource {
  readonly product?: string
  readonly category?: string
  readonly service?: string
}

/** Inside a text pattern: a run of any characters, one character, one of the five dashes of `windash`. */
export const wild = { run: 0, one: 1, dash: 2 } as const
export type Wild = (typeof wild)[keyof typeof wild]
/** A pattern is literals and wildcards in turn: `a*b` is ['a', wild.run, 'b']. */
export type Part = string | Wild

export const timeParts = ['minute', 'hour', 'day', 'week', 'month', 'year'] as const
export type TimePart = (typeof timeParts)[number]
export type CompareOp = 'lt' | 'lte' | 'gt' | 'gte' | 'eq'
export type TextHow = 'equals' | 'startswith' | 'endswith' | 'contains'

/** What is asked of one field. Texts are folded (text.ts) unless `cased`. */
export type Test =
  | { readonly kind: 'text'; readonly how: TextHow; readonly text: string; readonly cased: boolean }
  | { readonly kind: 'glob'; readonly parts: readonly Part[]; readonly cased: boolean }
  | { readonly kind: 'regex'; readonly source: string; readonly flags: string }
  | { readonly kind: 'cidr'; readonly text: string }
  | { readonly kind: 'compare'; readonly op: CompareOp; readonly value: number; readonly part?: TimePart }
  | { readonly kind: 'fieldref'; readonly how: TextHow; readonly field: string; readonly cased: boolean }
  /** Any value that is not null, the empty text included. */
  | { readonly kind: 'any' }
  /** Null or missing. */
  | { readonly kind: 'null' }
  /** Present, null included. */
  | { readonly kind: 'exists' }

/** One test of one field; `field` is the rule's name for it, '' for keywords over the whole event. */
export interface Atom {
  readonly kind: 'atom'
  readonly selection: string
  readonly field: string
  readonly test: Test
}

export type Expr =
  | Atom
  | { readonly kind: 'and' | 'or'; readonly of: readonly Expr[] }
  | { readonly kind: 'not'; readonly of: Expr }

interface Described {
  /** The `id`; where a document has none, `name`, else one made of its file and meaning. */
  readonly id: string
  readonly name?: string
  /** Hash of the meaning; comments, title and description do not change it. */
  readonly version: string
  readonly title: string
  readonly description: string
  readonly level: Level
  readonly status: string
  readonly tags: readonly string[]
  readonly author: string
  readonly license: string
  readonly falsePositives: readonly string[]
  readonly references: readonly string[]
  readonly related: readonly { readonly id: string; readonly type: string }[]
  readonly taxonomy: string
  readonly date: string
  readonly modified: string
  readonly file: string
  /** 1-based line where the document begins. */
  readonly line: number
  /** Alerts by itself. False when a correlation without `generate` uses it: then only the correlation alerts. */
  readonly alerts: boolean
  /** How its alerts are folded (`haetae: {group-by, timespan}`); 'none': not at all; undefined: by the defaults. */
  readonly folding?: Folding | 'none'
}

/** Alerts about single events that are no further apart and agree in these fields are one alert. */
export interface Folding {
  readonly by: readonly string[]
  readonly timespanMs: number
  /** `lateness`, ours: how late an event may come and still count here; undefined: what the installation allows. */
  readonly latenessMs?: number
}

export interface SigmaRule extends Described {
  readonly logsource: Logsource
  /** The condition with its selections and every filter that applies. */
  readonly expr: Expr
  /** The rule's own names of the fields it reads, sorted; keywords are not in it. */
  readonly fieldsNeeded: readonly string[]
  readonly usesKeywords: boolean
  /** Names for `RuleMatch.fields` that correlations need from this rule; rule field names, aliases resolved. */
  readonly fieldsForCorrelations: readonly string[]
  /** Placeholder lists that are not set. While any is missing the rule never matches and says so. */
  readonly needsPlaceholders: readonly string[]
  /** Ids or titles of the filters in `expr`. */
  readonly filters: readonly string[]
}

/**
 * The specification's types and two of ours. `absence`: the first rule matched and the last did not follow within the time
 * span. `first_seen`: a value that its group did not have within the time span before, though the group was there.
 */
export const correlationTypes = [
  'event_count',
  'value_count',
  'temporal',
  'temporal_ordered',
  'value_sum',
  'value_avg',
  'value_percentile',
  'absence',
  'first_seen',
] as const
export type CorrelationType = (typeof correlationTypes)[number]

export const boundOps = ['gt', 'gte', 'lt', 'lte', 'eq', 'neq'] as const
export interface Bound {
  readonly op: (typeof boundOps)[number]
  readonly value: number
}

/** Which of the rules must (not) have been seen: the text condition of temporal types (`a and b and not c`). */
export type RuleExpr =
  | { readonly kind: 'rule'; readonly id: string }
  | { readonly kind: 'and' | 'or'; readonly of: readonly RuleExpr[] }
  | { readonly kind: 'not'; readonly of: RuleExpr }

export interface SigmaCorrelation extends Described {
  readonly type: CorrelationType
  /** As written, resolved, in the document's order. */
  readonly rules: readonly { readonly ref: string; readonly id: string; readonly kind: 'rule' | 'correlation' }[]
  /** Field names or aliases; empty: one group for everything. */
  readonly groupBy: readonly string[]
  /** alias -> rule id -> the field's name in that rule's matches. See `groupField`. */
  readonly aliases: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly timespanMs: number
  /**
   * What is counted or measured must satisfy every bound. Temporal types: the number of different rules seen, or
   * `expression`; both absent means all of them.
   */
  readonly condition: {
    readonly bounds: readonly Bound[]
    /** value_* and first_seen only; several fields of value_count and first_seen are taken as tuples. */
    readonly fields: readonly string[]
    /** value_percentile only, 0..100. */
    readonly percentile?: number
    readonly expression?: RuleExpr
  }
  /** The rules named here alert by themselves too. */
  readonly generate: boolean
}

export interface SigmaFilter {
  readonly id: string
  readonly title: string
  readonly logsource: Logsource
  /** Ids or names; undefined: any rule. */
  readonly rules: readonly string[] | undefined
  readonly expr: Expr
  readonly needsPlaceholders: readonly string[]
  readonly file: string
  readonly line: number
}

/** Why a document is not there, or what a reader should know about one that is. */
export interface Refusal {
  readonly file: string
  readonly line?: number
  readonly reason: string
  readonly id?: string
}
export interface Note {
  readonly file: string
  readonly line?: number
  readonly text: string
  readonly id?: string
}

export interface LoadedRules {
  readonly rules: readonly SigmaRule[]
  readonly correlations: readonly SigmaCorrelation[]
  readonly filters: readonly SigmaFilter[]
  readonly refused: readonly Refusal[]
  readonly notes: readonly Note[]
}

/** The name under which `RuleMatch.fields` of `ruleId` holds what the correlation calls `name`. */
export function groupField(correlation: SigmaCorrelation, ruleId: string, name: string): string {
  const alias = Object.hasOwn(correlation.aliases, name) ? correlation.aliases[name] : undefined
  return alias && Object.hasOwn(alias, ruleId) ? (alias[ruleId] as string) : name
}
