// Parsed events as bytes, from the worker that made them to the store that indexes them: flat, typed, names said once.
//
//   batch   "HEB1" u32 | count u32 | eventsBytes u32 | events | names
//   event   bytes u32 (of what follows) | position: partition u32, offset f64 | timestampMs f64 | keyed u8 [keyHash 16] |
//           fields u16 | field*
//   field   name u16 (index into names) | tag u8 (type, | 0x80 when one of an array) | value
//   value   string: bytes u32, UTF-8 | number: f64 | boolean: u8
//   names   count u32 | (bytes u16 | UTF-8)*      dotted ECS names, in order of first use
//
// Little endian. An array is its elements one after the other under one name; an array of objects becomes one array a
// leaf. null, empty objects and empty arrays are absent. `@timestamp` is not a field here: it is timestampMs
// (milliseconds since 1970, fractions kept to the microsecond).

import { PipelineError } from './errors.ts'
import { type EcsEvent, type EcsValue, eventId, type FlatEvent, keyHash, type Scalar } from './event.ts'

export const FieldTag = { string: 0, number: 1, boolean: 2 } as const
export const IN_ARRAY = 0x80

const MAGIC = 0x31_42_45_48 // "HEB1"
const HEADER = 12
const EVENT_HEAD = 4 + 4 + 8 + 8 + 1
const MAX_FIELDS = 65_535
const MAX_DEPTH = 32

/** One step of a dotted path, so that walking a nested event joins no strings. */
interface PathNode {
  readonly key: string
  readonly path: string
  readonly children: Map<string, PathNode>
  /** Index in this batch's names, or -1. */
  index: number
  /** Its first child, and the sibling after it, when they came last: events have their fields in the same order. */
  head: PathNode | undefined
  next: PathNode | undefined
  /** The ones before those: events of two kinds that take turns. */
  head2: PathNode | undefined
  next2: PathNode | undefined
  /** The path in UTF-8, once a batch had it. */
  bytes: Buffer | undefined
  /** What this batch last had here, where its field begins (tag and all), and how long that is: 0 before there is one. */
  text: string
  textAt: number
  textBytes: number
}

const newNode = (key: string, path: string): PathNode => ({
  key,
  path,
  children: new Map(),
  index: -1,
  head: undefined,
  next: undefined,
  head2: undefined,
  next2: undefined,
  bytes: undefined,
  text: '',
  textAt: 0,
  textBytes: 0,
})

/** Names kept from batch to batch: senders of JSON choose their keys, and could choose new ones for ever. */
const MAX_KEPT_NAMES = 20_000

/** Up to this length a loop beats the call into native code. */
const SHORT_CHARS = 12
/** An address stands in an event four times. Texts up to this length are copied from where they were written last. */
const RECENT_CHARS = 23
/** Longer texts are not looked for where the last event had its own. */
const SAME_CHARS = 64
/** Copies go by eight bytes, and may write so many past their end. */
const SLACK = 8

export class EventBatchWriter {
  #buf = Buffer.allocUnsafeSlow(256 * 1024)
  /** The same bytes: the engine turns its calls into single stores. */
  #view = viewOf(this.#buf)
  #at = HEADER
  #count = 0
  #eventStart = 0
  #fieldCountAt = 0
  #fieldCount = 0
  #root: PathNode = newNode('', '')
  #kept = 0
  #names: PathNode[] = []
  /** By length: the ASCII text of this batch that was last written in native code, and where it is. */
  readonly #recent: string[] = new Array<string>(RECENT_CHARS + 1).fill('')
  readonly #recentAt = new Float64Array(RECENT_CHARS + 1)

  get count(): number {
    return this.#count
  }

  /** Writes one nested event. `timestampMs` must be finite. @param key with its source, as in eventId() */
  write(event: EcsEvent, timestampMs: number, partition: number, offset: number, source?: string, key?: string): void {
    this.#begin(timestampMs, partition, offset, key ? keyHash(source ?? '', key) : undefined)
    this.#object(event, this.#root, false, 0)
    this.#end()
  }

  /** The finished batch in memory of its own; the writer is empty again (it keeps the names it has learnt). */
  finish(): Uint8Array<ArrayBuffer> {
    let namesBytes = 4
    const encoded = this.#names.map((node) => {
      const bytes = (node.bytes ??= Buffer.from(node.path))
      namesBytes += 2 + bytes.length
      return bytes
    })
    const out = Buffer.from(new ArrayBuffer(this.#at + namesBytes))
    this.#buf.copy(out, 0, 0, this.#at)
    out.writeUInt32LE(MAGIC, 0)
    out.writeUInt32LE(this.#count, 4)
    out.writeUInt32LE(this.#at - HEADER, 8)
    let at = out.writeUInt32LE(encoded.length, this.#at)
    for (const bytes of encoded) {
      at = out.writeUInt16LE(bytes.length, at)
      out.set(bytes, at)
      at += bytes.length
    }
    for (const node of this.#names) {
      node.index = -1
      node.text = ''
      node.textBytes = 0
    }
    this.#names = []
    this.#recent.fill('')
    if (this.#kept > MAX_KEPT_NAMES) {
      this.#root = newNode('', '')
      this.#kept = 0
    }
    this.#at = HEADER
    this.#count = 0
    return out
  }

  #begin(timestampMs: number, partition: number, offset: number, hash: Buffer | undefined): void {
    this.#reserve(EVENT_HEAD + 32)
    const view = this.#view
    const at = this.#at
    this.#eventStart = at
    view.setUint32(at + 4, partition, true)
    view.setFloat64(at + 8, offset, true)
    view.setFloat64(at + 16, timestampMs, true)
    this.#buf[at + 24] = hash ? 1 : 0
    if (hash) this.#buf.set(hash, at + EVENT_HEAD)
    this.#fieldCountAt = at + EVENT_HEAD + (hash ? 16 : 0)
    this.#fieldCount = 0
    this.#at = this.#fieldCountAt + 2
  }

  #end(): void {
    if (this.#fieldCount > MAX_FIELDS) {
      this.#at = this.#eventStart
      throw new RangeError(`more than ${MAX_FIELDS} values in one event`)
    }
    this.#view.setUint16(this.#fieldCountAt, this.#fieldCount, true)
    this.#view.setUint32(this.#eventStart, this.#at - this.#eventStart - 4, true)
    this.#count++
  }

  #object(object: EcsEvent, parent: PathNode, inArray: boolean, depth: number): void {
    if (depth > MAX_DEPTH) return
    let last: PathNode | undefined
    for (const key in object) {
      const value = object[key]
      if (value === undefined || value === null) continue
      if (depth === 0 && key === '@timestamp') continue
      let node = last === undefined ? parent.head : last.next
      if (node === undefined || node.key !== key) node = this.#turn(parent, last, key)
      last = node
      if (typeof value === 'string') this.#string(node, value, inArray)
      else if (Array.isArray(value)) for (const element of value) this.#value(element, node, true, depth)
      else this.#value(value, node, inArray, depth)
    }
  }

  /** Another child follows than the last time: most often the one of the time before. */
  #turn(parent: PathNode, last: PathNode | undefined, key: string): PathNode {
    let node = last === undefined ? parent.head2 : last.next2
    if (node === undefined || node.key !== key) node = this.#child(parent, key)
    if (last === undefined) {
      parent.head2 = parent.head
      parent.head = node
    } else {
      last.next2 = last.next
      last.next = node
    }
    return node
  }

  #child(parent: PathNode, key: string): PathNode {
    let node = parent.children.get(key)
    if (!node) {
      node = newNode(key, parent.path ? `${parent.path}.${key}` : key)
      parent.children.set(key, node)
      this.#kept++
    }
    return node
  }

  #value(value: EcsValue, node: PathNode, inArray: boolean, depth: number): void {
    if (typeof value === 'string') this.#string(node, value, inArray)
    else if (typeof value === 'number') this.#number(node, value, inArray)
    else if (typeof value === 'boolean') {
      const at = this.#field(node, inArray ? FieldTag.boolean | IN_ARRAY : FieldTag.boolean, 1)
      this.#buf[at] = value ? 1 : 0
      this.#at = at + 1
    } else if (Array.isArray(value)) for (const element of value) this.#value(element, node, true, depth + 1)
    else if (value !== null && value !== undefined) this.#object(value, node, inArray, depth + 1)
  }

  #number(node: PathNode, value: number, inArray: boolean): void {
    if (!Number.isFinite(value)) return
    const at = this.#field(node, inArray ? FieldTag.number | IN_ARRAY : FieldTag.number, 8)
    this.#view.setFloat64(at, value, true)
    this.#at = at + 8
  }

  #string(node: PathNode, value: string, inArray: boolean): void {
    const { length } = value
    const tag = inArray ? FieldTag.string | IN_ARRAY : FieldTag.string
    // half of an event is what the one before had: field and all
    if (node.text === value && node.textBytes > 0) {
      const from = node.textAt
      const fieldBytes = node.textBytes
      this.#reserve(fieldBytes)
      const at = this.#at
      this.#copy(from, at, fieldBytes)
      this.#buf[at + 2] = tag
      this.#fieldCount++
      this.#at = at + fieldBytes
      return
    }
    const at = this.#field(node, tag, 4 + length * 3)
    const start = at + 4
    const buf = this.#buf
    let bytes = 0
    if (length <= SHORT_CHARS)
      for (; bytes < length; bytes++) {
        const unit = value.charCodeAt(bytes)
        if (unit > 127) break
        buf[start + bytes] = unit
      }
    if (bytes < length) {
      if (length <= RECENT_CHARS && this.#recent[length] === value) {
        this.#copy(this.#recentAt[length] as number, start, length)
        bytes = length
      } else {
        bytes = buf.write(value, start, length * 3)
        if (bytes === length && length <= RECENT_CHARS) {
          this.#recent[length] = value
          this.#recentAt[length] = start
        }
      }
    }
    this.#view.setUint32(at, bytes, true)
    this.#at = start + bytes
    if (length <= SAME_CHARS) {
      node.text = value
      node.textAt = at - 3
      node.textBytes = 7 + bytes
    }
  }

  /** Within what #reserve made room for. The places do not overlap. */
  #copy(from: number, to: number, bytes: number): void {
    const view = this.#view
    // Whole words, the last one past the end: what it writes there is written over. Not floats, which change NaNs
    for (let i = 0; i < bytes; i += 8) view.setBigUint64(to + i, view.getBigUint64(from + i, true), true)
  }

  /** Begins a field: makes room, names it. Answers where its value goes. */
  #field(node: PathNode, tag: number, valueBytes: number): number {
    this.#fieldCount++
    this.#reserve(3 + valueBytes)
    if (node.index < 0) node.index = this.#names.push(node) - 1
    const at = this.#at
    this.#view.setUint16(at, node.index, true)
    this.#buf[at + 2] = tag
    return at + 3
  }

  #reserve(more: number): void {
    if (this.#at + more + SLACK > this.#buf.length) this.#grow(more + SLACK)
  }

  #grow(more: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#at + more, this.#buf.length * 2))
    this.#buf.copy(grown, 0, 0, this.#at)
    this.#buf = grown
    this.#view = viewOf(grown)
  }
}

const viewOf = (buffer: Buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.length)

/** The header and names of a batch, checked once; events are then walked by offset by whoever indexes them. */
export interface EventBatchView {
  readonly bytes: Buffer
  readonly count: number
  /** Where the first event begins and the last one ends. */
  readonly start: number
  readonly end: number
  readonly names: readonly string[]
}

/** @throws BATCH_CORRUPT */
export function viewEventBatch(batch: Uint8Array, place = 'event batch'): EventBatchView {
  const bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength)
  const corrupt = (problem: string): never => {
    throw new PipelineError('BATCH_CORRUPT', { place, problem })
  }
  if (bytes.length < HEADER || bytes.readUInt32LE(0) !== MAGIC) corrupt('not a batch of events')
  const end = HEADER + bytes.readUInt32LE(8)
  if (end + 4 > bytes.length) corrupt('events run past the end')
  const names: string[] = []
  let at = end + 4
  for (let left = bytes.readUInt32LE(end); left > 0; left--) {
    const length = bytes.readUInt16LE(at)
    names.push(bytes.toString('utf8', at + 2, at + 2 + length))
    at += 2 + length
  }
  return { bytes, count: bytes.readUInt32LE(4), start: HEADER, end, names }
}

export interface DecodedEvent {
  readonly id: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly fields: FlatEvent
}

/** Decodes every event to a flat object. For tests, tools and small batches: the store reads the bytes instead. */
export function* decodeEvents(batch: Uint8Array): Generator<DecodedEvent> {
  const { bytes, start, end, names } = viewEventBatch(batch)
  let at = start
  while (at < end) {
    const next = at + 4 + bytes.readUInt32LE(at)
    const partition = bytes.readUInt32LE(at + 4)
    const offset = bytes.readDoubleLE(at + 8)
    const timestampMs = bytes.readDoubleLE(at + 16)
    const keyed = bytes[at + 24] === 1
    at += EVENT_HEAD
    const id = keyed ? `k${bytes.toString('base64url', at, at + 16)}` : eventId(partition, offset)
    if (keyed) at += 16
    const fields: FlatEvent = {}
    let left = bytes.readUInt16LE(at)
    at += 2
    for (; left > 0; left--) {
      const name = names[bytes.readUInt16LE(at)] as string
      const tag = bytes[at + 2] as number
      at += 3
      let value: Scalar
      switch (tag & 0x7f) {
        case FieldTag.string: {
          const length = bytes.readUInt32LE(at)
          value = bytes.toString('utf8', at + 4, at + 4 + length)
          at += 4 + length
          break
        }
        case FieldTag.number:
          value = bytes.readDoubleLE(at)
          at += 8
          break
        default:
          value = bytes[at] === 1
          at += 1
      }
      const had = fields[name]
      if (had !== undefined) fields[name] = Array.isArray(had) ? [...had, value] : [had, value]
      else fields[name] = tag & IN_ARRAY ? [value] : value
    }
    yield { id, partition, offset, timestampMs, fields }
    at = next
  }
}
