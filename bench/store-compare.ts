// The event store beside others, by hand: npm run bench:store -- [--events 10000000] [--only segments|victorialogs]
//   [--during SECONDS] [--build DIR]
// The same made events to each in turn: ingest, CPU, disk, memory; fourteen questions just after opening (cold: the page
// cache of the system is warm) and again (warm, p50 of 7), then while more events come as fast as it takes them.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { machineLine } from './machine.ts'
import type { Contender, Numbered } from './store-contender.ts'
import { corpusStartMs, corpusStepMs, StoreCorpus } from './store-corpus.ts'
import { type Question, questionsFor } from './store-queries.ts'
import { openSegments } from './store-segments.ts'
import { buildVictoriaLogs, openVictoriaLogs } from './store-victorialogs.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '10000000' },
    only: { type: 'string' },
    during: { type: 'string', default: '30' },
    build: { type: 'string', default: join(tmpdir(), 'haetae-bench-build') },
  },
})
const total = Number(values.events)
const BATCH = 10_000
const ROUNDS = 7
const questions = questionsFor(total)
const root = mkdtempSync(join(tmpdir(), 'haetae-bench-'))

type Opener = (dir: string) => Promise<Contender | undefined>
/** Another engine is added here. */
const contenders: Record<string, Opener> = {
  segments: openSegments,
  victorialogs: async (dir) => {
    const built = await buildVictoriaLogs(values.build)
    if ('binary' in built) return openVictoriaLogs(built, dir)
    console.warn(`SKIPPED VictoriaLogs: it could not be built: ${built.problem}`)
    return undefined
  },
}

interface Result {
  readonly name: string
  readonly answers: ReadonlyMap<string, number | undefined>
}

const ms = (value: number) => (value < 10 ? value.toFixed(1) : value.toFixed(0)).padStart(8)
const percentile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

class Feed {
  readonly #corpus = new StoreCorpus()
  next = 0

  /** Gives way to answers that come meanwhile. */
  async take(count: number): Promise<Numbered[]> {
    const events: Numbered[] = []
    while (events.length < count) {
      if (events.length % 100 === 0) await setImmediate()
      const number = this.next++
      const timestampMs = corpusStartMs + number * corpusStepMs
      events.push({ number, timestampMs, event: this.#corpus.event(number) })
    }
    return events
  }
}

/** @param more whether to go on, asked before each batch. @returns events taken and the time the store needed */
async function ingest(contender: Contender, feed: Feed, more: () => boolean): Promise<{ events: number; ms: number }> {
  let events = 0
  const began = performance.now()
  let makingMs = 0
  const running = new Set<Promise<void>>()
  while (more()) {
    const making = performance.now()
    const batch = await feed.take(BATCH)
    makingMs += performance.now() - making
    events += batch.length
    const sent: Promise<void> = contender.ingest(batch).finally(() => running.delete(sent))
    running.add(sent)
    if (running.size >= contender.writers) await Promise.race(running)
  }
  await Promise.all(running)
  return { events, ms: performance.now() - began - makingMs }
}

async function time(contender: Contender, question: Question): Promise<{ ms: number; answer: number | undefined }> {
  const began = performance.now()
  const answer = await contender.ask(question)
  return { ms: performance.now() - began, answer }
}

async function measure(contender: Contender): Promise<Result> {
  console.log(`\n${contender.name} (${contender.about})`)
  const feed = new Feed()
  const before = await contender.usage()
  const took = await ingest(contender, feed, () => feed.next < total)
  const flushing = performance.now()
  await contender.flush()
  const ingestMs = took.ms + performance.now() - flushing
  const after = await contender.usage()
  const cpu = ((after.cpuMs - before.cpuMs) * 1000) / total
  console.log(
    `ingest ${Math.round((total / ingestMs) * 1000)} events/s, ${cpu.toFixed(1)} us CPU an event, ` +
      `${(after.diskBytes / total).toFixed(1)} bytes an event, ${Math.round(after.peakRssBytes / 2 ** 20)} MiB resident at most`,
  )
  console.log(`open ${(await contender.reopen()).toFixed(0)} ms`)
  const answers = new Map<string, number | undefined>()
  const idle = new Map<string, string>()
  for (const question of questions) {
    const cold = await time(contender, question)
    const warm: number[] = []
    for (let round = 0; round < ROUNDS; round++) warm.push((await time(contender, question)).ms)
    warm.sort((a, b) => a - b)
    answers.set(question.name, cold.answer)
    idle.set(question.name, `${ms(cold.ms)} ${ms(percentile(warm, 0.5))}`)
  }
  const queried = await contender.usage()
  // While it takes more, as fast as it can.
  const until = performance.now() + Number(values.during) * 1000
  const feeding = ingest(contender, feed, () => performance.now() < until)
  const during = new Map<string, number[]>(questions.map(({ name }) => [name, []]))
  while (performance.now() < until) {
    for (const question of questions) {
      if (performance.now() >= until) break
      during.get(question.name)?.push((await time(contender, question)).ms)
    }
  }
  const fed = await feeding
  console.log(
    `while asked without a pause it took ${Math.round((fed.events / fed.ms) * 1000)} events/s; ` +
      `${Math.round(queried.peakRssBytes / 2 ** 20)} MiB resident at most after the questions`,
  )
  console.log(`${''.padEnd(48)}    cold     p50 | ingest p50     p99    worst   answer`)
  for (const { name, what } of questions) {
    const busy = (during.get(name) ?? []).sort((a, b) => a - b)
    const [p50, p99, worst] = [0.5, 0.99, 1].map((share) => ms(percentile(busy, share)))
    const left = `${name.padEnd(4)} ${what}`.padEnd(48)
    console.log(`${left}${idle.get(name)} |   ${p50} ${p99} ${worst}   ${answers.get(name) ?? '-'}`)
  }
  return { name: contender.name, answers }
}

console.log(`${machineLine()}\n${total} events, seed 1, batches of ${BATCH}`)
const results: Result[] = []
try {
  for (const [name, open] of Object.entries(contenders)) {
    if (values.only && values.only !== name) continue
    const dir = mkdtempSync(join(root, `${name}-`))
    const contender = await open(dir)
    if (!contender) continue
    try {
      results.push(await measure(contender))
    } finally {
      await contender.close()
      rmSync(dir, { recursive: true, force: true })
    }
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
const [first, ...others] = results
let differ = 0
for (const other of others) {
  for (const { name } of questions) {
    const [a, b] = [first?.answers.get(name), other.answers.get(name)]
    if (a === b || b === undefined) continue
    differ++
    console.warn(`${name}: ${first?.name} answers ${a}, ${other.name} ${b}`)
  }
}
process.exitCode = differ > 0 ? 1 : 0
