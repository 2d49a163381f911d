// Events a second with 100, 1,000 and all rules: node correlator/sigma/sigma.bench.ts PATH...
// PATH is any folder, file or .tar.gz of Sigma rules; events are made up (sample-events.ts), detection only, one thread, time of the
// processor (the collector's threads included).

import { compileDetector } from './engine.ts'
import { loadRules } from './load.ts'
import { sampleEvents } from './sample-events.ts'

const paths = process.argv.slice(2)
if (paths.length === 0) {
  console.error('usage: node correlator/sigma/sigma.bench.ts PATH...')
  process.exit(2)
}
const startedAt = performance.now()
const loaded = loadRules(paths)
const loadMs = performance.now() - startedAt
console.log(
  `${loaded.rules.length} rules, ${loaded.correlations.length} correlations, ${loaded.refused.length} refused in ${loadMs.toFixed(0)} ms`,
)
const events = sampleEvents(20_000, 7)
// A yardstick for this machine and moment: what it takes to parse the same events from JSON.
const texts = events.map((event) => JSON.stringify(event))
let sink = 0
let parseUs = Number.POSITIVE_INFINITY
for (let i = 0; i < 5; i++) {
  const at = process.cpuUsage()
  for (const text of texts) sink += Object.keys(JSON.parse(text) as object).length
  const { user, system } = process.cpuUsage(at)
  parseUs = Math.min(parseUs, (user + system) / texts.length)
}
const meanBytes = texts.reduce((sum, text) => sum + text.length, 0) / texts.length
console.log(`JSON.parse: ${parseUs.toFixed(2)} us an event of ${meanBytes.toFixed(0)} characters (${sink > 0})`)
// Evenly over the whole set, so that a part has the same mix of logsources.
const part = (count: number) =>
  loaded.rules.filter(
    (_, i) => Math.floor((i * count) / loaded.rules.length) !== Math.floor(((i - 1) * count) / loaded.rules.length),
  )

for (const count of [100, 1000, loaded.rules.length]) {
  const rules = count >= loaded.rules.length ? loaded.rules : part(count)
  const compiledAt = performance.now()
  const detector = compileDetector({ ...loaded, rules })
  const compileMs = performance.now() - compiledAt
  let matches = 0
  let candidates = 0
  const round = () => {
    for (const event of events) {
      matches += detector.detect(event, '', 0, 0, 0).length
      candidates += detector.lastCandidates
    }
  }
  round() // programs are made, witnesses measured
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5; i++) {
    matches = 0
    candidates = 0
    const at = process.cpuUsage() // processor time: other work on the machine does not count
    round()
    const { user, system } = process.cpuUsage(at)
    best = Math.min(best, (user + system) / 1000)
  }
  const perEventUs = (best * 1000) / events.length
  console.log(
    `${rules.length} rules: ${Math.round(1e6 / perEventUs)} events/s, ${perEventUs.toFixed(2)} us an event ` +
      `(${(perEventUs / parseUs).toFixed(1)} x JSON.parse), ` +
      `${(candidates / events.length).toFixed(2)} candidates and ${(matches / events.length).toFixed(3)} matches an event, ` +
      `compiled in ${compileMs.toFixed(0)} ms`,
  )
}
console.log(`heap ${(process.memoryUsage().heapUsed / 1e6).toFixed(0)} MB, node ${process.version}`)
