// What rows are grouped by, as small numbers: the same number for the same value in every segment of a query. 0: no value.

import type { Cell } from '../../../core/cells.ts'
import type { Scalar } from '../../../core/event.ts'
import { tooMany } from '../../../core/measures.ts'
import type { GroupKey } from '../../../core/query.ts'
import { MAX_CHARACTERS, templateOf } from '../../../core/template.ts'
import { eachValue, type Selected } from '../aggregate.ts'
import type { PlainValues } from '../block-codec.ts'
import { type Dictionary, DictionaryBuilder, dictionaryString } from '../dictionary.ts'
import { MARK } from '../template-split.ts'
import { toIso } from '../values.ts'
import type { SegmentView } from '../view.ts'

const MAX_VALUES = 4_000_000
const MAX_TEXT_BYTES = 256 * 1024 * 1024
const MAX_PATTERNS = 100_000
const MAX_BINS = 200_000
const MARK_TEXT = String.fromCharCode(MARK)

export interface RowIds {
  /** By row: the id of its first value. */
  readonly first: Int32Array
  /** Rows with several distinct values: the ids of all. */
  readonly more?: ReadonlyMap<number, readonly number[]>
}

export interface KeyColumn {
  ids(selected: Selected): RowIds
  value(id: number): Cell
}

export function openKeyColumn(key: GroupKey): KeyColumn {
  if (key.kind === 'bin') return new Bins(key.intervalMs)
  return key.kind === 'pattern' ? new Patterns(key.field) : new FieldIds(key.field)
}

/** Text by its bytes (even ids), numbers and booleans beside it (odd ids). */
export class FieldIds implements KeyColumn {
  readonly #field: string
  readonly #texts = new DictionaryBuilder()
  readonly #others = new Map<Scalar, number>()
  readonly #otherValues: Scalar[] = []
  #segment: SegmentView | undefined
  /** Dictionary id of the segment -> id here. */
  #known = new Int32Array(0)

  constructor(field: string) {
    this.#field = field
  }

  ids(selected: Selected): RowIds {
    return this.#fast(selected) ?? this.#slow(selected)
  }

  value(id: number): Cell {
    if (id === 0) return null
    return id % 2 === 0 ? dictionaryString(this.#texts, id / 2 - 1) : (this.#otherValues[(id - 1) / 2] as Scalar)
  }

  /** Text in a dictionary, one value a row at most. */
  #fast({ segment, block, n, rows }: Selected): RowIds | undefined {
    const columns = segment.field(this.#field)
    if (!columns) return this.#field === '@timestamp' ? undefined : { first: new Int32Array(n) }
    const [text, number, flag] = columns
    if (!text || number || flag) return undefined
    const ids = segment.strings(text, block)?.ids
    if (!ids) return segment.strings(text, block) ? undefined : { first: new Int32Array(n) }
    const shapeIds = segment.shapeIds(block)
    const counts = segment.shapes.countsFor(text.index)
    for (let i = 0; i < n; i++) if ((counts[shapeIds[i] as number] as number) > 1) return undefined
    const dictionary = segment.dictionary(text)
    if (this.#segment !== segment || this.#known.length < dictionary.count) {
      this.#segment = segment
      this.#known = new Int32Array(dictionary.count)
    }
    const known = this.#known
    const first = new Int32Array(n)
    let at = 0
    for (let i = 0; i < n; i++) {
      if (counts[shapeIds[i] as number] === 0) continue
      const id = ids[at++] as number
      if (rows[i] !== 1) continue
      let mine = known[id] as number
      if (mine === 0) {
        mine = this.#textId(dictionary.bytes, dictionary.starts[id] as number, dictionary.starts[id + 1] as number)
        known[id] = mine
      }
      first[i] = mine
    }
    return { first }
  }

  #slow(selected: Selected): RowIds {
    const first = new Int32Array(selected.n)
    let more: Map<number, number[]> | undefined
    eachValue(selected, this.#field, (row, value) => {
      const id = this.#idOf(value)
      if (first[row] === 0) first[row] = id
      else {
        more ??= new Map()
        const all = more.get(row)
        if (all) all.push(id)
        else more.set(row, [first[row] as number, id])
      }
    })
    return { first, ...(more && { more }) }
  }

  #idOf(value: Scalar): number {
    if (typeof value === 'string') {
      const bytes = Buffer.from(value)
      return this.#textId(bytes, 0, bytes.length)
    }
    let at = this.#others.get(value)
    if (at === undefined) {
      at = this.#otherValues.push(value) - 1
      this.#others.set(value, at)
      if (at >= MAX_VALUES) this.#refuse()
    }
    return at * 2 + 1
  }

  #textId(bytes: Buffer, start: number, end: number): number {
    const id = this.#texts.idOf(bytes, start, end)
    if (id >= MAX_VALUES || this.#texts.byteLength > MAX_TEXT_BYTES) this.#refuse()
    return id * 2 + 2
  }

  #refuse(): never {
    return tooMany(`${this.#field} has more distinct values here than fit in memory`)
  }
}

class Bins implements KeyColumn {
  readonly #intervalMs: number
  readonly #ids = new Map<number, number>()
  readonly #starts: number[] = []

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  ids({ segment, block, rows, n }: Selected): RowIds {
    const times = segment.timestamps(block)
    const first = new Int32Array(n)
    let lastStart = Number.NaN
    let lastId = 0
    for (let i = 0; i < n; i++) {
      if (rows[i] !== 1) continue
      const start = Math.floor((times[i] as number) / this.#intervalMs) * this.#intervalMs
      if (start !== lastStart) {
        lastStart = start
        lastId = this.#idOf(start)
      }
      first[i] = lastId
    }
    return { first }
  }

  value(id: number): Cell {
    return id === 0 ? null : toIso(this.#starts[id - 1] as number)
  }

  #idOf(start: number): number {
    let id = this.#ids.get(start)
    if (id === undefined) {
      id = this.#starts.push(start)
      this.#ids.set(start, id)
      if (id > MAX_BINS) tooMany(`more than ${MAX_BINS} intervals of time`)
    }
    return id
  }
}

class Patterns implements KeyColumn {
  readonly #field: string
  readonly #ids = new Map<string, number>()
  readonly #templates: string[] = []
  /** Id of a text or template there -> id here. */
  #dictionary: Dictionary | undefined
  #known = new Int32Array(0)
  /** Neighbouring lines are often of one text. */
  readonly #seen = new Map<string, number>()

  constructor(field: string) {
    this.#field = field
  }

  ids(selected: Selected): RowIds {
    return this.#fast(selected) ?? this.#slow(selected)
  }

  #slow(selected: Selected): RowIds {
    const first = new Int32Array(selected.n)
    eachValue(selected, this.#field, (row, value) => {
      if (first[row] === 0) first[row] = this.#idOf(String(value))
    })
    return { first }
  }

  /** Once a template or text of the segment, where the field is text alone and not plain. */
  #fast({ segment, block, rows, n }: Selected): RowIds | undefined {
    const columns = segment.field(this.#field)
    if (!columns) return this.#field === '@timestamp' ? undefined : { first: new Int32Array(n) }
    const [text, number, flag] = columns
    if (!text || number || flag) return undefined
    const values = segment.strings(text, block)
    if (!values) return { first: new Int32Array(n) }
    const { templated } = values
    const ids = templated ? templated.ids : values.ids
    if (!ids) return undefined
    const dictionary = templated ? templated.templates.dictionary : segment.dictionary(text)
    if (this.#dictionary !== dictionary || this.#known.length < dictionary.count) {
      this.#dictionary = dictionary
      this.#known = new Int32Array(dictionary.count)
    }
    const known = this.#known
    const within = templated?.within(MAX_CHARACTERS)
    const shapeIds = segment.shapeIds(block)
    const counts = segment.shapes.countsFor(text.index)
    const first = new Int32Array(n)
    let at = 0
    for (let i = 0; i < n; i++) {
      const count = counts[shapeIds[i] as number] as number
      if (count > 0 && rows[i] === 1) {
        const id = ids[at] as number
        if (within && within[id] === 0) first[i] = this.#idOf(plainText(values.plain as PlainValues, at))
        else {
          let mine = known[id] as number
          if (mine === 0) {
            mine = this.#idOf(dictionaryString(dictionary, id).replaceAll(MARK_TEXT, templated ? '0' : MARK_TEXT))
            known[id] = mine
          }
          first[i] = mine
        }
      }
      at += count
    }
    return { first }
  }

  value(id: number): Cell {
    return id === 0 ? null : (this.#templates[id - 1] as string)
  }

  #idOf(text: string): number {
    const seen = this.#seen.get(text)
    if (seen !== undefined) return seen
    const template = templateOf(text)
    let id = this.#ids.get(template)
    if (id === undefined) {
      id = this.#templates.push(template)
      this.#ids.set(template, id)
      if (id > MAX_PATTERNS) tooMany(`more than ${MAX_PATTERNS} patterns`)
    }
    if (this.#seen.size >= 10_000) this.#seen.clear()
    this.#seen.set(text, id)
    return id
  }
}

const plainText = ({ bytes, starts }: PlainValues, value: number): string =>
  bytes.toString('utf8', starts[value], (starts[value + 1] as number) - 1)
