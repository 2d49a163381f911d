// What the parse stage costs: RawBatches in, encoded EventBatches out, on one thread. No bus, no store, no rules.
//
//   node bench/parse-stage.ts [--lines 20000] [--rounds 9] [--only TEXT] [--profile DIR]
//
// With all packs, with only those the lines need, and each kind of line apart. Rounds of all runs take turns, so that
// another tenant of the machine slows all of them alike; the figure is the median of the rounds after the warm ones.

import { mkdirSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { EventBatchWriter } from '../core/event-batch.ts'
import type { Parser } from '../core/parser.ts'
import { type Origin, RawBatchWriter } from '../core/raw-batch.ts'
import { loadPacks, type Pack } from '../parsers/packs.ts'
import { parseBatch } from '../parsers/parse-batch.ts'
import { createParser } from '../parsers/parser.ts'
import { makeLines } from './corpus.ts'
import { machineLine } from './machine.ts'
import { sumProfiles } from './profile.ts'

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '9' },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
})

const START = Date.UTC(2026, 0, 15, 10)
const BATCH_RECORDS = 1024
const origin: Origin = { source: 'syslog-tcp', kind: 'syslog', peer: '10.0.0.9' }

/** Kinds of lines of the corpus, by the program that wrote them. */
const kinds = ['nginx', 'shop', 'kernel', 'sshd', 'sudo', 'CRON', 'mystery-daemon'] as const
const kindOf = (line: string) => /^<\d+>.{15} \S+ ([\w-]+)/.exec(line)?.[1]

interface Run {
  readonly name: string
  readonly parser: Parser
  readonly batches: readonly Uint8Array[]
  readonly events: number
  readonly bytes: number
  readonly cpuUs: number[]
  readonly wallUs: number[]
}

function batchesOf(lines: readonly string[]): Uint8Array[] {
  const batches: Uint8Array[] = []
  const writer = new RawBatchWriter()
  lines.forEach((line, i) => {
    writer.append(origin, START + i, Buffer.from(line))
    if (writer.count === BATCH_RECORDS || i === lines.length - 1) batches.push(writer.finish())
  })
  return batches
}

function prepare(name: string, packs: readonly Pack[], lines: readonly string[]): Run {
  const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0)
  const parser = createParser({ packs })
  return { name, parser, batches: batchesOf(lines), events: lines.length, bytes, cpuUs: [], wallUs: [] }
}

const writer = new EventBatchWriter()
/** Read at the end, so that no work is idle. */
let encodedBytes = 0

function round(run: Run): void {
  const cpu = process.cpuUsage()
  const begun = performance.now()
  let offset = 0
  for (const batch of run.batches) {
    parseBatch(run.parser, batch, 0, offset, writer)
    offset += BATCH_RECORDS
    encodedBytes += writer.finish().length
  }
  const wall = performance.now() - begun
  const { user, system } = process.cpuUsage(cpu)
  run.cpuUs.push((user + system) / run.events)
  run.wallUs.push((wall * 1000) / run.events)
}

const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[list.length >> 1] as number

const rounds = Number(values.rounds)
const packs = loadPacks(join(import.meta.dirname, '../parsers/packs'))
const lines = makeLines(Number(values.lines), 7, START)
const before = new Map(packs.map((pack) => [pack, pack.counts.hits]))
const all = prepare('mixed, all packs', packs, lines)
round(all)
const needed = packs.filter((pack) => pack.counts.hits > (before.get(pack) ?? 0))
const runs = [all, prepare(`mixed, the ${needed.length} needed packs`, needed, lines)]
for (const kind of kinds) {
  const own = lines.filter((line) => kindOf(line) === kind)
  // as many as make a round long enough to time
  const many = Array.from({ length: Math.ceil(lines.length / 4) }, (_, i) => own[i % own.length] as string)
  runs.push(prepare(`${kind}, all packs`, packs, many), prepare(`${kind}, needed packs`, needed, many))
}
const chosen = runs.filter((run) => values.only === undefined || run.name.includes(values.only))
const warm = 4
for (let i = 0; i < warm; i++) for (const run of chosen) round(run)
for (const run of chosen) run.cpuUs.length = run.wallUs.length = 0

const session = new Session()
if (values.profile !== undefined) {
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.setSamplingInterval', { interval: 200 })
  session.post('Profiler.start')
}
for (let i = 0; i < rounds; i++) for (const run of chosen) round(run)
const { profile } = values
if (profile !== undefined)
  session.post('Profiler.stop', (_error, result) => {
    mkdirSync(profile, { recursive: true })
    writeFileSync(join(profile, 'parse-stage.cpuprofile'), JSON.stringify(result.profile))
  })

console.log(machineLine())
console.log(`${packs.length} packs, ${lines.length} lines, mean ${Math.round(all.bytes / all.events)} bytes\n`)
console.log(`${'run'.padEnd(32)} ${'us CPU/event'.padStart(12)} ${'events/s'.padStart(10)} ${'MB/s'.padStart(7)}`)
for (const run of chosen) {
  const wall = median(run.wallUs)
  const perSecond = 1e6 / wall
  const megabytes = (perSecond * run.bytes) / run.events / 1e6
  console.log(
    `${run.name.padEnd(32)} ${median(run.cpuUs).toFixed(2).padStart(12)} ${perSecond.toFixed(0).padStart(10)} ${megabytes.toFixed(1).padStart(7)}`,
  )
}
console.log(`\n${encodedBytes} bytes encoded`)

if (profile === undefined) console.log('Where the time goes: --profile DIR, with --only TEXT for one run.')
else
  for (const [name, ms] of sumProfiles(profile, 'function').slice(0, 45))
    console.log(`${ms.toFixed(0).padStart(7)} ms  ${name}`)
