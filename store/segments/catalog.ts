// The sealed segments of a store: which are there, who reads them, which of their rows newer versions hide, and which are
// set aside. A file goes when it is out of the catalog and the last reader has left.

import { join } from 'node:path'
import type { Counters } from '../../core/counters.ts'
import { isPipelineError, type PipelineError } from '../../core/errors.ts'
import { Coverage } from './coverage.ts'
import type { Disk } from './disk.ts'
import { Hidden, hasBit } from './hidden.ts'
import { findRow, type RowId, type RowPlace } from './locate.ts'
import type { Lru } from './lru.ts'
import { openSegments, quarantinePath } from './open-segments.ts'
import { type Retired, readRetired } from './retired.ts'
import { FileCache, readSummary, Sealed } from './sealed.ts'
import { segmentName, TEMPORARY_SUFFIX } from './segment-format.ts'
import { BLOCK_ROWS, type SegmentView } from './view.ts'
import type { RowMove } from './write-merged.ts'

export interface CatalogOptions {
  readonly dir: string
  readonly counters: Counters
  readonly cache: Lru
  readonly disk: Disk
}

export class Catalog {
  readonly dir: string
  readonly disk: Disk
  readonly counters: Counters
  readonly coverage = new Coverage()
  readonly hidden = new Hidden()
  readonly problems: string[] = []
  retired: Retired
  /** By the sequence of a segment that was merged: where its rows are now, for tails. */
  readonly moves = new Map<number, { sequence: number; order: number; rowOf: RowMove }>()
  readonly #cache: Lru
  readonly #files = new FileCache()
  readonly #doomed = new Set<Sealed>()
  #sealed: readonly Sealed[]
  #nextSequence: number

  /** Opens what is in the folder. @throws CONFIG_INVALID for files of a format this build does not know */
  constructor({ dir, counters, cache, disk }: CatalogOptions) {
    this.dir = dir
    this.disk = disk
    this.counters = counters
    this.#cache = cache
    this.retired = readRetired(dir)
    const opened = openSegments(disk, dir, this.retired, cache, this.#files)
    this.#sealed = opened.segments
    this.#nextSequence = opened.nextSequence
    for (const [partition, runs] of this.retired.runs) {
      for (const [from, to] of runs.list) this.coverage.addDurable(partition, from, to)
    }
    for (const { summary } of this.#sealed) {
      for (const [partition, from, to] of summary.covers) this.coverage.addDurable(partition, from, to)
      for (const [partition, base] of summary.base) this.coverage.setBase(partition, base)
    }
    this.hidden.rebuild(this.#sealed)
    for (const error of opened.corrupt) this.#count(error)
  }

  get sealed(): readonly Sealed[] {
    return this.#sealed
  }

  get nextSequence(): number {
    return this.#nextSequence
  }

  takeSequence(): number {
    return this.#nextSequence++
  }

  /** A file just written. */
  open(path: string): Sealed {
    const { summary, fileBytes } = readSummary(path)
    return new Sealed(path, summary, fileBytes, this.#cache, this.#files)
  }

  /** In one step for whoever looks: the old ones go, the new ones come. */
  swap(old: readonly Sealed[], added: readonly Sealed[]): void {
    this.#sealed = [...this.#sealed.filter((segment) => !old.includes(segment)), ...added]
    for (const segment of added) this.hidden.add(segment.supersedes())
    for (const segment of old) {
      this.hidden.forget(segment.sequence)
      if (segment.pins > 0) this.#doomed.add(segment)
      else this.#unlink(segment)
    }
  }

  /** What a failed write may have left must not come into force at the next start. @throws where the disk refuses */
  discard(sequence: number): void {
    const path = join(this.dir, segmentName(sequence))
    this.disk.removeNow(path)
    this.disk.removeNow(path.replace(/\.seg$/, TEMPORARY_SUFFIX))
  }

  visibleRows(segment: SegmentView): number {
    return segment.rows - this.hidden.count(segment.sequence)
  }

  /** The newest version of an event: of all rows with its id, in these segments, the one that is not hidden. */
  newest(segments: readonly SegmentView[], id: RowId): RowPlace | undefined {
    for (let i = segments.length - 1; i >= 0; i--) {
      const segment = segments[i] as SegmentView
      const place = findRow(segment, id)
      if (place && !hasBit(this.hidden.of(segment.sequence), place.block * BLOCK_ROWS + place.row)) return place
    }
    return undefined
  }

  async pinned<T>(segments: readonly SegmentView[], run: () => Promise<T>): Promise<T> {
    const sealed = segments.filter((segment) => segment instanceof Sealed)
    for (const segment of sealed) segment.pin()
    try {
      return await run()
    } finally {
      for (const segment of sealed) {
        segment.unpin()
        if (segment.pins === 0 && this.#doomed.delete(segment)) this.#unlink(segment)
      }
    }
  }

  /** A damaged segment is set aside; the query that met it fails rather than answer without it. */
  async guard<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      if (isPipelineError(error, 'SEGMENT_CORRUPT')) this.#quarantine(error)
      throw error
    }
  }

  close(): void {
    this.#files.close()
  }

  #quarantine(error: PipelineError<'SEGMENT_CORRUPT'>): void {
    const segment = this.#sealed.find(({ path }) => path === error.params.path)
    if (!segment) return
    this.#sealed = this.#sealed.filter((other) => other !== segment)
    this.#files.forget(segment.path)
    this.disk.renameNow(segment.path, quarantinePath(segment.path))
    for (const [partition, from, to] of segment.summary.covers) this.coverage.addLost(partition, from, to)
    this.#count(error)
    try {
      this.hidden.rebuild(this.#sealed)
    } catch (next) {
      if (!isPipelineError(next, 'SEGMENT_CORRUPT')) throw next
      this.#quarantine(next)
    }
  }

  #count(error: PipelineError<'SEGMENT_CORRUPT'>): void {
    this.counters.add('store_segments_corrupt_total')
    this.problems.push(error.message)
  }

  #unlink(segment: Sealed): void {
    this.#files.forget(segment.path)
    this.disk.unlinkNow(segment.path)
  }
}

export const isReplacement = (segment: SegmentView) => segment instanceof Sealed && segment.summary.replacement === true
