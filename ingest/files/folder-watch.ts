// Wakes the loop when something changes in a folder of ours. Only a hint: watches miss things, and not every file system
// has them, so the poll stays.

import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { FoundFile } from './discover.ts'

const MAX_FOLDERS = 64
/** Changes come in flocks; one look serves them all. */
const SETTLE_MS = 20

export class FolderWatch {
  readonly #watchers = new Map<string, FSWatcher>()
  #changed = false
  #wake: (() => void) | undefined
  #closed = false

  /** Watches the folders of the plain paths and of the files found, some of them. */
  folders(paths: readonly string[], found: readonly FoundFile[]): void {
    const wanted = new Set([...paths, ...found.map((file) => file.path)].map(dirname))
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue
      watcher.close()
      this.#watchers.delete(folder)
    }
    for (const folder of wanted) {
      if (this.#closed || this.#watchers.size >= MAX_FOLDERS) return
      if (!this.#watchers.has(folder)) this.#add(folder)
    }
  }

  /** Resolves after a change, after `timeoutMs`, or when closed. */
  async next(timeoutMs: number): Promise<void> {
    if (!this.#changed && !this.#closed) await this.#sleep(timeoutMs)
    if (this.#changed && !this.#closed) await this.#sleep(Math.min(SETTLE_MS, timeoutMs))
    this.#changed = false
  }

  close(): void {
    this.#closed = true
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
    this.#wake?.()
  }

  #add(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#nudge())
      watcher.on('error', () => this.#drop(folder))
      this.#watchers.set(folder, watcher)
    } catch {
      // No such folder yet, a pattern, or no watches left: the poll finds what is there.
    }
  }

  #drop(folder: string): void {
    this.#watchers.get(folder)?.close()
    this.#watchers.delete(folder)
  }

  #nudge(): void {
    if (this.#changed) return
    this.#changed = true
    this.#wake?.()
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms)
      this.#wake = done
      function done() {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
