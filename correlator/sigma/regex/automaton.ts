// Matching in linear time: a nondeterministic automaton, made deterministic as texts ask for it (a lazy DFA).
//
//   text ──char──> class ──┐
//   state ─────────────────┴─> next[state * width + class] ──> state, or FOUND
//
// A state is a set of places in the program before what is free of charge (splits, anchors) is followed, and of which kind
// the character before was. Anchors look at one character on each side, so they are judged when the next one is known.

import { SigmaProblem } from '../problem.ts'
import { type CharSet, includes, maxCodePoint, pairsOf, wordChars } from './char-set.ts'
import type { AssertKind, Regex } from './parse.ts'

type Instruction =
  | { readonly op: 'set'; readonly set: CharSet }
  | { op: 'split'; a: number; b: number }
  | { readonly op: 'assert'; readonly what: AssertKind }
  | { readonly op: 'found' }

const maxInstructions = 20_000
/** Transitions kept before the cache is thrown away and begun again: 4 bytes each. */
const maxCells = 262_144
const maxSeeds = 1_048_576

const kind = { edge: 0, word: 1, newline: 2, other: 3 } as const
const FOUND = -2
const UNKNOWN = -1

export class Automaton {
  readonly #program: Instruction[] = []
  readonly #hasAsserts: boolean
  readonly #starts: number[]
  readonly #ascii = new Uint16Array(256)
  readonly #width: number
  readonly #classKind: Uint8Array
  /** class -> for each `set` instruction whether it takes the class; by instruction. */
  readonly #takes: (Uint8Array | undefined)[]

  #next: Int32Array
  #states: { readonly seeds: Int32Array; readonly before: number }[] = []
  #byKey = new Map<string, number>()
  #seedCount = 0
  readonly #mark: Int32Array
  #stamp = 0

  /** @throws SigmaProblem when it would become too large */
  constructor(regex: Regex) {
    this.#emit(trimEdges(regex))
    this.#push({ op: 'found' })
    this.#hasAsserts = this.#program.some((one) => one.op === 'assert')
    const cuts = new Set([0])
    const cut = (set: CharSet) => {
      for (const [from, to] of pairsOf(set)) cuts.add(from).add(to + 1)
    }
    for (const one of this.#program) if (one.op === 'set') cut(one.set)
    if (this.#hasAsserts) {
      cut(wordChars)
      cut([10, 10])
    }
    this.#starts = [...cuts].filter((code) => code <= maxCodePoint).sort((a, b) => a - b)
    for (let code = 0; code < 256; code++) this.#ascii[code] = this.#searchClass(code)
    const classes = this.#starts.length
    this.#width = classes + 1 // the last is the end of the text
    this.#classKind = new Uint8Array(this.#width).fill(kind.edge)
    if (this.#hasAsserts)
      this.#starts.forEach((code, i) => {
        this.#classKind[i] = code === 10 ? kind.newline : includes(wordChars, code) ? kind.word : kind.other
      })
    this.#takes = this.#program.map((one) =>
      one.op === 'set' ? Uint8Array.from(this.#starts, (code) => (includes(one.set, code) ? 1 : 0)) : undefined,
    )
    this.#mark = new Int32Array(this.#program.length)
    this.#next = new Int32Array(this.#width * 16).fill(UNKNOWN)
    this.#state([], kind.edge)
  }

  /** Whether the expression matches anywhere in the text. */
  test(text: string): boolean {
    const width = this.#width
    let state = this.#byKey.size === 0 ? this.#state([], kind.edge) : 0
    for (let i = 0; i < text.length; i++) {
      let code = text.charCodeAt(i)
      let cls: number
      if (code < 256) cls = this.#ascii[code] as number
      else {
        if (code >= 0xd800 && code < 0xdc00) {
          code = text.codePointAt(i) as number
          if (code > 0xffff) i++
        }
        cls = this.#searchClass(code)
      }
      let to = this.#next[state * width + cls] as number
      if (to === UNKNOWN) to = this.#follow(state, cls)
      if (to === FOUND) return true
      state = to
    }
    const last = this.#next[state * width + width - 1] as number
    return (last === UNKNOWN ? this.#follow(state, width - 1) : last) === FOUND
  }

  #searchClass(code: number): number {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] as number) <= code) low = middle
      else high = middle - 1
    }
    return low
  }

  /** Computes one transition. Throws the cache away first when it is full. */
  #follow(state: number, cls: number): number {
    const from = this.#states[state] as { seeds: Int32Array; before: number }
    const seeds = this.#step(from.seeds, from.before, cls)
    if (seeds === undefined) {
      this.#next[state * this.#width + cls] = FOUND
      return FOUND
    }
    const before = this.#classKind[cls] as number
    if (this.#states.length * this.#width > maxCells || this.#seedCount > maxSeeds) {
      this.#states = []
      this.#byKey = new Map()
      this.#seedCount = 0
      this.#next.fill(UNKNOWN)
      this.#state([], kind.edge)
      return this.#state(seeds, before)
    }
    const to = this.#state(seeds, before)
    this.#next[state * this.#width + cls] = to
    return to
  }

  #state(seeds: number[], before: number): number {
    seeds.sort((a, b) => a - b)
    const key = `${before}:${seeds.join(',')}`
    const found = this.#byKey.get(key)
    if (found !== undefined) return found
    const state = this.#states.length
    this.#states.push({ seeds: Int32Array.from(seeds), before })
    this.#seedCount += seeds.length
    this.#byKey.set(key, state)
    if ((state + 1) * this.#width > this.#next.length) {
      const grown = new Int32Array(this.#next.length * 2).fill(UNKNOWN)
      grown.set(this.#next)
      this.#next = grown
    }
    return state
  }

  /** Follows everything free, then the character. @returns undefined when the end of the program is reached */
  #step(seeds: Int32Array, before: number, cls: number): number[] | undefined {
    const after = this.#classKind[cls] as number
    const isEnd = cls === this.#width - 1
    const stamp = ++this.#stamp
    const mark = this.#mark
    const out: number[] = []
    const open: number[] = [0, ...seeds] // a search: every place may be where it begins
    while (open.length > 0) {
      const at = open.pop() as number
      if (mark[at] === stamp) continue
      mark[at] = stamp
      const one = this.#program[at] as Instruction
      if (one.op === 'found') return undefined
      if (one.op === 'split') open.push(one.a, one.b)
      else if (one.op === 'assert') {
        if (holds(one.what, before, after, isEnd)) open.push(at + 1)
      } else if (!isEnd && this.#takes[at]?.[cls] === 1) out.push(at + 1)
    }
    return out
  }

  #push(one: Instruction): number {
    if (this.#program.length >= maxInstructions) throw new SigmaProblem('the regular expression is too large')
    return this.#program.push(one) - 1
  }

  #emit(regex: Regex): void {
    switch (regex.kind) {
      case 'set':
        this.#push({ op: 'set', set: regex.set })
        return
      case 'assert':
        this.#push({ op: 'assert', what: regex.what })
        return
      case 'concat':
        for (const one of regex.of) this.#emit(one)
        return
      case 'choice': {
        const exits: { op: 'split'; a: number; b: number }[] = []
        regex.of.forEach((one, i) => {
          if (i === regex.of.length - 1) {
            this.#emit(one)
            return
          }
          const split = this.#split()
          split.a = this.#program.length
          this.#emit(one)
          exits.push(this.#split())
          split.b = this.#program.length
        })
        for (const exit of exits) exit.a = exit.b = this.#program.length
        return
      }
      case 'repeat': {
        for (let i = 0; i < regex.min; i++) this.#emit(regex.of)
        if (regex.max === Number.POSITIVE_INFINITY) {
          const split = this.#split()
          split.a = this.#program.length
          this.#emit(regex.of)
          const back = this.#split()
          back.a = back.b = this.#program.indexOf(split)
          split.b = this.#program.length
          return
        }
        const skips: { op: 'split'; a: number; b: number }[] = []
        for (let i = regex.min; i < regex.max; i++) {
          const split = this.#split()
          split.a = this.#program.length
          skips.push(split)
          this.#emit(regex.of)
        }
        for (const skip of skips) skip.b = this.#program.length
      }
    }
  }

  #split(): { op: 'split'; a: number; b: number } {
    const split = { op: 'split' as const, a: 0, b: 0 }
    this.#push(split)
    return split
  }
}

function holds(what: AssertKind, before: number, after: number, isEnd: boolean): boolean {
  switch (what) {
    case 'start':
      return before === kind.edge
    case 'end':
      return isEnd
    case 'lineStart':
      return before === kind.edge || before === kind.newline
    case 'lineEnd':
      return isEnd || after === kind.newline
    case 'word':
      return (before === kind.word) !== (after === kind.word)
    case 'notWord':
      return (before === kind.word) === (after === kind.word)
  }
}

/**
 * A search does not care how far an expression reaches at its two ends: `.*a+` finds what `a` finds. A repetition there is
 * cut to its least count.
 */
function trimEdges(regex: Regex): Regex {
  return trim(trim(regex, 'left'), 'right')
}

function trim(regex: Regex, side: 'left' | 'right'): Regex {
  if (regex.kind === 'choice') return { kind: 'choice', of: regex.of.map((one) => trim(one, side)) }
  if (regex.kind === 'repeat') {
    if (regex.min !== 1) return { kind: 'repeat', of: regex.of, min: regex.min, max: regex.min }
    return trim(regex.of, side)
  }
  if (regex.kind !== 'concat' || regex.of.length === 0) return regex
  const of = [...regex.of]
  const edge = side === 'left' ? 0 : of.length - 1
  const trimmed = trim(of[edge] as Regex, side)
  const gone =
    (trimmed.kind === 'repeat' && trimmed.max === 0) || (trimmed.kind === 'concat' && trimmed.of.length === 0)
  if (!gone) {
    of[edge] = trimmed
    return { kind: 'concat', of }
  }
  of.splice(edge, 1)
  return trim({ kind: 'concat', of }, side)
}
