// Reads everything and changes nothing: what an operator runs before trusting a folder.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from '../../core/errors.ts'
import type { LostRange } from '../../core/store.ts'
import { Coverage } from './coverage.ts'
import { Hidden } from './hidden.ts'
import { Lru } from './lru.ts'
import { readRetired } from './retired.ts'
import { FileCache, readSummary, Sealed } from './sealed.ts'
import { QUARANTINE_SUFFIX, SEGMENT_SUFFIX } from './segment-format.ts'

export interface FsckReport {
  readonly ok: boolean
  readonly segments: number
  readonly events: number
  /** Rows of older versions, which `events` does not count. */
  readonly replaced: number
  readonly bytes: number
  /** One line a damaged file. */
  readonly problems: readonly string[]
  /** Files set aside earlier. */
  readonly quarantined: readonly string[]
  /** Files a crash left behind; the next start removes them. */
  readonly leftovers: readonly string[]
  /** Runs of bus offsets that no segment accounts for. */
  readonly lost: readonly LostRange[]
}

/** Checks every checksum of every segment in the folder. May run beside a store that is open. */
export function fsckSegments(dir: string, tries = 5): FsckReport {
  const files = new FileCache()
  const coverage = new Coverage()
  const problems: string[] = []
  const sound: Sealed[] = []
  const hidden = new Hidden()
  let bytes = 0
  const names = readdirSync(dir).sort()
  try {
    for (const [partition, runs] of readRetired(dir).runs) {
      for (const [from, to] of runs.list) coverage.addDurable(partition, from, to)
    }
    for (const name of names.filter((n) => n.endsWith(SEGMENT_SUFFIX))) {
      const path = join(dir, name)
      try {
        const { summary, fileBytes } = readSummary(path)
        const segment = new Sealed(path, summary, fileBytes, new Lru(16 * 1024 * 1024), files)
        segment.verify()
        sound.push(segment)
        bytes += fileBytes
        for (const [partition, from, to] of summary.covers) coverage.addDurable(partition, from, to)
        for (const [partition, base] of summary.base) coverage.setBase(partition, base)
      } catch (error) {
        // A running store merged it meanwhile: what it became is in the folder now.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT' && tries > 1) return fsckSegments(dir, tries - 1)
        problems.push(describe(error))
      }
    }
    hidden.rebuild(sound)
  } finally {
    files.close()
  }
  const quarantined = names.filter((name) => name.endsWith(QUARANTINE_SUFFIX))
  const leftovers = names.filter((name) => name.endsWith('.tmp'))
  const lost = coverage.lost()
  const replaced = sound.reduce((sum, { sequence }) => sum + hidden.count(sequence), 0)
  return {
    ok: problems.length === 0 && lost.length === 0,
    segments: sound.length,
    events: sound.reduce((sum, { rows }) => sum + rows, 0) - replaced,
    replaced,
    bytes,
    problems,
    quarantined,
    leftovers,
    lost,
  }
}
