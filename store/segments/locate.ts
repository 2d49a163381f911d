// Where the rows of an event are: one by its id, many at once for a replacement.

import { eventId } from '../../core/event.ts'
import { OFFSETS } from './stored-columns.ts'
import { BLOCK_ROWS, type SegmentView } from './view.ts'

export interface RowPlace {
  readonly segment: SegmentView
  readonly block: number
  readonly row: number
}

/** By key where the event has one, else by position. */
export type RowId =
  | { readonly key: Buffer }
  | { readonly key?: Buffer; readonly partition: number; readonly offset: number }

export function rowId(segment: SegmentView, block: number, row: number): RowId {
  const key = segment.keyOf(block, row)
  if (key) return { key }
  return {
    partition: segment.partitions(block)[row] as number,
    offset: segment.offsets(block)[row] as number,
  }
}

export function findRow(segment: SegmentView, id: RowId): RowPlace | undefined {
  if (id.key) {
    const address = segment.findKey(id.key)
    if (address === undefined) return undefined
    return { segment, block: Math.floor(address / BLOCK_ROWS), row: address % BLOCK_ROWS }
  }
  if (!('offset' in id)) return undefined
  const { partition, offset } = id
  const range = segment.positions.get(partition)
  if (!range || offset < range.min || offset > range.max) return undefined
  for (let block = 0; block < segment.blockCount; block++) {
    const bounds = segment.numberBounds(OFFSETS, block)
    if (bounds && (offset < bounds.min || offset > bounds.max)) continue
    const offsets = segment.offsets(block)
    const partitions = segment.partitions(block)
    const { rows } = segment.block(block)
    for (let row = 0; row < rows; row++) {
      // A keyed event goes by its key: at its position nobody has ever seen it.
      if (offsets[row] === offset && partitions[row] === partition && !segment.keyOf(block, row)) {
        return { segment, block, row }
      }
    }
  }
  return undefined
}

/** Positions to look for: partition -> offset -> number of the event. */
export type WantedPositions = ReadonlyMap<number, ReadonlyMap<number, number>>

/** Visits rows without a key at the wanted positions; blocks that hold none are not read. */
export function* eachAtPosition(
  segment: SegmentView,
  wanted: WantedPositions,
): Generator<{ event: number; block: number; row: number } | undefined> {
  for (const [partition, offsets] of wanted) {
    const range = segment.positions.get(partition)
    if (!range) continue
    let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const offset of offsets.keys()) {
      if (offset < min) min = offset
      if (offset > max) max = offset
    }
    if (max < range.min || min > range.max) continue
    for (let block = 0; block < segment.blockCount; block++) {
      const bounds = segment.numberBounds(OFFSETS, block)
      if (bounds && (max < bounds.min || min > bounds.max)) continue
      yield undefined // a place to take turns
      const { rows } = segment.block(block)
      const here = segment.offsets(block)
      const partitions = segment.partitions(block)
      for (let row = 0; row < rows; row++) {
        const event = partitions[row] === partition ? offsets.get(here[row] as number) : undefined
        if (event !== undefined && !segment.keyOf(block, row)) yield { event, block, row }
      }
    }
  }
}

export const idOf = (id: RowId): string =>
  id.key ? `k${id.key.toString('base64url')}` : 'offset' in id ? eventId(id.partition, id.offset) : ''
