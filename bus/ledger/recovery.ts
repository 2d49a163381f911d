// Opening a folder: O(segments), not O(bytes). Names give first offsets, a mark at the end of a file gives the rest; only
// a last segment without a mark (the process did not close it) is read, to find where the durable frames end.

import { basename, join } from 'node:path'
import { describe, isPipelineError } from '../../core/errors.ts'
import type { Context } from './context.ts'
import { errorCode, type LedgerFile, readFull, unlinkIfThere } from './files.ts'
import { decodeHeader, FRAME_HEADER, type FrameHeader, FrameKind, GENESIS, isBatch } from './frame.ts'
import type { AppendState } from './group-commit.ts'
import type { Damage, Quarantine } from './quarantine.ts'
import type { DeletedStub } from './retention.ts'
import { parseSegmentName, Segment, SegmentList } from './segment.ts'
import { type ScannedDamage, SegmentScanner } from './segment-scan.ts'
import { SegmentWriter } from './segment-writer.ts'

export interface RecoveryInfo {
  segments: number
  /** Bytes read to find the end. */
  scannedBytes: number
  /** Bytes cut off the end: a write that a crash interrupted, never acknowledged. */
  tornBytes: number
  /** Found in the last segment; sealed ones are looked at when they are read. */
  damaged: Damage[]
  /** Offsets that should be there and are not, half-open: a segment file is missing. */
  missing: { from: number; to: number }[]
  /** Files removed: half-made segments, temporary files, segments already written off by retention. */
  leftovers: string[]
  /** committed offsets could not be read; subscribers start at the oldest record. */
  groupsLost: boolean
  tookMs: number
}

export interface Recovered {
  readonly list: SegmentList
  readonly state: AppendState
}

/**
 * @param floor offsets below are known to have been given out, from wherever
 * @throws BATCH_CORRUPT when a newer version wrote the last segment: refuses, changes nothing
 */
export async function recover(
  ctx: Context,
  quarantine: Quarantine,
  deleted: readonly DeletedStub[],
  floor: number,
  info: RecoveryInfo,
): Promise<Recovered> {
  const firsts = await listSegments(ctx, deleted, info)
  const list = new SegmentList()
  const last = deleted[deleted.length - 1]
  const state: AppendState = {
    next: last?.next ?? 0,
    chain: last ? Buffer.from(last.chainAfter, 'hex') : GENESIS,
    writer: undefined,
  }
  // From the newest back: a file that a crash left without a head is none, and the one before it is the last.
  let tailFound = false
  while (firsts.length > 0 && !tailFound) {
    tailFound = await recoverTail(ctx, quarantine, firsts.pop() as number, list, state, info)
  }
  for (const first of firsts.toReversed()) list.items.unshift(await describeSealed(ctx, first))
  reportMissing(list, last?.next, info)
  if (floor > state.next) {
    if (list.items.length > 0) info.missing.push({ from: state.next, to: floor })
    state.next = floor
  }
  info.segments = list.items.length
  return { list, state }
}

/** First offsets, ascending. Removes what a crash left. */
async function listSegments(ctx: Context, deleted: readonly DeletedStub[], info: RecoveryInfo): Promise<number[]> {
  const writtenOff = new Set(deleted.map((stub) => stub.first))
  const firsts: number[] = []
  for (const name of await ctx.files.list(ctx.dir)) {
    const first = parseSegmentName(name)
    if (name.endsWith('.tmp') || (first !== undefined && writtenOff.has(first))) {
      await ctx.files.unlink(join(ctx.dir, name))
      info.leftovers.push(name)
    } else if (first !== undefined) firsts.push(first)
  }
  return firsts.sort((a, b) => a - b)
}

async function describeSealed(ctx: Context, first: number): Promise<Segment> {
  const segment = new Segment(ctx.dir, first, 0)
  try {
    const file = await ctx.files.open(segment.path, 'read')
    try {
      segment.bytes = await file.size()
      const mark = await readSign(file, segment.bytes - FRAME_HEADER, segment.path)
      if (mark?.kind === FrameKind.mark) {
        segment.end = mark.first
        segment.newestMs = mark.appendedMs
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    // One bad file must not keep the others from being served: whoever reads it meets the error again, as a gap.
    ctx.counters.add('bus_read_failures_total', 1, { reason: errorCode(error) })
  }
  return segment
}

/** @returns false when the file was a leftover without content: the one before is the last */
async function recoverTail(
  ctx: Context,
  quarantine: Quarantine,
  first: number,
  list: SegmentList,
  state: AppendState,
  info: RecoveryInfo,
): Promise<boolean> {
  const segment = new Segment(ctx.dir, first, 0, first)
  const file = await ctx.files.open(segment.path, 'update')
  let keepOpen = false
  try {
    const size = await file.size()
    let head: FrameHeader | undefined
    let mark: FrameHeader | undefined
    let tail: Tail | undefined
    try {
      head = await readSign(file, 0, segment.path)
      mark = await readSign(file, size - FRAME_HEADER, segment.path)
    } catch (error) {
      tail = unreadableTail(ctx, segment, size, error)
    }
    if (!head && !tail && size <= FRAME_HEADER) {
      // The head is synced before anything follows it: this creation never finished.
      await file.close()
      await unlinkIfThere(ctx.files, segment.path)
      await ctx.files.syncDir(ctx.dir)
      info.leftovers.push(basename(segment.path))
      return false
    }
    const clean = head?.kind === FrameKind.head && mark?.kind === FrameKind.mark && mark.salt.equals(head.salt)
    if (!tail && clean) tail = markedTail(mark as FrameHeader, size)
    try {
      tail ??= await scanTail(ctx, file, segment, size, info)
    } catch (error) {
      tail = unreadableTail(ctx, segment, size, error)
    }
    for (const damage of tail.damaged) {
      const noted = await quarantine.add(segment, damage)
      if (noted) info.damaged.push(noted)
    }
    if (tail.durable < size) {
      info.tornBytes += size - tail.durable
      ctx.counters.add('bus_torn_bytes_total', size - tail.durable)
      await ctx.at('recovery.truncate')
      await file.truncate(tail.durable)
      await file.datasync()
      await ctx.at('recovery.truncated')
    }
    segment.bytes = tail.durable
    segment.end = tail.next
    segment.newestMs = tail.newestMs
    state.next = Math.max(state.next, tail.next)
    state.chain = tail.chain
    list.items.push(segment)
    if (head && tail.damaged.length === 0) {
      keepOpen = true
      const { salt, appendedMs: createdMs } = head
      state.writer = new SegmentWriter(ctx, file, segment, { salt, createdMs, marked: clean })
    } else if (tail.next === first) state.next = skipUnreadable(first, size, info)
    return true
  } finally {
    if (!keepOpen) await file.close()
  }
}

interface Tail {
  durable: number
  next: number
  chain: Buffer
  newestMs: number
  damaged: ScannedDamage[]
}

function markedTail(mark: FrameHeader, size: number): Tail {
  return { durable: size, next: mark.first, chain: mark.chain, newestMs: mark.appendedMs, damaged: [] }
}

/**
 * The disk does not give the last segment back, now. It is left as it is, for a later life of the disk; what is published
 * next goes to a new segment whose offsets lie past all it may hold.
 */
function unreadableTail(ctx: Context, segment: Segment, size: number, error: unknown): Tail {
  if (isPipelineError(error)) throw error // a newer version: refuse
  ctx.counters.add('bus_read_failures_total', 1, { reason: errorCode(error) })
  const problem = `cannot be read: ${describe(error)}`
  const damaged: ScannedDamage[] = [{ kind: 'damage', position: 0, bytes: size, problem }]
  return { durable: size, next: segment.first, chain: GENESIS, newestMs: 0, damaged }
}

async function scanTail(
  ctx: Context,
  file: LedgerFile,
  segment: Segment,
  size: number,
  info: RecoveryInfo,
): Promise<Tail> {
  const scanner = new SegmentScanner(file, segment.path, size)
  const tail: Tail = { durable: 0, next: segment.first, chain: GENESIS, newestMs: 0, damaged: [] }
  let trailing: ScannedDamage[] = []
  let damaged: ScannedDamage[] = []
  // Damage inside the newest write (its writeStart says which) is a write that was torn: everything from there goes.
  let keptAt: Tail | undefined
  for (;;) {
    const item = await scanner.next(() => true)
    if (!item) break
    if (item.kind === 'damage') {
      if (trailing.length === 0) keptAt = { ...tail }
      trailing.push(item)
      continue
    }
    if (trailing.length > 0 && item.header.writeStart > (trailing[0] as ScannedDamage).position) {
      damaged = damaged.concat(trailing) // something later was written after this was durable: damage, not a torn write
      trailing = []
      keptAt = undefined
    }
    const { header } = item
    if (isBatch(header)) segment.note(header.first, item.position)
    tail.durable = item.position + item.bytes
    tail.next = header.first + header.count
    tail.chain = header.chain
    tail.newestMs = header.appendedMs
  }
  info.scannedBytes += size
  await ctx.at('recovery.scanned')
  // A head is synced alone: where it is damaged and nothing intact follows, the file is damaged, not torn.
  if (keptAt && keptAt.durable === 0) return { ...tail, durable: size, damaged: trailing }
  const kept = keptAt ?? tail
  if (segment.index.some((entry) => entry.position >= kept.durable)) segment.index.length = 0
  return { ...kept, damaged }
}

/**
 * Nothing of the last segment can be read, and its records may have been seen by others: their offsets must not be given
 * again. A record takes more than a byte on disk, so this is past them all.
 */
function skipUnreadable(first: number, size: number, info: RecoveryInfo): number {
  info.missing.push({ from: first, to: first + size })
  return first + size
}

function reportMissing(list: SegmentList, afterDeleted: number | undefined, info: RecoveryInfo): void {
  let expected = afterDeleted
  for (const segment of list.items) {
    if (expected !== undefined && segment.first > expected) info.missing.push({ from: expected, to: segment.first })
    expected = segment.end
  }
}

/** An intact head or mark at `position`. */
async function readSign(file: LedgerFile, position: number, place: string): Promise<FrameHeader | undefined> {
  if (position < 0) return undefined
  const bytes = Buffer.alloc(FRAME_HEADER)
  if ((await readFull(file, bytes, position)) < FRAME_HEADER) return undefined
  const header = decodeHeader(bytes, 0, undefined, place)
  return header && !isBatch(header) ? header : undefined
}
