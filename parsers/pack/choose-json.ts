// Which packs know a JSON body: one look-up for each of its keys, whatever the number of packs.
//
//   key of the body -> sets of keys that are known by it (each set is filed under its rarest) -> those it has whole

import type { EcsEvent } from '../../core/event.ts'
import { isObject } from './context.ts'
import type { JsonKey, Pack } from './pack.ts'

interface KeySet {
  /** Place of its pack in the order in which packs are asked. */
  readonly rank: number
  readonly keys: readonly JsonKey[]
}

const NONE: readonly Pack[] = []

export class JsonIndex {
  readonly #packs: readonly Pack[]
  readonly #byKey = new Map<string, KeySet[]>()
  /** Packs that know any object. */
  readonly #always: readonly number[]
  readonly #ranks: number[] = []
  readonly #found: Pack[] = []

  /** @param packs in the order in which they are asked */
  constructor(packs: readonly Pack[]) {
    this.#packs = packs
    this.#always = packs.flatMap(({ detect }, rank) => (detect.json.some((keys) => keys.length === 0) ? [rank] : []))
    const uses = new Map<string, number>()
    for (const { detect } of packs)
      for (const keys of detect.json)
        for (const { path } of keys) uses.set(path[0] as string, (uses.get(path[0] as string) ?? 0) + 1)
    const usesOf = ({ path }: JsonKey) => uses.get(path[0] as string) as number
    packs.forEach(({ detect }, rank) => {
      for (const keys of detect.json) {
        if (keys.length === 0) continue
        const rarest = keys.reduce((a, b) => (usesOf(b) < usesOf(a) ? b : a))
        // `"ecs.version": …` as much as `"ecs": {"version": …}`
        for (const key of new Set([rarest.path[0] as string, rarest.name])) {
          const sets = this.#byKey.get(key)
          if (sets) sets.push({ rank, keys })
          else this.#byKey.set(key, [{ rank, keys }])
        }
      }
    })
  }

  /** Packs of which the body has a set of keys whole, in order. The list is the caller's until the next call. */
  find(json: EcsEvent): readonly Pack[] {
    const ranks = this.#ranks
    ranks.length = 0
    for (const key in json) {
      const sets = this.#byKey.get(key)
      if (sets === undefined) continue
      for (let i = 0; i < sets.length; i++) {
        const { rank, keys } = sets[i] as KeySet
        if (!ranks.includes(rank) && hasKeys(json, keys)) ranks.push(rank)
      }
    }
    for (let i = 0; i < this.#always.length; i++) {
      const rank = this.#always[i] as number
      if (!ranks.includes(rank)) ranks.push(rank)
    }
    if (ranks.length === 0) return NONE
    if (ranks.length > 1) ranks.sort((a, b) => a - b)
    const found = this.#found
    found.length = ranks.length
    for (let i = 0; i < ranks.length; i++) found[i] = this.#packs[ranks[i] as number] as Pack
    return found
  }
}

function hasKeys(json: EcsEvent, keys: readonly JsonKey[]): boolean {
  for (const { name, path, values } of keys) {
    const flat = path.length > 1 && Object.hasOwn(json, name)
    let node: EcsEvent[string] = flat ? json[name] : json
    if (!flat)
      for (let i = 0; i < path.length; i++) {
        const part = path[i] as string
        node = isObject(node) && Object.hasOwn(node, part) ? node[part] : undefined
      }
    if (node === undefined || (values && !values.has(String(node)))) return false
  }
  return true
}
