// The arrows go one way: every folder imports core/ and itself, no stage imports another stage, core/ imports nothing of
// ours. Only the composition roots (main.ts with pipeline/, cli/, bench/, e2e/) know several.

import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const stages = ['core', 'ingest', 'bus', 'parsers', 'correlator', 'store', 'compliance', 'api', 'web']
/** Tests and benchmarks of a stage may fetch what they measure against; the product code may not. */
const isProduct = (file: string) => !/\.(test|bench|contract)\.tsx?$|\/(golden|testing|test-)/.test(file)

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const found = text.matchAll(
    /^\s*(?:import|export)\s[^'"]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)|^import\s+'(\.[^']+)'/gm,
  )
  return [...found].map((match) => relative(root, join(root, dirname(file), match[1] ?? match[2] ?? match[3] ?? '')))
}

test.each(stages)('%s/ imports only core/ and itself', (stage) => {
  const wrong = globSync(`${stage}/**/*.{ts,tsx}`, {
    cwd: root,
    exclude: (name) => name === 'node_modules' || name === 'dist',
  })
    .filter(isProduct)
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => {
          const folder = target.split('/')[0] ?? ''
          return folder !== stage && folder !== 'core' && !target.startsWith('node_modules')
        })
        .map((target) => `${file} -> ${target}`),
    )
  expect(wrong).toEqual([])
})

test('core/ imports nothing of ours', () => {
  const wrong = globSync('core/*.ts', { cwd: root })
    .filter(isProduct)
    .flatMap((file) => importsOf(file).filter((target) => !target.startsWith('core/')))
  expect(wrong).toEqual([])
})
