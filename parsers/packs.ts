// Packs from folders: ours, and what users put beside them.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PipelineError } from '../core/errors.ts'
import { type Pack, readPack } from './pack/pack.ts'

export type { Pack } from './pack/pack.ts'
export { testPack } from './pack/test-pack.ts'

/** Pack files of a folder: `<name>/*.yaml` and the folder's own, in order of name; one file may hold one pack. */
export function findPackFiles(folder: string): string[] {
  if (!existsSync(folder)) throw new PipelineError('PACK_INVALID', { place: folder, problem: 'no such folder' })
  if (statSync(folder).isFile()) return [folder]
  const files: string[] = []
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    if (entry.isFile() && /\.ya?ml$/.test(entry.name)) files.push(path)
    else if (entry.isDirectory())
      for (const name of readdirSync(path).sort()) if (/\.ya?ml$/.test(name)) files.push(join(path, name))
  }
  return files
}

/**
 * Reads and compiles every pack of the folders. A pack of the same name in an earlier folder wins.
 * @throws PACK_INVALID, GROK_INVALID, GROK_UNKNOWN_PATTERN: the first mistake, with its file and line
 */
export function loadPacks(folders: string | readonly string[]): Pack[] {
  const byName = new Map<string, Pack>()
  for (const folder of typeof folders === 'string' ? [folders] : folders) {
    const here = new Map<string, Pack>()
    for (const file of findPackFiles(folder)) {
      const pack = readPack(file)
      const twin = here.get(pack.name)
      if (twin)
        throw new PipelineError('PACK_INVALID', { place: file, problem: `${twin.file} is named ${pack.name} too` })
      here.set(pack.name, pack)
    }
    for (const [name, pack] of here) if (!byName.has(name)) byName.set(name, pack)
  }
  return [...byName.values()]
}
