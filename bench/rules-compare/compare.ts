// npm run bench:rules [-- PATH...] [--events 20000] [--seconds 10]: our rule engine beside RSigma (Rust) and sigma-go (Go)
// on one core, same rules, same events, in one run; and ours with 100, 1,000 and all rules. See README.md.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { EcsEvent } from '../../core/event.ts'
import { compileDetector } from '../../correlator/sigma/engine.ts'
import { loadRules } from '../../correlator/sigma/load.ts'
import { factsOf, matchLogsource } from '../../correlator/sigma/logsource.ts'
import { tarGzFiles } from '../../correlator/sigma/tar.ts'
import type { SigmaRule } from '../../correlator/sigma/types.ts'
import { machineLine } from '../machine.ts'
import { ruleEvents } from '../rules-events.ts'

const here = import.meta.dirname
const root = join(here, '../..')
const cache = join(root, 'node_modules/.cache/rules-compare')
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    events: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: '8' },
    /** One engine alone in this process, for `--child`: a run of ours that is pinned as the others are. */
    child: { type: 'string' },
  },
})

/** A folder, file or release of rules; without, the shared set where it is, else our own. */
function rulePaths(): string[] {
  if (positionals.length > 0) return positionals
  const shared = join(process.env['HAETAE_SHARED_DATA'] ?? join(root, '../shared/data'), 'sigma/rules.tar.gz')
  if (existsSync(shared)) return [shared]
  console.warn('no public rule set at hand: the rules of this project are measured instead')
  return [join(root, 'correlator/rules')]
}

interface Said {
  readonly loaded: number
  readonly failed: number
  readonly loadMs: number
  readonly events: number
  readonly seconds: number
}
interface Result extends Said {
  readonly matches: ReadonlySet<string>
}

const isOld = ({ file }: { readonly file: string }) => /[!/](deprecated|unsupported)\//.test(file)
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
/** Evenly over the whole set, so that a part has the same mix of logsources. */
const part = <T>(all: readonly T[], count: number): T[] =>
  all.filter((_, i) => Math.floor((i * count) / all.length) !== Math.floor(((i - 1) * count) / all.length))

/** Ours, in a process of its own. */
function child(dir: string, count: number): void {
  const text = (name: string) => readFileSync(join(dir, name), 'utf8')
  const { files } = JSON.parse(text('buckets.json')) as { files: readonly string[] }
  const chosen = count < files.length ? part(files, count) : files
  const began = cpuSeconds()
  const loaded = loadRules(chosen.map((file) => join(dir, 'rules', file)))
  const detector = compileDetector(loaded)
  const loadMs = (cpuSeconds() - began) * 1000
  const events = text('events.ndjson')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: EcsEvent }).event)
  let seconds = Number.POSITIVE_INFINITY
  let out: string[] = []
  for (let round = 0; round < 6; round++) {
    out = []
    const at = cpuSeconds()
    for (let i = 0; i < events.length; i++)
      for (const { ruleId } of detector.detect(events[i] as EcsEvent, '', 0, 0, 0)) out.push(`${i} ${ruleId}`)
    seconds = Math.min(seconds, cpuSeconds() - at)
  }
  const waiting = loaded.rules.filter(({ needsPlaceholders }) => needsPlaceholders.length > 0).length
  const said: Said = {
    loaded: loaded.rules.length - waiting,
    failed: chosen.length - loaded.rules.length + waiting,
    loadMs: Math.round(loadMs),
    events: events.length,
    seconds,
  }
  process.stdout.write(`${JSON.stringify(said)}\n${out.join('\n')}\n`)
}

/** Every rule as a file of its own, the events, and for each kind of event the rules of its logsource. */
function prepare(dir: string): number {
  mkdirSync(join(dir, 'rules'))
  const loaded = loadRules(rulePaths())
  const rules = loaded.rules.filter((rule) => !isOld(rule) && loaded.rules.find(({ id }) => id === rule.id) === rule)
  const archives = new Map<string, Map<string, Buffer>>()
  const files = rules.map((rule, i) => {
    const name = `${String(i).padStart(5, '0')}.yml`
    writeFileSync(join(dir, 'rules', name), textOf(rule, archives))
    return name
  })
  const checks = rules.map((rule) => matchLogsource(rule.logsource).check)
  const buckets: number[][] = []
  const byKey = new Map<string, number>()
  const lines = ruleEvents(Number(values.events), 1).map((event) => {
    const facts = factsOf(event as EcsEvent)
    const key = JSON.stringify(facts)
    let bucket = byKey.get(key)
    if (bucket === undefined) {
      bucket = buckets.push(checks.flatMap((check, rule) => (check(facts) ? [rule] : []))) - 1
      byKey.set(key, bucket)
    }
    return JSON.stringify({ bucket, event })
  })
  writeFileSync(join(dir, 'events.ndjson'), lines.join('\n'))
  writeFileSync(join(dir, 'buckets.json'), JSON.stringify({ files, buckets }))
  const bytes = lines.reduce((sum, line) => sum + line.length, 0) / lines.length
  console.log(
    `${files.length} rules, ${lines.length} events of ${bytes.toFixed(0)} bytes, ${buckets.length} kinds of events`,
  )
  return files.length
}

/** The document the rule was read from: a file, or `archive.tar.gz!name`. */
function textOf({ file, line }: SigmaRule, archives: Map<string, Map<string, Buffer>>): string {
  const [archive = '', name] = file.split('!')
  let text: string
  if (name === undefined) text = readFileSync(file, 'utf8')
  else {
    let found = archives.get(archive)
    if (!found)
      archives.set(archive, (found = new Map(tarGzFiles(readFileSync(archive)).map((one) => [one.name, one.bytes]))))
    text = found.get(name)?.toString('utf8') ?? ''
  }
  const documents: string[][] = [[]]
  let at = 0
  text.split('\n').forEach((one, i) => {
    if (/^---\s*$/.test(one)) documents.push([])
    else documents.at(-1)?.push(one)
    if (i + 1 === line) at = documents.length - 1
  })
  return `${documents[at]?.join('\n')}\n`
}

const pin = spawnSync('taskset', ['-c', '0', 'true']).status === 0 ? ['taskset', '-c', '0'] : []

function run(command: readonly string[]): Result {
  const [program = '', ...args] = [...pin, ...command]
  const done = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 30 })
  if (done.status !== 0) throw new Error(`${command[0]}: ${done.error?.message ?? done.stderr}`)
  const [first = '', ...matches] = done.stdout.trimEnd().split('\n')
  return { ...(JSON.parse(first) as Said), matches: new Set(matches) }
}

/** Best of two turns, so that what a neighbour does meanwhile weighs less. */
const best = (results: readonly Result[]): Result =>
  results.reduce((a, b) => (a.events / a.seconds >= b.events / b.seconds ? a : b))

function built(tool: string, args: readonly string[], cwd: string, program: string): string | undefined {
  const done = spawnSync(tool, args, { cwd, encoding: 'utf8' })
  if (done.status === 0) return program
  const why = done.error ? `${tool} is not installed` : done.stderr.trim().split('\n').slice(-3).join(' ')
  console.error(`SKIPPED: ${program.split('/').at(-1)}: ${why}`)
  process.exitCode = 1
  return undefined
}

function buildRsigma(): string | undefined {
  // Cargo writes its lock file beside the manifest: built where that disturbs nobody.
  const dir = join(cache, 'rsigma')
  mkdirSync(join(dir, 'src'), { recursive: true })
  for (const file of ['Cargo.toml', 'src/main.rs']) copyFileSync(join(here, 'rsigma', file), join(dir, file))
  // A crate deep below names a newer compiler than it needs.
  const args = ['build', '--release', '--quiet', '--ignore-rust-version']
  return built('cargo', args, dir, join(dir, 'target/release/rules-compare-rsigma'))
}

function buildSigmaGo(): string | undefined {
  const program = join(cache, 'sigma-go')
  return built('go', ['build', '-o', program, '.'], join(here, 'sigma-go'), program)
}

function compare(): void {
  const dir = mkdtempSync(join(tmpdir(), 'haetae-rules-'))
  try {
    console.log(machineLine())
    mkdirSync(cache, { recursive: true })
    const rules = prepare(dir)
    const ours = (count: number) => run([process.execPath, join(here, 'compare.ts'), '--child', `${dir}:${count}`])
    const seconds = String(values.seconds)
    const others = [
      { name: 'RSigma', program: buildRsigma() },
      { name: 'sigma-go', program: buildSigmaGo() },
    ].flatMap(({ name, program }) =>
      program === undefined
        ? []
        : (['bucketed', 'all'] as const).map((mode) => ({ name: `${name}, ${mode}`, program, mode })),
    )
    const turns: Result[][] = [[], ...others.map(() => [])]
    for (let turn = 0; turn < 2; turn++) {
      turns[0]?.push(ours(rules))
      // what takes its whole time for a few events needs no second turn
      others.forEach(({ program, mode }, i) => {
        if (turn === 0 || turns[i + 1]?.[0]?.events === Number(values.events))
          turns[i + 1]?.push(run([program, dir, seconds, mode]))
      })
    }
    const our = best(turns[0] as Result[])
    const report = (name: string, one: Result) => {
      const same = [...one.matches].filter((match) => our.matches.has(match)).length
      const expected = [...our.matches].filter((match) => Number(match.split(' ')[0]) < one.events).length
      const us = (one.seconds / one.events) * 1e6
      const ratio = us / ((our.seconds / our.events) * 1e6)
      console.log(
        `${name}: ${one.loaded} rules (${one.failed} not) in ${one.loadMs} ms, ${Math.round(one.events / one.seconds)} events/s, ` +
          `${us.toFixed(2)} us, ${ratio.toFixed(1)} x ours; ${one.matches.size} matches, ${same} of our ${expected}`,
      )
      return one
    }
    // With `all` a rule sees events of any logsource, so only what the other says bucketed can be held against ours.
    const alone = (one: Result) => {
      const counts = new Map<string, number>()
      for (const match of one.matches)
        if (!our.matches.has(match)) {
          const rule = match.split(' ')[1] as string
          counts.set(rule, (counts.get(rule) ?? 0) + 1)
        }
      for (const [rule, count] of counts) console.log(`  ${count} matches that ours has not: ${rule}`)
    }
    report('ours', our)
    others.forEach(({ name, mode }, i) => {
      const one = report(name, best(turns[i + 1] as Result[]))
      if (mode === 'bucketed') alone(one)
    })
    // The same three again and again, in turns.
    const counts = [100, 1000, rules].filter((count) => count <= rules)
    const rounds = [0, 1, 2].map(() => counts.map(ours))
    const us = counts.map((_, i) =>
      Math.min(...rounds.map((round) => ((round[i]?.seconds ?? 0) / (round[i]?.events ?? 1)) * 1e6)),
    )
    counts.forEach((count, i) => {
      const each = us[i] as number
      console.log(
        `ours, ${count} rules: ${Math.round(1e6 / each)} events/s, ${each.toFixed(2)} us, ${(each / (us[0] as number)).toFixed(2)} x`,
      )
    })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

if (values.child === undefined) compare()
else {
  const at = values.child.lastIndexOf(':')
  child(values.child.slice(0, at), Number(values.child.slice(at + 1)))
}
