// Stored matches in a snapshot: columns of plain values, over all correlations. What matches share stands once in tables.
//
//   t, id      time and event id of each match
//   said       place of its rules and reasons in `shared`
//   who        place of its entities: `shapes[entities[2p]]` are their names, the values begin at `values[entities[2p + 1]]`
//   text       what value_count counts: nearly every match has one
//   rest       [place of the match, what few matches have besides]
//
// A group says how many of these, in order, are its own.

import { type StoredMatch, storedMatch } from './stored-match.ts'

type Value = StoredMatch['entities'][string]
type Said = readonly [StoredMatch['rules'], StoredMatch['why']]
type Rest = Pick<StoredMatch, 'values' | 'fields' | 'parts'>

/** JSON-safe. */
export interface PackedMatches {
  readonly t: number[]
  readonly id: string[]
  readonly said: number[]
  readonly who: number[]
  readonly text: (string | 0)[]
  readonly rest: [number, Rest][]
  readonly shared: Said[]
  readonly shapes: (readonly string[])[]
  readonly entities: number[]
  readonly values: Value[]
}

/** Shared by all groups of one snapshot. */
export class MatchPacker {
  readonly packed: PackedMatches = {
    t: [],
    id: [],
    said: [],
    who: [],
    text: [],
    rest: [],
    shared: [],
    shapes: [],
    entities: [],
    values: [],
  }
  #lastSaid = 0
  readonly #entities = new Map<object, number>()
  readonly #shapes = new Map<string, number>()
  /** By reasons, then rules: lists that are the same for most matches. */
  readonly #said = new Map<StoredMatch['why'], Map<StoredMatch['rules'], number>>()

  /** Appends a run of matches. */
  pack(matches: readonly StoredMatch[]): void {
    const { t, id, said, who, text, rest } = this.packed
    for (const match of matches) {
      const { values, fields, parts } = match
      if (fields !== undefined || parts !== undefined || (values !== undefined && typeof values !== 'string')) {
        rest.push([t.length, { values, fields, parts }])
        text.push(0)
      } else text.push(values ?? 0)
      t.push(match.t)
      id.push(match.id)
      said.push(this.#saidPlace(match))
      who.push(this.#entitiesPlace(match.entities))
    }
  }

  #saidPlace({ why, rules }: StoredMatch): number {
    const { shared } = this.packed
    const last = shared[this.#lastSaid]
    if (last && last[0] === rules && last[1] === why) return this.#lastSaid
    let byRules = this.#said.get(why)
    if (!byRules) this.#said.set(why, (byRules = new Map()))
    let place = byRules.get(rules)
    if (place === undefined) {
      place = shared.push([rules, why]) - 1
      byRules.set(rules, place)
    }
    this.#lastSaid = place
    return place
  }

  #entitiesPlace(entities: StoredMatch['entities']): number {
    const known = this.#entities.get(entities)
    if (known !== undefined) return known
    const { packed } = this
    const place = packed.entities.length / 2
    const begin = packed.values.length
    let shapeKey = ''
    for (const name in entities) {
      shapeKey += `${name.length}:${name}`
      packed.values.push(entities[name] as Value)
    }
    let shape = this.#shapes.get(shapeKey)
    if (shape === undefined) {
      shape = packed.shapes.push(Object.keys(entities)) - 1
      this.#shapes.set(shapeKey, shape)
    }
    packed.entities.push(shape, begin)
    this.#entities.set(entities, place)
    return place
  }
}

/** The inverse: gives the runs back one after the other, as they were packed. */
export class MatchUnpacker {
  readonly #packed: PackedMatches
  readonly #rest: ReadonlyMap<number, Rest>
  readonly #entities: readonly StoredMatch['entities'][]
  #at = 0

  constructor(packed: PackedMatches) {
    this.#packed = packed
    this.#rest = new Map(packed.rest)
    const entities: StoredMatch['entities'][] = []
    for (let place = 0; 2 * place < packed.entities.length; place++) {
      const names = packed.shapes[packed.entities[2 * place] as number] as readonly string[]
      const begin = packed.entities[2 * place + 1] as number
      entities.push(Object.fromEntries(names.map((name, i) => [name, packed.values[begin + i] as Value])))
    }
    this.#entities = entities
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
    const { t, id, said, who, text, shared } = this.#packed
    const [rules, why] = shared[said[at] as number] as Said
    const rest = this.#rest.get(at)
    const entities = this.#entities[who[at] as number] as StoredMatch['entities']
    const values = rest ? rest.values : text[at] === 0 ? undefined : (text[at] as string)
    return storedMatch(t[at] as number, id[at] as string, rules, why, entities, values, rest?.fields, rest?.parts)
  }
}
