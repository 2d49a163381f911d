// Texts a line must contain for a pattern to match, so that most misses cost one indexOf.

import { onlyMember } from './charset.ts'
import type { Node } from './ir.ts'

/** At least one of these texts occurs in every matching line. */
export type AnyOf = readonly string[]

interface Info {
  /** The node matches exactly one of these texts (few), or undefined. */
  readonly exact: readonly string[] | undefined
  readonly required: readonly AnyOf[]
}

const MAX_EXACT = 16
const nothing: Info = { exact: undefined, required: [] }

/** All of the sets are required; each set by any of its members. Best first (longest shortest member). */
export function requiredLiterals(tree: Node): AnyOf[] {
  const info = infoOf(tree)
  const all = [...info.required, ...(info.exact ? [info.exact] : [])]
  const seen = new Set<string>()
  return all
    .filter((set) => set.length > 0 && weight(set) > 0)
    .filter((set) => {
      const key = set.join('\u0000')
      return !seen.has(key) && seen.add(key)
    })
    .sort((a, b) => weight(b) - weight(a))
}

/** How often a character stands in a thousand of a log line, roughly; others are rare. */
const FREQUENT: readonly (readonly [chars: string, perThousand: number])[] = [
  [' ', 120],
  ['e', 60],
  ['aionrst', 45],
  ['0123456789dcl', 30],
  ['pum.:', 22],
  ['hfgb/-="_', 15],
  ['yvwk,', 8],
]
const RARE = 3

function frequency(char: string): number {
  return FREQUENT.find(([chars]) => chars.includes(char))?.[1] ?? RARE
}

/**
 * The required set that is the cheapest to look for, or undefined when none is worth it. A text is searched by its first
 * character: each place that has it costs some 7 ns, which makes ` password for ` four times as dear as `password for `. So
 * texts lose their beginning up to the rarest character.
 */
export function cheapestFilter(required: readonly AnyOf[]): AnyOf | undefined {
  let best: AnyOf | undefined
  let bestCost = 100 // about what an expression takes to fail by itself
  for (const set of required) {
    if (set.length > 4) continue
    const texts = set.map(fromRarest)
    const scan = texts.reduce((sum, text) => sum + 13 + frequency(text[0]!), 0)
    const cost =
      scan + Math.max(...texts.map((text) => 100 * 0.7 ** (text.length + (frequency(text[0]!) === RARE ? 1 : 0))))
    if (cost >= bestCost) continue
    bestCost = cost
    best = texts
  }
  return best
}

function fromRarest(text: string): string {
  const last = text.length - Math.min(text.length, 4)
  let from = 0
  for (let i = 1; i <= last; i++) if (frequency(text[i]!) < frequency(text[from]!)) from = i
  return text.slice(from)
}

function weight(set: AnyOf): number {
  return Math.min(...set.map((text) => text.length)) / (1 + (set.length - 1) / 4)
}

function infoOf(node: Node): Info {
  switch (node.t) {
    case 'set': {
      const only = onlyMember(node.set)
      return only >= 0 ? { exact: [String.fromCharCode(only)], required: [] } : nothing
    }
    case 'seq':
      return sequence(node.items)
    case 'alt':
      return alternation(node.items)
    case 'rep': {
      const body = infoOf(node.body)
      if (node.min === 1 && node.max === 1) return body
      if (node.min === 0) return nothing
      const required = [...body.required, ...(body.exact ? [body.exact] : [])]
      return { exact: undefined, required }
    }
    case 'cap':
    case 'ref':
    case 'atomic':
      return infoOf(node.body)
    case 'look':
    case 'assert':
      return { exact: [''], required: [] }
    case 'back':
      return nothing
  }
}

function sequence(items: readonly Node[]): Info {
  const required: AnyOf[] = []
  let run: string[] = ['']
  let whole = true
  const flush = () => {
    if (run.some((text) => text !== '') && !run.includes('')) required.push(run)
    run = ['']
  }
  for (const item of items) {
    const info = infoOf(item)
    required.push(...info.required)
    if (info.exact && info.exact.length * run.length <= MAX_EXACT)
      run = run.flatMap((head) => info.exact!.map((tail) => head + tail))
    else {
      flush()
      whole = false
      if (info.exact) run = [...info.exact]
    }
  }
  if (whole) return { exact: run, required }
  flush()
  return { exact: undefined, required }
}

function alternation(items: readonly Node[]): Info {
  const infos = items.map(infoOf)
  const exact = infos.every((info) => info.exact) ? infos.flatMap((info) => info.exact!) : undefined
  if (exact && exact.length <= MAX_EXACT) return { exact: [...new Set(exact)], required: [] }
  const bests: string[] = []
  for (const info of infos) {
    const sets = [...info.required, ...(info.exact ? [info.exact] : [])].filter((set) => weight(set) > 0)
    if (sets.length === 0) return nothing
    bests.push(...sets.reduce((a, b) => (weight(b) > weight(a) ? b : a)))
  }
  const union = [...new Set(bests)]
  return union.length <= MAX_EXACT ? { exact: undefined, required: [union] } : nothing
}
