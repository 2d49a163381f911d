// Longest time one line may hold the engine, for every standard pattern: run by hand, `node grok-safety.bench.ts [KiB] [none|start] [NAME]`.

import { performance } from 'node:perf_hooks'
import { expand } from './expand.ts'
import { compileGrok, standardPatterns } from './grok.ts'
import { hostileLines } from './hostile.ts'

const LIMIT_MS = 50
const length = Number(process.argv[2] ?? 64) * 1024
const anchored = process.argv[3] === 'start' ? 'start' : 'none'
const only = process.argv[4]
let lines = 0
let worstMs = 0
let over = 0
for (const ecs of [true, false]) {
  const patterns = standardPatterns(ecs)
  for (const name of patterns.keys()) {
    if (only && name !== only) continue
    const { tree } = expand(`%{${name}}`, patterns, name)
    const grok = compileGrok(`%{${name}}`, { ecs, anchored })
    const required = (grok.required[0] ?? []).map((any) => any[0] ?? '')
    for (const line of hostileLines(tree, length, required)) {
      lines++
      let took = Number.POSITIVE_INFINITY
      // the best of three: a busy machine is not the pattern's fault
      for (let turn = 0; turn < 3 && took > LIMIT_MS / 2; turn++) {
        const start = performance.now()
        grok.match(line)
        took = Math.min(took, performance.now() - start)
        if (took > 20 * LIMIT_MS) break
      }
      if (took > worstMs) worstMs = took
      if (took <= LIMIT_MS) continue
      over++
      console.log(`${ecs ? 'ecs-v1' : 'legacy'} ${name}: ${took.toFixed(0)} ms on ${JSON.stringify(line.slice(0, 90))}`)
      break
    }
  }
}
console.log(
  `${lines} lines of ${length} characters, worst ${worstMs.toFixed(1)} ms, ${over} patterns over ${LIMIT_MS} ms`,
)
process.exitCode = over > 0 ? 1 : 0
