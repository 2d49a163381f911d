// Newer versions of events that are stored: which rows they replace, and the segments they go to.
//
//   batch -> ids -> rows with that id, in any segment -> of them the one that is seen: does `when` hold, is it another?
//         -> segments of the newer versions, each with the rows it hides

import { isDeepStrictEqual } from 'node:util'
import { type EcsEvent, getPath, nest } from '../../core/event.ts'
import { type DecodedEvent, decodeEvents } from '../../core/event-batch.ts'
import type { ReplaceOptions } from '../../core/store.ts'
import { BatchCursor } from './batch-cursor.ts'
import { SegmentFilter } from './evaluate.ts'
import type { Node } from './filter.ts'
import type { Head } from './head.ts'
import { type Bits, type Hidden, hasBit, newBits, type Supersede, setBit } from './hidden.ts'
import { readHits } from './hits.ts'
import { eachAtPosition, findRow, type RowPlace } from './locate.ts'
import { Turns } from './plan.ts'
import { toIso } from './values.ts'
import { BLOCK_ROWS, type SegmentView } from './view.ts'

interface Place {
  readonly sequence: number
  readonly address: number
}

export interface Plan {
  readonly unknown: number
  readonly skipped: number
  readonly unchanged: number
  readonly ids: readonly string[]
  readonly moved: ReadonlyMap<string, ReadonlyMap<string, number>>
  /** Number in the batch of each event that is written -> every row it hides. */
  readonly hides: ReadonlyMap<number, readonly Place[]>
  /** Segments those rows are in. */
  readonly touches: readonly number[]
}

export interface PlanRequest extends Omit<ReplaceOptions, 'when'> {
  readonly when: Node | undefined
  readonly segments: readonly SegmentView[]
  readonly hidden: Hidden
  /** Throws when the store has ended meanwhile. */
  readonly check: () => void
}

/** Gives way to appends and queries. @throws BATCH_CORRUPT, SEGMENT_CORRUPT */
export async function planReplacement(batch: Uint8Array, request: PlanRequest): Promise<Plan> {
  const { segments, hidden, check } = request
  const turns = new Turns({ check })
  const { positions, keys, count } = readIds(batch)
  const places: Place[][] = Array.from({ length: count }, () => [])
  /** Of each event the row that is seen. */
  const seen = new Map<number, Place>()
  const found = (event: number, { sequence }: SegmentView, address: number) => {
    const place = { sequence, address }
    places[event]?.push(place)
    if (!hasBit(hidden.of(sequence), address)) seen.set(event, place)
  }
  for (const segment of segments) {
    await turns.take()
    for (const at of eachAtPosition(segment, positions)) {
      if (at) found(at.event, segment, at.block * BLOCK_ROWS + at.row)
      else if (turns.due) await turns.take()
    }
    for (const { key, event, partition, offset } of keys.values()) {
      if (turns.due) await turns.take()
      const at = findRow(segment, { key })
      // At another position it is a copy that was never stored.
      const isIt =
        at && segment.offsets(at.block)[at.row] === offset && segment.partitions(at.block)[at.row] === partition
      if (isIt) found(event, segment, at.block * BLOCK_ROWS + at.row)
    }
  }
  const wanted = keys.size + [...positions.values()].reduce((sum, offsets) => sum + offsets.size, 0)
  const kept = await selectSeen(seen, request, turns)
  const { different, ids, moved } = await compare(batch, kept, request, turns)
  const hides = new Map(different.map((event) => [event, places[event] as Place[]]))
  const touches = new Set([...hides.values()].flatMap((all) => all.map(({ sequence }) => sequence)))
  return {
    unknown: wanted - seen.size,
    skipped: seen.size - kept.size,
    unchanged: kept.size - different.length,
    ids,
    moved,
    hides,
    touches: [...touches],
  }
}

/** The last event of each id, by its number in the batch. */
function readIds(batch: Uint8Array) {
  const positions = new Map<number, Map<number, number>>()
  const keys = new Map<string, { key: Buffer; event: number; partition: number; offset: number }>()
  const cursor = new BatchCursor(batch)
  let count = 0
  for (; cursor.next(); count++) {
    const { keyAt, bytes, partition, offset } = cursor
    if (keyAt >= 0) {
      const key = bytes.subarray(keyAt, keyAt + 16)
      keys.set(`${key.toString('latin1')}${partition}-${offset}`, { key, event: count, partition, offset })
      continue
    }
    const offsets = positions.get(partition) ?? new Map<number, number>()
    positions.set(partition, offsets)
    offsets.set(offset, count)
  }
  return { positions, keys, count }
}

/** By segment and block, those that `when` holds for. */
async function selectSeen(
  seen: ReadonlyMap<number, Place>,
  { when, segments, check }: PlanRequest,
  turns: Turns,
): Promise<Map<number, RowPlace>> {
  const bySequence = new Map(segments.map((segment) => [segment.sequence, segment]))
  const blocks = new Map<string, { segment: SegmentView; block: number; rows: [event: number, row: number][] }>()
  for (const [event, { sequence, address }] of seen) {
    const block = Math.floor(address / BLOCK_ROWS)
    const name = `${sequence}/${block}`
    const segment = bySequence.get(sequence) as SegmentView
    const one = blocks.get(name) ?? { segment, block, rows: [] }
    blocks.set(name, one)
    one.rows.push([event, address % BLOCK_ROWS])
  }
  const kept = new Map<number, RowPlace>()
  for (const { segment, block, rows } of blocks.values()) {
    await turns.take()
    const n = 1 + rows.reduce((most, [, row]) => Math.max(most, row), 0)
    const bits = new Uint8Array(n)
    for (const [, row] of rows) bits[row] = 1
    if (when) new SegmentFilter(when, segment, { check }).refine(block, bits, n)
    for (const [event, row] of rows) if (bits[row] === 1) kept.set(event, { segment, block, row })
  }
  return kept
}

/** Stored events read at one go: a block is walked from its first row each time, and events held meanwhile are bounded. */
const RUN_ROWS = 256

interface Candidate {
  readonly number: number
  readonly decoded: DecodedEvent
  readonly place: RowPlace
}

/** Drops those that say what is stored already. */
async function compare(
  batch: Uint8Array,
  kept: ReadonlyMap<number, RowPlace>,
  { ignore = [] }: PlanRequest,
  turns: Turns,
) {
  const different: number[] = []
  const ids: string[] = []
  const moved = new Map<string, Map<string, number>>()
  const move = (event: EcsEvent, by: number) => {
    const [source, reason] = ['haetae.source', 'haetae.unparsed'].map((name) => String(getPath(event, name) ?? ''))
    const reasons = moved.get(source as string) ?? new Map<string, number>()
    moved.set(source as string, reasons)
    reasons.set(reason as string, (reasons.get(reason as string) ?? 0) + by)
  }
  if (kept.size === 0) return { different, ids, moved }
  let run: Candidate[] = []
  const finish = () => {
    const [first] = run
    if (!first) return
    const rows = run.map(({ place }) => place.row)
    readHits(first.place.segment, first.place.block, rows).forEach((old, i) => {
      const { number, decoded } = run[i] as Candidate
      const now = nest({ '@timestamp': toIso(decoded.timestampMs), ...decoded.fields })
      if (isDeepStrictEqual(without(old.event, ignore), without(now, ignore))) return
      different.push(number)
      ids.push(decoded.id)
      move(old.event, -1)
      move(now, 1)
    })
    run = []
  }
  let number = -1
  for (const decoded of decodeEvents(batch)) {
    const place = kept.get(++number)
    if (!place) continue
    const last = run.at(-1)?.place
    if (run.length >= RUN_ROWS || (last && (last.segment !== place.segment || last.block !== place.block))) {
      finish()
      if (turns.due) await turns.take()
    }
    run.push({ number, decoded, place })
  }
  finish()
  return { different, ids, moved }
}

/** Changes the event. */
function without(event: EcsEvent, names: readonly string[]): EcsEvent {
  for (const name of names) {
    const parts = name.split('.')
    const last = parts.pop() as string
    const parent = parts.length === 0 ? event : getPath(event, parts.join('.'))
    if (parent !== null && typeof parent === 'object' && !Array.isArray(parent)) delete parent[last]
  }
  return event
}

/** Each segment comes into force by itself: the versions of one event change place in one step. */
export async function writeReplacement(
  batch: Uint8Array,
  { hides }: Plan,
  turns: Turns,
  to: { heads: () => Head; write: (head: Head, supersedes: readonly Supersede[]) => Promise<void> },
): Promise<void> {
  let head = to.heads()
  let rows = new Map<number, Bits>()
  const flush = async () => {
    if (head.rows === 0) return
    const by = head.sequence
    await to.write(
      head,
      [...rows].map(([sequence, bits]) => ({ in: sequence, by, rows: bits })),
    )
  }
  const cursor = new BatchCursor(batch)
  for (let number = 0; cursor.next(); number++) {
    const old = hides.get(number)
    if (!old) continue
    if (turns.due) await turns.take()
    if (head.full) {
      await flush()
      head = to.heads()
      rows = new Map()
    }
    head.add(cursor)
    for (const { sequence, address } of old) {
      const bits = rows.get(sequence) ?? newBits()
      rows.set(sequence, bits)
      setBit(bits, address)
    }
  }
  await flush()
}
