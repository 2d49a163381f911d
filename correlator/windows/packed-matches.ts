// Stored matches in a snapshot: columns of plain values, over all correlations. What matches share stands once.
//
//   seen       t, id: a match, however many correlations keep it; its entities have the names `shapes[shape]`, their
//              values begin at `values[begin]`
//   kept       match: its place among the seen; said: place of rules and reasons in `shared`; text: what value_count
//              counts (nearly every match has one); rest: [place, what few have besides]
//
// A group says how many of the kept, in order, are its own.

import { type Mark, newMark, type StoredMatch, storedMatch } from './stored-match.ts'

type Value = StoredMatch['entities'][string]
type Said = readonly [StoredMatch['rules'], StoredMatch['why']]
type Rest = Pick<StoredMatch, 'values' | 'fields' | 'parts'>

/** JSON-safe. */
export interface PackedMatches {
  readonly seen: { readonly t: number[]; readonly id: string[]; readonly shape: number[]; readonly begin: number[] }
  readonly kept: {
    readonly match: number[]
    readonly said: number[]
    readonly text: (string | 0)[]
    readonly rest: [number, Rest][]
  }
  readonly shared: Said[]
  readonly shapes: (readonly string[])[]
  readonly values: Value[]
}

let snapshots = 0

/** Shared by all groups of one snapshot. */
export class MatchPacker {
  readonly packed: PackedMatches = {
    seen: { t: [], id: [], shape: [], begin: [] },
    kept: { match: [], said: [], text: [], rest: [] },
    shared: [],
    shapes: [],
    values: [],
  }
  readonly #number = ++snapshots
  #lastSaid = 0
  readonly #shapes = new Map<string, number>()
  /** By reasons, then rules: lists that are the same for most matches. */
  readonly #said = new Map<StoredMatch['why'], Map<StoredMatch['rules'], number>>()

  /** Appends a run of matches. */
  pack(matches: readonly StoredMatch[]): void {
    const { match: places, said, text, rest } = this.packed.kept
    for (const match of matches) {
      const { values, fields, parts, mark } = match
      if (fields !== undefined || parts !== undefined || (values !== undefined && typeof values !== 'string')) {
        rest.push([places.length, { values, fields, parts }])
        text.push(0)
      } else text.push(values ?? 0)
      said.push(this.#saidPlace(match))
      if (mark.snapshot !== this.#number) this.#see(match)
      places.push(mark.place)
    }
  }

  #see({ t, id, entities, mark }: StoredMatch): void {
    const { seen, shapes, values } = this.packed
    mark.snapshot = this.#number
    mark.place = seen.t.push(t) - 1
    seen.id.push(id)
    seen.begin.push(values.length)
    let key = ''
    for (const name in entities) {
      key += `${name.length}:${name}`
      values.push(entities[name] as Value)
    }
    let shape = this.#shapes.get(key)
    if (shape === undefined) {
      shape = shapes.push(Object.keys(entities)) - 1
      this.#shapes.set(key, shape)
    }
    seen.shape.push(shape)
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
}

/** The inverse: gives the runs back one after the other, as they were packed. */
export class MatchUnpacker {
  readonly #packed: PackedMatches
  readonly #rest: ReadonlyMap<number, Rest>
  readonly #entities: readonly StoredMatch['entities'][]
  readonly #marks: readonly Mark[]
  #at = 0

  constructor(packed: PackedMatches) {
    this.#packed = packed
    this.#rest = new Map(packed.kept.rest)
    const { seen, shapes, values } = packed
    this.#marks = seen.t.map(newMark)
    this.#entities = seen.shape.map((shape, place) => {
      const begin = seen.begin[place] as number
      const names = shapes[shape] as readonly string[]
      return Object.fromEntries(names.map((name, i) => [name, values[begin + i] as Value]))
    })
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
    const { seen, kept, shared } = this.#packed
    const place = kept.match[at] as number
    const [rules, why] = shared[kept.said[at] as number] as Said
    const rest = this.#rest.get(at)
    const text = kept.text[at]
    return storedMatch(
      seen.t[place] as number,
      seen.id[place] as string,
      rules,
      why,
      this.#entities[place] as StoredMatch['entities'],
      rest ? rest.values : text === 0 ? undefined : text,
      rest?.fields,
      rest?.parts,
      this.#marks[place] as Mark,
    )
  }
}
