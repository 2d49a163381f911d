// Lines a second on one core, for own lines of four kinds and for lines that match nothing, beside parsers written by
// hand for two of them. Run by hand: `node grok.bench.ts [seconds per figure]`.

import { performance } from 'node:perf_hooks'
import {
  access,
  asa,
  cases,
  handAccess,
  handSshd,
  iptables,
  LINES,
  nothing,
  pick,
  sshd,
} from '../../bench/grok-lines.ts'
import type { EcsEvent } from '../../core/event.ts'
import { createDispatcher, type DispatchPack } from './dispatch.ts'
import { compileGrok } from './grok.ts'

const seconds = Number(process.argv[2] ?? 1)

let sink = 0
function rate(name: string, lines: readonly string[], parse: (line: string) => EcsEvent | undefined): number {
  let hits = 0
  for (const line of lines) if (parse(line)) hits++
  // the best round: what the code can do, not what else the machine was doing
  const end = performance.now() + seconds * 1000
  let best = Number.POSITIVE_INFINITY
  while (performance.now() < end) {
    const start = performance.now()
    for (const line of lines) if (parse(line)) sink++
    best = Math.min(best, performance.now() - start)
  }
  const perSecond = lines.length / (best / 1000)
  console.log(
    `${name.padEnd(34)} ${Math.round(perSecond / 1000)
      .toString()
      .padStart(6)} k lines/s   ${hits}/${lines.length} match`,
  )
  return perSecond
}
const share = (a: number, b: number) => `${Math.round((100 * a) / b)} %`

const rates = new Map<string, number>()
for (const [name, lines, pattern] of cases) {
  const grok = compileGrok(pattern)
  rates.set(
    name,
    rate(`grok ${name}`, lines, (line) => grok.match(line)),
  )
}
for (const [name, , pattern] of cases) {
  const anchored = compileGrok(pattern)
  rate(`grok ${name}, lines of nothing`, nothing, (line) => anchored.match(line))
  const searching = compileGrok(pattern.replace(/^\^/, '').replace(/\$$/, ''))
  rate(`  searching, lines of nothing`, nothing, (line) => searching.match(line))
}
console.log(`sshd: ${share(rates.get('sshd')!, rate('hand-written sshd', sshd, handSshd))} of the hand-written parser`)
console.log(`access log: ${share(rates.get('access log')!, rate('hand-written access log', access, handAccess))} of it`)

// fifty packs: the four above and forty-six that have other texts
const packs: DispatchPack[] = cases.map(([name, , pattern]) => ({ name, groks: [compileGrok(pattern)] }))
for (let i = 0; i < 46; i++)
  packs.unshift({
    name: `other${i}`,
    groks: [compileGrok(`^%{SYSLOGBASE} (?:module${i} |unit${i}=)%{WORD:a} %{IP:[source][ip]}`)],
  })
const dispatcher = createDispatcher(packs)
const mixed = Array.from({ length: LINES }, (_, i) => pick([sshd, access, iptables, asa])[i]!)
const known = new Map<string, (line: string) => EcsEvent | undefined>()
for (const [, lines, pattern] of cases) {
  const grok = compileGrok(pattern)
  for (const line of lines) known.set(line, (text) => grok.match(text))
}
const parsers = mixed.map((line) => known.get(line)!)
let at = 0
const told = rate('mixed, pack known', mixed, (line) => parsers[at++ % mixed.length]!(line))
const asked = rate('mixed, 50 packs', mixed, (line) => dispatcher.match(line)?.event)
const hints = mixed.map((line) => ({
  source: line[0] === '<' ? 'asa' : line.includes('"') ? 'web' : line.includes('PROTO=') ? 'gate' : 'ssh',
}))
at = 0
rate('mixed, 50 packs, source known', mixed, (line) => dispatcher.match(line, hints[at++ % mixed.length])?.event)
console.log(`50 packs cost ${(told / asked).toFixed(2)} times the pack known`)
if (sink === 0) throw new Error('nothing matched')
