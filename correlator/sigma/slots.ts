// Where rules look, each place once: a tree of paths that is walked as far as an event is asked about.
//
//   slot "Image" ─┬─ process ── executable        a parent object is fetched once per event,
//                 ├─ winlog ── event_data ── Image  whatever number of fields lies in it
//                 └─ Image

import type { EcsEvent, EcsValue } from '../../core/event.ts'
import {
  collectKeywordTexts,
  collectNested,
  collectValues,
  type FieldValue,
  type Source,
  take,
} from './event-access.ts'
import { fold } from './text.ts'

/** A place as slots read it: most as it is, few with a text before it. */
export interface Form {
  readonly id: number
  readonly node: number
  readonly prefix: string
}

interface PathNode {
  readonly id: number
  readonly children: Map<string, PathNode>
  readonly forms: Form[]
  /** Slots with a place below: what a list here may hold. */
  readonly below: number[]
  /** The chain above, the event itself first left out; for lists on the way. */
  readonly parent: PathNode | undefined
}

interface Slot {
  readonly sources: readonly Source[]
  readonly leaves: readonly PathNode[]
  readonly forms: readonly Form[]
  readonly keywords: boolean
}

/** The places of all rules; built at load. */
export class SlotTable {
  readonly slots: Slot[] = []
  readonly #byKey = new Map<string, number>()
  /** The event itself; its children are the top-level keys rules look at. */
  readonly root: PathNode = { id: 0, children: new Map(), forms: [], below: [], parent: undefined }
  nodeCount = 1
  formCount = 0

  /** @param sources undefined: keywords over the whole event */
  slotOf(sources: readonly Source[] | undefined): number {
    const key = sources
      ? sources.map((one) => `${one.prefix}\u0001${one.path.join('\u0002')}`).join('\u0003')
      : '\u0000'
    const found = this.#byKey.get(key)
    if (found !== undefined) return found
    const leaves = (sources ?? []).map((source) => this.#node(source.path))
    const forms = (sources ?? []).map(({ prefix }, i) => this.#form(leaves[i] as PathNode, prefix))
    const slot = this.slots.push({ sources: sources ?? [], leaves, forms, keywords: sources === undefined }) - 1
    for (const leaf of leaves)
      for (let node = leaf.parent; node !== undefined; node = node.parent)
        if (!node.below.includes(slot)) node.below.push(slot)
    this.#byKey.set(key, slot)
    return slot
  }

  #form(node: PathNode, prefix: string): Form {
    let form = node.forms.find((one) => one.prefix === prefix)
    if (form === undefined) node.forms.push((form = { id: this.formCount++, node: node.id, prefix }))
    return form
  }

  #node(path: readonly string[]): PathNode {
    let node = this.root
    for (const key of path) {
      let child = node.children.get(key)
      if (child === undefined) {
        child = { id: this.nodeCount++, children: new Map(), forms: [], below: [], parent: node }
        node.children.set(key, child)
      }
      node = child
    }
    return node
  }
}

/** What one event holds, read once. Reused from event to event. */
export class EventView {
  /** Grows with every event: what was computed for an older one is known by its stamp. */
  stamp = 0
  /** The places that rules look at and this event has. */
  readonly present: Form[] = []
  /** Slots that need `values`: with a list of objects on their way. Undefined: all, the event has keys with dots. */
  slow: number[] | undefined = []
  #event: EcsEvent = {}
  readonly #table: SlotTable
  /** Stamp of the last event that had the node; `listStamp`: that had a list there, which the slow walk goes through. */
  readonly #nodeStamp: Int32Array
  readonly #listStamp: Int32Array
  readonly #nodeValue: EcsValue[] = []
  readonly #valueStamp: Int32Array
  readonly #values: FieldValue[][] = []
  readonly #foldedStamp: Int32Array
  readonly #folded: string[][] = []
  #joinedStamp = 0
  #joined = ''

  constructor(table: SlotTable) {
    this.#table = table
    this.#nodeStamp = new Int32Array(table.nodeCount)
    this.#listStamp = new Int32Array(table.nodeCount)
    this.#valueStamp = new Int32Array(table.slots.length)
    this.#foldedStamp = new Int32Array(table.slots.length)
    for (let i = 0; i < table.nodeCount; i++) this.#nodeValue.push(undefined)
    for (const _ of table.slots) {
      this.#values.push([])
      this.#folded.push([])
    }
  }

  /** Begins with another event: one walk over the parts of it that rules look at. */
  open(event: EcsEvent): void {
    this.#event = event
    this.present.length = 0
    if (this.slow === undefined) this.slow = []
    else if (this.slow.length > 0) this.slow.length = 0
    if (++this.stamp > 0x3fffffff) {
      this.stamp = 1
      this.#nodeStamp.fill(0)
      this.#listStamp.fill(0)
      this.#joinedStamp = 0
      this.#valueStamp.fill(0)
      this.#foldedStamp.fill(0)
    }
    const { children } = this.#table.root
    for (const key in event)
      if (!children.has(key) && key.includes('.')) {
        this.slow = undefined
        return // such events are looked through place by place
      }
    this.#enter(event, this.#table.root)
  }

  /** As deep as rules' paths go, however deep the event is. */
  #enter(object: EcsEvent, node: PathNode): void {
    const { children } = node
    for (const key in object) {
      const child = children.get(key)
      if (child === undefined) continue
      const value = object[key]
      if (value === undefined) continue
      const { id, forms } = child
      this.#nodeStamp[id] = this.stamp
      this.#nodeValue[id] = value
      for (let i = 0; i < forms.length; i++) this.present.push(forms[i] as Form)
      if (child.children.size === 0 || value === null || typeof value !== 'object') continue
      if (Array.isArray(value)) {
        this.#listStamp[id] = this.stamp
        this.slow?.push(...child.below)
      } else this.#enter(value, child)
    }
  }

  /** What a place of `present` holds. */
  valueAt(form: Form): EcsValue {
    return this.#nodeValue[form.node]
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
    else if (this.slow === undefined) collectValues(this.#event, sources, out)
    else
      for (let i = 0; i < leaves.length; i++) {
        const leaf = leaves[i] as PathNode
        if (this.#nodeStamp[leaf.id] !== this.stamp) {
          if (this.slow.length > 0 && this.#listAbove(leaf)) collectNested(this.#event, sources[i] as Source, out)
          continue
        }
        const found = this.#nodeValue[leaf.id] as EcsValue
        const { prefix } = sources[i] as Source
        if (typeof found === 'string' && prefix === '') out.push(found)
        else take(found, prefix, out)
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

  /** All texts of the keyword slot as one: what has a literal in one of them has it here. May have more, across an edge. */
  joined(slot: number): string {
    if (this.#joinedStamp !== this.stamp) this.#joined = this.values(slot).join('\n')
    this.#joinedStamp = this.stamp
    return this.#joined
  }

  isKeywords(slot: number): boolean {
    return (this.#table.slots[slot] as Slot).keywords
  }

  /** A list stands on the way: the walk that goes through lists has to look. */
  #listAbove(leaf: PathNode): boolean {
    for (let node = leaf.parent; node !== undefined && node.parent !== undefined; node = node.parent)
      if (this.#nodeStamp[node.id] === this.stamp) return this.#listStamp[node.id] === this.stamp
    return false
  }
}
