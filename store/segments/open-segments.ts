// Start: summaries only, leftovers removed, what is damaged set aside.

import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isPipelineError, type PipelineError } from '../../core/errors.ts'
import type { Disk } from './disk.ts'
import type { Lru } from './lru.ts'
import type { Retired } from './retired.ts'
import { type FileCache, readSummary, Sealed } from './sealed.ts'
import { QUARANTINE_SUFFIX, SEGMENT_SUFFIX } from './segment-format.ts'

export interface OpenedSegments {
  /** In arrival order. */
  readonly segments: Sealed[]
  readonly corrupt: readonly PipelineError<'SEGMENT_CORRUPT'>[]
  readonly nextSequence: number
}

export function openSegments(disk: Disk, dir: string, retired: Retired, cache: Lru, files: FileCache): OpenedSegments {
  mkdirSync(dir, { recursive: true })
  let nextSequence = retired.next
  const corrupt: PipelineError<'SEGMENT_CORRUPT'>[] = []
  const found: Sealed[] = []
  for (const name of readdirSync(dir)) {
    const path = join(dir, name)
    if (name.endsWith('.tmp')) {
      disk.unlinkNow(path) // never renamed: nothing in it was promised to anyone
      continue
    }
    const sequence = Number(/^(\d{12})\.seg/.exec(name)?.[1] ?? 0)
    nextSequence = Math.max(nextSequence, sequence + 1)
    if (!name.endsWith(SEGMENT_SUFFIX)) continue
    if (retired.sequences.has(sequence)) {
      disk.unlinkNow(path) // the intent was written; the crash came before the end
      continue
    }
    try {
      const { summary, fileBytes } = readSummary(path)
      const segment = new Sealed(path, summary, fileBytes, cache, files)
      segment.supersedes() // what it hides has to be known before the first answer
      found.push(segment)
    } catch (error) {
      if (!isPipelineError(error, 'SEGMENT_CORRUPT')) throw error
      corrupt.push(error)
      files.forget(path)
      disk.renameNow(path, quarantinePath(path))
    }
  }
  const replaced = new Set(found.flatMap(({ summary }) => summary.replaces))
  const segments = found
    .filter((segment) => {
      if (!replaced.has(segment.sequence)) return true
      disk.unlinkNow(segment.path)
      return false
    })
    .sort((a, b) => a.order - b.order)
  return { segments, corrupt, nextSequence }
}

export function quarantinePath(path: string): string {
  return path.slice(0, -SEGMENT_SUFFIX.length) + QUARANTINE_SUFFIX
}
