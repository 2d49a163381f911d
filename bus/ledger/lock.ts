// One process a folder: a lock file that names its holder, so that a second one can say who is in the way.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { PipelineError } from '../../core/errors.ts'

interface Holder {
  readonly pid: number
  /** Tells this process from a later one with the same pid; empty where the system does not say. */
  readonly started: string
}

// A lock with our own pid that is not listed here was left by an earlier process: in a container the pid is always 1.
const held = new Set<string>()

/** @throws BUS_LOCKED while another live process, or another ledger of this one, holds `dir` */
export async function takeLock(dir: string): Promise<() => Promise<void>> {
  const path = join(resolve(dir), 'lock')
  if (held.has(path)) throw new PipelineError('BUS_LOCKED', { path: dir, pid: process.pid })
  held.add(path)
  const own = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(own, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }))
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        await link(own, path) // atomic, and the content is there from the first moment
        return async () => {
          await unlink(path).catch(ignoreMissing)
          held.delete(path)
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const seen = await readFile(path, 'utf8').catch(ignoreMissing)
      if (seen === undefined) continue
      const holder = parseHolder(seen)
      if (holder && isAlive(holder)) throw new PipelineError('BUS_LOCKED', { path: dir, pid: holder.pid })
      // Stale. Moving it aside first shows whether somebody else replaced it in the meantime.
      const aside = `${own}.stale`
      await rename(path, aside).catch(ignoreMissing)
      const moved = await readFile(aside, 'utf8').catch(ignoreMissing)
      if (moved !== undefined && moved !== seen) await link(aside, path).catch(ignoreExisting)
      await unlink(aside).catch(ignoreMissing)
    }
    throw new PipelineError('BUS_LOCKED', { path: dir, pid: 0 })
  } catch (error) {
    held.delete(path)
    throw error
  } finally {
    await unlink(own).catch(ignoreMissing)
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder>
    if (!Number.isSafeInteger(value.pid) || (value.pid as number) <= 0) return undefined
    return { pid: value.pid as number, started: String(value.started ?? '') }
  } catch {
    return undefined // cut short by a crash: nobody holds it
  }
}

function isAlive(holder: Holder): boolean {
  if (holder.pid === process.pid) return false // see `held`
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const started = startOf(holder.pid)
  return started === '' || holder.started === '' || started === holder.started
}

/** Boot id and start tick of a process (proc(5): field 22 of stat); empty outside Linux. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    return ''
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

function ignoreExisting(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'EEXIST') throw error
}
