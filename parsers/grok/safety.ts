// Can this pattern backtrack without bound? Looks for two ways to match one text: the source of super-linear time.
//
//   nested      a repetition inside a repetition with nothing between its turns:      (a+)*   (\w+\s*)*
//   ambiguous   a repeated choice whose branches can begin alike:                     (a|ab|b)*
//   overlap     a run, then another run over some of the same characters that can
//               be reached without a character outside the first, then something
//               that may fail:                                                        \S+.*x   .*a.*b
//
// It errs on the side of refusing. A choice or run inside an atomic group is never gone back into, so it cannot hurt
// what follows the group. The first two, and a run handed round and round a loop, are exponential; the third is polynomial.
// Repetitions with a maximum up to BOUNDED are taken for finite.

import { anySet, type CharSet, negate as complement, intersect, isSubset, overlaps, wordSet } from './charset.ts'
import { allOf, first } from './first.ts'
import { bare, type Node } from './ir.ts'

/** undefined: no super-linear backtracking found. */
export type Danger = { readonly problem: string; readonly exponential: boolean } | undefined

const BOUNDED = 256
/** Steps of the whole analysis; past it the pattern counts as unsafe. */
const MAX_STEPS = 200_000

/** What follows a node: the next node and the rest. */
interface Rest {
  readonly node: Node
  readonly rest: Rest | undefined
}

export function findDanger(tree: Node): Danger {
  const analysis = new Analysis()
  try {
    analysis.visit(tree, undefined)
  } catch (error) {
    if (error instanceof Found) return { problem: error.message, exponential: error.exponential }
    throw error
  }
  return undefined
}

class Found extends Error {
  readonly exponential: boolean

  constructor(problem: string, exponential = false) {
    super(problem)
    this.exponential = exponential
  }
}

class Analysis {
  #steps = 0
  /** Endless repetitions around the node at hand. */
  readonly #around: Node[] = []
  /** The repetition that a run can hand characters to. */
  #reached: Node | undefined

  visit(node: Node, rest: Rest | undefined): void {
    this.#count()
    switch (node.t) {
      case 'seq': {
        let follow = rest
        const follows: (Rest | undefined)[] = []
        for (let i = node.items.length - 1; i >= 0; i--) {
          follows[i] = follow
          follow = { node: node.items[i]!, rest: follow }
        }
        node.items.forEach((item, i) => {
          this.visit(item, follows[i])
        })
        return
      }
      case 'alt':
        for (const item of node.items) this.visit(item, rest)
        return
      case 'cap':
      case 'ref':
        this.visit(node.body, rest)
        return
      case 'atomic':
        this.visit(node.body, undefined)
        return
      case 'look':
        this.visit(node.body, undefined)
        return
      case 'rep':
        this.#repetition(node, rest)
        return
      default:
    }
  }

  #repetition(node: Node & { t: 'rep' }, rest: Rest | undefined): void {
    const endless = node.max > BOUNDED
    const after = node.kind === 'possessive' ? undefined : rest
    if (!endless) {
      this.visit(node.body, node.max > 1 ? { node: node.body, rest: after } : after)
      return
    }
    const body = bare(node.body)
    if (body.t === 'alt') this.#choice(body.items)
    if (body.t !== 'set') {
      this.#around.push(node)
      this.visit(node.body, { node, rest: after })
      this.#around.pop()
    }
    if (node.kind === 'possessive') return
    const set = allOf(node.body)
    if (this.#reaches(after, set, firstOf(node.body), body.t === 'set'))
      throw new Found(
        `${describe(node)} is followed by another repetition over the same characters`,
        this.#reached !== undefined && this.#around.includes(this.#reached), // handed round and round
      )
  }

  #choice(items: readonly Node[]): void {
    for (let i = 0; i < items.length; i++)
      for (let j = i + 1; j < items.length; j++) {
        this.#count()
        if (differ(items[i]!, items[j]!)) continue
        const a = first(items[i]!)
        const b = first(items[j]!)
        if (!a || !b || a.empty || b.empty || overlaps(a.set, b.set))
          throw new Found('a repeated choice has branches that can begin alike', true)
      }
  }

  /**
   * Whether a run over `set` can hand characters to a later endless repetition.
   * @param within characters that may come next without leaving the run: at first those a turn begins with
   * @param direct nothing was consumed since the run, so what stands here sees a character of the run on both sides
   *   once the run gives one back
   */
  #reaches(at: Rest | undefined, set: CharSet, within: CharSet, direct = false): boolean {
    this.#count()
    if (!at) return false
    const { node, rest } = at
    switch (node.t) {
      case 'set':
        return overlaps(node.set, within) && this.#reaches(rest, set, set)
      case 'seq': {
        let follow = rest
        for (let i = node.items.length - 1; i >= 0; i--) follow = { node: node.items[i]!, rest: follow }
        return this.#reaches(follow, set, within, direct)
      }
      case 'alt':
        return node.items.some((item) => this.#reaches({ node: item, rest }, set, within, direct))
      case 'cap':
      case 'ref':
      case 'atomic':
        return this.#reaches({ node: node.body, rest }, set, within, direct)
      case 'rep': {
        if (node.max > BOUNDED && overlaps(firstOf(node.body), within) && this.#canFail(rest)) {
          this.#reached = node
          return true
        }
        if (node.min === 0 && this.#reaches(rest, set, within, direct)) return true
        return node.max > 0 && node.max <= BOUNDED && this.#reaches({ node: node.body, rest }, set, within)
          ? true
          : node.max > BOUNDED && overlaps(firstOf(node.body), within) && this.#reaches(rest, set, within)
      }
      case 'look': {
        if (!node.behind && !node.negate) {
          const f = first(node.body)
          if (f && !f.empty && !overlaps(f.set, within)) return false
        }
        if (node.negate && !node.behind && bare(node.body).t === 'set') {
          const not = bare(node.body)
          const left = not.t === 'set' ? intersect(within, complement(not.set)) : within
          // the next character is the first one outside: nothing of the run may come next
          if (left.length === 0) return false
        }
        return this.#reaches(rest, set, within, direct)
      }
      case 'assert':
        if (node.kind === 'end') return false
        if (node.kind === 'word' && direct && isSubset(set, wordSet)) return false
        return this.#reaches(rest, set, within, direct)
      case 'back':
        return true
    }
  }

  /** False when nothing after can fail: then no going back happens. */
  #canFail(at: Rest | undefined): boolean {
    for (let rest = at; rest; rest = rest.rest) if (!alwaysMatches(rest.node)) return true
    return false
  }

  #count(): void {
    if (++this.#steps > MAX_STEPS) throw new Found('the pattern is too large to analyse')
  }
}

/** Two sequences of single characters that cannot both stand at one place, nor one begin the other. */
function differ(a: Node, b: Node): boolean {
  const left = characters(a)
  const right = characters(b)
  if (!left || !right) return false
  for (let i = 0; i < Math.min(left.length, right.length); i++) if (!overlaps(left[i]!, right[i]!)) return true
  return false
}

function characters(node: Node): CharSet[] | undefined {
  const n = bare(node)
  if (n.t === 'set') return [n.set]
  if (n.t !== 'seq') return undefined
  const sets: CharSet[] = []
  for (const item of n.items) {
    const one = bare(item)
    if (one.t !== 'set') return undefined
    sets.push(one.set)
  }
  return sets
}

/** False when it can fail. */
export function alwaysMatches(node: Node): boolean {
  switch (node.t) {
    case 'seq':
      return node.items.every(alwaysMatches)
    case 'alt':
      return node.items.some(alwaysMatches)
    case 'cap':
    case 'ref':
    case 'atomic':
      return alwaysMatches(node.body)
    case 'rep':
      return node.min === 0 || alwaysMatches(node.body)
    default:
      return false
  }
}

function firstOf(node: Node): CharSet {
  return first(node)?.set ?? anySet
}

function describe(node: Node & { t: 'rep' }): string {
  const body = bare(node.body)
  return body.t === 'set' ? 'a run' : 'a repeated group'
}
