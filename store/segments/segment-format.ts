// The segment file: words shared by writer and reader. docs/segment-format.md draws it.

import { crc32 } from 'node:zlib'
import { PipelineError } from '../../core/errors.ts'
import type { FilterShape } from './token-filter.ts'

/** 2 keeps text as templates; files of version 1 are read as they are. */
export const FORMAT_VERSION = 2
export const HEAD_MAGIC = 'HAESEG1\n'
export const TAIL_MAGIC = 'HAESEGE\n'
export const HEADER_BYTES = 16
export const TRAILER_BYTES = 32

export const SEGMENT_SUFFIX = '.seg'
export const TEMPORARY_SUFFIX = '.seg.tmp'
export const QUARANTINE_SUFFIX = '.seg.corrupt'

export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(12, '0')}${SEGMENT_SUFFIX}`
}

/** Where a section lies, packed as in block-codec.ts. */
export interface SectionRef {
  readonly offset: number
  readonly stored: number
  readonly raw: number
  readonly crc: number
}

/** Rows of segment `in` that are void while segment `by`, which holds newer versions of their events, is there. */
export interface SupersedeRef {
  readonly in: number
  readonly by: number
  /** A bit a row address. */
  readonly rows: SectionRef
}

/** What open() reads of each segment: everything needed to skip it. */
export interface SegmentSummary {
  readonly version: number
  readonly sequence: number
  readonly rows: number
  readonly blocks: number
  readonly minTime: number
  readonly maxTime: number
  /** Half-open runs of bus offsets whose events are all in this segment, or in none: [partition, from, to]. */
  readonly covers: readonly (readonly [number, number, number])[]
  /** Smallest and largest offset of a row: [partition, min, max]. */
  readonly positions: readonly (readonly [number, number, number])[]
  /** Where the store's account of each partition begins: [partition, offset]. */
  readonly base: readonly (readonly [number, number])[]
  /** Sequences of the segments that this one was merged from; they are void once this one is there. */
  readonly replaces: readonly number[]
  /** Its place in the order of arrival, where that is not its sequence: the one of the last it was merged from. */
  readonly order?: number
  /** Its rows are newer versions of events whose first versions are in other segments; then `covers` is empty. */
  readonly replacement?: true
  /** Rows that newer versions hide. */
  readonly supersedes?: readonly SupersedeRef[]
  readonly directory: SectionRef
  readonly shapes: SectionRef & { readonly count: number }
  readonly filter?: FilterShape & { readonly offset: number }
  readonly keys?: {
    readonly count: number
    readonly hashes: SectionRef
    readonly addresses: SectionRef
    readonly bloom: SectionRef
  }
}

export function encodeTrailer(summaryOffset: number, summary: Buffer): Buffer {
  const trailer = Buffer.alloc(TRAILER_BYTES)
  trailer.writeDoubleLE(summaryOffset, 0)
  trailer.writeUInt32LE(summary.length, 8)
  trailer.writeUInt32LE(crc32(summary), 12)
  trailer.writeUInt32LE(FORMAT_VERSION, 16)
  trailer.write(TAIL_MAGIC, 24, 'latin1')
  return trailer
}

/**
 * @param fileBytes size of the file
 * @param tail its last bytes, at least the trailer
 * @param more reads [offset, offset + bytes) when the summary begins before `tail`
 * @throws SEGMENT_CORRUPT; CONFIG_INVALID for a version this build does not know
 */
export function decodeSummary(
  path: string,
  fileBytes: number,
  tail: Buffer,
  more: (offset: number, bytes: number) => Buffer,
): SegmentSummary {
  const corrupt = (problem: string): never => {
    throw new PipelineError('SEGMENT_CORRUPT', { path, problem })
  }
  if (tail.length < TRAILER_BYTES) corrupt('it is shorter than a trailer')
  const trailer = tail.subarray(tail.length - TRAILER_BYTES)
  if (trailer.toString('latin1', 24, 32) !== TAIL_MAGIC) corrupt('it does not end as a segment does')
  const version = trailer.readUInt32LE(16)
  if (!(version >= 1 && version <= FORMAT_VERSION)) {
    throw new PipelineError('CONFIG_INVALID', {
      place: path,
      problem: `segment format ${version}, this build reads 1 to ${FORMAT_VERSION}`,
      hint: 'use the build that wrote it, or move the store folder away: it is rebuilt from the ledger',
    })
  }
  const offset = trailer.readDoubleLE(0)
  const bytes = trailer.readUInt32LE(8)
  if (!(offset >= HEADER_BYTES) || offset + bytes + TRAILER_BYTES !== fileBytes) corrupt('its summary is misplaced')
  const start = tail.length - TRAILER_BYTES - bytes
  const json = start >= 0 ? tail.subarray(start, start + bytes) : more(offset, bytes)
  if (crc32(json) !== trailer.readUInt32LE(12)) corrupt('its summary fails its checksum')
  return JSON.parse(json.toString()) as SegmentSummary
}
