// Newest (or oldest) first by (timestamp, partition, offset): segments and blocks in the order of their edge, until the
// page is full and nothing unread can be nearer the edge.

import type { Hit, SearchPage, SearchRequest } from '../../core/store.ts'
import { readHits } from './hits.ts'
import { invalid } from './leaf.ts'
import { openSegment, type QueryContext, type Snapshot, selectRows, Turns } from './plan.ts'

interface Place {
  readonly time: number
  readonly partition: number
  readonly offset: number
}

interface Candidate extends Place {
  readonly snapshot: Snapshot
  readonly block: number
  readonly row: number
}

export async function runSearch(context: QueryContext, request: SearchRequest): Promise<SearchPage> {
  const started = context.now()
  const descending = request.order !== 'asc'
  const sign = descending ? -1 : 1
  const compare = (a: Place, b: Place) => sign * (a.time - b.time || a.partition - b.partition || a.offset - b.offset)
  const after = request.cursor === undefined ? undefined : decodeCursor(request.cursor, descending)
  const wanted = Math.max(0, Math.floor(request.limit)) + 1 // one more tells whether there is a next page
  const best = new Best(wanted, compare)
  const turns = new Turns(context.budget)
  const edge = (times: { minTime: number; maxTime: number }) => (descending ? -times.maxTime : times.minTime)
  const cannotHelp = (times: { minTime: number; maxTime: number }) => {
    const worst = best.worst()
    return worst !== undefined && (descending ? times.maxTime < worst.time : times.minTime > worst.time)
  }
  const isBehind = (times: { minTime: number; maxTime: number }) =>
    after !== undefined && (descending ? times.minTime > after.time : times.maxTime < after.time)

  const snapshots = [...context.snapshots].sort((a, b) => edge(a.segment) - edge(b.segment))
  for (const snapshot of snapshots) {
    const { segment } = snapshot
    if (wanted === 1 || cannotHelp(segment) || isBehind(segment)) {
      context.stats.segments++
      context.stats.pruned++
      continue
    }
    await turns.take()
    const opened = openSegment(context, snapshot)
    if (!opened) continue
    const blocks = Array.from({ length: snapshot.blockCount }, (_, block) => block)
      .filter((block) => (opened.candidates >>> block) & 1)
      .sort((a, b) => edge(segment.block(a)) - edge(segment.block(b)))
    for (const block of blocks) {
      const info = segment.block(block)
      if (cannotHelp(info)) break
      if (isBehind(info)) continue
      await turns.take()
      const worst = best.worst()
      const narrow = (time: number) =>
        !(after && (descending ? time > after.time : time < after.time)) &&
        !(worst && (descending ? time < worst.time : time > worst.time))
      const selected = selectRows(context, snapshot, opened.filter, block, after || worst ? narrow : undefined)
      if (!selected) continue
      collect(selected, snapshot, block, best, (place) => !after || compare(place, after) > 0)
    }
  }
  const found = best.take()
  const page = found.slice(0, wanted - 1)
  const last = page.at(-1)
  const hits = await materialise(page, turns)
  const { segments, pruned, rows } = context.stats
  const stats = { segments, pruned, rows, tookMs: context.now() - started }
  return found.length === wanted && last ? { hits, cursor: encodeCursor(last, descending), stats } : { hits, stats }
}

function collect(
  { rows, n }: { rows: Uint8Array; n: number },
  snapshot: Snapshot,
  block: number,
  best: Best,
  accept: (place: Place) => boolean,
): void {
  const { segment } = snapshot
  const first = rows.indexOf(1)
  if (first < 0) return
  const times = segment.timestamps(block)
  const partitions = segment.partitions(block)
  const offsets = segment.offsets(block)
  // Later rows are mostly newer: walking backwards fills the page with the ones that stay.
  for (let row = n - 1; row >= first; row--) {
    if (rows[row] !== 1) continue
    const place = { time: times[row] as number, partition: partitions[row] as number, offset: offsets[row] as number }
    if (best.beats(place) && accept(place)) best.add({ ...place, snapshot, block, row })
  }
}

/** The `size` smallest by `compare`: kept unsorted up to twice the size, then cut. */
class Best {
  readonly #size: number
  readonly #compare: (a: Place, b: Place) => number
  #items: Candidate[] = []
  #worst: Candidate | undefined

  constructor(size: number, compare: (a: Place, b: Place) => number) {
    this.#size = size
    this.#compare = compare
  }

  /** The last that is still on the page; undefined while the page has room. */
  worst(): Place | undefined {
    if (!this.#worst && this.#items.length >= this.#size) this.#cut()
    return this.#worst
  }

  beats(place: Place): boolean {
    return this.#worst === undefined || this.#compare(place, this.#worst) < 0
  }

  add(item: Candidate): void {
    this.#items.push(item)
    if (this.#items.length >= this.#size * 2 + 64) this.#cut()
  }

  take(): Candidate[] {
    this.#cut()
    return this.#items
  }

  #cut(): void {
    this.#items.sort(this.#compare)
    this.#items.length = Math.min(this.#items.length, this.#size)
    if (this.#items.length === this.#size) this.#worst = this.#items[this.#size - 1]
  }
}

async function materialise(page: readonly Candidate[], turns: Turns): Promise<Hit[]> {
  const groups = new Map<string, { snapshot: Snapshot; block: number; rows: number[]; places: number[] }>()
  page.forEach(({ snapshot, block, row }, place) => {
    const key = `${snapshot.segment.key}/${block}`
    const group = groups.get(key)
    if (group) {
      group.rows.push(row)
      group.places.push(place)
    } else groups.set(key, { snapshot, block, rows: [row], places: [place] })
  })
  const hits: Hit[] = new Array(page.length)
  for (const { snapshot, block, rows, places } of groups.values()) {
    await turns.take()
    readHits(snapshot.segment, block, rows).forEach((hit, i) => {
      hits[places[i] as number] = hit
    })
  }
  return hits
}

function encodeCursor({ time, partition, offset }: Place, descending: boolean): string {
  const bytes = Buffer.alloc(21)
  bytes[0] = descending ? 1 : 2
  bytes.writeDoubleLE(time, 1)
  bytes.writeUInt32LE(partition, 9)
  bytes.writeDoubleLE(offset, 13)
  return bytes.toString('base64url')
}

function decodeCursor(cursor: string, descending: boolean): Place {
  const bytes = Buffer.from(cursor, 'base64url')
  if (bytes.length !== 21 || bytes[0] !== (descending ? 1 : 2)) {
    throw invalid('the cursor belongs to another search', 'start again without it')
  }
  return { time: bytes.readDoubleLE(1), partition: bytes.readUInt32LE(9), offset: bytes.readDoubleLE(13) }
}
