// What retention took away on purpose, so that it is not mistaken for a loss. Written before the files go.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Runs } from './coverage.ts'
import type { Disk } from './disk.ts'

const FILE = 'retired.json'

export interface Retired {
  readonly runs: ReadonlyMap<number, Runs>
  /** Segments whose files may still be there. */
  readonly sequences: ReadonlySet<number>
  /** No segment may be numbered below: what is said of those that went would be taken for said of it. */
  readonly next: number
}

export function readRetired(dir: string): Retired {
  let text: string
  try {
    text = readFileSync(join(dir, FILE), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { runs: new Map(), sequences: new Set(), next: 1 }
    throw error
  }
  const stored = JSON.parse(text) as { runs: [number, [number, number][]][]; sequences: number[]; next?: number }
  const runs = new Map<number, Runs>()
  for (const [partition, list] of stored.runs) {
    const mine = new Runs()
    for (const [from, to] of list) mine.add(from, to)
    runs.set(partition, mine)
  }
  const next = Math.max(1, stored.next ?? 1, ...stored.sequences.map((sequence) => sequence + 1))
  return { runs, sequences: new Set(stored.sequences), next }
}

/** Resolves when the record survives a loss of power. */
export async function writeRetired(
  disk: Disk,
  dir: string,
  before: Retired,
  covers: readonly (readonly [number, number, number])[],
  sequences: readonly number[],
  next: number,
): Promise<Retired> {
  const runs = new Map<number, Runs>()
  const add = (partition: number, from: number, to: number) => {
    const mine = runs.get(partition) ?? new Runs()
    mine.add(from, to)
    runs.set(partition, mine)
  }
  for (const [partition, old] of before.runs) for (const [from, to] of old.list) add(partition, from, to)
  for (const [partition, from, to] of covers) add(partition, from, to)
  const temporary = join(dir, `${FILE}.tmp`)
  const file = await disk.create(temporary)
  try {
    const list = [...runs].map(([partition, mine]) => [partition, mine.list])
    await file.write([Buffer.from(JSON.stringify({ version: 1, runs: list, sequences, next }))], 0)
    await file.datasync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, join(dir, FILE))
  await disk.syncFolder(dir)
  return { runs, sequences: new Set(sequences), next }
}
