// The values of one field in the rows of a block, as the figures want them: one after the other, with duplicates.

import { numberReader } from '../../../core/measures.ts'
import type { Selected } from '../aggregate.ts'
import { dictionaryString } from '../dictionary.ts'
import type { ColumnRef, SegmentView } from '../view.ts'

const NOT_READ = 0
const NUMBER = 1
const TEXT = 2

/** Numbers of a field, text that is one included, and its other text; each row's values one after the other. */
export class BlockValues {
  readonly #field: string
  readonly #read: (value: string) => number | undefined
  #segment: SegmentView | undefined
  #kinds = new Uint8Array(0)
  #numbers = new Float64Array(0)

  constructor(field: string) {
    this.#field = field
    this.#read = numberReader(field)
  }

  /** Rows ascending. @param text undefined where only numbers are wanted */
  each(
    selected: Selected,
    number: (row: number, value: number) => void,
    text?: (row: number, value: string) => void,
  ): void {
    const { segment, block, rows, n } = selected
    if (this.#field === '@timestamp') {
      const times = segment.timestamps(block)
      for (let i = 0; i < n; i++) if (rows[i] === 1) number(i, times[i] as number)
      return
    }
    const [strings, numbers] = segment.field(this.#field) ?? []
    if (numbers) {
      const values = segment.numbers(numbers, block)
      if (values) this.#walk(selected, numbers, (row, at) => number(row, values[at] as number))
    }
    if (strings) this.#strings(selected, strings, number, text)
  }

  #strings(
    selected: Selected,
    column: ColumnRef,
    number: (row: number, value: number) => void,
    text?: (row: number, value: string) => void,
  ): void {
    const { segment, block } = selected
    const values = segment.strings(column, block)
    if (values?.plain) {
      const { bytes, starts } = values.plain
      this.#walk(selected, column, (row, at) => {
        const value = bytes.toString('utf8', starts[at], (starts[at + 1] as number) - 1)
        const read = this.#read(value)
        if (read !== undefined) number(row, read)
        else text?.(row, value)
      })
      return
    }
    const ids = values?.ids
    if (!ids) return
    const dictionary = segment.dictionary(column)
    if (this.#segment !== segment || this.#kinds.length < dictionary.count) {
      this.#segment = segment
      this.#kinds = new Uint8Array(dictionary.count)
      this.#numbers = new Float64Array(dictionary.count)
    }
    const [kinds, made] = [this.#kinds, this.#numbers]
    this.#walk(selected, column, (row, at) => {
      const id = ids[at] as number
      if (kinds[id] === NOT_READ) {
        const read = this.#read(dictionaryString(dictionary, id))
        kinds[id] = read === undefined ? TEXT : NUMBER
        made[id] = read ?? 0
      }
      if (kinds[id] === NUMBER) number(row, made[id] as number)
      else text?.(row, dictionaryString(dictionary, id))
    })
  }

  #walk({ segment, block, rows, n }: Selected, column: ColumnRef, visit: (row: number, at: number) => void): void {
    const shapeIds = segment.shapeIds(block)
    const counts = segment.shapes.countsFor(column.index)
    let at = 0
    for (let i = 0; i < n; i++) {
      const count = counts[shapeIds[i] as number] as number
      if (rows[i] === 1) for (let k = 0; k < count; k++) visit(i, at + k)
      at += count
    }
  }
}

/** 1 for the rows of the block that have the field. */
export function presentRows({ segment, block, n }: Selected, field: string): Uint8Array {
  const found = new Uint8Array(n)
  if (field === '@timestamp') return found.fill(1)
  const shapeIds = segment.shapeIds(block)
  for (const column of segment.field(field) ?? []) {
    if (!column) continue
    const counts = segment.shapes.countsFor(column.index)
    for (let i = 0; i < n; i++) if ((counts[shapeIds[i] as number] as number) > 0) found[i] = 1
  }
  return found
}
