// Checks every byte of a ledger folder: CRCs of frames and records, offsets, and the hash chain across segments and
// across what retention deleted.

import { basename } from 'node:path'
import { describe } from '../../core/errors.ts'
import { RawBatchReader } from '../../core/raw-batch.ts'
import type { Context } from './context.ts'
import { nodeFs } from './files.ts'
import { chainStep, GENESIS, hashBatch, isBatch } from './frame.ts'
import { Journal } from './journal.ts'
import { openLedger } from './ledger.ts'
import { Quarantine } from './quarantine.ts'
import { DELETED_FILE, type DeletedStub } from './retention.ts'
import type { Segment } from './segment.ts'
import { type ScannedDamage, type ScannedFrame, SegmentScanner } from './segment-scan.ts'
import { unpack } from './subscription.ts'
import { listSegmentFiles, outsideContext, type WalkOptions } from './walk.ts'

export interface FoundDamage {
  /** File name. */
  readonly segment: string
  readonly position: number
  readonly bytes: number
  readonly problem: string
  /** Offsets lost, half-open, where known. */
  readonly first?: number
  readonly next?: number
}

export interface FsckReport {
  readonly segments: number
  readonly frames: number
  readonly records: number
  readonly bytes: number
  /** Oldest offset kept and the next one. */
  readonly oldest: number
  readonly next: number
  readonly damaged: FoundDamage[]
  /** Offsets nothing accounts for, half-open. */
  readonly missing: { from: number; to: number }[]
  /** Bytes at the very end that are no whole frame: a write in progress, or one that a crash interrupted. */
  readonly tornBytes: number
  /** Records deleted by retention, by their stubs. */
  readonly deletedRecords: number
  /** Every link between what is there holds, and what is gone has its stub. False with damage: a link cannot be shown. */
  readonly chainOk: boolean
  /** Where the chain does not hold. */
  readonly chainBreaks: { readonly segment: string; readonly offset: number; readonly problem: string }[]
  /** Hex; what a signed checkpoint says. */
  readonly chain: string
  /** repair: what was done. */
  readonly repaired: string[]
}

export interface FsckOptions extends WalkOptions {
  /** Cuts a torn tail, removes leftovers, writes damage to the quarantine file. Wants the folder for itself. */
  readonly repair?: boolean
}

interface Tally {
  segments: number
  frames: number
  records: number
  bytes: number
  next: number
  chain: Buffer | undefined
  tornBytes: number
  damaged: FoundDamage[]
  missing: { from: number; to: number }[]
  chainBreaks: { segment: string; offset: number; problem: string }[]
}

/** @throws BUS_LOCKED with `repair` while a node runs on the folder; BATCH_CORRUPT for a newer version's folder */
export async function fsckLedger(dir: string, options: FsckOptions = {}): Promise<FsckReport> {
  const ctx = outsideContext(dir, options)
  const repaired: string[] = []
  if (options.repair) {
    // Opening is repairing: it cuts and cleans what a crash left.
    const ledger = await openLedger({ dir, files: options.files ?? nodeFs, now: ctx.now })
    await ledger.close()
    const { tornBytes, leftovers } = ledger.recovery
    if (tornBytes > 0) repaired.push(`cut ${tornBytes} torn bytes`)
    for (const name of leftovers) repaired.push(`removed ${name}`)
  }
  const { lines: stubs, badLines } = await Journal.open<DeletedStub>(ctx, DELETED_FILE)
  const tally: Tally = {
    segments: 0,
    frames: 0,
    records: 0,
    bytes: 0,
    next: 0,
    chain: GENESIS,
    tornBytes: 0,
    damaged: [],
    missing: [],
    chainBreaks: [],
  }
  if (badLines > 0) breakChain(tally, DELETED_FILE, `${badLines} unreadable lines`)
  const deletedRecords = walkStubs(stubs, tally)
  const segments = await listSegmentFiles(ctx)
  for (let i = 0; i < segments.length; i++) await checkSegment(ctx, segments[i] as Segment, segments[i + 1], tally)
  if (options.repair && tally.damaged.length > 0) {
    const quarantine = await Quarantine.open(ctx)
    for (const damage of tally.damaged) {
      if (await quarantine.add(damage.segment, damage))
        repaired.push(`quarantined ${damage.segment}@${damage.position}`)
    }
  }
  const { chain, ...rest } = tally
  return {
    ...rest,
    oldest: segments[0]?.first ?? tally.next,
    deletedRecords,
    chainOk: tally.chainBreaks.length === 0,
    chain: (chain ?? GENESIS).toString('hex'),
    repaired,
  }
}

function breakChain(tally: Tally, segment: string, problem: string): void {
  tally.chainBreaks.push({ segment, offset: tally.next, problem })
}

function walkStubs(stubs: readonly DeletedStub[], tally: Tally): number {
  let records = 0
  for (const stub of stubs) {
    if (!stub.chainKnown) breakChain(tally, DELETED_FILE, 'deleted while damaged: its chain value is not known')
    else if (tally.chain && tally.chain.toString('hex') !== stub.chainBefore)
      breakChain(
        tally,
        DELETED_FILE,
        `the deletion of ${stub.first}..${stub.next - 1} does not continue the one before`,
      )
    tally.chain = stub.chainKnown ? Buffer.from(stub.chainAfter, 'hex') : undefined
    tally.next = stub.next
    records += stub.next - stub.first
  }
  return records
}

async function checkSegment(ctx: Context, segment: Segment, following: Segment | undefined, tally: Tally) {
  const name = basename(segment.path)
  const limit = following?.first ?? Number.POSITIVE_INFINITY
  tally.segments++
  tally.bytes += segment.bytes
  let damagedHere = false
  const noteDamage = (damage: Omit<ScannedDamage, 'kind'>) => {
    const { position, bytes, problem, first, next } = damage
    tally.damaged.push({ segment: name, position, bytes, problem, first, next })
    if (!damagedHere) breakChain(tally, name, 'damaged: the chain through it cannot be shown')
    damagedHere = true
    tally.chain = undefined
  }
  if (segment.first > tally.next && (tally.segments > 1 || tally.next > 0)) {
    tally.missing.push({ from: tally.next, to: segment.first })
    tally.next = segment.first
  }
  const file = await ctx.files.open(segment.path, 'read')
  try {
    const scanner = new SegmentScanner(file, segment.path, segment.bytes)
    for (;;) {
      const at = scanner.position
      let item: ScannedFrame | ScannedDamage | undefined
      try {
        item = await scanner.next(() => true)
      } catch (error) {
        if ((error as { code?: string }).code === 'BATCH_CORRUPT') throw error
        noteDamage({ position: at, bytes: segment.bytes - at, problem: `cannot be read: ${describe(error)}` })
        return
      }
      if (!item) break
      if (item.kind === 'damage') {
        // A refused write that could not be taken back lies behind the durable frames: the next segment says so.
        if (following && tally.next >= limit) continue
        if (!following && item.position + item.bytes >= segment.bytes) tally.tornBytes += item.bytes
        else noteDamage(item)
        continue
      }
      if (item.header.first + item.header.count > limit) continue
      await checkFrame(name, item, tally, noteDamage)
    }
  } finally {
    await file.close()
  }
}

async function checkFrame(
  name: string,
  { header, position, bytes, payload }: ScannedFrame,
  tally: Tally,
  noteDamage: (damage: Omit<ScannedDamage, 'kind'>) => void,
): Promise<void> {
  tally.frames++
  if (!isBatch(header)) {
    if (!tally.chain) tally.chain = header.chain
    else if (!tally.chain.equals(header.chain)) {
      breakChain(tally, name, 'does not continue what came before')
      tally.chain = header.chain
    }
    return
  }
  const { first, count } = header
  const next = first + count
  const raw = await unpack({ header, payload: Buffer.from(payload as Buffer) })
  if (!raw) return noteDamage({ position, bytes, problem: 'payload does not decompress', first, next })
  if (first > tally.next) tally.missing.push({ from: tally.next, to: first })
  const problem = checkRecords(raw, count)
  if (problem) noteDamage({ position, bytes, problem, first, next })
  if (tally.chain && !chainStep(tally.chain, hashBatch(raw)).equals(header.chain))
    tally.chainBreaks.push({ segment: name, offset: first, problem: 'the batch is not the one that was written' })
  tally.chain = header.chain
  tally.records += count
  tally.next = next
}

function checkRecords(raw: Uint8Array, count: number): string | undefined {
  try {
    const reader = new RawBatchReader(raw)
    if (reader.count !== count) return `holds ${reader.count} records, its frame says ${count}`
    while (reader.next()) if (!reader.intact) return `record ${reader.index} does not match its CRC`
    return undefined
  } catch (error) {
    return describe(error)
  }
}
