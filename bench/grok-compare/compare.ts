// Our grok engine beside others, and beside parsers written by hand: the same lines, the same patterns, one thread each,
// by turns in one run. `node bench/grok-compare/compare.ts [ms a turn] [rounds]`

import type { EcsEvent } from '../../core/event.ts'
import { compileGrok } from '../../parsers/grok/grok.ts'
import { cases, handAccess, handSshd, nothing } from '../grok-lines.ts'
import { machineLine } from '../machine.ts'
import { openElasticsearchGrok, openGoGrok, openOnig, type Rate } from './engines.ts'

const turnMs = Number(process.argv[2] ?? 1000)
const rounds = Number(process.argv[3] ?? 5)

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
  readonly hand?: ((line: string) => EcsEvent | undefined) | undefined
}

const byHand = new Map([
  ['sshd', handSshd],
  ['access log', handAccess],
])
/** A MAC field without the EtherType behind it: Elasticsearch's IPTABLES (a bracket is missing there) matches no other. */
const shared = (lines: readonly string[]) => lines.map((line) => line.replace(/( MAC=\S{35}):\S{5} /, '$1 '))
const duels: Duel[] = [
  ...cases.map(([name, lines, pattern]) => ({ name, lines: shared(lines), pattern, hand: byHand.get(name) })),
  ...cases.map(([name, , pattern]) => ({ name: `${name} pattern, lines of nothing`, lines: nothing, pattern })),
  ...cases.slice(0, 2).map(([name, , pattern]) => ({
    name: `${name} pattern not anchored, nothing`,
    lines: nothing,
    pattern: pattern.replace(/^\^/, '').replace(/\$$/, ''),
  })),
]

const engines = [openElasticsearchGrok(), openOnig(), openGoGrok()].flatMap((engine) => (engine ? [engine] : []))
console.log(machineLine())
console.log(
  `medians of ${rounds} rounds, ${turnMs} ms a turn, thousand lines a second; x: how many times as fast we are`,
)
console.log(
  `${''.padEnd(40)}${'ours'.padStart(8)}${engines.map(({ name }) => name.padStart(20).padEnd(28)).join('')}  by hand`,
)
const k = (n: number, width: number) => (n < 10_000 ? (n / 1000).toFixed(1) : `${Math.round(n / 1000)}`).padStart(width)
let wrong = 0
for (const { name, lines, pattern, hand } of duels) {
  const grok = compileGrok(pattern)
  const mine = (line: string) => grok.match(line)
  for (const engine of engines) await engine.measure(name, pattern, lines, Math.max(turnMs, 500)) // compiles what is hot
  ours(lines, mine, turnMs / 2)
  const own: Rate[] = []
  const byHands: Rate[] = []
  const others: Rate[][] = engines.map(() => [])
  for (let round = 0; round < rounds; round++) {
    own.push(ours(lines, mine, turnMs))
    for (const [i, engine] of engines.entries()) others[i]?.push(await engine.measure(name, pattern, lines, turnMs))
    if (hand) byHands.push(ours(lines, hand, turnMs))
  }
  const us = median(own)
  let row = `${name.padEnd(40)}${k(us, 8)}`
  for (const [i, engine] of engines.entries()) {
    const rates = others[i] as Rate[]
    const them = median(rates)
    row += `${k(them, 20)}${`${(us / them).toFixed(1)}x`.padStart(8)}`
    if (rates[0]?.matches === own[0]?.matches) continue
    wrong++
    console.error(`${name}: ${engine.name} matches ${rates[0]?.matches} lines, ours ${own[0]?.matches}`)
  }
  if (hand) row += `${k(median(byHands), 9)} (${Math.round((100 * us) / median(byHands))} % of it)`
  console.log(row)
}
for (const engine of engines) engine.close()
if (sink === 0) throw new Error('nothing matched')
if (engines.length < 3) process.exitCode = 1
if (wrong > 0) {
  console.error(`${wrong} comparisons are not fair: the engines do not match the same lines`)
  process.exitCode = 1
}
