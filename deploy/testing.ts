// What the tests of the deploy files share: reading them, and loading a configuration with the real loader.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments, parseDocument } from 'yaml'
import { type Config, loadConfig } from '../core/config.ts'

export const root = join(import.meta.dirname, '..')
export const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** YAML as its tools read it: no key twice, `<<` merges. */
export function readYaml<T>(path: string): T {
  const doc = parseDocument(read(path), { merge: true })
  if (doc.errors[0]) throw doc.errors[0]
  return doc.toJS() as T
}

/** A Kubernetes object, as much of it as tests look at. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels: Record<string, string> }
  readonly spec: Record<string, unknown>
  readonly data?: Record<string, string>
}

export function readManifests(path: string): Manifest[] {
  return parseAllDocuments(read(path)).map((doc) => {
    if (doc.errors[0]) throw doc.errors[0]
    return doc.toJS() as Manifest
  })
}

/** `${NAME}` of a configuration. */
export const variablesOf = (text: string) => [...text.matchAll(/\$\{([A-Z_]+)/g)].map(([, name = '']) => name)

/** As `haetae start --config` does it: from a file, with an environment of exactly these names. */
export function loadText(text: string, names: readonly string[]): Config {
  const dir = mkdtempSync(join(tmpdir(), 'haetae-deploy-'))
  try {
    const path = join(dir, 'haetae.yaml')
    writeFileSync(path, text)
    return loadConfig(path, Object.fromEntries(names.map((name) => [name, '0123456789012345'])))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
