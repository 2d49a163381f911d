// Stored matches in a snapshot: columns of plain values beside one table of the objects they share, over all correlations.
//
//   t         times
//   id        event ids
//   shared    three a match: places of rules, why, entities in the table
//   rest      place of a match -> what few matches have besides
//
// A group says which run of these its matches are.

import { type StoredMatch, storedMatch } from './stored-match.ts'

type Rest = Pick<StoredMatch, 'values' | 'fields' | 'parts'>

/** JSON-safe. */
export interface PackedMatches {
  readonly table: readonly unknown[]
  readonly t: readonly number[]
  readonly id: readonly string[]
  readonly shared: readonly number[]
  /** value_count: nearly every match has them, so they stand apart from `rest`; null: none, or not a text. */
  readonly text: readonly (string | null)[]
  readonly rest: readonly (readonly [number, Rest])[]
}

/** Shared by all groups of one snapshot. */
export class MatchPacker {
  readonly packed = {
    table: [] as unknown[],
    t: [] as number[],
    id: [] as string[],
    shared: [] as number[],
    text: [] as (string | null)[],
    rest: [] as [number, Rest][],
  }
  readonly #places = new Map<object, number>()

  /** Appends a run of matches. */
  pack(matches: readonly StoredMatch[]): void {
    const { t, id, shared, text, rest } = this.packed
    for (const match of matches) {
      const { values, fields, parts } = match
      if (fields !== undefined || parts !== undefined || (values !== undefined && typeof values !== 'string')) {
        rest.push([t.length, { values, fields, parts }])
        text.push(null)
      } else text.push(values ?? null)
      t.push(match.t)
      id.push(match.id)
      shared.push(this.#place(match.rules), this.#place(match.why), this.#place(match.entities))
    }
  }

  #place(value: object): number {
    let place = this.#places.get(value)
    if (place === undefined) {
      place = this.packed.table.length
      this.packed.table.push(value)
      this.#places.set(value, place)
    }
    return place
  }
}

/** The inverse: gives the runs back one after the other, as they were packed. */
export class MatchUnpacker {
  readonly #packed: PackedMatches
  readonly #rest: ReadonlyMap<number, Rest>
  #at = 0

  constructor(packed: PackedMatches) {
    this.#packed = packed
    this.#rest = new Map(packed.rest)
  }

  unpack(count: number): StoredMatch[] {
    const matches: StoredMatch[] = []
    for (const end = this.#at + count; this.#at < end; this.#at++) matches.push(this.#match(this.#at))
    return matches
  }

  skip(count: number): void {
    this.#at += count
  }

  #match(at: number): StoredMatch {
    const { table, t, id, shared, text } = this.#packed
    const rest = this.#rest.get(at)
    return storedMatch(
      t[at] as number,
      id[at] as string,
      table[shared[3 * at] as number] as StoredMatch['rules'],
      table[shared[3 * at + 1] as number] as StoredMatch['why'],
      table[shared[3 * at + 2] as number] as StoredMatch['entities'],
      rest ? rest.values : (text[at] ?? undefined),
      rest?.fields,
      rest?.parts,
    )
  }
}
