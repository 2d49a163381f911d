// Longest time one line may hold the engine, for every standard pattern. Run by hand:
// `node grok-safety.bench.ts [KiB] [none|start] [seeded lines] [NAME]`: lines made for each pattern, and 10,000 seeded ones.

import { performance } from 'node:perf_hooks'
import { expand } from './expand.ts'
import { compileGrok, standardPatterns, takeCutSearches } from './grok.ts'
import { hostileLines, shuffledLines } from './hostile.ts'

const LIMIT_MS = 50
const length = Number(process.argv[2] ?? 64) * 1024
const anchored = process.argv[3] === 'start' ? 'start' : 'none'
const seeded = Number(process.argv[4] ?? 10_000)
const only = process.argv[5]
const names = [true, false].flatMap((ecs) => [...standardPatterns(ecs).keys()].map((name) => ({ ecs, name })))
let lines = 0
let worst = { ms: 0, what: '' }
let over = 0
let cuts = 0
takeCutSearches()
for (const [i, { ecs, name }] of names.entries()) {
  if (only && name !== only) continue
  const { tree } = expand(`%{${name}}`, standardPatterns(ecs), name)
  const grok = compileGrok(`%{${name}}`, { ecs, anchored })
  const required = (grok.required[0] ?? []).map((any) => any[0] ?? '')
  const share = Math.floor(((i + 1) * seeded) / names.length) - Math.floor((i * seeded) / names.length)
  const all = [...hostileLines(tree, length, required), ...shuffledLines(tree, length, i, only ? seeded : share)]
  let slowest = 0
  for (const line of all) {
    lines++
    let took = Number.POSITIVE_INFINITY
    // the best of five: a busy machine is not the pattern's fault
    for (let turn = 0; turn < 5 && took > LIMIT_MS / 2; turn++) {
      const start = performance.now()
      grok.match(line)
      took = Math.min(took, performance.now() - start)
      if (turn === 0) cuts += takeCutSearches()
      if (took > 20 * LIMIT_MS) break
    }
    takeCutSearches()
    const what = `${ecs ? 'ecs-v1' : 'legacy'} ${name} on ${JSON.stringify(line.slice(0, 90))}`
    if (took > worst.ms) worst = { ms: took, what }
    if (took > LIMIT_MS && slowest <= LIMIT_MS) console.log(`${took.toFixed(0)} ms: ${what}`)
    slowest = Math.max(slowest, took)
  }
  if (slowest > LIMIT_MS) over++
}
console.log(`${lines} lines of ${length} characters (${seeded} of them seeded), ${cuts} searches cut`)
console.log(`worst ${worst.ms.toFixed(1)} ms: ${worst.what}`)
console.log(`${over} patterns over ${LIMIT_MS} ms`)
process.exitCode = over > 0 ? 1 : 0
