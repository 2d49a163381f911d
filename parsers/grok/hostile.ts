// Lines made to hurt one pattern: its own literals and characters, repeated, with the end spoilt.

import { contains } from './charset.ts'
import type { Node } from './ir.ts'

/** A shortest-ish text the node matches, taking the `pick`-th choice at every fork. */
export function sample(node: Node, pick: number, repeat: number): string {
  switch (node.t) {
    case 'set': {
      const preferred = ['a', '1', ' ', '"', '.', '/', ':', '-', '=', '%', '\\', 'Z']
      const inside = preferred.filter((char) => contains(node.set, char.charCodeAt(0)))
      if (inside.length > 0) return inside[pick % inside.length]!
      return node.set.length > 0 ? String.fromCharCode(node.set[0]!) : ''
    }
    case 'seq':
      return node.items.map((item) => sample(item, pick, repeat)).join('')
    case 'alt':
      return sample(node.items[pick % node.items.length]!, pick, repeat)
    case 'rep': {
      const turns = Math.min(node.max, Math.max(node.min, repeat))
      return sample(node.body, pick, repeat).repeat(turns)
    }
    case 'cap':
    case 'ref':
    case 'atomic':
      return sample(node.body, pick, repeat)
    default:
      return ''
  }
}

/**
 * @param length characters of each line
 * @param required texts the line must contain to be looked at, put at its end
 * @returns a generator's worth of lines: pumped prefixes, repeated beginnings, runs of single characters
 */
export function hostileLines(tree: Node, length: number, required: readonly string[] = []): string[] {
  const lines = new Set<string>()
  const add = (unit: string, lead = '', tail = `\u0001${required.join('\u0001')}`) => {
    if (unit === '') return
    const room = Math.max(1, length - lead.length - tail.length)
    lines.add(lead + unit.repeat(Math.ceil(room / unit.length)).slice(0, room) + tail)
  }
  for (const unit of [
    'a',
    '1',
    ' ',
    '.',
    '/',
    '"',
    'a.',
    'a-',
    '1.',
    '1 ',
    'a ',
    '[',
    '(',
    '\\',
    '\\"',
    '1:',
    'a:',
    'a/',
    'a@',
    '\t',
    '1\t',
    'a,',
    'a;',
    ': ',
    '\n',
    'a\n',
    '="',
  ])
    add(unit)
  for (let pick = 0; pick < 6; pick++) {
    const whole = sample(tree, pick, 1)
    add(whole)
    add(`${whole} `)
    for (const share of [0.25, 0.5, 0.75, 0.9]) {
      const head = whole.slice(0, Math.floor(whole.length * share))
      add(head)
      add(`${head} `)
      for (const unit of ['a', '1', ' ', 'a ', '1.', 'a.', head.slice(-3), head.slice(-8)]) add(unit, head)
    }
  }
  return [...lines]
}

/** Lines of pieces of what the node matches, cut and mixed by a seed: what no list of units thinks of. */
export function* shuffledLines(tree: Node, length: number, seed: number, count: number): Generator<string> {
  let state = seed >>> 0
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const wholes = Array.from({ length: 6 }, (_, pick) => sample(tree, pick, 1)).filter((text) => text !== '')
  const units = ['a', '1', ' ', '.', '/', '"', ':', '=', '@', '-', '\\', '(', '[', '\n', '\t', '\u00e9']
  for (let i = 0; i < count; i++) {
    const pieces: string[] = []
    for (let p = 1 + random(4); p > 0; p--) {
      const whole = wholes[random(wholes.length)] ?? ''
      const from = random(whole.length)
      const piece = random(3) === 0 ? '' : whole.slice(from, from + 1 + random(whole.length - from))
      pieces.push(piece + (units[random(units.length)] as string).repeat(1 + random(3)))
    }
    const unit = pieces.join('')
    const lead = random(2) === 0 ? '' : (wholes[random(wholes.length)] ?? '').slice(0, length / 2)
    yield lead + unit.repeat(Math.ceil((length - lead.length) / unit.length)).slice(0, length - lead.length)
  }
}
