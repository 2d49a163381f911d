// Paths and globs -> the regular files they name now.

import type { BigIntStats } from 'node:fs'
import { glob, stat } from 'node:fs/promises'

export interface FoundFile {
  readonly path: string
  /** `<device>:<inode>`, which a rename does not change. */
  readonly inode: string
  readonly size: number
  readonly mtimeMs: number
}

export type Skipped = 'file_compressed' | 'file_not_regular' | 'file_unreadable'

const COMPRESSED = /\.(gz|bz2|xz|zst|lz4|zip|Z)$/
const MAGIC = /[*?[{]/

/** Each file once, however many paths and links name it; oldest first. @param skipped is told every path left out */
export async function discover(
  patterns: readonly string[],
  skipped: (path: string, why: Skipped) => void,
): Promise<FoundFile[]> {
  const found = new Map<string, FoundFile>()
  for (const path of await expand(patterns)) {
    if (COMPRESSED.test(path)) {
      skipped(path, 'file_compressed')
      continue
    }
    let stats: BigIntStats
    try {
      stats = await stat(path, { bigint: true })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // Gone again, or a link to nothing: that is what rotation looks like.
      if (code !== 'ENOENT' && code !== 'ENOTDIR') skipped(path, 'file_unreadable')
      continue
    }
    if (!stats.isFile()) {
      if (!stats.isDirectory()) skipped(path, 'file_not_regular')
      continue
    }
    const inode = `${stats.dev}:${stats.ino}`
    if (!found.has(inode))
      found.set(inode, { path, inode, size: Number(stats.size), mtimeMs: Number(stats.mtimeNs) / 1e6 })
  }
  return [...found.values()].sort((a, b) => a.mtimeMs - b.mtimeMs)
}

async function expand(patterns: readonly string[]): Promise<Set<string>> {
  const paths = new Set<string>()
  for (const pattern of patterns) {
    if (!MAGIC.test(pattern)) paths.add(pattern)
    else for await (const path of glob(pattern)) paths.add(path)
  }
  return paths
}
