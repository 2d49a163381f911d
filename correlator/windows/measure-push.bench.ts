// node --expose-gc correlator/windows/measure-push.bench.ts [lines=40000] [rounds=5] [group=500]
// What `push` costs on the matches of our own rules: the corpus of the benchmarks through parser and detector once, then
// round after round of its matches, each later in time and further on the bus, cloned as they come from a worker. Time is
// the processor's, of `push` alone (the collector's threads included). `changes` names everything said by a hash: a
// change of ours that makes it faster must leave it as it was. Add --cpu-prof to see where the time goes.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { getHeapStatistics } from 'node:v8'
import { makeLines } from '../../bench/corpus.ts'
import type { RuleMatch } from '../../core/detect.ts'
import { loadPacks } from '../../parsers/packs.ts'
import { createParser } from '../../parsers/parser.ts'
import { createCorrelator } from '../correlator.ts'
import { compileDetector } from '../sigma/engine.ts'
import { loadRules } from '../sigma/load.ts'

const [lines = 40_000, rounds = 5, group = 500] = process.argv.slice(2).map(Number)
const START = Date.UTC(2026, 10, 22, 10)
const root = join(import.meta.dirname, '../..')
const loaded = loadRules([join(root, 'correlator/rules')])
const rulesById = new Map([...loaded.rules, ...loaded.correlations].map((rule) => [rule.id, rule]))

function corpusMatches(): RuleMatch[] {
  const parser = createParser({ packs: loadPacks([join(root, 'parsers/packs')]) })
  const detector = compileDetector(loaded)
  const origin = { source: 'syslog-udp', kind: 'syslog', peer: '192.0.2.1' } as const
  return makeLines(lines, 7, START).flatMap((line, i) => {
    const input = { bytes: Buffer.from(line), origin, receivedAtMs: START + i, flags: 0 }
    return detector.detect(parser.parse(input).event, `0-${i}`, START + i, 0, i)
  })
}

/** The deliveries of one round, as if a worker had sent them. */
function deliveries(matches: readonly RuleMatch[], round: number): RuleMatch[][] {
  const out: RuleMatch[][] = []
  for (let at = 0; at < matches.length; at += group)
    out.push(
      structuredClone(matches.slice(at, at + group)).map((match) => {
        const offset = match.offset + round * lines
        return { ...match, offset, eventId: `0-${offset}`, timestamp: START + offset }
      }),
    )
  return out
}

const collect = () => (globalThis as { gc?: () => void }).gc?.()
const allocated = () => (getHeapStatistics() as { total_allocated_bytes?: number }).total_allocated_bytes ?? Number.NaN
const matches = corpusMatches()
const correlator = createCorrelator(loaded.correlations, { rulesById })
const hash = createHash('sha256')
collect()
const liveBefore = process.memoryUsage().heapUsed
const report = (what: object) => console.log(JSON.stringify(what))
report({ lines, matches: matches.length, rounds, group })

let slowestMs = 0
for (let round = 0; round < rounds; round++) {
  let us = 0
  let bytes = 0
  let changes = 0
  for (const delivery of deliveries(matches, round)) {
    const watermark = (delivery.at(-1) as RuleMatch).timestamp
    const bytesBefore = allocated()
    const began = performance.now()
    const cpu = process.cpuUsage()
    const told = correlator.push(delivery, watermark)
    const { user, system } = process.cpuUsage(cpu)
    us += user + system
    slowestMs = Math.max(slowestMs, performance.now() - began)
    bytes += allocated() - bytesBefore
    changes += told.length
    hash.update(JSON.stringify(told))
  }
  collect()
  report({
    round,
    usPerMatch: Number((us / matches.length).toFixed(2)),
    allocatedPerMatch: Math.round(bytes / matches.length),
    changes,
    groups: correlator.groupCount,
    liveMiB: Math.round((process.memoryUsage().heapUsed - liveBefore) / 1048576),
    bytesPerGroup: Math.round((process.memoryUsage().heapUsed - liveBefore) / correlator.groupCount),
  })
}
// The best of a few: it is taken every few seconds, so what counts is how it runs when it has run before.
let snapshotMs = Number.POSITIVE_INFINITY
let jsonMs = Number.POSITIVE_INFINITY
let text = ''
for (let i = 0; i < 8; i++) {
  const cpu = process.cpuUsage()
  const snapshot = correlator.snapshot()
  const took = process.cpuUsage(cpu).user / 1000
  text = JSON.stringify(snapshot)
  snapshotMs = Math.min(snapshotMs, took)
  jsonMs = Math.min(jsonMs, process.cpuUsage(cpu).user / 1000 - took)
}
hash.update(JSON.stringify(correlator.finish()))
report({
  slowestMs: Math.round(slowestMs),
  snapshotMs: Math.round(snapshotMs),
  jsonMs: Math.round(jsonMs),
  snapshotMiB: Number((text.length / 1048576).toFixed(1)),
  changes: hash.digest('base64url').slice(0, 12),
})
