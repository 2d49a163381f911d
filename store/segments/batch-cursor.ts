// Walks the events of an EventBatch by offset. Every length is checked before anything is stored, so a damaged batch
// leaves no half event behind.

import { PipelineError } from '../../core/errors.ts'
import { FieldTag, IN_ARRAY, viewEventBatch } from '../../core/event-batch.ts'

const EVENT_HEAD = 4 + 4 + 8 + 8 + 1

export class BatchCursor {
  readonly bytes: Buffer
  readonly names: readonly string[]
  readonly count: number
  /** The event that next() stands on. */
  partition = 0
  offset = 0
  timestampMs = 0
  /** Where its 16-byte key is, or -1. */
  keyAt = -1
  fields = 0
  /** Per field: index into names, tag (with IN_ARRAY), value bytes [start, end). */
  name: Uint32Array = new Uint32Array(256)
  tag: Uint8Array = new Uint8Array(256)
  start: Uint32Array = new Uint32Array(256)
  end: Uint32Array = new Uint32Array(256)
  #at: number
  readonly #end: number
  readonly #sourceName: number

  /** @throws BATCH_CORRUPT */
  constructor(batch: Uint8Array) {
    const view = openView(batch)
    this.bytes = view.bytes
    this.names = view.names
    this.count = view.count
    this.#at = view.start
    this.#end = view.end
    this.#sourceName = view.names.indexOf('haetae.source')
  }

  /** Moves to the next event; false at the end. @throws BATCH_CORRUPT, standing on nothing */
  next(): boolean {
    if (this.#at >= this.#end) return false
    const { bytes } = this
    let at = this.#at
    if (at + EVENT_HEAD > this.#end) corrupt('an event is cut short')
    const next = at + 4 + bytes.readUInt32LE(at)
    if (next > this.#end) corrupt('an event runs past the end')
    this.partition = bytes.readUInt32LE(at + 4)
    this.offset = bytes.readDoubleLE(at + 8)
    this.timestampMs = bytes.readDoubleLE(at + 16)
    if (!Number.isSafeInteger(this.offset) || this.offset < 0) corrupt('an offset is no whole number')
    if (!Number.isFinite(this.timestampMs)) corrupt('a timestamp is no number')
    const keyed = bytes[at + 24] === 1
    at += EVENT_HEAD
    this.keyAt = keyed ? at : -1
    if (keyed) at += 16
    if (at + 2 > next) corrupt('an event is cut short')
    const fields = bytes.readUInt16LE(at)
    at += 2
    if (fields > this.name.length) this.#grow(fields)
    for (let i = 0; i < fields; i++) {
      if (at + 4 > next) corrupt('a field is cut short')
      const name = bytes.readUInt16LE(at)
      const tag = bytes[at + 2] as number
      if (name >= this.names.length) corrupt('a field has no name')
      at += 3
      let length = 1
      const kind = tag & ~IN_ARRAY
      if (kind === FieldTag.string) {
        if (at + 4 > next) corrupt('a field is cut short')
        length = bytes.readUInt32LE(at)
        at += 4
      } else if (kind === FieldTag.number) length = 8
      else if (kind !== FieldTag.boolean) corrupt('a field is of no known type')
      if (at + length > next) corrupt('a value runs past its event')
      this.name[i] = name
      this.tag[i] = tag
      this.start[i] = at
      at += length
      this.end[i] = at
    }
    this.fields = fields
    this.#at = next
    return true
  }

  /** The event's `haetae.source`, for the accounts of duplicates. */
  source(): string | undefined {
    if (this.#sourceName < 0) return undefined
    for (let i = 0; i < this.fields; i++) {
      if (this.name[i] === this.#sourceName && ((this.tag[i] as number) & ~IN_ARRAY) === FieldTag.string) {
        return this.bytes.toString('utf8', this.start[i], this.end[i])
      }
    }
    return undefined
  }

  #grow(fields: number): void {
    const size = Math.max(fields, this.name.length * 2)
    this.name = new Uint32Array(size)
    this.tag = new Uint8Array(size)
    this.start = new Uint32Array(size)
    this.end = new Uint32Array(size)
  }
}

function openView(batch: Uint8Array) {
  try {
    return viewEventBatch(batch)
  } catch (error) {
    if (error instanceof PipelineError) throw error
    return corrupt('the names run past the end')
  }
}

function corrupt(problem: string): never {
  throw new PipelineError('BATCH_CORRUPT', { place: 'event batch', problem })
}
