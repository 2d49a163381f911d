// A block of text values as template ids and variables (template-split.ts), read back: one value, all of them, or only
// what a test needs.

import type { Ids, PlainValues } from './block-codec.ts'
import type { Dictionary } from './dictionary.ts'
import { countRows, layOut, MARK } from './template-split.ts'

const LINE_FEED = 10

/** A word as it stands in the template, lower-cased, or the number of the variable that stands there. */
export type TemplateWord = string | number

/** The templates of one column. */
export class Templates {
  readonly dictionary: Dictionary
  /** How many variables each has. */
  readonly slots: ArrayLike<number>
  readonly trigrams: Buffer
  readonly #words: TemplateWord[][] = []

  constructor(dictionary: Dictionary, trigrams: Buffer, slots?: ArrayLike<number>) {
    this.dictionary = dictionary
    this.trigrams = trigrams
    this.slots = slots ?? countSlots(dictionary)
  }

  isRaw(id: number): boolean {
    const { bytes, starts } = this.dictionary
    const from = starts[id] as number
    return (starts[id + 1] as number) - from === 2 && bytes[from] === MARK && bytes[from + 1] === MARK
  }

  /** The words in order. Not for the raw one. */
  words(id: number): readonly TemplateWord[] {
    const known = this.#words[id]
    if (known) return known
    const { bytes, starts } = this.dictionary
    const text = bytes.toString('latin1', starts[id], starts[id + 1]).toLowerCase()
    let slot = 0
    const words = (text.match(/\x1a|\w+/g) ?? []).map((word) => (word === '\x1a' ? slot++ : word))
    this.#words[id] = words
    return words
  }
}

function countSlots({ bytes, starts, count }: Dictionary): Uint32Array {
  const slots = new Uint32Array(count)
  for (let id = 0; id < count; id++) {
    const from = starts[id] as number
    const to = starts[id + 1] as number
    let marks = 0
    for (let i = from; i < to; i++) if (bytes[i] === MARK) marks++
    slots[id] = marks === 2 && to - from === 2 ? 1 : marks
  }
  return slots
}

export class TemplatedBlock {
  readonly count: number
  readonly ids: Ids
  readonly templates: Templates
  readonly #readVariables: () => PlainValues
  #rows: Uint32Array | undefined
  #base: Uint32Array | undefined

  constructor(ids: Ids, count: number, templates: Templates, readVariables: () => PlainValues) {
    this.count = count
    this.ids = ids
    this.templates = templates
    this.#readVariables = readVariables
  }

  get variables(): PlainValues {
    return this.#readVariables()
  }

  /** Per template, how many values of the block have it. */
  get rows(): Uint32Array {
    this.#rows ??= countRows(this.ids, this.count, this.templates.slots.length)
    return this.#rows
  }

  /** Variable k of the j-th value with the template is number `base + k * rows + j`. */
  get base(): Uint32Array {
    this.#base ??= layOut(this.ids, this.count, this.templates.slots)
    return this.#base
  }

  /** Values with this template, ascending. */
  membersOf(id: number): Uint32Array {
    const members = new Uint32Array(this.rows[id] as number)
    let n = 0
    for (let i = 0; i < this.count; i++) if (this.ids[i] === id) members[n++] = i
    return members
  }

  /** Per template, 1 where no value of the block is longer than this; not told of the raw one. */
  within(length: number): Uint8Array {
    const { rows, base, templates } = this
    const { starts } = this.variables
    const { starts: templateStarts } = templates.dictionary
    const out = new Uint8Array(rows.length)
    for (let id = 0; id < rows.length; id++) {
      const step = rows[id] as number
      if (step === 0 || templates.isRaw(id)) continue
      const slots = templates.slots[id] as number
      let longest = (templateStarts[id + 1] as number) - (templateStarts[id] as number) - slots
      let at = base[id] as number
      for (let k = 0; k < slots; k++) {
        let most = 0
        for (const end = at + step; at < end; at++) {
          const size = (starts[at + 1] as number) - (starts[at] as number) - 1
          if (size > most) most = size
        }
        longest += most
      }
      if (longest <= length) out[id] = 1
    }
    return out
  }

  text(value: number): string {
    const id = this.ids[value] as number
    let row = 0
    for (let i = 0; i < value; i++) if (this.ids[i] === id) row++
    const { bytes, starts } = this.variables
    const step = this.rows[id] as number
    let at = (this.base[id] as number) + row
    const variable = () => {
      const text = bytes.toString('utf8', starts[at] as number, (starts[at + 1] as number) - 1)
      at += step
      return text
    }
    if (this.templates.isRaw(id)) return variable()
    const { dictionary } = this.templates
    const template = dictionary.bytes.toString('latin1', dictionary.starts[id], dictionary.starts[id + 1])
    return template.replaceAll('\x1a', variable)
  }

  /** Every value as it was. */
  plain(): PlainValues {
    const { ids, count, rows, base, templates } = this
    const variables = this.variables
    const { bytes: from, starts: fromStarts } = variables
    const { bytes: template, starts: templateStarts } = templates.dictionary
    const starts = new Uint32Array(count + 1)
    let size = 0
    const seen = new Uint32Array(rows.length)
    for (let i = 0; i < count; i++) {
      const id = ids[i] as number
      const slots = templates.slots[id] as number
      const raw = templates.isRaw(id)
      size += raw ? 1 : (templateStarts[id + 1] as number) - (templateStarts[id] as number) - slots + 1
      let at = (base[id] as number) + seen[id]!++
      for (let k = 0; k < slots; k++, at += rows[id] as number) {
        size += (fromStarts[at + 1] as number) - (fromStarts[at] as number) - 1
      }
      starts[i + 1] = size
    }
    const out = Buffer.allocUnsafeSlow(size)
    seen.fill(0)
    let to = 0
    for (let i = 0; i < count; i++) {
      const id = ids[i] as number
      const end = templateStarts[id + 1] as number
      let at = (base[id] as number) + seen[id]!++
      const raw = templates.isRaw(id)
      for (let t = raw ? end - 1 : (templateStarts[id] as number); t < end; t++) {
        const byte = template[t] as number
        if (byte !== MARK) {
          out[to++] = byte
          continue
        }
        const stop = (fromStarts[at + 1] as number) - 1
        for (let v = fromStarts[at] as number; v < stop; v++) out[to++] = from[v] as number
        at += rows[id] as number
      }
      out[to++] = LINE_FEED
    }
    return { bytes: out, starts }
  }
}
