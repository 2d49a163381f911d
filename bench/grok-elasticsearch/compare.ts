// Our grok engine beside the one of Logstash and Elasticsearch, and beside parsers written by hand: the same lines, the
// same patterns, one thread each, by turns in one run. `node bench/grok-elasticsearch/compare.ts [ms a turn] [rounds]`

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { EcsEvent } from '../../core/event.ts'
import { compileGrok } from '../../parsers/grok/grok.ts'
import { cases, handAccess, handSshd, nothing } from '../grok-lines.ts'
import { machineLine } from '../machine.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
/** node_modules is never committed, and goes away with it. */
const work = fileURLToPath(new URL('../../node_modules/.cache/grok-elasticsearch/', import.meta.url))
const turnMs = Number(process.argv[2] ?? 1000)
const rounds = Number(process.argv[3] ?? 5)

/** Runs a program to its end; false when it is missing or failed, with its words on stderr. */
function run(program: string, ...args: string[]): boolean {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 2, 2] })
  if (error) console.error(`${program}: ${error.message}`)
  return status === 0
}

function skip(why: string): never {
  console.error(`SKIPPED, nothing was measured: ${why}`)
  process.exit(1)
}

mkdirSync(work, { recursive: true })
const lib = join(work, 'lib')
const pom = join(here, 'pom.xml')
if (!existsSync(lib) && !run('mvn', '-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${lib}`))
  skip('Maven (mvn) did not fetch org.elasticsearch:elasticsearch-grok')
if (!run('javac', '-cp', join(lib, '*'), '-d', work, join(here, 'Measure.java')))
  skip('javac, of a JDK 17 or newer, is needed')

const java = spawn('java', ['-XX:ActiveProcessorCount=1', '-cp', `${work}:${join(lib, '*')}`, 'Measure'], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const answers = createInterface({ input: java.stdout })[Symbol.asyncIterator]()

interface Rate {
  readonly perSecond: number
  readonly matches: number
}

async function theirs(file: string, ms: number): Promise<Rate> {
  java.stdin.write(`${file}\t${ms}\n`)
  const { value = 'error\tthe Java program ended' } = await answers.next()
  const [perSecond, matches] = value.split('\t')
  if (perSecond === 'error') throw new Error(`${file}: ${matches}`)
  return { perSecond: Number(perSecond), matches: Number(matches) }
}

let sink = 0
function ours(lines: readonly string[], parse: (line: string) => EcsEvent | undefined, ms: number): Rate {
  let matches = 0
  for (const line of lines) if (parse(line)) matches++
  let passes = 0
  const start = performance.now()
  let now = start
  for (; now - start < ms; now = performance.now()) {
    for (const line of lines) if (parse(line)) sink++
    passes++
  }
  return { perSecond: (passes * lines.length * 1000) / (now - start), matches }
}

const median = (rates: readonly Rate[]): number =>
  rates.map(({ perSecond }) => perSecond).sort((a, b) => a - b)[rates.length >> 1] as number

interface Duel {
  readonly name: string
  readonly lines: readonly string[]
  readonly pattern: string
  readonly hand?: (line: string) => EcsEvent | undefined
}

const byHand = new Map([
  ['sshd', handSshd],
  ['access log', handAccess],
])
/** A MAC field without the EtherType behind it: their IPTABLES (a bracket is missing there) matches no other. */
const shared = (lines: readonly string[]) => lines.map((line) => line.replace(/( MAC=\S{35}):\S{5} /, '$1 '))
const duels: Duel[] = [
  ...cases.map(([name, lines, pattern]) => ({ name, lines: shared(lines), pattern, hand: byHand.get(name) })),
  ...cases.map(([name, , pattern]) => ({ name: `${name} pattern, lines of nothing`, lines: nothing, pattern })),
  ...cases.slice(0, 2).map(([name, , pattern]) => ({
    name: `${name} pattern not anchored, lines of nothing`,
    lines: nothing,
    pattern: pattern.replace(/^\^/, '').replace(/\$$/, ''),
  })),
]

console.log(machineLine())
console.log(`medians of ${rounds} rounds, ${turnMs} ms a turn, thousand lines a second`)
console.log(`${''.padEnd(52)}  ours  elasticsearch-grok  ratio  by hand  ours/hand  match ours, theirs`)
let wrong = 0
for (const { name, lines, pattern, hand } of duels) {
  const file = join(work, `${name.replaceAll(/\W+/g, '-')}.txt`)
  writeFileSync(file, `${pattern}\n${lines.join('\n')}\n`)
  const grok = compileGrok(pattern)
  const mine = (line: string) => grok.match(line)
  await theirs(file, Math.max(turnMs, 500)) // the virtual machine compiles what is hot
  ours(lines, mine, turnMs / 2)
  const [a, b, c]: Rate[][] = [[], [], []]
  for (let round = 0; round < rounds; round++) {
    a?.push(ours(lines, mine, turnMs))
    b?.push(await theirs(file, turnMs))
    if (hand) c?.push(ours(lines, hand, turnMs))
  }
  const [us, them] = [median(a as Rate[]), median(b as Rate[])]
  const found = [a?.[0]?.matches, b?.[0]?.matches]
  if (found[0] !== found[1]) wrong++
  const k = (n: number, width: number) =>
    Math.round(n / 1000)
      .toString()
      .padStart(width)
  const floor = hand ? median(c as Rate[]) : Number.NaN
  console.log(
    `${name.padEnd(52)}${k(us, 6)}${k(them, 20)}${`${(us / them).toFixed(1)}x`.padStart(7)}` +
      `${hand ? k(floor, 9) : '        -'}${hand ? `${Math.round((100 * us) / floor)} %`.padStart(11) : '          -'}` +
      `  ${found.join(', ')} of ${lines.length}`,
  )
}
java.stdin.end()
if (sink === 0) throw new Error('nothing matched')
if (wrong > 0) {
  console.error(`${wrong} comparisons are not fair: the engines do not match the same lines`)
  process.exitCode = 1
}
