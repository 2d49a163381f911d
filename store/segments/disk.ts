// What the store changes on disk, all of it: small enough that tests can lose power between any two steps. Reading goes to
// the file system as it is.

import { renameSync, rmSync, unlinkSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'

export interface NewFile {
  /** Writes all of the parts, one after the other, from this offset on. */
  write(parts: readonly Buffer[], at: number): Promise<void>
  /** Resolves when content and length survive a loss of power. */
  datasync(): Promise<void>
  close(): Promise<void>
}

export interface Disk {
  /** Empty, whatever was there. */
  create(path: string): Promise<NewFile>
  rename(from: string, to: string): Promise<void>
  /** Creations, renames and deletions in the folder survive a loss of power. */
  syncFolder(dir: string): Promise<void>
  renameNow(from: string, to: string): void
  unlinkNow(path: string): void
  /** As unlinkNow, and no error where nothing is. */
  removeNow(path: string): void
}

export const nodeDisk: Disk = {
  async create(path) {
    const file = await open(path, 'w')
    return {
      async write(parts, at) {
        for (let from = 0; from < parts.length; from += 512) {
          const some = parts.slice(from, from + 512)
          const wanted = some.reduce((sum, part) => sum + part.length, 0)
          const { bytesWritten } = await file.writev(some, at)
          if (bytesWritten !== wanted)
            await file.write(Buffer.concat(some), bytesWritten, wanted - bytesWritten, at + bytesWritten)
          at += wanted
        }
      },
      datasync: () => file.datasync(),
      close: () => file.close(),
    }
  },
  rename,
  async syncFolder(dir) {
    if (process.platform === 'win32') return // a folder cannot be opened there; NTFS journals the rename
    const folder = await open(dir, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  },
  renameNow: renameSync,
  unlinkNow: unlinkSync,
  removeNow: (path) => rmSync(path, { force: true }),
}
