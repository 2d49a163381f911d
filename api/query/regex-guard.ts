// Refuses a regular expression whose search can take exponential or steep polynomial time on some text.
//
// The expression becomes its position automaton (Glushkov): a state for each character place, an edge where one can
// follow the other, counted twice when there are two ways. A backtracking engine tries every path, so
// - two different paths from a state back to itself on the same text double the work with every turn: exponential;
// - a chain of k loops that can all read the same text takes length^k steps: polynomial.
// Weideman et al., "Analyzing matching time behavior of backtracking regular expression matchers" (CIAA 2016).

import { describe, PipelineError } from '../../core/errors.ts'
import { type CharSet, type RegexNode, readRegex, UnsupportedRegex } from './regex-tree.ts'

export const MAX_REGEX_CHARACTERS = 512
const MAX_PLACES = 400
/** Edges inside one loop; pairs of them are looked at: 1,000 squared is some 50 ms. */
const MAX_LOOP_EDGES = 1000
/** `a.*b.*c.*d` is three. The fourth would read a line of 1 KiB 10^12 times at worst. */
const MAX_CHAIN = 3
/** Counted repetition beyond this is analysed as unbounded: more paths, never fewer. */
const MAX_COPIES = 16

/**
 * @param column 1-based, of the first character of the source
 * @throws QUERY_INVALID
 */
export function checkRegex(source: string, ignoreCase: boolean, column: number): void {
  const refuse = (problem: string, hint?: string, at = 0): never => {
    throw new PipelineError('QUERY_INVALID', { column: column + at, problem, hint })
  }
  if (source.length > MAX_REGEX_CHARACTERS) {
    refuse(`a regular expression of ${source.length} characters, limit ${MAX_REGEX_CHARACTERS}`)
  }
  try {
    new RegExp(source, ignoreCase ? 'iu' : 'u')
  } catch (error) {
    const reason = describe(error).split(': ').at(-1) ?? ''
    refuse(`this is no regular expression: ${reason}`, 'put it in quotes to search for it as text')
  }
  let problem: string | undefined
  try {
    // Search is unanchored: `.*` at either end changes nothing, and needs no paying for.
    problem = findCost(
      readRegex(source.replace(/^(?:\.\*\??)+/, '').replace(/([^\\]|^)(?:\.\*\??)+$/, '$1'), ignoreCase),
    )
  } catch (error) {
    if (!(error instanceof UnsupportedRegex)) throw error
    refuse(error.message, 'write two conditions, joined by and or not', error.at)
  }
  if (problem) refuse(problem, 'give every repetition one way to match, or join simpler conditions with and')
}

interface Part {
  /** Ways to match nothing, at most 2. */
  readonly empty: number
  readonly first: Ways
  readonly last: Ways
}
/** State -> ways to be there, at most 2. */
type Ways = Map<number, number>

class Automaton {
  readonly sets: CharSet[] = []
  readonly follow: Ways[] = []

  build(node: RegexNode): Part {
    switch (node.kind) {
      case 'assert':
        return { empty: 1, first: new Map(), last: new Map() }
      case 'chars': {
        const state = this.sets.length
        if (state >= MAX_PLACES)
          throw new UnsupportedRegex(0, `more than ${MAX_PLACES} places, repetitions written out`)
        this.sets.push(node.set)
        this.follow.push(new Map())
        return { empty: 0, first: new Map([[state, 1]]), last: new Map([[state, 1]]) }
      }
      case 'cat':
        return node.of.map((child) => this.build(child)).reduce((a, b) => this.#join(a, b), nothing())
      case 'alt':
        return node.of
          .map((child) => this.build(child))
          .reduce((a, b) => ({
            empty: Math.min(2, a.empty + b.empty),
            first: sum(a.first, b.first, 1),
            last: sum(a.last, b.last, 1),
          }))
      case 'repeat':
        return this.#repeat(node.of, node.min, node.max)
    }
  }

  #repeat(node: RegexNode, min: number, max: number): Part {
    if (max === 0) return nothing()
    if (min > MAX_COPIES || (max !== Number.POSITIVE_INFINITY && max > MAX_COPIES)) {
      return this.#repeat(node, Math.min(min, 2), Number.POSITIVE_INFINITY)
    }
    let part = nothing()
    for (let i = 0; i < min; i++) part = this.#join(part, this.build(node))
    if (max === Number.POSITIVE_INFINITY) {
      const body = this.build(node)
      this.#connect(body.last, body.first)
      // An empty turn of a loop is cut short by the engine: nothing is matched in one way.
      return this.#join(part, { ...body, empty: 1 })
    }
    // x{0,3} is (x(x(x)?)?)?
    let optional = nothing()
    for (let i = min; i < max; i++) optional = { ...this.#join(this.build(node), optional), empty: 1 }
    return this.#join(part, optional)
  }

  #join(a: Part, b: Part): Part {
    this.#connect(a.last, b.first)
    return {
      empty: Math.min(2, a.empty * b.empty),
      first: sum(a.first, b.first, a.empty),
      last: sum(b.last, a.last, b.empty),
    }
  }

  #connect(from: Ways, to: Ways): void {
    for (const [state, ways] of from) {
      const edges = this.follow[state] as Ways
      for (const [next, more] of to) edges.set(next, Math.min(2, (edges.get(next) ?? 0) + ways * more))
    }
  }
}

function nothing(): Part {
  return { empty: 1, first: new Map(), last: new Map() }
}

function sum(a: Ways, b: Ways, times: number): Ways {
  const out = new Map(a)
  if (times > 0) for (const [state, ways] of b) out.set(state, Math.min(2, (out.get(state) ?? 0) + ways * times))
  return out
}

function findCost(node: RegexNode): string | undefined {
  const automaton = new Automaton()
  automaton.build(node)
  const { sets, follow } = automaton
  const loopOf = findLoops(follow)
  const loops = new Map<number, number[]>()
  for (let state = 0; state < loopOf.length; state++) {
    const loop = loopOf[state] as number
    if (loop >= 0) loops.set(loop, [...(loops.get(loop) ?? []), state])
  }
  for (const states of loops.values()) {
    const problem = findDoubling(states, loopOf, sets, follow)
    if (problem) return problem
  }
  if (longestChain(loops, loopOf, sets, follow) > MAX_CHAIN) {
    return `more than ${MAX_CHAIN} repetitions in a row can match the same text`
  }
  return undefined
}

/** State -> number of its strongly connected component, or -1 when it lies on no loop. Kosaraju, without recursion. */
function findLoops(follow: readonly Ways[]): number[] {
  const n = follow.length
  const reach = follow.map((edges) => [...edges.keys()])
  const back: number[][] = follow.map(() => [])
  reach.forEach((targets, from) => {
    for (const to of targets) (back[to] as number[]).push(from)
  })
  const order: number[] = []
  const seen = new Uint8Array(n)
  for (let root = 0; root < n; root++) {
    if (seen[root]) continue
    seen[root] = 1
    const stack: { state: number; next: number }[] = [{ state: root, next: 0 }]
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const to = (reach[top.state] as number[])[top.next++]
      if (to === undefined) {
        order.push(top.state)
        stack.pop()
      } else if (!seen[to]) {
        seen[to] = 1
        stack.push({ state: to, next: 0 })
      }
    }
  }
  const loopOf = new Array<number>(n).fill(-2)
  let loops = 0
  for (const root of order.reverse()) {
    if (loopOf[root] !== -2) continue
    const members = [root]
    loopOf[root] = loops
    for (let i = 0; i < members.length; i++) {
      for (const from of back[members[i] as number] as number[]) {
        if (loopOf[from] !== -2) continue
        loopOf[from] = loops
        members.push(from)
      }
    }
    if (members.length === 1 && !(follow[root] as Ways).has(root)) loopOf[root] = -1
    else loops++
  }
  return loopOf
}

/** Walks two paths at once from every state of the loop; exponential when they part and meet again on equal text. */
function findDoubling(
  states: readonly number[],
  loopOf: readonly number[],
  sets: readonly CharSet[],
  follow: readonly Ways[],
): string | undefined {
  const doubling = 'the expression can match the same text in exponentially many ways'
  const loop = loopOf[states[0] as number]
  const inside = new Map<number, number[]>()
  let edges = 0
  for (const state of states) {
    const targets: number[] = []
    for (const [to, ways] of follow[state] as Ways) {
      if (loopOf[to] !== loop) continue
      if (ways > 1) return doubling
      targets.push(to)
    }
    inside.set(state, targets)
    edges += targets.length
  }
  if (edges > MAX_LOOP_EDGES) return 'the repeated part is too large to be checked'
  const n = sets.length
  const seen = new Set<number>()
  const queue: [number, number][] = states.map((state) => [state, state])
  for (let i = 0; i < queue.length; i++) {
    const [a, b] = queue[i] as [number, number]
    for (const nextA of inside.get(a) as number[]) {
      for (const nextB of inside.get(b) as number[]) {
        if (((sets[nextA] as CharSet) & (sets[nextB] as CharSet)) === 0n) continue
        if (nextA === nextB) {
          if (a !== b) return doubling
          continue // every state's pair with itself is in the queue already
        }
        const key = Math.min(nextA, nextB) * n + Math.max(nextA, nextB)
        if (seen.has(key)) continue
        seen.add(key)
        queue.push([nextA, nextB])
      }
    }
  }
  return undefined
}

/** The most loops one after the other that can hand the same text to each other. */
function longestChain(
  loops: ReadonlyMap<number, readonly number[]>,
  loopOf: readonly number[],
  sets: readonly CharSet[],
  follow: readonly Ways[],
): number {
  const reads = new Map<number, CharSet>()
  for (const [loop, states] of loops) {
    reads.set(
      loop,
      states.reduce((set, state) => set | (sets[state] as CharSet), 0n),
    )
  }
  const known = new Map<number, number>()
  const chainFrom = (loop: number): number => {
    const found = known.get(loop)
    if (found !== undefined) return found
    const common = reads.get(loop) as CharSet
    // What can be reached while reading only text that this loop could have read.
    const queue = [...(loops.get(loop) as number[])]
    const seen = new Set(queue)
    let longest = 0
    const after = new Set<number>()
    for (let i = 0; i < queue.length; i++) {
      for (const to of (follow[queue[i] as number] as Ways).keys()) {
        if (seen.has(to) || ((sets[to] as CharSet) & common) === 0n) continue
        seen.add(to)
        queue.push(to)
        const other = loopOf[to] as number
        if (other >= 0 && other !== loop) after.add(other)
      }
    }
    for (const other of after) longest = Math.max(longest, chainFrom(other))
    known.set(loop, longest + 1)
    return longest + 1
  }
  let longest = 0
  for (const loop of loops.keys()) longest = Math.max(longest, chainFrom(loop))
  return longest
}
