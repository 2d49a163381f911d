// The file system as the ledger uses it: small enough to be simulated, so that tests can lose power between two calls.

import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { takeLock } from './lock.ts'

/** Errors carry node's `code` (ENOSPC, EIO, ENOENT, EEXIST). */
export interface LedgerFile {
  /** @returns bytes read; 0 at the end of the file, may be fewer than asked */
  read(into: Uint8Array, position: number): Promise<number>
  /** One gathered write. @returns bytes written, may be fewer than given */
  write(buffers: readonly Uint8Array[], position: number): Promise<number>
  truncate(bytes: number): Promise<void>
  /** Resolves when content and length survive a loss of power. After it failed the content is unknown. */
  datasync(): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

/** `create` fails when the file is there, `read` and `update` when it is not. */
export type OpenMode = 'read' | 'create' | 'update'

export interface LedgerFs {
  open(path: string, mode: OpenMode): Promise<LedgerFile>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  list(dir: string): Promise<string[]>
  makeDir(dir: string): Promise<void>
  /** Makes creations, renames and deletions in `dir` survive a loss of power. */
  syncDir(dir: string): Promise<void>
  /** Takes the folder for this process. @throws BUS_LOCKED. @returns gives it back */
  lock(dir: string): Promise<() => Promise<void>>
}

const openFd = promisify(fs.open)
const closeFd = promisify(fs.close)
const fdatasync = promisify(fs.fdatasync)
const fsync = promisify(fs.fsync)
const ftruncate = promisify(fs.ftruncate)
const fstat = promisify(fs.fstat)

const flags = { read: 'r', create: 'wx+', update: 'r+' } as const

// Plain descriptors, not FileHandle: those end the process when one is collected before it was closed.
class NodeFile implements LedgerFile {
  readonly #fd: number
  #closed = false
  constructor(fd: number) {
    this.#fd = fd
  }
  read(into: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) =>
      fs.read(this.#fd, into, 0, into.length, position, (error, bytes) => (error ? reject(error) : resolve(bytes))),
    )
  }
  write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    return new Promise((resolve, reject) =>
      fs.writev(this.#fd, buffers, position, (error, bytes) => (error ? reject(error) : resolve(bytes))),
    )
  }
  truncate(bytes: number): Promise<void> {
    return ftruncate(this.#fd, bytes)
  }
  datasync(): Promise<void> {
    return fdatasync(this.#fd)
  }
  async size(): Promise<number> {
    return (await fstat(this.#fd)).size
  }
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await closeFd(this.#fd)
  }
}

export const nodeFs: LedgerFs = {
  open: async (path, mode) => new NodeFile(await openFd(path, flags[mode], 0o640)),
  rename: (from, to) => fs.promises.rename(from, to),
  unlink: (path) => fs.promises.unlink(path),
  list: (dir) => fs.promises.readdir(dir),
  async makeDir(dir) {
    const made = await fs.promises.mkdir(dir, { recursive: true, mode: 0o750 })
    if (made) await this.syncDir(dirname(made))
  },
  async syncDir(dir) {
    if (process.platform === 'win32') return // a directory cannot be opened there; NTFS journals its entries
    const fd = await openFd(dir, 'r')
    try {
      await fsync(fd)
    } finally {
      await closeFd(fd)
    }
  },
  lock: takeLock,
}

export function errorCode(error: unknown): string {
  return (error as { code?: string } | undefined)?.code ?? 'UNKNOWN'
}

/** Writes all of it, going on after short writes. @throws what the disk says, ENOSPC when it takes no more */
export async function writeAll(file: LedgerFile, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let total = 0
  for (const buffer of buffers) total += buffer.length
  // writev takes at most IOV_MAX (1024) buffers
  let written = buffers.length <= 1024 ? await file.write(buffers, position) : 0
  if (written === total) return
  const rest = Buffer.concat(buffers)
  while (written < total) {
    const more = await file.write([rest.subarray(written)], position + written)
    if (more === 0) throw Object.assign(new Error('the disk took no more bytes'), { code: 'ENOSPC' })
    written += more
  }
}

/** Reads until `into` is full or the file ends. @returns bytes read */
export async function readFull(file: LedgerFile, into: Uint8Array, position: number): Promise<number> {
  let got = 0
  while (got < into.length) {
    const more = await file.read(into.subarray(got), position + got)
    if (more === 0) break
    got += more
  }
  return got
}

/** The whole of a small file; undefined where there is none. */
export async function readSmall(files: LedgerFs, path: string): Promise<Buffer | undefined> {
  let file: LedgerFile
  try {
    file = await files.open(path, 'read')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const bytes = Buffer.alloc(await file.size())
    return bytes.subarray(0, await readFull(file, bytes, 0))
  } finally {
    await file.close()
  }
}

/** Replaces `dir/name` whole: after a crash it holds the old bytes or the new ones. */
export async function replaceFile(
  files: LedgerFs,
  dir: string,
  name: string,
  bytes: Uint8Array,
  at: (point: string) => void | Promise<void>,
): Promise<void> {
  const temp = join(dir, `${name}.tmp`)
  await unlinkIfThere(files, temp)
  const file = await files.open(temp, 'create')
  try {
    await writeAll(file, [bytes], 0)
    await at(`${name}.written`)
    await file.datasync()
  } finally {
    await file.close()
  }
  await at(`${name}.synced`)
  await files.rename(temp, join(dir, name))
  await at(`${name}.renamed`)
  await files.syncDir(dir)
}

export async function unlinkIfThere(files: LedgerFs, path: string): Promise<boolean> {
  try {
    await files.unlink(path)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}
