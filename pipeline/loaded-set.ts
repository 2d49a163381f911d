// The user's packs, rules and lists as they were at one moment: copied into the data folder, and loaded from there by the
// node and by every worker, also by one that has to be started anew while somebody is half through an edit.

import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { ownPacks, ownRules } from '../cli/own-files.ts'

export interface SetPaths {
  readonly packs: readonly string[]
  readonly rules: readonly string[]
  readonly lists: readonly string[]
}

export interface LoadedSet {
  /** Where to load from, ours and the user's in the order that decides who wins. */
  readonly paths: SetPaths
  /** Tells two states of the user's files apart. */
  readonly fingerprint: string
  /** Words that name copies, with the names the user knows. */
  original(text: string): string
  remove(): Promise<void>
}

interface Found {
  /** Absolute, or as the user wrote it. */
  readonly path: string
  /** Below the copy of the user's path. */
  readonly place: string
  readonly state: string
}

const MAX_DEPTH = 16
const isPack = (name: string) => /\.ya?ml$/.test(name)
const isRule = (name: string) => /\.(ya?ml|tar\.gz|tgz)$/i.test(name)
const isList = () => true

/** Names, sizes and times of what the user's paths hold. A path that is not there is part of it. */
export async function fingerprintOf(user: SetPaths): Promise<string> {
  const found = await findAll(user)
  return found.flatMap(({ files }) => files.map(({ path, state }) => `${path} ${state}`)).join('\n')
}

/**
 * Copies what the paths hold now. A path that is not there stays as it is: whoever loads it says so.
 * @param dir of this copy alone; made, and removed by remove()
 */
export async function copySet(user: SetPaths, dir: string): Promise<LoadedSet> {
  const found = await findAll(user)
  const names: [copy: string, original: string][] = []
  const copies: Record<keyof SetPaths, string[]> = { packs: [], rules: [], lists: [] }
  for (const [i, { kind, root, isFile, files }] of found.entries()) {
    if (files.length === 0 && isFile === undefined) {
      copies[kind].push(root)
      continue
    }
    const folder = join(dir, `${i}`)
    const copy = isFile ? join(folder, basename(root)) : folder
    await mkdir(folder, { recursive: true, mode: 0o700 })
    names.push([copy, root])
    copies[kind].push(copy)
    for (const { path, place } of files) {
      const to = place === '' ? copy : join(copy, place)
      await mkdir(join(to, '..'), { recursive: true, mode: 0o700 })
      await copyFile(path, to)
    }
  }
  return {
    // the user's packs come first: a pack of the same name wins over ours
    paths: { packs: [...copies.packs, ownPacks], rules: [ownRules, ...copies.rules], lists: copies.lists },
    fingerprint: found.flatMap(({ files }) => files.map(({ path, state }) => `${path} ${state}`)).join('\n'),
    original: (text) => names.reduce((words, [copy, root]) => words.replaceAll(copy, root), text),
    remove: () => rm(dir, { recursive: true, force: true }),
  }
}

interface FoundPath {
  readonly kind: keyof SetPaths
  readonly root: string
  /** Undefined when nothing is there. */
  readonly isFile: boolean | undefined
  readonly files: readonly Found[]
}

async function findAll(user: SetPaths): Promise<FoundPath[]> {
  const all: FoundPath[] = []
  /** A rule file below two paths is loaded once, and ours is never the user's. */
  const seen = new Set<string>()
  for (const kind of ['packs', 'rules', 'lists'] as const) {
    const accept = { packs: isPack, rules: isRule, lists: isList }[kind]
    for (const root of user[kind]) {
      const files: Found[] = []
      const stats = await stat(root).catch(() => undefined)
      if (stats) await walk(root, '', kind === 'packs' ? 1 : MAX_DEPTH, accept, files)
      const mine = kind === 'rules' ? files.filter(({ path }) => isNew(path, seen)) : files
      all.push({ kind, root, isFile: stats?.isFile(), files: mine })
    }
  }
  return all
}

function isNew(path: string, seen: Set<string>): boolean {
  const whole = resolve(path)
  if (seen.has(whole) || whole.startsWith(`${ownRules}/`)) return false
  seen.add(whole)
  return true
}

async function walk(
  path: string,
  place: string,
  depth: number,
  accept: (name: string) => boolean,
  found: Found[],
): Promise<void> {
  const stats = await stat(path).catch(() => undefined)
  if (!stats) return // gone between the listing and the look: the next look finds what is there then
  if (stats.isFile()) {
    if (place === '' || accept(basename(path)))
      found.push({ path, place, state: `${stats.size} ${stats.mtimeMs} ${stats.ino}` })
    return
  }
  if (!stats.isDirectory() || depth < 0) return
  for (const name of (await readdir(path)).sort())
    if (!name.startsWith('.')) await walk(join(path, name), join(place, name), depth - 1, accept, found)
}
