// Rows back to events: nest(flat), value for value what came in.

import { type EcsEvent, eventId, type FlatEvent, nest, type Scalar } from '../../core/event.ts'
import type { Hit } from '../../core/store.ts'
import { dictionaryString } from './dictionary.ts'
import { toIso } from './values.ts'
import { ColumnKind, type ColumnRef, type SegmentView } from './view.ts'

/** @param rows of one block, any order. @returns hits in the order of `rows` */
export function readHits(segment: SegmentView, block: number, rows: readonly number[]): Hit[] {
  const order = rows.map((row, i) => ({ row, i })).sort((a, b) => a.row - b.row)
  const { columns, shapes } = segment
  const { entries, starts } = shapes
  const shapeIds = segment.shapeIds(block)
  const times = segment.timestamps(block)
  const partitions = segment.partitions(block)
  const offsets = segment.offsets(block)
  // Where each column stands: values lie densely, so every row before a hit moves it on.
  const at = new Uint32Array(columns.length)
  const readers = new Map<number, (value: number) => Scalar>()
  const hits: Hit[] = new Array(rows.length)
  let row = 0
  for (const wanted of order) {
    for (; row < wanted.row; row++) {
      const shape = shapeIds[row] as number
      const end = starts[shape + 1] as number
      for (let e = starts[shape] as number; e < end; e++) at[(entries[e] as number) >>> 1]!++
    }
    const flat: FlatEvent = Object.create(null)
    const shape = shapeIds[row] as number
    flat['@timestamp'] = toIso(times[row] as number)
    const used = at.slice()
    for (let e = starts[shape] as number; e < (starts[shape + 1] as number); e++) {
      const entry = entries[e] as number
      const index = entry >>> 1
      const column = columns[index] as ColumnRef
      let read = readers.get(index)
      if (!read) {
        read = reader(segment, column, block)
        readers.set(index, read)
      }
      const value = read(used[index]!++)
      const had = flat[column.name]
      if (Array.isArray(had)) had.push(value)
      else if (had !== undefined && column.name !== '@timestamp') flat[column.name] = [had, value]
      else flat[column.name] = (entry & 1) === 1 ? [value] : value
    }
    const partition = partitions[row] as number
    const offset = offsets[row] as number
    const key = segment.keyOf(block, row)
    hits[wanted.i] = {
      id: key ? `k${key.toString('base64url')}` : eventId(partition, offset),
      timestamp: times[row] as number,
      partition,
      offset,
      event: nest(flat) as EcsEvent,
    }
  }
  return hits
}

function reader(segment: SegmentView, column: ColumnRef, block: number): (value: number) => Scalar {
  if (column.kind === ColumnKind.number) {
    const values = segment.numbers(column, block) as Float64Array
    return (value) => values[value] as number
  }
  if (column.kind === ColumnKind.boolean) {
    const values = segment.booleans(column, block) as Uint8Array
    return (value) => values[value] === 1
  }
  const values = segment.strings(column, block)
  const templated = values?.templated
  if (templated) return (value) => templated.text(value)
  if (values?.plain) {
    const { bytes, starts } = values.plain
    return (value) => bytes.toString('utf8', starts[value], (starts[value + 1] as number) - 1)
  }
  const ids = values?.ids as Uint32Array
  const dictionary = segment.dictionary(column)
  return (value) => dictionaryString(dictionary, ids[value] as number)
}
