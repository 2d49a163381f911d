// A file that may be replaced while we run. It is looked at every few seconds (watching is not told of replacements on
// network drives and container mounts); what was read before stays while a new one cannot be read.

import { statSync } from 'node:fs'
import { describe } from '../../core/errors.ts'

export interface Watched<T> {
  readonly current: T
  /** Looks now. True when a new file was taken. */
  look(): boolean
}

/**
 * @param read reads the file; its throw is passed on at first, and later said to `warn` once for each state of the file
 */
export function watchFile<T>(path: string, read: (path: string) => T, warn: (line: string) => void): Watched<T> {
  const stamp = () => {
    const { mtimeMs, size, ino } = statSync(path)
    return `${mtimeMs} ${size} ${ino}`
  }
  let current = read(path)
  let seen = stamp()
  return {
    get current() {
      return current
    },
    look() {
      let now = ''
      try {
        now = stamp()
        if (now === seen) return false
        seen = now
        current = read(path)
        return true
      } catch (error) {
        if (now === '' && seen === '') return false
        seen = now
        warn(`${path}: keeping what was read before: ${describe(error)}`)
        return false
      }
    },
  }
}
