// node --expose-gc correlator/windows/measure-state.ts [keys=1000000] [maxStateMiB=256]
// Memory and time while that many different group keys go by, each with one match: what a forged field can do to us. Nine of
// ten are of one correlation, one of another; a third holds a few groups of its own that the flood must not cost it. Prints
// what is held beside the stated cap; exit code 1 when it is more.

import { createCorrelator } from '../correlator.ts'
import { correlation, info, MINUTE, match } from './fixtures.ts'

const keys = Number(process.argv[2] ?? 1_000_000)
const maxStateMiB = Number(process.argv[3] ?? 256)
const MIB = 1048576
const QUIET = 1000
const spec = (id: string, rule: string) =>
  correlation(id, [rule], { timespanMs: 60 * MINUTE, condition: { bounds: [{ op: 'gte', value: 5 }], fields: [] } })
const correlator = createCorrelator([spec('flooded', 'a'), spec('less', 'b'), spec('quiet', 'c')], {
  rulesById: new Map(['a', 'b', 'c'].map((id) => [id, info(id)])),
  maxStateBytes: maxStateMiB * MIB,
})

const collect = () => (globalThis as { gc?: () => void }).gc?.()
collect()
const before = process.memoryUsage()
const start = Date.UTC(2026, 10, 22)
let highestHeap = 0
let highestRss = 0
let tookMs = 0
const keyed = (rule: string, id: number, time: number) =>
  match(rule, `0-${rule}${id}`, start + time, { 'source.ip': `${rule}${id}` })
correlator.push(
  Array.from({ length: QUIET }, (_, i) => keyed('c', i, i)),
  start,
)
for (let i = 0; i < keys; i += 1000) {
  const matches = Array.from({ length: 1000 }, (_, j) => keyed(j % 10 === 0 ? 'b' : 'a', i + j, i + j))
  const began = process.cpuUsage()
  correlator.push(matches, start + i + 999)
  tookMs += process.cpuUsage(began).user / 1000
  highestRss = Math.max(highestRss, process.memoryUsage().rss)
  if (i % 50_000 === 0) {
    collect()
    highestHeap = Math.max(highestHeap, process.memoryUsage().heapUsed - before.heapUsed)
  }
}
collect()
const held = process.memoryUsage().heapUsed - before.heapUsed
highestHeap = Math.max(highestHeap, held)
const groups = correlator.groupCount
const stateBytes = correlator.stateBytes
const degraded = correlator.degraded()
const began = performance.now()
const snapshotBytes = JSON.stringify(correlator.snapshot()).length
const snapshotMs = performance.now() - began
correlator.push([], start + keys + 24 * 60 * MINUTE)
console.log(
  JSON.stringify({
    node: process.version,
    keys,
    capMiB: maxStateMiB,
    countedMiB: Math.round(stateBytes / MIB),
    heapMiB: Math.round(highestHeap / MIB),
    rssMiB: Math.round(highestRss / MIB),
    rssBeforeMiB: Math.round(before.rss / MIB),
    groups,
    bytesPerGroup: Math.round(held / groups),
    matchesPerCpuSecond: Math.round(keys / (tookMs / 1000)),
    snapshotMiB: Math.round(snapshotBytes / MIB),
    snapshotMs: Math.round(snapshotMs),
    degraded,
    groupsAfterQuiet: correlator.groupCount,
    bytesAfterQuiet: correlator.stateBytes,
  }),
)
const quietWasHit = degraded.some(({ rule }) => rule === 'quiet')
const over = highestHeap > maxStateMiB * MIB || stateBytes > maxStateMiB * MIB
process.exitCode = over || quietWasHit || correlator.groupCount > 0 || correlator.stateBytes > 0 ? 1 : 0
