// A disk in memory that can lose power, run full and fail, for tests: what is not synced is kept, lost or torn by chance.
//
// File content: durable bytes, and the operations since the last sync in order. Losing power applies a random part of
// them: each write sector by sector (512 or 4096 bytes), so that a later write may be there and an earlier one not.
// Folder entries: creations, renames and deletions since the last syncDir; losing power keeps a random beginning of them.

import { basename, dirname } from 'node:path'
import type { LedgerFile, LedgerFs, OpenMode } from './files.ts'

interface Node {
  /** As readers see it. */
  bytes: Buffer
  durable: Buffer
  pending: ({ at: number; data: Buffer } | { truncate: number })[]
}

type Entries = Map<string, Node>
interface Folder {
  entries: Entries
  durable: Entries
  pending: ((entries: Entries) => void)[]
}

export interface Faults {
  /** Bytes all files together may take; beyond, writes are short and then fail with ENOSPC. */
  capacityBytes: number
  /** Called before each operation; returns an error code to fail with. */
  fail: (operation: string, path: string) => string | undefined
}

function fsError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}

export class SimDisk {
  readonly #folders = new Map<string, Folder>()
  readonly #random: () => number
  readonly faults: Faults = { capacityBytes: Number.POSITIVE_INFINITY, fail: () => undefined }
  bytesRead = 0
  operations = 0
  /** Operations begun by a process of an earlier life never finish. */
  #life = 0
  /** Lose power before this operation of this life; what runs then is never heard of again. */
  #crashAt = Number.POSITIVE_INFINITY
  #onCrash: () => void = () => undefined

  /** @param random in [0, 1), seeded */
  constructor(random: () => number) {
    this.#random = random
  }

  /** @returns resolves when the power is gone; `count` operations from now */
  crashAfter(count: number): Promise<void> {
    this.#crashAt = this.operations + count
    return new Promise((resolve) => {
      this.#onCrash = resolve
    })
  }

  /** Loses power: everything not synced is kept, lost or torn. A new life begins. */
  losePower(): void {
    this.#life++
    this.#crashAt = Number.POSITIVE_INFINITY
    for (const folder of this.#folders.values()) {
      const kept = Math.floor(this.#random() * (folder.pending.length + 1))
      for (const apply of folder.pending.slice(0, kept)) apply(folder.durable)
      folder.pending = []
      folder.entries = new Map(folder.durable)
      for (const node of folder.entries.values()) this.#tear(node)
    }
    this.#onCrash()
  }

  /** Kills the process only: everything written stays. */
  kill(): void {
    this.#life++
    this.#crashAt = Number.POSITIVE_INFINITY
    this.#onCrash()
  }

  /** The bytes of a file as they are now, to be damaged by tests. */
  peek(path: string): Buffer {
    const node = this.#folder(dirname(path)).entries.get(basename(path))
    if (!node) throw fsError('ENOENT', path)
    return node.bytes
  }

  /** Replaces a file's content as damage would: at once, synced. */
  poke(path: string, bytes: Buffer): void {
    const node = this.#folder(dirname(path)).entries.get(basename(path))
    if (!node) throw fsError('ENOENT', path)
    node.bytes = Buffer.from(bytes)
    node.durable = Buffer.from(bytes)
    node.pending = []
  }

  remove(path: string): void {
    const folder = this.#folder(dirname(path))
    folder.entries.delete(basename(path))
    folder.durable.delete(basename(path))
  }

  get usedBytes(): number {
    let used = 0
    for (const folder of this.#folders.values()) for (const node of folder.entries.values()) used += node.bytes.length
    return used
  }

  mount(): LedgerFs {
    const life = this.#life
    const run = async <T>(operation: string, path: string, action: () => T): Promise<T> => {
      await undefined // as on a real disk, nothing happens during the call
      if (life === this.#life && this.operations + 1 > this.#crashAt) this.losePower()
      if (life !== this.#life) return new Promise<T>(() => undefined)
      this.operations++
      const code = this.faults.fail(operation, path)
      if (code) throw fsError(code, path)
      return action()
    }
    return {
      open: (path, mode) => run('open', path, () => this.#open(path, mode, run)),
      rename: (from, to) =>
        run('rename', from, () => {
          const node = this.#find(from)
          this.#change(dirname(from), (entries) => {
            entries.delete(basename(from))
            entries.set(basename(to), node)
          })
        }),
      unlink: (path) =>
        run('unlink', path, () => {
          this.#find(path)
          this.#change(dirname(path), (entries) => entries.delete(basename(path)))
        }),
      list: (dir) => run('list', dir, () => [...this.#folder(dir).entries.keys()]),
      makeDir: (dir) => run('makeDir', dir, () => void this.#folder(dir)),
      syncDir: (dir) =>
        run('syncDir', dir, () => {
          const folder = this.#folder(dir)
          folder.durable = new Map(folder.entries)
          folder.pending = []
        }),
      lock: async () => async () => undefined,
    }
  }

  #open(
    path: string,
    mode: OpenMode,
    run: <T>(operation: string, path: string, action: () => T) => Promise<T>,
  ): LedgerFile {
    const there = this.#folder(dirname(path)).entries.get(basename(path))
    if (mode === 'create' && there) throw fsError('EEXIST', path)
    if (mode !== 'create' && !there) throw fsError('ENOENT', path)
    const node: Node = there ?? { bytes: Buffer.alloc(0), durable: Buffer.alloc(0), pending: [] }
    if (!there) this.#change(dirname(path), (entries) => entries.set(basename(path), node))
    return {
      read: (into, position) =>
        run('read', path, () => {
          const bytes = node.bytes.copy(into, 0, Math.min(position, node.bytes.length))
          this.bytesRead += bytes
          return bytes
        }),
      write: (buffers, position) =>
        run('write', path, () => {
          const data = Buffer.concat(buffers)
          const grows = Math.max(0, position + data.length - node.bytes.length)
          const room = Math.max(0, this.faults.capacityBytes - this.usedBytes)
          const taken = grows > room ? data.length - (grows - room) : data.length
          if (taken <= 0) throw fsError('ENOSPC', path)
          const written = Buffer.from(data.subarray(0, taken))
          node.bytes = writeInto(node.bytes, written, position)
          node.pending.push({ at: position, data: written })
          return taken
        }),
      truncate: (bytes) =>
        run('truncate', path, () => {
          node.bytes = resize(node.bytes, bytes)
          node.pending.push({ truncate: bytes })
        }),
      datasync: async () => {
        try {
          await run('datasync', path, () => {
            // Not `node.bytes`: pages dropped by an earlier failed sync are clean, and are not written by this one.
            for (const operation of node.pending) {
              node.durable =
                'truncate' in operation
                  ? resize(node.durable, operation.truncate)
                  : writeInto(node.durable, operation.data, operation.at)
            }
            node.pending = []
          })
        } catch (error) {
          // What a kernel does after a failed write-back: some pages reach the disk, the rest is dropped and marked
          // clean, and readers see what the page cache holds.
          this.#tearDurable(node)
          throw error
        }
      },
      size: () => run('size', path, () => node.bytes.length),
      close: async () => undefined,
    }
  }

  #tear(node: Node): void {
    this.#tearDurable(node)
    node.bytes = node.durable
  }

  #tearDurable(node: Node): void {
    let bytes = node.durable
    const sector = this.#random() < 0.5 ? 512 : 4096
    const luck = this.#random() // some crashes lose nearly all, some nearly nothing
    for (const operation of node.pending) {
      if ('truncate' in operation) {
        if (this.#random() < luck) bytes = resize(bytes, operation.truncate)
        continue
      }
      const { at, data } = operation
      if (this.#random() < luck) bytes = resize(bytes, Math.max(bytes.length, at + data.length)) // length without data
      for (let from = 0; from < data.length; ) {
        const to = Math.min(data.length, from + sector - ((at + from) % sector))
        if (this.#random() < luck) bytes = writeInto(bytes, data.subarray(from, to), at + from)
        from = to
      }
    }
    node.durable = bytes
    node.pending = []
  }

  #change(dir: string, apply: (entries: Entries) => void): void {
    const folder = this.#folder(dir)
    apply(folder.entries)
    folder.pending.push(apply)
  }

  #find(path: string): Node {
    const node = this.#folder(dirname(path)).entries.get(basename(path))
    if (!node) throw fsError('ENOENT', path)
    return node
  }

  #folder(dir: string): Folder {
    let folder = this.#folders.get(dir)
    if (!folder) this.#folders.set(dir, (folder = { entries: new Map(), durable: new Map(), pending: [] }))
    return folder
  }
}

function writeInto(bytes: Buffer, data: Buffer, at: number): Buffer {
  const out = Buffer.alloc(Math.max(bytes.length, at + data.length))
  bytes.copy(out)
  data.copy(out, at)
  return out
}

function resize(bytes: Buffer, length: number): Buffer {
  const out = Buffer.alloc(length)
  bytes.copy(out, 0, 0, length)
  return out
}

/** A small seeded generator (mulberry32), so that a failing seed fails again. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
