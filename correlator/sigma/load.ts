// Rule files from disk: files, folders, .tar.gz releases.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Placeholders, type ReadResult, readRules } from './read.ts'
import { resolveRules } from './resolve.ts'
import { tarGzFiles } from './tar.ts'
import type { LoadedRules } from './types.ts'

export type { LoadedRules } from './types.ts'

export interface LoadOptions {
  /** List name -> values for `expand`; see placeholders.ts. A rule that needs a missing list waits and says so. */
  readonly placeholders?: Placeholders
}

const maxFileBytes = 4 * 1024 * 1024
const isRuleFile = (name: string) => /\.ya?ml$/i.test(name)

/**
 * Reads every `.yml` and `.yaml` under the paths, in the order of paths and names, and resolves them together.
 * A file that lies under two of the paths is read once. Whatever cannot be used is in `refused`; this never throws.
 */
export function loadRules(paths: readonly string[], options: LoadOptions = {}): LoadedRules {
  const read = emptyRead()
  const done = new Set<string>()
  for (const path of paths) readPath(path, read, options, true, done)
  return resolveRules(read)
}

/** One text of one or several documents. */
export function parseRules(text: string, file: string, options: LoadOptions = {}): LoadedRules {
  const read = emptyRead()
  addText(read, text, file, options)
  return resolveRules(read)
}

const emptyRead = (): ReadResult => ({ rules: [], correlations: [], filters: [], refused: [], notes: [] })

function addText(read: ReadResult, text: string, file: string, options: LoadOptions): void {
  const one = readRules(text, file, options.placeholders ?? new Map())
  read.rules.push(...one.rules)
  read.correlations.push(...one.correlations)
  read.filters.push(...one.filters)
  read.refused.push(...one.refused)
  read.notes.push(...one.notes)
}

function readPath(path: string, read: ReadResult, options: LoadOptions, named: boolean, done: Set<string>): void {
  const refuse = (reason: string) => void read.refused.push({ file: path, reason })
  try {
    const stat = statSync(path)
    if (stat.isDirectory()) {
      for (const name of readdirSync(path).sort())
        if (!name.startsWith('.')) readPath(join(path, name), read, options, false, done)
      return
    }
    if (done.has(resolve(path))) return
    done.add(resolve(path))
    if (/\.(tar\.gz|tgz)$/i.test(path)) {
      if (!named) return
      for (const { name, bytes } of tarGzFiles(readFileSync(path)))
        if (isRuleFile(name)) addText(read, bytes.toString('utf8'), `${path}!${name}`, options)
      return
    }
    if (!isRuleFile(path) && !named) return
    if (stat.size > maxFileBytes) refuse(`${stat.size} bytes; a rule file has at most ${maxFileBytes}`)
    else addText(read, readFileSync(path, 'utf8'), path, options)
  } catch (error) {
    refuse(error instanceof Error ? error.message : String(error))
  }
}
