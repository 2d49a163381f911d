// Which of many packs knows a line, without trying them in turn.
//
//   line -> texts that occur in it (one pass of an automaton) -> packs that could match -> the last one that did, first
//
// Every pattern names texts that a matching line must contain (literals.ts). The automaton finds all of them at once;
// a pack is a candidate when one of its patterns has one of its texts in the line, or has no text at all.

import type { EcsEvent } from '../../core/event.ts'
import { type Grok, MAX_LINE } from './grok.ts'

export interface DispatchPack {
  readonly name: string
  readonly groks: readonly Grok[]
  /** Program names (syslog APP-NAME) this pack is for: tried first for them, and before all others. */
  readonly programs?: readonly string[]
}

export interface DispatchHit {
  readonly pack: string
  /** Index into the pack's groks. */
  readonly grok: number
  readonly event: EcsEvent
}

export interface Dispatcher {
  /**
   * The first pack that matches, in this order: packs of the program, then the pack that matched this source last, then
   * the others as given. The same line of the same source and program gives the same pack whatever came before, as long
   * as at most one pack matches it.
   */
  match(line: string, hints?: { readonly program?: string; readonly source?: string }): DispatchHit | undefined
}

const MAX_SOURCES = 10_000

export function createDispatcher(packs: readonly DispatchPack[]): Dispatcher {
  const byProgram = new Map<string, number[]>()
  packs.forEach((pack, i) => {
    for (const program of pack.programs ?? []) {
      const list = byProgram.get(program)
      if (list) list.push(i)
      else byProgram.set(program, [i])
    }
  })
  const always: number[] = []
  const packsOf = new Map<string, Set<number>>()
  packs.forEach((pack, i) => {
    for (const required of pack.groks.flatMap((grok) => grok.required)) {
      const best = required[0]
      if (!best) {
        if (always.at(-1) !== i) always.push(i)
        continue
      }
      for (const text of best) {
        const set = packsOf.get(text)
        if (set) set.add(i)
        else packsOf.set(text, new Set([i]))
      }
    }
  })
  const automaton = new TextAutomaton(packsOf)
  const lastOf = new Map<string, number>()
  /** Stamp of the line for which a pack is a candidate or was tried: no set to clear a line. */
  const candidate = new Uint32Array(packs.length)
  const tried = new Uint32Array(packs.length)
  let stamp = 0

  const attempt = (i: number, line: string): DispatchHit | undefined => {
    tried[i] = stamp
    const { groks, name } = packs[i]!
    for (let grok = 0; grok < groks.length; grok++) {
      const event = groks[grok]!.match(line)
      if (event) return { pack: name, grok, event }
    }
    return undefined
  }

  return {
    match(line, hints) {
      if (++stamp === 0xffff_ffff) {
        candidate.fill(0)
        tried.fill(0)
        stamp = 1
      }
      const source = hints?.source
      const own = hints?.program === undefined ? undefined : byProgram.get(hints.program)
      if (own)
        for (const i of own) {
          const hit = attempt(i, line)
          if (hit) return remember(source, i, hit)
        }
      const last = source === undefined ? undefined : lastOf.get(source)
      if (last !== undefined && tried[last] !== stamp) {
        const hit = attempt(last, line)
        if (hit) return hit
      }
      automaton.mark(line, candidate, stamp)
      for (const i of always) candidate[i] = stamp
      for (let i = 0; i < packs.length; i++) {
        if (candidate[i] !== stamp || tried[i] === stamp) continue
        const hit = attempt(i, line)
        if (hit) return remember(source, i, hit)
      }
      return undefined
    },
  }

  function remember(source: string | undefined, pack: number, hit: DispatchHit): DispatchHit {
    if (source === undefined) return hit
    if (lastOf.size >= MAX_SOURCES && !lastOf.has(source)) lastOf.delete(lastOf.keys().next().value!)
    lastOf.set(source, pack)
    return hit
  }
}

/**
 * Aho and Corasick's automaton as one table: row + class of the character -> row of the next state, or its complement
 * (so negative) when a text ends there. Characters that no text has share class 0.
 */
class TextAutomaton {
  readonly #classOf = new Uint8Array(65_536)
  readonly #next: Int32Array
  readonly #width: number
  /** Packs of the texts that end in a state. */
  readonly #packs: (Int32Array | undefined)[]

  constructor(packsOf: ReadonlyMap<string, ReadonlySet<number>>) {
    const texts = [...packsOf.keys()]
    let classes = 1
    for (const text of texts)
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i)
        // past 255 different characters the rest shares the last class: more candidates, never fewer
        if (this.#classOf[unit] === 0) this.#classOf[unit] = classes < 255 ? classes++ : 255
      }
    const width = classes === 255 ? 256 : classes
    this.#width = width
    const rows: Int32Array[] = [new Int32Array(width)]
    const ends: number[][] = [[]]
    texts.forEach((text, t) => {
      let state = 0
      for (let i = 0; i < text.length; i++) {
        const c = this.#classOf[text.charCodeAt(i)]!
        let to = rows[state]![c]!
        if (to === 0) {
          to = rows.push(new Int32Array(width)) - 1
          ends.push([])
          rows[state]![c] = to
        }
        state = to
      }
      ends[state]!.push(t)
    })
    const fail = new Int32Array(rows.length)
    const queue: number[] = []
    for (let c = 0; c < width; c++) if (rows[0]![c]) queue.push(rows[0]![c]!)
    for (let q = 0; q < queue.length; q++) {
      const state = queue[q]!
      ends[state]!.push(...ends[fail[state]!]!)
      for (let c = 0; c < width; c++) {
        const to = rows[state]![c]!
        const back = rows[fail[state]!]![c]!
        if (to === 0) rows[state]![c] = back
        else {
          fail[to] = back
          queue.push(to)
        }
      }
    }
    this.#packs = ends.map((list) => {
      const packs = new Set(list.flatMap((text) => [...packsOf.get(texts[text]!)!]))
      return packs.size > 0 ? Int32Array.from(packs) : undefined
    })
    this.#next = new Int32Array(rows.length * width)
    rows.forEach((row, state) => {
      this.#next.set(
        row.map((to) => (this.#packs[to] ? ~(to * width) : to * width)),
        state * width,
      )
    })
  }

  /** Writes the stamp for every pack that has a text in the line. */
  mark(line: string, candidate: Uint32Array, stamp: number): void {
    const next = this.#next
    const classOf = this.#classOf
    const length = Math.min(line.length, MAX_LINE)
    let row = 0
    for (let i = 0; i < length; i++) {
      row = next[row + classOf[line.charCodeAt(i)]!]!
      if (row >= 0) continue
      row = ~row
      const found = this.#packs[row / this.#width]!
      for (let k = 0; k < found.length; k++) candidate[found[k]!] = stamp
    }
  }
}
