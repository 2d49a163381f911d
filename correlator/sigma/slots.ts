// Where rules look, each place once: a tree of paths that is walked as far as an event is asked about.
//
//   slot "Image" ─┬─ process ── executable        a parent object is fetched once per event,
//                 ├─ winlog ── event_data ── Image  whatever number of fields lies in it
//                 └─ Image

import type { EcsEvent, EcsValue } from '../../core/event.ts'
import { collectKeywordTexts, collectValues, type FieldValue, type Source, take } from './event-access.ts'
import { fold } from './text.ts'

interface PathNode {
  readonly id: number
  /** Undefined: the event itself. */
  readonly parent: PathNode | undefined
  readonly key: string
  /** `constructor` and the like: a plain read would find the prototype's. */
  readonly guarded: boolean
}

interface Slot {
  readonly sources: readonly Source[]
  readonly leaves: readonly PathNode[]
  readonly keywords: boolean
}

/** The places of all rules; built at load. */
export class SlotTable {
  readonly slots: Slot[] = []
  readonly #byKey = new Map<string, number>()
  readonly #nodes = new Map<string, PathNode>()
  nodeCount = 0

  /** @param sources undefined: keywords over the whole event */
  slotOf(sources: readonly Source[] | undefined): number {
    const key = sources
      ? sources.map((one) => `${one.prefix}\u0001${one.path.join('\u0002')}`).join('\u0003')
      : '\u0000'
    const found = this.#byKey.get(key)
    if (found !== undefined) return found
    const leaves = (sources ?? []).map((source) => this.#node(source.path))
    const slot = this.slots.push({ sources: sources ?? [], leaves, keywords: sources === undefined }) - 1
    this.#byKey.set(key, slot)
    return slot
  }

  #node(path: readonly string[]): PathNode {
    const name = path.join('\u0002')
    const found = this.#nodes.get(name)
    if (found) return found
    const key = path[path.length - 1] as string
    const parent = path.length > 1 ? this.#node(path.slice(0, -1)) : undefined
    const node = { id: this.nodeCount++, parent, key, guarded: key in Object.prototype }
    this.#nodes.set(name, node)
    return node
  }
}

const missing = Symbol('missing')
/** A list stands on the way: the slow walk, which goes through lists, has to look. */
const list = Symbol('list')
type Found = EcsValue | typeof missing | typeof list

/** What one event holds, read once and only where asked. Reused from event to event. */
export class EventView {
  /** Grows with every event: what was computed for an older one is known by its stamp. */
  stamp = 0
  #event: EcsEvent = {}
  #hasDottedKeys = false
  readonly #table: SlotTable
  #nodeStamp: Int32Array
  readonly #nodeValue: Found[] = []
  #valueStamp: Int32Array
  readonly #values: FieldValue[][] = []
  #foldedStamp: Int32Array
  readonly #folded: string[][] = []

  constructor(table: SlotTable) {
    this.#table = table
    this.#nodeStamp = new Int32Array(table.nodeCount)
    this.#valueStamp = new Int32Array(table.slots.length)
    this.#foldedStamp = new Int32Array(table.slots.length)
    for (const _ of table.slots) {
      this.#values.push([])
      this.#folded.push([])
    }
  }

  /** Begins with another event. */
  open(event: EcsEvent): void {
    this.#event = event
    if (++this.stamp > 0x3fffffff) {
      this.stamp = 1
      this.#nodeStamp.fill(0)
      this.#valueStamp.fill(0)
      this.#foldedStamp.fill(0)
    }
    this.#hasDottedKeys = false
    for (const key in event)
      if (key.includes('.')) {
        this.#hasDottedKeys = true
        break
      }
  }

  get event(): EcsEvent {
    return this.#event
  }

  /** Every value of the slot, null included. Valid until the next `open`. */
  values(slot: number): readonly FieldValue[] {
    const out = this.#values[slot] as FieldValue[]
    if (this.#valueStamp[slot] === this.stamp) return out
    this.#valueStamp[slot] = this.stamp
    out.length = 0
    const { sources, leaves, keywords } = this.#table.slots[slot] as Slot
    if (keywords) collectKeywordTexts(this.#event, out)
    else if (this.#hasDottedKeys) collectValues(this.#event, sources, out)
    else
      for (let i = 0; i < leaves.length; i++) {
        const found = this.#find(leaves[i] as PathNode)
        if (found === missing) continue
        const source = sources[i] as Source
        if (found === list) collectValues(this.#event, [source], out)
        else if (typeof found === 'object') take(found as EcsValue, source.prefix, out)
        else if (source.prefix === '') out.push(found as FieldValue)
        else out.push(source.prefix + String(found))
      }
    return out
  }

  /** The values as folded texts, without nulls. */
  folded(slot: number): readonly string[] {
    const out = this.#folded[slot] as string[]
    if (this.#foldedStamp[slot] === this.stamp) return out
    this.#foldedStamp[slot] = this.stamp
    out.length = 0
    for (const value of this.values(slot))
      if (value !== null) out.push(fold(typeof value === 'string' ? value : String(value)))
    return out
  }

  #find(node: PathNode): Found {
    if (this.#nodeStamp[node.id] === this.stamp) return this.#nodeValue[node.id] as Found
    const parent = node.parent === undefined ? this.#event : this.#find(node.parent)
    let found: Found = missing
    if (parent === list || Array.isArray(parent)) found = list
    else if (parent !== null && typeof parent === 'object') {
      const value = (parent as EcsEvent)[node.key]
      if (value !== undefined && (!node.guarded || Object.hasOwn(parent, node.key))) found = value
    }
    this.#nodeStamp[node.id] = this.stamp
    this.#nodeValue[node.id] = found
    return found
  }
}
