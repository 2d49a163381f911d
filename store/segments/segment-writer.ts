// Head -> file: temp file, fdatasync, rename, fsync of the folder. After the rename the segment counts, not before.

import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { bytesOf, type Packed, pack } from './block-codec.ts'
import type { Disk } from './disk.ts'
import type { Head } from './head.ts'
import type { Supersede } from './hidden.ts'
import { buildBloom, sortKeys } from './key-index.ts'
import {
  encodeTrailer,
  FORMAT_VERSION,
  HEAD_MAGIC,
  HEADER_BYTES,
  type SectionRef,
  type SegmentSummary,
  type SupersedeRef,
  segmentName,
  TEMPORARY_SUFFIX,
} from './segment-format.ts'
import { buildTokenFilter } from './token-filter.ts'
import { ColumnKind } from './view.ts'

export interface SealFacts {
  readonly covers: readonly (readonly [number, number, number])[]
  readonly base: readonly (readonly [number, number])[]
  readonly replaces: readonly number[]
  /** Where it stands among the others by arrival; its sequence where absent. */
  readonly order?: number
  readonly replacement?: true
  readonly supersedes?: readonly Supersede[]
}

/** Test seam: called at each named point of the seal; may throw as a crash would. */
export type CrashPoint = (
  point:
    | 'seal-start'
    | 'seal-torn'
    | 'seal-written'
    | 'seal-synced'
    | 'seal-renamed'
    | `compact-${'start' | 'torn' | 'written' | 'synced' | 'renamed' | 'unlinked'}`
    | 'retire-intent'
    | 'retire-unlinked',
) => void

/** Resolves when the segment survives a loss of power. The head must not change meanwhile. @returns path and size */
export async function writeSegment(
  disk: Disk,
  dir: string,
  head: Head,
  facts: SealFacts,
  crash: CrashPoint = () => {},
): Promise<{ path: string; bytes: number }> {
  crash('seal-start')
  head.closeBlock()
  const path = join(dir, segmentName(head.sequence))
  const temporary = path.slice(0, -'.seg'.length) + TEMPORARY_SUFFIX
  const file = await disk.create(temporary)
  let at = 0
  try {
    const write = async (parts: Buffer[]) => {
      await file.write(parts, at)
      for (const part of parts) at += part.length
    }
    const section = async (packed: Packed): Promise<SectionRef> => {
      const ref = { offset: at, stored: packed.stored.length, raw: packed.rawBytes, crc: packed.crc }
      await write([packed.stored])
      return ref
    }
    const header = Buffer.alloc(HEADER_BYTES)
    header.write(HEAD_MAGIC, 0, 'latin1')
    header.writeUInt32LE(FORMAT_VERSION, 8)
    await write([header])
    const offsets = await writeBlocks(head, () => at, write)
    crash('seal-torn')
    await setImmediate()
    const dictionaries = await writeDictionaries(head, section)
    const shapes = await writeShapes(head, section)
    const filter = await writeFilter(head, () => at, write)
    await setImmediate()
    const keys = await writeKeys(head, section)
    const directory = await section(pack(encodeDirectory(head, offsets, dictionaries)))
    const { supersedes: hides = [], ...account } = facts
    const supersedes: SupersedeRef[] = []
    for (const { rows, ...which } of hides) supersedes.push({ ...which, rows: await section(pack(Buffer.from(rows))) })
    const summary: SegmentSummary = {
      version: FORMAT_VERSION,
      sequence: head.sequence,
      rows: head.rows,
      blocks: head.blockCount,
      minTime: head.minTime,
      maxTime: head.maxTime,
      ...account,
      ...(supersedes.length > 0 && { supersedes }),
      positions: [...head.positions].map(([partition, { min, max }]) => [partition, min, max] as const),
      directory,
      shapes,
      filter,
      keys,
    }
    const json = Buffer.from(JSON.stringify(summary))
    await write([json, encodeTrailer(at, json)])
    crash('seal-written')
    await file.datasync()
  } finally {
    await file.close()
  }
  crash('seal-synced')
  await disk.rename(temporary, path)
  crash('seal-renamed')
  await disk.syncFolder(dir)
  return { path, bytes: at }
}

type Write = (parts: Buffer[]) => Promise<void>
type Section = (packed: Packed) => Promise<SectionRef>

/** Block by block, so that what one page of hits needs lies together. @returns offset by column and block */
async function writeBlocks(head: Head, at: () => number, write: Write): Promise<number[][]> {
  const offsets: number[][] = head.columns.map(() => [])
  for (let block = 0; block < head.blockCount; block++) {
    const parts: Buffer[] = []
    let place = at()
    for (const column of head.columns) {
      const stored = column.entries[block]?.packed.stored
      if (!stored) continue
      ;(offsets[column.index] as number[])[block] = place
      place += stored.length
      parts.push(stored)
    }
    await write(parts)
  }
  return offsets
}

async function writeDictionaries(head: Head, section: Section): Promise<(SectionRef | undefined)[]> {
  const refs: (SectionRef | undefined)[] = []
  for (const { kind, dictionary, section: extra } of head.columns) {
    if (extra) {
      refs.push(await section(pack(extra)))
      continue
    }
    if ((kind !== ColumnKind.string && kind !== ColumnKind.templates) || dictionary.count === 0) {
      refs.push(undefined)
      continue
    }
    const starts = bytesOf(dictionary.starts.subarray(0, dictionary.count + 1))
    refs.push(await section(pack(Buffer.concat([starts, dictionary.bytes.subarray(0, dictionary.byteLength)]))))
  }
  return refs
}

async function writeShapes(head: Head, section: Section): Promise<SectionRef & { count: number }> {
  const { starts, entries, count } = head.shapes
  const used = starts[count] as number
  const raw = Buffer.concat([bytesOf(starts.subarray(0, count + 1)), bytesOf(entries.subarray(0, used))])
  return { ...(await section(pack(raw))), count }
}

async function writeFilter(head: Head, at: () => number, write: Write): Promise<SegmentSummary['filter']> {
  if (!head.hasText) return undefined
  const { shape, bytes } = buildTokenFilter(head.blockWords)
  const offset = at()
  await write([bytes])
  return { ...shape, offset }
}

async function writeKeys(head: Head, section: Section): Promise<SegmentSummary['keys']> {
  if (head.keys.count === 0) return undefined
  const { hashes, addresses } = sortKeys(head.keys)
  const asIs = (raw: Buffer): Packed => ({ stored: raw, rawBytes: raw.length, crc: crc32(raw) })
  return {
    count: head.keys.count,
    hashes: await section(asIs(hashes)), // read in places, and hashes do not compress
    addresses: await section(pack(bytesOf(addresses))),
    bloom: await section(asIs(buildBloom(hashes))),
  }
}

/** See docs/segment-format.md, "directory". */
function encodeDirectory(head: Head, offsets: number[][], dictionaries: (SectionRef | undefined)[]): Buffer {
  const parts: Buffer[] = []
  const top = Buffer.alloc(8)
  top.writeUInt32LE(head.blockCount, 0)
  top.writeUInt32LE(head.columns.length, 4)
  parts.push(top)
  for (let block = 0; block < head.blockCount; block++) {
    const { rows, minTime, maxTime } = head.block(block)
    const info = Buffer.alloc(20)
    info.writeUInt32LE(rows, 0)
    info.writeDoubleLE(minTime, 4)
    info.writeDoubleLE(maxTime, 12)
    parts.push(info)
  }
  for (const column of head.columns) {
    const name = Buffer.from(column.name)
    const present = column.entries.flatMap((entry, block) => (entry ? [{ entry, block }] : []))
    const ref = dictionaries[column.index]
    const fixed = Buffer.alloc(4 + 2 + 24 + 2)
    fixed.writeUInt32LE(name.length, 0)
    fixed[4] = column.kind
    fixed[5] = column.everPlain ? 1 : 0
    fixed.writeDoubleLE(ref?.offset ?? 0, 6)
    fixed.writeUInt32LE(ref?.stored ?? 0, 14)
    fixed.writeUInt32LE(ref?.raw ?? 0, 18)
    fixed.writeUInt32LE(ref?.crc ?? 0, 22)
    fixed.writeUInt32LE(ref ? column.dictionary.count || 1 : 0, 26)
    fixed.writeUInt16LE(present.length, 30)
    parts.push(fixed, name)
    for (const { entry, block } of present) {
      const row = Buffer.alloc(42)
      row[0] = block
      row[1] = entry.encoding
      row.writeUInt32LE(entry.count, 2)
      row.writeDoubleLE((offsets[column.index] as number[])[block] as number, 6)
      row.writeUInt32LE(entry.storedBytes, 14)
      row.writeUInt32LE(entry.rawBytes, 18)
      row.writeUInt32LE(entry.crc, 22)
      row.writeDoubleLE(entry.min, 26)
      row.writeDoubleLE(entry.max, 34)
      parts.push(row)
    }
  }
  return Buffer.concat(parts)
}
