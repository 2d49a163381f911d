// Stored matches in a snapshot: rows of short lists beside one table of the objects they share. A tenth of the JSON.
//
//   row  [t, id, rules, why, entities, rest?]     rules, why, entities: places in the table; rest: what few matches have

import { Interner } from './intern.ts'
import type { StoredMatch } from './stored-match.ts'

type Rest = Pick<StoredMatch, 'values' | 'numbers' | 'fields' | 'parts'>
export type PackedMatch = readonly [number, string, number, number, number, Rest?]

/** Shared by all groups of one snapshot. */
export class MatchPacker {
  readonly table: unknown[] = []
  readonly #places = new Map<object, number>()

  pack({ t, id, rules, why, entities, ...rest }: StoredMatch): PackedMatch {
    const row = [t, id, this.#place(rules), this.#place(why), this.#place(entities)] as const
    return Object.keys(rest).length > 0 ? [...row, rest] : row
  }

  #place(value: object): number {
    let place = this.#places.get(value)
    if (place === undefined) {
      place = this.table.length
      this.table.push(value)
      this.#places.set(value, place)
    }
    return place
  }
}

/** The inverse: rows become matches that share the table's objects. */
export function unpackMatches(table: readonly unknown[]): (row: PackedMatch) => StoredMatch {
  const interner = new Interner()
  const shared = table.map((value) => interner.intern(value as object))
  return ([t, id, rules, why, entities, rest]) => ({
    t,
    id,
    rules: shared[rules] as StoredMatch['rules'],
    why: shared[why] as StoredMatch['why'],
    entities: shared[entities] as StoredMatch['entities'],
    ...rest,
  })
}
