// A disk that can lose power, for tests: it writes to a real folder, remembers what of it is synced, and puts the folder
// into the state that a loss of power may leave. Unsynced writes are kept, lost or torn sector by sector; unsynced changes
// of the folder are kept up to some point.

import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Disk, type NewFile, nodeDisk } from './disk.ts'

interface Node {
  durable: Buffer
  pending: { readonly at: number; readonly data: Buffer }[]
}

type Entries = Map<string, Node>

/** Thrown by, or never answered to, a store whose power is gone. */
export class PowerLoss extends Error {}

export class SimDisk {
  readonly #dir: string
  readonly #random: () => number
  #entries: Entries = new Map()
  #durable: Entries = new Map()
  #changes: ((entries: Entries) => void)[] = []
  /** A store of an earlier life changes nothing any more. */
  #life = 0
  operations = 0
  #crashAt = Number.POSITIVE_INFINITY
  #lost = Promise.withResolvers<void>()
  readonly #open = new Set<NewFile>()

  constructor(dir: string, random: () => number) {
    this.#dir = dir
    this.#random = random
  }

  /** Loses power before the operation that comes after so many. */
  crashAfter(operations: number): void {
    this.#crashAt = this.operations + operations
  }

  /** Resolves when the power is lost. */
  get lost(): Promise<void> {
    return this.#lost.promise
  }

  losePower(): void {
    this.#life++
    this.#crashAt = Number.POSITIVE_INFINITY
    for (const file of this.#open) void file.close() // nobody else will
    this.#open.clear()
    const kept = Math.floor(this.#random() * (this.#changes.length + 1))
    for (const change of this.#changes.slice(0, kept)) change(this.#durable)
    this.#changes = []
    this.#entries = new Map(this.#durable)
    for (const name of readdirSync(this.#dir)) rmSync(join(this.#dir, name))
    for (const [name, node] of this.#entries) {
      this.#tear(node)
      writeFileSync(join(this.#dir, name), node.durable)
    }
    this.#lost.resolve()
  }

  /** The disk as a store of a new life sees it. */
  mount(): Disk {
    const life = ++this.#life
    this.#lost = Promise.withResolvers()
    const step = () => {
      if (life === this.#life && this.operations++ >= this.#crashAt) this.losePower()
      if (life !== this.#life) throw new PowerLoss('the power is gone')
    }
    const run = async <T>(action: () => Promise<T>, then: (result: T) => void): Promise<T> => {
      try {
        step()
      } catch {
        return new Promise<T>(() => {})
      }
      const result = await action()
      if (life !== this.#life) return new Promise<T>(() => {})
      then(result)
      return result
    }
    const rename = (from: string, to: string) => {
      const node = this.#entries.get(basename(from)) as Node
      this.#change((entries) => {
        entries.delete(basename(from))
        entries.set(basename(to), node)
      })
    }
    const remove = (path: string) => this.#change((entries) => entries.delete(basename(path)))
    return {
      create: async (path) => {
        const file = await run(
          () => nodeDisk.create(path),
          () => {
            const made: Node = { durable: Buffer.alloc(0), pending: [] }
            this.#change((entries) => entries.set(basename(path), made))
          },
        )
        const node = this.#entries.get(basename(path)) as Node
        this.#open.add(file)
        return {
          write: (parts, at) =>
            run(
              () => file.write(parts, at),
              () => node.pending.push({ at, data: Buffer.concat(parts) }),
            ),
          datasync: () =>
            run(
              async () => {},
              () => {
                for (const { at, data } of node.pending) node.durable = writeInto(node.durable, data, at)
                node.pending = []
              },
            ),
          close: async () => {
            if (this.#open.delete(file)) await file.close()
          },
        }
      },
      rename: (from, to) =>
        run(
          async () => nodeDisk.renameNow(from, to), // not at some later time, when the power may be gone
          () => rename(from, to),
        ),
      syncFolder: () =>
        run(
          async () => {},
          () => {
            this.#durable = new Map(this.#entries)
            this.#changes = []
          },
        ),
      renameNow: (from, to) => {
        step()
        nodeDisk.renameNow(from, to)
        rename(from, to)
      },
      unlinkNow: (path) => {
        step()
        nodeDisk.unlinkNow(path)
        remove(path)
      },
      removeNow: (path) => {
        step()
        nodeDisk.removeNow(path)
        remove(path)
      },
    }
  }

  #change(apply: (entries: Entries) => void): void {
    apply(this.#entries)
    this.#changes.push(apply)
  }

  #tear(node: Node): void {
    let bytes = node.durable
    const sector = this.#random() < 0.5 ? 512 : 4096
    const luck = this.#random() // some crashes lose nearly all, some nearly nothing
    for (const { at, data } of node.pending) {
      if (this.#random() < luck) bytes = writeInto(bytes, Buffer.alloc(0), at + data.length) // length without data
      for (let from = 0; from < data.length; ) {
        const to = Math.min(data.length, from + sector - ((at + from) % sector))
        if (this.#random() < luck) bytes = writeInto(bytes, data.subarray(from, to), at + from)
        from = to
      }
    }
    node.durable = bytes
    node.pending = []
  }
}

function writeInto(bytes: Buffer, data: Buffer, at: number): Buffer {
  const out = Buffer.alloc(Math.max(bytes.length, at + data.length))
  bytes.copy(out)
  data.copy(out, at)
  return out
}
