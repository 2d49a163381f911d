// An event of a batch as the document Elasticsearch gets (columns.ts draws it).

import { type EcsEvent, eventId, type FlatEvent, nest, type Scalar } from '../../core/event.ts'
import { FieldTag, IN_ARRAY } from '../../core/event-batch.ts'
import { tokenize } from '../../core/query.ts'
import type { Hit } from '../../core/store.ts'
import { BatchCursor } from '../segments/batch-cursor.ts'
import { parseIp } from '../segments/ip.ts'
import { toDateMs, toIso, toNumber } from '../segments/values.ts'
import { cutWord, isKnown, MAX_TEXT, oddName, orderedNumber, typeOf } from './columns.ts'

export interface EventDocument {
  readonly id: string
  readonly keyed: boolean
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly source: string | undefined
  readonly flat: FlatEvent
}

/** @throws BATCH_CORRUPT before the first event is given where the batch is damaged anywhere */
export function readDocuments(batch: Uint8Array): EventDocument[] {
  const cursor = new BatchCursor(batch)
  const documents: EventDocument[] = []
  while (cursor.next()) {
    const { bytes, keyAt, partition, offset, timestampMs } = cursor
    const flat: FlatEvent = Object.create(null)
    for (let i = 0; i < cursor.fields; i++) {
      const name = cursor.names[cursor.name[i] as number] as string
      const tag = cursor.tag[i] as number
      const start = cursor.start[i] as number
      const kind = tag & ~IN_ARRAY
      const value =
        kind === FieldTag.string
          ? bytes.toString('utf8', start, cursor.end[i])
          : kind === FieldTag.number
            ? bytes.readDoubleLE(start)
            : bytes[start] === 1
      const had = flat[name]
      if (had === undefined) flat[name] = tag & IN_ARRAY ? [value] : value
      else if (Array.isArray(had)) had.push(value)
      else flat[name] = [had, value]
    }
    const keyed = keyAt >= 0
    const id = keyed ? `k${bytes.toString('base64url', keyAt, keyAt + 16)}` : eventId(partition, offset)
    documents.push({ id, keyed, partition, offset, timestampMs, source: cursor.source(), flat })
  }
  return documents
}

const DAY_MS = 86_400_000
/** Times beyond these are no dates Elasticsearch takes; their events keep them in `h.t`. */
const MAX_DATE = 253_402_300_799_999

/** `2026.01.15`, the day of the event; `undated` where its time is no day of 1970 to 9999. */
export function dayOf(timestampMs: number): string {
  if (!(timestampMs >= 0 && timestampMs <= MAX_DATE)) return 'undated'
  return new Date(Math.floor(timestampMs / DAY_MS) * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '.')
}

type Columns = { [name: string]: EcsEvent }

/** @param plain without columns of its own: for a document that Elasticsearch refused. Every search reads it then. */
export function toJson(document: EventDocument, plain = false): string {
  const { flat, partition, offset, timestampMs, keyed } = document
  const own: EcsEvent = { '@timestamp': Math.floor(Math.min(MAX_DATE, Math.max(0, timestampMs))) }
  const h: EcsEvent = { t: timestampMs, p: partition, o: offset }
  const columns: Columns = {}
  const odd = new Set<string>()
  const rounding = new Set<string>()
  const names: string[] = []
  for (const name in flat) {
    const oddAs = oddName(name)
    if (oddAs === '*') odd.add('*')
    else names.push(name)
    if (plain) continue
    const given = flat[name] as Scalar | Scalar[]
    const values = Array.isArray(given) ? given : [given]
    const type = typeOf(name)
    if (type === 'text') {
      add(columns, 'w', name.replaceAll('.', '_'), words(values))
      if (name === 'message') own['message'] = given
    } else if (oddAs === '*' || values.some((value) => typeof value === 'string' && value.length > MAX_TEXT))
      odd.add(oddAs)
    else {
      for (const value of values) {
        addValue(own, columns, name, type, value)
        if (typeof value === 'number' && !Number.isSafeInteger(value)) rounding.add(name)
      }
    }
  }
  if (plain) odd.add('*')
  h['f'] = names
  if (odd.size > 0) h['odd'] = [...odd]
  if (rounding.size > 0) h['x'] = [...rounding]
  for (const column in columns) h[column] = columns[column]
  own['h'] = h
  if (keyed) own['k'] = [partition, offset]
  own['e'] = flat
  return JSON.stringify(own, keepNegativeZero).replaceAll(NEGATIVE_ZERO, '-0.0')
}

/** JSON.stringify writes -0 as 0; JSON itself can hold it. */
const NEGATIVE_ZERO = '"\\u0000-0\\u0000"'
const keepNegativeZero = (_: string, value: unknown) => (Object.is(value, -0) ? '\0-0\0' : value)

function addValue(own: EcsEvent, columns: Columns, name: string, type: string, value: Scalar): void {
  if (typeof value === 'boolean') {
    if (type === 'boolean') addOwn(own, name, value)
    else add(columns, 'b', name, String(value))
  } else if (typeof value === 'number') {
    if (type === 'long' || type === 'float') addOwn(own, name, value === 0 ? 0 : value)
    else add(columns, 'n', name, orderedNumber(value))
  } else {
    if (type === 'keyword' && isKnown(name)) addOwn(own, name, value)
    else add(columns, 's', name, value)
    if (type === 'ip') {
      if (parseIp(value)) addOwn(own, name, value.split('%', 1)[0] as string)
    } else if (type === 'long' || type === 'float' || type === 'date') {
      const read = type === 'date' ? toDateMs(value) : toNumber(value)
      if (read !== undefined) add(columns, 'v', name, orderedNumber(read))
      if (type === 'date' && read !== undefined && read >= 0 && read <= MAX_DATE) addOwn(own, name, Math.floor(read))
    }
  }
}

function addOwn(own: EcsEvent, path: string, value: Scalar): void {
  let at = own
  const parts = path.split('.')
  const last = parts.pop() as string
  for (const part of parts) at = (at[part] ??= {}) as EcsEvent
  const had = at[last]
  if (had === undefined) at[last] = value
  else if (Array.isArray(had)) had.push(value)
  else at[last] = [had, value]
}

function add(columns: Columns, column: string, name: string, value: Scalar | string[]): void {
  const into = (columns[column] ??= Object.create(null) as EcsEvent)
  const had = into[name]
  if (had === undefined) into[name] = Array.isArray(value) ? value : [value]
  else (had as Scalar[]).push(...(Array.isArray(value) ? value : [value]))
}

/** One text a value, so that a phrase does not run from one into the next. */
function words(values: readonly Scalar[]): string[] {
  return values.map((value) => tokenize(String(value)).map(cutWord).join(' '))
}

/** What Elasticsearch answers for one document, asked for with `hitRequest`. */
export interface RawHit {
  readonly _index: string
  readonly _id: string
  readonly _source: { readonly e: FlatEvent; readonly k?: readonly [number, number] }
  readonly sort: readonly [number, number, number]
  readonly _seq_no?: number
  readonly _primary_term?: number
}

/** The same, asked for by bus position. */
export interface TailHit extends RawHit {
  readonly fields: { readonly 'h.t': readonly [number] }
}

export const hitSort = (order: 'asc' | 'desc') => [{ 'h.t': order }, { 'h.p': order }, { 'h.o': order }]
export const hitSource = ['e', 'k']

export function toHit({ _id, _source, sort }: RawHit): Hit {
  const [timestamp, partition, offset] = sort
  return {
    id: _id,
    timestamp,
    partition,
    offset,
    event: nest({ ...dropTimestamp(_source.e), '@timestamp': toIso(timestamp) } as FlatEvent),
  }
}

function dropTimestamp(flat: FlatEvent): FlatEvent {
  const out: FlatEvent = Object.create(null)
  for (const name in flat) if (name !== '@timestamp') out[name] = flat[name] as Scalar
  return out
}
