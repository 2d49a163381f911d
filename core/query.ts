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
