// Which files we know, by what we know them, and how far each is safely stored. One small JSON file, replaced whole.
//
// A record's key is `<id>:<offset of its first byte>`. The id is random, given when a file is first seen, and on disk
// before the first record is handed over: a fingerprint could not be the id, because it changes while the file is short.
// So after a crash the same bytes come again under the same keys, and are stored once.

import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe } from '../../core/errors.ts'

/** Bytes at the beginning, and before the offset, that tell one file from another. */
export const HEAD_BYTES = 1024
export const TAIL_BYTES = 256

export interface KnownFile {
  readonly id: string
  /** `<device>:<inode>` where it was last; '' once something else is there. */
  inode: string
  path: string
  /** Everything before it is durable. */
  offset: number
  /** The offset is inside a line whose first part was kept; its rest is to be skipped. */
  skipping: boolean
  /** The `#Fields:` line that the lines from the offset on stand under. */
  header?: string | undefined
  /** SHA-256 of the first headBytes, and of the tailBytes before the offset. */
  head: string
  headBytes: number
  tail: string
  tailBytes: number
  /** ms since 1970, when it was last seen. */
  seenAt: number
}

const KEEP_MS = 7 * 24 * 3600 * 1000
const MAX_KNOWN = 20_000

export class FileState {
  readonly files = new Map<string, KnownFile>()
  readonly #path: string
  #saving: Promise<void> = Promise.resolve()

  private constructor(path: string) {
    this.#path = path
  }

  /** A state that cannot be read is set aside and said: what it knew is read again, so lines may be stored twice. */
  static async open(stateDir: string, source: string, warn?: (message: string) => void): Promise<FileState> {
    const name = createHash('sha256').update(source).digest('hex').slice(0, 16)
    const state = new FileState(join(stateDir, `files-${name}.json`))
    await mkdir(stateDir, { recursive: true })
    try {
      const saved = JSON.parse(await readFile(state.#path, 'utf8')) as { version: number; files: KnownFile[] }
      if (saved.version !== 1) throw new Error(`version ${saved.version} is not ours`)
      for (const file of saved.files) state.files.set(file.id, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return state
      warn?.(
        `${source}: ${state.#path} was set aside (${describe(error)}); its files are read again from the beginning`,
      )
      await rename(state.#path, `${state.#path}.damaged`)
    }
    return state
  }

  add(inode: string, path: string, nowMs: number): KnownFile {
    const id = randomBytes(8).toString('hex')
    const none = { offset: 0, skipping: false, head: '', headBytes: 0, tail: '', tailBytes: 0 }
    const file: KnownFile = { id, inode, path, seenAt: nowMs, ...none }
    this.files.set(id, file)
    return file
  }

  byInode(inode: string): KnownFile | undefined {
    for (const file of this.files.values()) if (file.inode === inode) return file
    return undefined
  }

  /** Forgets what has not been seen for a week; `inUse` is kept. */
  prune(nowMs: number, inUse: (id: string) => boolean): void {
    for (const [id, file] of this.files) {
      if (inUse(id)) continue
      if (nowMs - file.seenAt > KEEP_MS || this.files.size > MAX_KNOWN) this.files.delete(id)
    }
  }

  /** Durable when resolved. Calls queue up. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(
      () => this.#write(),
      () => this.#write(),
    )
    return this.#saving
  }

  async #write(): Promise<void> {
    const text = JSON.stringify({ version: 1, files: [...this.files.values()] })
    const temporary = `${this.#path}.tmp`
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, this.#path)
    const folder = await open(dirname(this.#path), 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }
}

export function print(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
}
