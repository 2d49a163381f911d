// The engines beside ours, each a small program that answers `FILE<TAB>MILLISECONDS` with a rate. They are fetched and
// built into node_modules/.cache, which is never committed; where a toolchain is missing, the engine says so and is left out.

import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expandText } from './expand-text.ts'

export interface Rate {
  readonly perSecond: number
  readonly matches: number
}

export interface Engine {
  readonly name: string
  /** Measures passes over the lines for that long; the first time it is asked about a case it compiles the pattern. */
  measure(caseName: string, pattern: string, lines: readonly string[], ms: number): Promise<Rate>
  close(): void
}

const here = fileURLToPath(new URL('.', import.meta.url))
const cache = fileURLToPath(new URL('../../node_modules/.cache/grok-compare/', import.meta.url))

/** Logstash's and Elasticsearch's engine, joni. */
export function openElasticsearchGrok(): Engine | undefined {
  const name = 'elasticsearch-grok'
  const work = folder(name)
  const lib = join(work, 'lib')
  const from = join(here, 'elasticsearch')
  const fetch = ['-q', '-B', '-f', join(from, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${lib}`]
  if (!existsSync(lib) && !run('mvn', fetch)) return skip(name, 'Maven (mvn) did not fetch it')
  if (!run('javac', ['-cp', join(lib, '*'), '-d', work, join(from, 'Measure.java')]))
    return skip(name, 'javac, of a JDK 17 or newer, is needed')
  const args = ['-XX:ActiveProcessorCount=1', '-cp', `${work}:${join(lib, '*')}`, 'Measure']
  return open(name, work, 'java', args, (pattern) => [pattern])
}

/** Oniguruma itself, in C, from Rust; it knows no grok, so it is given our definitions, written out. */
export function openOnig(): Engine | undefined {
  const name = 'onig'
  const work = folder(name)
  const args = ['build', '--release', '--quiet', '--manifest-path', join(here, 'onig', 'Cargo.toml')]
  // the lock file goes beside the manifest: build a copy, so that nothing is written here
  mkdirSync(join(work, 'src'), { recursive: true })
  for (const file of ['Cargo.toml', 'src/main.rs']) copyFileSync(join(here, 'onig', file), join(work, file))
  args[args.length - 1] = join(work, 'Cargo.toml')
  if (!run('cargo', args)) return skip(name, 'cargo (Rust) and a C compiler are needed')
  return open(name, work, join(work, 'target', 'release', 'grok-onig'), [], (pattern) => {
    const { expression, groups } = expandText(pattern)
    return [expression, groups.map(({ field, type }) => `${field}:${type}`).join(' ')]
  })
}

/** Beats' engine on Go's regular expressions (RE2: linear time), with its own definitions. */
export function openGoGrok(): Engine | undefined {
  const name = 'go-grok'
  const work = folder(name)
  const binary = join(work, 'grok-go')
  if (!run('go', ['build', '-C', join(here, 'go'), '-o', binary, '.'])) return skip(name, 'go is needed')
  // it writes nested fields a.b, not [a][b]
  const dotted = (pattern: string) =>
    pattern.replaceAll(/(?<=%\{\w+:)(?:\[[^\]]+\])+/g, (path) => path.slice(1, -1).replaceAll('][', '.'))
  return open(name, work, binary, [], (pattern) => [dotted(pattern)], { GOMAXPROCS: '1' })
}

function folder(name: string): string {
  const path = join(cache, name)
  mkdirSync(path, { recursive: true })
  return path
}

/** Runs a program to its end; false when it is missing or failed, with its words on stderr. */
function run(program: string, args: readonly string[]): boolean {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 2, 2] })
  if (error) console.error(`${program}: ${error.message}`)
  return status === 0
}

function skip(name: string, why: string): undefined {
  console.error(`SKIPPED, ${name} is not measured: ${why}`)
}

function open(
  name: string,
  work: string,
  program: string,
  args: readonly string[],
  head: (pattern: string) => string[],
  env: Record<string, string> = {},
): Engine {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    name,
    async measure(caseName, pattern, lines, ms) {
      const file = join(work, `${caseName.replaceAll(/\W+/g, '-')}.txt`)
      if (!asked.has(file)) writeFileSync(file, [...head(pattern), ...lines, ''].join('\n'))
      asked.add(file)
      child.stdin.write(`${file}\t${ms}\n`)
      const { value = `error\t${name} ended` } = await answers.next()
      const [perSecond, matches] = value.split('\t')
      if (perSecond === 'error') throw new Error(`${name}, ${caseName}: ${matches}`)
      return { perSecond: Number(perSecond), matches: Number(matches) }
    },
    close: () => child.stdin.end(),
  }
}

const asked = new Set<string>()
