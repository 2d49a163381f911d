// A search as data. api/query parses the search line into this; every store executes it and gives the same answer.

import type { Scalar } from './event.ts'

/** Half-open, milliseconds since 1970: since <= @timestamp < until. */
export interface TimeRange {
  readonly since: number
  readonly until: number
}

/**
 * Meaning, the same in every store:
 * - keyword fields compare case-sensitively by whole value; `message`, `event.original` and other text fields by words
 *   (Unicode letters, digits and `_`, lower-cased); a field with several values matches when any value does
 * - numbers, IPs and dates compare by value when the field's type says so (core/fields.ts): `1` matches `1.0`
 * - a field that is absent matches nothing but `not`
 */
export type Filter =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Filter[] }
  | { readonly kind: 'not'; readonly of: Filter }
  /** Whole value on keyword, number, ip, boolean; all words adjacent and in order on text fields. */
  | { readonly kind: 'equals'; readonly field: string; readonly value: Scalar }
  /** `*` any run, `?` one character, `\` escapes; over whole keyword values, or over single words of text fields. */
  | { readonly kind: 'wildcard'; readonly field: string; readonly pattern: string }
  | {
      readonly kind: 'range'
      readonly field: string
      readonly gt?: Scalar
      readonly gte?: Scalar
      readonly lt?: Scalar
      readonly lte?: Scalar
    }
  | { readonly kind: 'exists'; readonly field: string }
  | { readonly kind: 'cidr'; readonly field: string; readonly cidr: string }
  /** ECMAScript source, unanchored; the parser has refused what can backtrack without bound. */
  | { readonly kind: 'regex'; readonly field: string; readonly source: string; readonly ignoreCase: boolean }
  /** Bare words and quoted phrases: adjacent words, in order, in `message` or `event.original`. A trailing `*` on the
   * last word matches its beginning. */
  | { readonly kind: 'text'; readonly words: readonly string[]; readonly prefix: boolean }

export const matchAll: Filter = { kind: 'all' }

/** Words of a text as search sees them. Everything that tokenises calls this. */
export function tokenize(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []
}

/** What a stage makes of its input. Rows are events (newest first) until a stage makes a table of them. */
export type Pipe =
  | { readonly kind: 'stats'; readonly of: readonly Measure[]; readonly by: readonly GroupKey[] }
  /** As stats by time. Without an interval one is chosen for the range: about 60 bars. */
  | {
      readonly kind: 'timechart'
      readonly intervalMs?: number
      readonly of: readonly Measure[]
      readonly by?: string
    }
  /** The most (least) frequent values of fields taken together, with count and percent. Without the field: left out. */
  | { readonly kind: 'top' | 'rare'; readonly count: number; readonly fields: readonly string[] }
  /** The templates of the messages, most frequent first. */
  | { readonly kind: 'patterns'; readonly count: number }
  /** Stable; what has no value comes last either way. */
  | { readonly kind: 'sort'; readonly by: readonly { readonly column: string; readonly descending: boolean }[] }
  | { readonly kind: 'head'; readonly count: number }
  | { readonly kind: 'fields'; readonly columns: readonly string[] }
  /** Keeps the first row of each combination of values; what has none of them is one combination. */
  | { readonly kind: 'dedup'; readonly columns: readonly string[] }
  | { readonly kind: 'where'; readonly condition: Expression }
  | { readonly kind: 'eval'; readonly column: string; readonly value: Expression }
  /** Each event with the `count` before and after it of the same host and source. */
  | { readonly kind: 'context'; readonly count: number }

/** `p95` and its kin: the value at or below which so many per cent of the values lie (nearest rank). */
export const measureNames = ['count', 'dc', 'sum', 'avg', 'min', 'max', 'p50', 'p75', 'p90', 'p95', 'p99'] as const
export type MeasureName = (typeof measureNames)[number]

/**
 * One figure a group. Without a field: `count`, the events. With one:
 * - `count` events that have it, `dc` distinct values (1 and "1" are two); both exact
 * - `sum`, `avg`, `p…` over every number among its values, text that is a decimal number included
 * - `min`, `max` over the numbers, where there are none over the text; dates by time
 * - nothing to work on: null (0 for count and dc)
 * - `p…` is exact up to 64 values a group, beyond within 1 % of the value
 */
export interface Measure {
  readonly name: MeasureName
  readonly field?: string
  /** The column's name. */
  readonly as: string
}

/**
 * An event with several values of a field is in each value's group; without any it is in the group null.
 * `bin` gives the start of the interval, aligned to the epoch; `pattern` the template of the text (core/template.ts).
 */
export type GroupKey =
  | { readonly kind: 'field'; readonly field: string }
  | { readonly kind: 'bin'; readonly intervalMs: number }
  | { readonly kind: 'pattern'; readonly field: string }

/** The column a key makes. */
export function keyName(key: GroupKey): string {
  return key.kind === 'bin' ? '@timestamp' : key.kind === 'pattern' ? 'pattern' : key.field
}

export const functionNames = [
  ...(['lower', 'upper', 'len', 'substr', 'concat', 'contains', 'startswith', 'endswith', 'tostring'] as const),
  ...(['tonumber', 'abs', 'round', 'floor', 'ceil', 'if', 'coalesce', 'cidr'] as const),
] as const
export type FunctionName = (typeof functionNames)[number]
export const comparisons = ['=', '!=', '<', '<=', '>', '>='] as const
export type Comparison = (typeof comparisons)[number]
export type Arithmetic = '+' | '-' | '*' | '/' | '%'

/**
 * - null is what a row has no value for: for `=` and `!=` a value like any other, no order holds with it, arithmetic with
 *   it is null
 * - two values compare as numbers when both are numbers or text that is one, as text by code points when neither is; a
 *   number and other text are not equal and have no order
 * - a column with several values: a comparison holds when it holds for any; everywhere else its first value counts
 */
export type Expression =
  | { readonly kind: 'literal'; readonly value: Scalar | null }
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly args: readonly Expression[] }
  | { readonly kind: 'not' | 'negate'; readonly of: Expression }
  | { readonly kind: 'compare'; readonly op: Comparison; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Expression[] }
  | { readonly kind: 'math'; readonly op: Arithmetic; readonly left: Expression; readonly right: Expression }
