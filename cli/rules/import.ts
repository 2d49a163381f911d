// haetae rules import: rules of others (a SigmaHQ release) into a folder of the user's, and again when a new release comes.
// What the user changed there stays as it is: of every file that was written, the hash is kept beside.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { PipelineError } from '../../core/errors.ts'
import { loadRules, parseRules } from '../../correlator/sigma/load.ts'
import { tarGzFiles } from '../../correlator/sigma/tar.ts'
import { turnLegacy } from './legacy-text.ts'

export interface ImportOptions {
  readonly from: string
  readonly into: string
  /** Also `deprecated` and `unsupported`. */
  readonly all: boolean
  /** For old aggregations that name none, such as `1h`. */
  readonly timeframe: string
  /** Says what would be done. */
  readonly dryRun: boolean
}

/** What became of one file. */
export interface Imported {
  readonly file: string
  /**
   * kept: changed by the user, left alone. removed: no longer in the release. refused: has nothing that can be used.
   * A file may be written and have a document refused: then both are told.
   */
  readonly did: 'added' | 'updated' | 'unchanged' | 'kept' | 'removed' | 'turned' | 'refused'
  readonly line?: number
  readonly reason?: string
}

const MANIFEST = '.haetae-import.json'
const NOT_USED = ['deprecated', 'unsupported']

/** @throws REQUEST_INVALID when there is nothing to import or the folder cannot be written */
export function importRules(options: ImportOptions): Imported[] {
  const { from, into, all, timeframe, dryRun } = options
  const out: Imported[] = []
  const files = filesOf(from).filter(({ name }) => all || !NOT_USED.includes(name.split('/')[0] as string))
  if (!files.some(({ name }) => /\.ya?ml$/i.test(name)))
    throw new PipelineError('REQUEST_INVALID', { problem: `${from} holds no rule files` })
  const manifestPath = join(into, MANIFEST)
  const before = readManifest(manifestPath)
  const after: Record<string, string> = {}
  const write = (name: string, text: string | Buffer) => {
    if (dryRun) return
    const path = join(into, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.tmp`, text)
    renameSync(`${path}.tmp`, path)
  }

  for (const { name, bytes } of files) {
    const licence = /(^|\/)LICEN[CS]E(\.\w+)?$/i.test(name)
    if (!licence && !/\.ya?ml$/i.test(name)) continue
    let text: string | Buffer = bytes
    let notes: readonly string[] = []
    if (!licence) {
      const turned = usableText(name, bytes.toString('utf8'), timeframe, out)
      if (!turned) continue
      ;({ text, notes } = turned)
    }
    const hash = hashOf(text)
    const path = join(into, name)
    const was = Object.hasOwn(before, name) ? before[name] : undefined
    const now = existsSync(path) ? hashOf(readFileSync(path)) : undefined
    after[name] = hash
    if (now === hash) out.push({ file: name, did: 'unchanged' })
    else if (now === undefined && was !== undefined) {
      after[name] = was
      out.push({ file: name, did: 'kept', reason: 'you deleted it' })
    } else if (now !== undefined && now !== was) {
      if (was === undefined) delete after[name]
      else after[name] = was
      const reason = was === hash ? 'you changed it' : 'you changed it, and the release has another version'
      out.push({ file: name, did: 'kept', reason })
    } else {
      write(name, text)
      const did = now === undefined ? 'added' : 'updated'
      out.push({ file: name, did, ...(notes.length > 0 && { reason: notes.join('; ') }) })
    }
    if (notes.length > 0) out.push({ file: name, did: 'turned', reason: notes.join('; ') })
  }

  for (const [name, was] of Object.entries(before)) {
    if (Object.hasOwn(after, name) || !isInside(name)) continue
    const path = join(into, name)
    if (!existsSync(path)) continue
    if (hashOf(readFileSync(path)) === was) {
      if (!dryRun) rmSync(path)
      out.push({ file: name, did: 'removed', reason: 'no longer in the release' })
    } else out.push({ file: name, did: 'kept', reason: 'no longer in the release, but you changed it' })
  }
  if (!dryRun) write(MANIFEST, `${JSON.stringify({ format: 1, files: after }, undefined, 1)}\n`)
  // What only shows together: ids used twice, references to rules that are not there.
  if (!dryRun)
    for (const { file, line, reason } of loadRules([into]).refused) {
      const name = relative(into, file)
      if (!out.some((one) => one.did === 'refused' && one.file === name && one.line === line))
        out.push({ file: name, did: 'refused', ...(line && { line }), reason })
    }
  return out
}

/** The text to write, with old aggregations turned; undefined when nothing in it can be used. */
function usableText(
  name: string,
  text: string,
  timeframe: string,
  out: Imported[],
): { text: string; notes: string[] } | undefined {
  const notes: string[] = []
  let written = text
  try {
    const documents = parseAllDocuments(text)
    const turned = documents.map((document) => {
      const value: unknown = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 })
      const isMap = value !== null && typeof value === 'object' && !Array.isArray(value)
      // Parts of a collection stay as they are: the loader knows what they share.
      if (!isMap || 'action' in value) return undefined
      return turnLegacy(value as Record<string, unknown>, timeframe)
    })
    if (turned.some(Boolean)) {
      written = documents
        .map((document, i) => turned[i]?.text ?? document.toString({ directives: false }))
        .join('---\n')
      for (const one of turned) notes.push(...(one?.notes ?? []))
    }
  } catch {
    // the loader says what is wrong, and where
  }
  const read = parseRules(written, name)
  const unresolved = (reason: string) => /^no rule with the id or name/.test(reason)
  const refused = read.refused.filter(({ reason }) => !unresolved(reason))
  for (const { line, reason } of refused) out.push({ file: name, did: 'refused', ...(line && { line }), reason })
  const usable =
    read.rules.length + read.correlations.length + read.filters.length + read.refused.length - refused.length
  return usable > 0 ? { text: written, notes } : undefined
}

function filesOf(from: string): { name: string; bytes: Buffer }[] {
  let found: { name: string; bytes: Buffer }[]
  try {
    const stat = statSync(from)
    if (stat.isDirectory())
      found = readdirSync(from, { recursive: true, encoding: 'utf8' })
        .sort()
        .filter((name) => !name.split('/').some((part) => part.startsWith('.')))
        .map((name) => ({ name: name.replaceAll('\\', '/'), path: join(from, name) }))
        .filter(({ path }) => statSync(path).isFile())
        .map(({ name, path }) => ({ name, bytes: readFileSync(path) }))
    else if (/\.(tar\.gz|tgz)$/i.test(from)) found = tarGzFiles(readFileSync(from))
    else found = [{ name: from.split('/').at(-1) as string, bytes: readFileSync(from) }]
  } catch (error) {
    throw new PipelineError('REQUEST_INVALID', { problem: `${from} cannot be read (${(error as Error).message})` })
  }
  const files = found
    .map(({ name, bytes }) => ({ name: name.replace(/^(\.\/)+/, ''), bytes }))
    .filter(({ name }) => isInside(name))
  // An archive of a repository has everything in one folder named after it.
  const top = files[0]?.name.split('/')[0]
  const wrapped = top !== undefined && files.every(({ name }) => name.startsWith(`${top}/`)) && !/^rules/.test(top)
  return wrapped ? files.map(({ name, bytes }) => ({ name: name.slice(top.length + 1), bytes })) : files
}

/** No way out of the folder, whatever an archive calls its files. */
const isInside = (name: string) =>
  name !== '' &&
  !name.startsWith('/') &&
  !name.includes('\0') &&
  name.split('/').every((part) => part !== '..' && part !== MANIFEST)

const hashOf = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex')

function readManifest(path: string): Record<string, string> {
  if (!existsSync(path)) return {}
  try {
    const { files } = JSON.parse(readFileSync(path, 'utf8')) as { files: Record<string, string> }
    return Object.assign(Object.create(null) as Record<string, string>, files)
  } catch (error) {
    throw new PipelineError('REQUEST_INVALID', {
      problem: `${path} cannot be read (${(error as Error).message}); without it your changes cannot be told from theirs`,
    })
  }
}
