// What retention took away on purpose, so that it is not mistaken for a loss. Written before the files go.

import { readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { Runs } from './coverage.ts'
import { syncFolder } from './segment-writer.ts'

const FILE = 'retired.json'

export interface Retired {
  readonly runs: ReadonlyMap<number, Runs>
  /** Segments whose files may still be there. */
  readonly sequences: ReadonlySet<number>
}

export function readRetired(dir: string): Retired {
  let text: string
  try {
    text = readFileSync(join(dir, FILE), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { runs: new Map(), sequences: new Set() }
    throw error
  }
  const stored = JSON.parse(text) as { runs: [number, [number, number][]][]; sequences: number[] }
  const runs = new Map<number, Runs>()
  for (const [partition, list] of stored.runs) {
    const mine = new Runs()
    for (const [from, to] of list) mine.add(from, to)
    runs.set(partition, mine)
  }
  return { runs, sequences: new Set(stored.sequences) }
}

/** Resolves when the record survives a loss of power. */
export async function writeRetired(
  dir: string,
  before: Retired,
  covers: readonly (readonly [number, number, number])[],
  sequences: readonly number[],
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
  const file = await open(temporary, 'w')
  try {
    const list = [...runs].map(([partition, mine]) => [partition, mine.list])
    await file.writeFile(JSON.stringify({ version: 1, runs: list, sequences }))
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(temporary, join(dir, FILE))
  await syncFolder(dir)
  return { runs, sequences: new Set(sequences) }
}
