// Tree -> JavaScript regular expression text with numbered groups.
//
// Atomic groups and possessive repetitions become (?=(...))\n unless what follows shows that giving back a character
// could never help: then they are dropped, which is faster and equal.

import { type CharSet, intersect, isSubset, negate, overlaps, setSource, union } from './charset.ts'
import { allOf, first } from './first.ts'
import { asRun, bare, hasBackReference, type Node } from './ir.ts'

/**
 * A repeated part with captures in it. JavaScript forgets a capture when the next turn of its loop does not set it,
 * grok keeps the last one that was set: so the loop is captured whole, and walked again turn by turn after the match.
 */
export interface Loop {
  /** Group that holds the text of all turns. */
  readonly group: number
  /** One turn. */
  readonly source: string
  /** Slot and its group in `source`. */
  readonly slots: readonly (readonly [slot: number, group: number])[]
}

export interface Emitted {
  readonly source: string
  /** Group number of each slot, 0 where it was left out. */
  readonly groupOfSlot: readonly number[]
  /** True when ^ $ \Z occur: the text differs for subjects with a newline in them. */
  readonly linewise: boolean
  readonly hasBackReference: boolean
  /** Their slots' groups are numbers past `groups`, in order. */
  readonly loops: readonly Loop[]
  /** How many groups the expression has. */
  readonly groups: number
}

export interface EmitOptions {
  readonly anchored: 'start' | 'both' | 'none'
  /** The subject holds no newline, so ^ is \A and $ is \z: the engine then anchors. */
  readonly singleLine: boolean
  readonly slots: number
  /** Slots read after the match or referred back to; others need no group. */
  readonly wanted: (slot: number) => boolean
  /** False where something refers back to a group: loops are then left to the engine. */
  readonly loops: boolean
}

export function emit(tree: Node, options: EmitOptions): Emitted {
  const e = new Emitter(options)
  const guarded = options.anchored === 'none' && !hasBackReference(tree) ? guardStart(tree) : tree
  let source = e.node(guarded, undefined, false)
  if (options.anchored !== 'none') source = `^(?:${source})${options.anchored === 'both' ? '$' : ''}`
  return {
    source,
    groupOfSlot: e.groupOfSlot,
    linewise: e.linewise,
    hasBackReference: e.hasBackReference,
    loops: e.loops,
    groups: e.groups,
  }
}

/**
 * An expression that begins with S+ and fails at some place fails one character later in the same run too: everything
 * the later start could reach, the earlier one has tried. So the search begins at the first character of a run only,
 * which makes it linear instead of quadratic. The same holds for each branch of a leading choice, for A?S+ where A is
 * left out, and for AS+ where A is part of S: there it begins at the first A of a run only.
 */
export function guardStart(node: Node): Node {
  switch (node.t) {
    case 'cap':
    case 'ref':
      return { ...node, body: guardStart(node.body) }
    case 'alt':
      return { t: 'alt', items: node.items.map(guardStart) }
    case 'rep': {
      const run = asRun(node)
      return run && node.kind !== 'possessive' ? { t: 'seq', items: [notAfter(run.set), node] } : node
    }
    case 'seq':
      return { t: 'seq', items: guardSequence(node.items) }
    default:
      return node
  }
}

function guardSequence(items: readonly Node[]): Node[] {
  const [head, second, ...rest] = items
  if (!head) return []
  const run = second && asRun(second)
  const begin = bare(head)
  if (run && second && bare(second).t === 'rep') {
    if (begin.t === 'set' && isSubset(begin.set, run.set)) {
      const others: Node = { t: 'set', set: intersect(run.set, negate(begin.set)) }
      const gap: Node = { t: 'rep', body: others, min: 0, max: Number.POSITIVE_INFINITY, kind: 'greedy' }
      // from an A only, backwards up to the nearest A: so each character is passed once, however many the starts
      const here: Node = { t: 'look', behind: false, negate: false, body: begin }
      const earlier: Node = { t: 'look', behind: true, negate: true, body: { t: 'seq', items: [begin, gap] } }
      return [here, earlier, head, second, ...rest]
    }
    if (begin.t === 'rep' && begin.min === 0 && begin.max === 1 && begin.kind === 'greedy' && head === begin)
      return [{ t: 'alt', items: [begin.body, notAfter(run.set)] }, second, ...rest]
  }
  return [guardStart(head), ...items.slice(1)]
}

function notAfter(set: CharSet): Node {
  return { t: 'look', behind: true, negate: true, body: { t: 'set', set } }
}

class Emitter {
  readonly groupOfSlot: number[]
  linewise = false
  hasBackReference = false
  readonly loops: Loop[] = []
  groups = 0
  readonly #options: EmitOptions

  constructor(options: EmitOptions) {
    this.#options = options
    this.groupOfSlot = Array.from({ length: options.slots }, () => 0)
  }

  /**
   * @param next what may come right after, undefined = anything
   * @param behind inside a look-behind, where the engine runs backwards
   */
  node(node: Node, next: CharSet | undefined, behind: boolean): string {
    switch (node.t) {
      case 'set':
        return setSource(node.set)
      case 'seq': {
        let follow = next
        const texts: string[] = []
        // right to left to know what follows, but groups are numbered left to right: so first the follow sets
        const follows: (CharSet | undefined)[] = []
        for (let i = node.items.length - 1; i >= 0; i--) {
          follows[i] = follow
          follow = followBefore(node.items[i]!, follow)
        }
        node.items.forEach((item, i) => {
          texts.push(this.#group(item, this.node(item, follows[i], behind), 'seq'))
        })
        return texts.join('')
      }
      case 'alt':
        return node.items.map((item) => this.node(item, next, behind)).join('|')
      case 'rep':
        return this.#repeat(node, next, behind)
      case 'cap': {
        if (!this.#options.wanted(node.slot)) return this.#wrap(node.body, this.node(node.body, next, behind))
        const number = ++this.groups
        this.groupOfSlot[node.slot] = number
        return `(${this.node(node.body, next, behind)})`
      }
      case 'ref':
        return this.#wrap(node.body, this.node(node.body, next, behind))
      case 'atomic':
        return this.#atomic(node.body, next, behind)
      case 'look': {
        const mark = `(?${node.behind ? '<' : ''}${node.negate ? '!' : '='}`
        return `${mark}${this.node(node.body, undefined, node.behind)})`
      }
      case 'assert':
        return this.#assertion(node.kind)
      case 'back':
        this.hasBackReference = true
        return this.groupOfSlot[node.slot] ? `(?:\\${this.groupOfSlot[node.slot]})` : '(?!)'
    }
  }

  #assertion(kind: string): string {
    const one = this.#options.singleLine
    if (kind === 'start') return '^'
    if (kind === 'end') return '$'
    if (kind === 'word') return '\\b'
    if (kind === 'not_word') return '\\B'
    this.linewise = true
    if (kind === 'line_start') return one ? '^' : '(?<![^\\n])'
    if (kind === 'line_end') return one ? '$' : '(?![^\\n])'
    return one ? '$' : '(?=\\n?$)'
  }

  #repeat(node: Node & { t: 'rep' }, next: CharSet | undefined, behind: boolean): string {
    if (node.kind === 'possessive') {
      const greedy: Node = { ...node, kind: 'greedy' }
      return this.#atomic(greedy, next, behind)
    }
    if (node.max > 1 && !behind && this.#options.loops && hasCapture(node.body)) return this.#loop(node)
    const again = node.max > 1 ? undefined : next
    const text = this.node(node.body, again, behind)
    const body = this.#group(node.body, text, 'rep')
    return body + quantifier(node.min, node.max) + (node.kind === 'lazy' ? '?' : '')
  }

  #loop(node: Node & { t: 'rep' }): string {
    const group = ++this.groups
    const plain = new Emitter({ ...this.#options, loops: false, wanted: () => false })
    const turn = new Emitter({ ...this.#options, loops: false })
    const source = turn.node(node.body, undefined, false)
    const slots = [...turn.groupOfSlot.entries()].filter(([, number]) => number > 0)
    this.loops.push({ group, source, slots })
    plain.groups = this.groups
    const text = plain.node(node.body, undefined, false)
    this.groups = plain.groups
    this.linewise ||= plain.linewise
    return `((?:${text})${quantifier(node.min, node.max)}${node.kind === 'lazy' ? '?' : ''})`
  }

  #atomic(body: Node, next: CharSet | undefined, behind: boolean): string {
    if (behind || cannotGiveBack(body, next)) return `(?:${this.node(body, next, behind)})`
    const number = ++this.groups
    return `(?:(?=(${this.node(body, undefined, behind)}))\\${number})`
  }

  #wrap(body: Node, text: string): string {
    return bare(body).t === 'alt' ? `(?:${text})` : text
  }

  #group(node: Node, text: string, within: 'seq' | 'rep'): string {
    if (node.t === 'set') return text
    if (node.t === 'cap' && this.#options.wanted(node.slot)) return text
    if (within === 'seq') return node.t === 'alt' ? `(?:${text})` : text
    return node.t === 'atomic' ? text : `(?:${text})`
  }
}

function hasCapture(node: Node): boolean {
  if (node.t === 'cap') return true
  if (node.t === 'seq' || node.t === 'alt') return node.items.some(hasCapture)
  return 'body' in node && hasCapture(node.body)
}

function followBefore(item: Node, follow: CharSet | undefined): CharSet | undefined {
  const f = first(item)
  if (!f) return undefined
  if (!f.empty) return f.set
  return follow === undefined ? undefined : union(f.set, follow)
}

/**
 * A part whose first match is its longest, before something that cannot begin with any of its characters: giving one
 * back would leave it where it may not stand.
 */
function cannotGiveBack(body: Node, next: CharSet | undefined): boolean {
  const n = bare(body)
  if (n.t === 'set') return true
  if (n.t === 'seq' && n.items.every((item) => bare(item).t === 'set')) return true
  return next !== undefined && longestFirst(body) && !overlaps(allOf(body), next)
}

/** Greedy, with one way on at every character: no shorter match comes first, no longer one later. */
function longestFirst(node: Node): boolean {
  switch (node.t) {
    case 'set':
      return true
    case 'cap':
    case 'ref':
    case 'atomic':
      return longestFirst(node.body)
    case 'rep': {
      if (node.kind === 'lazy' || !longestFirst(node.body)) return false
      if (node.max <= 1) return true
      return bare(node.body).t === 'set'
    }
    case 'alt': {
      const firsts = node.items.map(first)
      if (!node.items.every(longestFirst) || firsts.some((f) => !f || f.empty)) return false
      return firsts.every((a, i) => firsts.every((b, k) => k <= i || !overlaps(a!.set, b!.set)))
    }
    case 'seq':
      return node.items.every((item, i) => {
        if (!longestFirst(item)) return false
        const rest = node.items.slice(i + 1)
        if (bare(item).t === 'set' || rest.length === 0) return true
        const follow = first({ t: 'seq', items: rest })
        return follow !== undefined && !overlaps(allOf(item), follow.set)
      })
    default:
      return false
  }
}

function quantifier(min: number, max: number): string {
  if (max === Number.POSITIVE_INFINITY) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`
  if (min === 0 && max === 1) return '?'
  return min === max ? `{${min}}` : `{${min},${max}}`
}
