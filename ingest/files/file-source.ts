// Follows files: finds them, reads each a bounded piece at a time, and remembers only what is durable.
//
//   discover -> identify -> [save new ids] -> read pieces, oldest file first -> checkpoint -> save -> wait (watch or poll)
//
// One loop does it all, one step after the other: there is no state that two of them could change at once. When the intake
// is full the loop waits in the middle of a file; the files themselves are the buffer.

import { type FileHandle, open } from 'node:fs/promises'
import { describe } from '../../core/errors.ts'
import type { Source, SourceStatus } from '../../core/source.ts'
import { Meter } from '../meter.ts'
import type { InputOptions } from '../options.ts'
import { discover, type FoundFile, type Skipped } from './discover.ts'
import { FileState, type KnownFile } from './file-state.ts'
import { FolderWatch } from './folder-watch.ts'
import { HandOver } from './hand-over.ts'
import { bytesBefore, HeadPrints, isCopy, isSame } from './identify.ts'
import { type LineSink, PlainLines } from './line-sink.ts'
import { TailedFile } from './tailed-file.ts'

export interface FileSourceOptions extends InputOptions {
  /** Absolute paths or globs. Name rotated files too (`app.log*`): then nothing is missed that is rotated while we are down. */
  readonly paths: readonly string[]
  /** Where the offsets are kept. */
  readonly stateDir: string
  /** As in Origin.source. Default `file:<first path>`. */
  readonly source?: string
  readonly dataset?: string
  readonly zone?: string
  /** How often to look for changes that no watch told of. Default 1 s. */
  readonly pollMs?: number
  /** Longer lines keep their first part. Default 1 MiB: what the parser reads. */
  readonly maxLineBytes?: number
  /** Files open at a time. Default 512. */
  readonly maxOpenFiles?: number
  /** A file that is no longer at any path is let go this long after its last bytes. Default 5 s. */
  readonly rotateWaitMs?: number
  /** It is let go, read or not, after this: a full disk must not keep deleted files alive. Default 1 h. */
  readonly orphanMaxMs?: number
}

/** How containers/ reads the same files otherwise. */
export interface FileSourceInternals {
  readonly kind: 'file' | 'container'
  readonly sinkFor: (path: string) => Promise<{ readonly sink: LineSink; readonly lane: string }>
  readonly where: string
}

const READ_BYTES = 256 * 1024
/** While there is always more to read; two fsyncs each. What is read again after a crash is stored once all the same. */
const SAVE_EVERY_MS = 1000

/**
 * Starts following at once; new files are read from their beginning. A line is a record; its key is `<file id>:<offset>`,
 * so what is read again after a crash is stored once. Rotation by rename, delete and create, symlink swap and copytruncate
 * are followed (see tailed-file.ts for the window copytruncate leaves). Compressed files are counted and ignored.
 */
export async function openFileSource(options: FileSourceOptions): Promise<Source> {
  const source = options.source ?? `file:${options.paths[0] ?? ''}`
  return openFiles(
    { ...options, source },
    {
      kind: 'file',
      where: options.paths.join(' '),
      sinkFor: async (path) => {
        const { dataset, zone } = options
        const fields = { 'log.file.path': path }
        const origin = { source, kind: 'file', peer: path, dataset, zone, fields } as const
        const leftOut = (count: number) => options.counters.add('ingest_split_left_out_total', count, { source })
        return { sink: new PlainLines(origin, leftOut), lane: '' }
      },
    },
  )
}

export async function openFiles(
  options: FileSourceOptions & { readonly source: string },
  internals: FileSourceInternals,
): Promise<Source> {
  const state = await FileState.open(options.stateDir, options.source, options.warn)
  const follower = new Follower(options, internals, state)
  follower.start()
  return follower
}

class Follower implements Source {
  readonly #options: FileSourceOptions & { readonly source: string }
  readonly #internals: FileSourceInternals
  readonly #state: FileState
  readonly #meter: Meter
  readonly #handOver: HandOver
  readonly #watch: FolderWatch
  readonly #stop = new AbortController()
  readonly #buffer: Buffer
  readonly #maxLineBytes: number
  /** In the order they are read: older files first. */
  readonly #tails = new Map<string, TailedFile>()
  /** Paths left out and inodes of copies, so that each is counted once. */
  readonly #told = new Set<string>()
  #waitingFiles = 0
  #reading: TailedFile | undefined
  #unsaved = false
  #savedAt = 0
  #running: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined
  #problem: string | undefined

  constructor(
    options: FileSourceOptions & { readonly source: string },
    internals: FileSourceInternals,
    state: FileState,
  ) {
    this.#options = options
    this.#internals = internals
    this.#state = state
    this.#meter = new Meter(options.counters, options.source)
    this.#handOver = new HandOver(options.intake, this.#meter, {
      signal: this.#stop.signal,
      tailOf: (fileId) => [...this.#tails.values()].find((tail) => tail.known.id === fileId),
      whileWaiting: async () => {
        await this.#look()
        await this.#tidy()
      },
      waitMs: options.pollMs ?? 1000,
    })
    this.#watch = new FolderWatch()
    this.#maxLineBytes = options.maxLineBytes ?? 1024 * 1024
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(READ_BYTES, this.#maxLineBytes + READ_BYTES / 2))
    this.#meter.gauge('ingest_files_open', () => this.#open().length)
    this.#meter.gauge('ingest_files_waiting', () => this.#waitingFiles)
    this.#meter.gauge('ingest_files_unread_bytes', () => sum(this.#open().map((tail) => tail.size - tail.offset)))
  }

  start(): void {
    this.#running = this.#run()
  }

  status(): SourceStatus[] {
    const { source } = this.#options
    const { kind, where } = this.#internals
    const state = this.#closing || this.#tails.size === 0 ? 'waiting' : this.#problem ? 'failed' : 'running'
    const files = this.#tails.size === 0 ? 'no file matches yet' : `${this.#tails.size} files`
    return [{ source, kind, where, state, detail: this.#problem ?? files }]
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    this.#stop.abort()
    this.#watch.close()
    await this.#running
    for (const tail of this.#tails.values()) {
      await tail.checkpoint(() => {})
      await tail.handle?.close()
    }
    // What became durable meanwhile is worth remembering; what did not is read again.
    await new Promise((resolve) => setImmediate(resolve))
    await this.#state.save()
    this.#meter.flush()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await this.#look()
        await this.#readAll()
        await this.#tidy()
        this.#problem = undefined
      } catch (error) {
        if (signal.aborted) return
        this.#problem = describe(error)
        this.#meter.refused('file_unreadable')
        this.#options.warn?.(`${this.#options.source}: ${this.#problem}`)
      }
      await this.#watch.next(this.#options.pollMs ?? 1000)
    }
  }

  /** Finds files that are new, gone, or have another name. */
  async #look(): Promise<void> {
    const nowMs = this.#options.now()
    const found = await discover(this.#options.paths, (path, why) => this.#tell(path, why))
    const present = new Map(found.map((file) => [file.inode, file]))
    for (const tail of this.#tails.values()) {
      const file = present.get(tail.known.inode)
      if (file) {
        tail.known.path = file.path
        tail.known.seenAt = nowMs
        tail.orphanSince = undefined
      } else tail.orphanSince ??= nowMs
    }
    this.#watch.folders(this.#options.paths, found)
    await this.#adopt(found.filter((file) => !this.#tails.has(file.inode)))
  }

  /** Begins to follow new files. Their ids are on disk before any of their lines is handed over. */
  async #adopt(found: readonly FoundFile[]): Promise<void> {
    const max = this.#options.maxOpenFiles ?? 512
    let opened = 0
    this.#waitingFiles = 0
    // Those we know by inode first: what is left of the known ones may then go on in a copy.
    const known = new Map(found.map((file) => [file, this.#state.byInode(file.inode)]))
    const inOrder = [...found.filter((file) => known.get(file)), ...found.filter((file) => !known.get(file))]
    for (const file of inOrder) {
      if (this.#tails.size >= max && known.get(file)?.offset === file.size) continue // read, and closed to make room
      if (this.#tails.size >= max && !(await this.#releaseIdle())) {
        this.#waitingFiles++
        this.#tell(file.path, 'file_over_limit')
      } else if (await this.#follow(file)) opened++
    }
    if (opened > 0) await this.#state.save()
  }

  async #follow(file: FoundFile): Promise<boolean> {
    const nowMs = this.#options.now()
    let handle: FileHandle
    try {
      handle = await open(file.path, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#tell(file.path, 'file_unreadable')
      return false
    }
    try {
      const stats = await handle.stat({ bigint: true })
      const size = Number(stats.size)
      // Swapped between the look and the opening: the next look finds what is there then.
      const heads = new HeadPrints(handle, size)
      if (`${stats.dev}:${stats.ino}` !== file.inode || (await this.#isOneOfOurs(handle, file, heads))) {
        await handle.close()
        return false
      }
      let known = this.#state.byInode(file.inode)
      if (known && !(await isSame(handle, size, known))) {
        known.inode = '' // another file under the old one's inode: reused, or truncated while we were away
        known = undefined
      }
      known ??= await this.#continued(handle, size, heads)
      if (known) Object.assign(known, { inode: file.inode, path: file.path, seenAt: nowMs })
      else known = this.#state.add(file.inode, file.path, nowMs)
      const { sink, lane } = await this.#internals.sinkFor(file.path)
      const tail = new TailedFile(known, sink, lane, handle, await bytesBefore(handle, known.offset), nowMs)
      this.#tails.set(file.inode, tail)
      this.#meter.count('ingest_files_total')
      return true
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** A known file whose own inode has other content now, and that goes on in this one: a copy, or a move between devices. */
  async #continued(handle: FileHandle, size: number, heads: HeadPrints): Promise<KnownFile | undefined> {
    const inUse = new Set([...this.#tails.values()].map((tail) => tail.known.id))
    for (const known of this.#state.files.values()) {
      if (!inUse.has(known.id) && (await heads.match(known)) && (await isSame(handle, size, known))) return known
    }
    return undefined
  }

  /** A copy of a file that we are reading, or the copy made of one just before it was truncated: not to be read twice. */
  async #isOneOfOurs(handle: FileHandle, file: FoundFile, heads: HeadPrints): Promise<boolean> {
    for (const tail of this.#tails.values()) {
      if (!tail.handle || !(await heads.match(tail.known))) continue
      if (await isCopy(handle, file, tail.handle)) return true
      if (await tail.isReplaced()) return true // once that is noticed in #readOne, this file goes on where that one was
    }
    return false
  }

  async #readAll(): Promise<void> {
    let more = true
    while (more && !this.#stop.signal.aborted) {
      more = false
      const busyLanes = new Set<string>()
      for (const tail of [...this.#tails.values()]) {
        if (tail.lane !== '' && busyLanes.has(tail.lane)) continue
        if (!(await this.#readOne(tail))) continue
        more = true
        busyLanes.add(tail.lane)
      }
      if (!more) await this.#idle()
      if (this.#unsaved && this.#options.now() - this.#savedAt >= SAVE_EVERY_MS) await this.#save()
    }
  }

  /** Everything there is has been read: what waits for its rest may have waited too long. */
  async #idle(): Promise<void> {
    const nowMs = this.#options.now()
    for (const tail of [...this.#tails.values()]) {
      await this.#handOver.idle(tail, nowMs)
      await tail.checkpoint(() => (this.#unsaved = true))
    }
  }

  /** @returns whether there may be more to read at once */
  async #readOne(tail: TailedFile): Promise<boolean> {
    if (!tail.handle) return false
    const nowMs = this.#options.now()
    const quiet = nowMs - Math.max(tail.activeAt, tail.orphanSince ?? nowMs) >= (this.#options.rotateWaitMs ?? 5000)
    const flush = tail.orphanSince !== undefined && quiet
    const before = tail.size
    this.#reading = tail
    const outcome = await tail.read(this.#buffer, this.#maxLineBytes, flush, nowMs, (line, offset, truncated) =>
      this.#handOver.line(tail, line, offset, truncated, this.#options.now()),
    )
    this.#reading = undefined
    if (outcome === 'replaced') {
      await this.#startOver(tail, before)
      return true
    }
    if (outcome === 'lines') tail.activeAt = nowMs
    await tail.checkpoint(() => (this.#unsaved = true))
    return outcome === 'lines'
  }

  async #startOver(tail: TailedFile, lastSize: number): Promise<void> {
    if (lastSize > tail.offset) this.#meter.refused('file_shrunk')
    this.#meter.count('ingest_file_restarts_total')
    const { inode, path } = tail.known
    tail.known.inode = ''
    tail.startOver(this.#state.add(inode, path, this.#options.now()))
    await this.#state.save()
  }

  /** Lets go of files that are no longer at any path and have been read, or waited too long. */
  async #tidy(): Promise<void> {
    const nowMs = this.#options.now()
    for (const [inode, tail] of this.#tails) {
      if (tail.orphanSince === undefined) continue
      if (tail === this.#reading) continue
      const unread = Math.max(0, ((await tail.handle?.stat())?.size ?? 0) - tail.offset)
      const tooLong = nowMs - tail.orphanSince >= (this.#options.orphanMaxMs ?? 3_600_000)
      const waited = nowMs - Math.max(tail.activeAt, tail.orphanSince) >= (this.#options.rotateWaitMs ?? 5000)
      const held = tail.sink.heldFrom(tail.known.id) !== undefined
      if (!tooLong && (!waited || unread > 0 || held || !tail.settled)) continue
      if (unread > 0) {
        this.#meter.refused('file_closed_unread')
        this.#meter.count('ingest_file_unread_bytes_total', unread)
        this.#options.warn?.(`${this.#options.source}: let go of ${tail.known.path} with ${unread} bytes unread`)
      }
      this.#tails.delete(inode)
      tail.known.inode = ''
      await tail.handle?.close()
      this.#unsaved = true
    }
    this.#state.prune(nowMs, (id) => [...this.#tails.values()].some((tail) => tail.known.id === id))
    if (this.#unsaved) await this.#save()
  }

  /** Makes room for a file by closing one that has been read and is silent; it is found again when it grows. */
  async #releaseIdle(): Promise<boolean> {
    let idlest: [string, TailedFile] | undefined
    for (const entry of this.#tails) {
      const [, tail] = entry
      if (tail.size > tail.offset || !tail.settled || tail.orphanSince !== undefined) continue
      if (!idlest || tail.activeAt < idlest[1].activeAt) idlest = entry
    }
    if (!idlest || this.#options.now() - idlest[1].activeAt < (this.#options.rotateWaitMs ?? 5000)) return false
    this.#tails.delete(idlest[0])
    await idlest[1].handle?.close()
    return true
  }

  async #save(): Promise<void> {
    this.#unsaved = false
    this.#savedAt = this.#options.now()
    await this.#state.save()
  }

  #tell(path: string, why: Skipped | 'file_over_limit'): void {
    const id = `${why} ${path}`
    if (this.#told.has(id)) return
    if (this.#told.size > 10_000) this.#told.clear()
    this.#told.add(id)
    this.#meter.refused(why)
    if (why !== 'file_compressed') this.#options.warn?.(`${this.#options.source}: ${path}: ${why}`)
  }

  #open(): TailedFile[] {
    return [...this.#tails.values()].filter((tail) => tail.handle)
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
