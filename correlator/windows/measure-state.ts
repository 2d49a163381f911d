// node --expose-gc correlator/windows/measure-state.ts [keys=1000000] [maxKeysPerRule=100000]
// Memory and time of one correlation while that many different group keys go by, each with one match: what a forged field
// can do to us. Prints bytes held a group, matches a second and whether the bound held.

import { createCorrelator } from '../correlator.ts'
import { correlation, info, MINUTE, match } from './fixtures.ts'

const keys = Number(process.argv[2] ?? 1_000_000)
const maxKeysPerRule = Number(process.argv[3] ?? 100_000)
const maxBytes = 750 * maxKeysPerRule + 64 * 1024 * 1024 // 0.75 kB a group, and room for garbage not yet collected
const spec = correlation('guessing', ['a'], { condition: { bounds: [{ op: 'gte', value: 5 }], fields: [] } })
const correlator = createCorrelator([spec], { rulesById: new Map([['a', info('a')]]), maxKeysPerRule })

const collect = () => (globalThis as { gc?: () => void }).gc?.()
collect()
const before = process.memoryUsage().heapUsed
const start = Date.UTC(2026, 10, 22)
let highest = 0
let tookMs = 0
for (let i = 0; i < keys; i += 1000) {
  const matches = Array.from({ length: 1000 }, (_, j) =>
    match('a', `0-${i + j}`, start + i + j, { 'source.ip': `k${i + j}` }),
  )
  const began = process.cpuUsage()
  correlator.push(matches, start + i + 999)
  tookMs += process.cpuUsage(began).user / 1000
  if (i % 100_000 === 0) {
    collect()
    highest = Math.max(highest, process.memoryUsage().heapUsed - before)
  }
}
collect()
const held = process.memoryUsage().heapUsed - before
highest = Math.max(highest, held)
const began = performance.now()
const snapshotBytes = JSON.stringify(correlator.snapshot()).length
const snapshotMs = performance.now() - began
const groups = correlator.groupCount
correlator.push([], start + keys + 60 * MINUTE)
console.log(
  JSON.stringify({
    node: process.version,
    keys,
    maxKeysPerRule,
    groups,
    bytesPerGroup: Math.round(held / groups),
    highestMiB: Math.round(highest / 1048576),
    limitMiB: Math.round(maxBytes / 1048576),
    matchesPerCpuSecond: Math.round(keys / (tookMs / 1000)),
    snapshotMiB: Math.round(snapshotBytes / 1048576),
    snapshotMs: Math.round(snapshotMs),
    degraded: correlator.degraded(),
    groupsAfterQuiet: correlator.groupCount,
  }),
)
process.exitCode = highest > maxBytes || groups > maxKeysPerRule || correlator.groupCount > 0 ? 1 : 0
