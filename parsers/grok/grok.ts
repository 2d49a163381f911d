// Grok on the native regular expression engine: compile once, match a line, get a nested event.
//
//   text -> expand (references, fields) -> tree -> emit (RegExp, numbered groups) + literals + generated assignment

import { PipelineError } from '../../core/errors.ts'
import type { EcsEvent } from '../../core/event.ts'
import { type GrokGroup, generateAssignment, groupsOf } from './assign.ts'
import { type CharSet, contains } from './charset.ts'
import { emit } from './emit.ts'
import { expand, invalid } from './expand.ts'
import { anchorOf, first } from './first.ts'
import { hasBackReference } from './ir.ts'
import { type AnyOf, cheapestFilter, requiredLiterals } from './literals.ts'
import { type Danger, findDanger } from './safety.ts'
import { LONG_LINE, searchLong, tryLong } from './search.ts'
import { mayBeQuadratic } from './search-cost.ts'
import { standardPatterns } from './standard.ts'

export type { GrokGroup } from './assign.ts'
export { debugGrok, type GrokDebug } from './debug.ts'
export { loadPatternFile } from './pattern-file.ts'
export { LONG_LINE, takeCutSearches } from './search.ts'
export { standardPatterns } from './standard.ts'

export interface GrokOptions {
  /** Definitions beside the standard ones; they win over standard ones of the same name. */
  patterns?: ReadonlyMap<string, string>
  /** ecs-v1 field names in the standard patterns (default), or legacy ones. */
  ecs?: boolean
  /** Where the pattern stands, for messages. */
  place?: string
  /** Default `none`: the pattern may match anywhere in the line, as Logstash does. */
  anchored?: 'start' | 'both' | 'none'
  /** Default true: the first pattern that matches wins. False: every pattern adds its captures. */
  breakOnMatch?: boolean
  /** Throw GROK_UNSAFE for every danger, not for exponential ones only. */
  refuseUnsafe?: boolean
}

export interface Grok {
  /** Nested captures of the first MAX_LINE characters' match, or undefined. Never throws. */
  match(line: string): EcsEvent | undefined
  /** Adds the captures to an event, appending to fields it has; true when the line matched. */
  apply(line: string, into: EcsEvent): boolean
  /** Translated expressions, one a pattern, joined by newlines. For people. */
  readonly source: string
  /** Texts that every matching line contains; empty with several patterns that share none. */
  readonly literals: readonly string[]
  /** Per pattern, the sets of which a matching line contains one member each. */
  readonly required: readonly (readonly AnyOf[])[]
  /** Per pattern, what a matching line begins with; undefined when that may be anything, or nothing. */
  readonly firsts: readonly (CharSet | undefined)[]
  /**
   * False when the analysis found a way to take more than time proportional to the line, from one place to begin at.
   * On lines longer than LONG_LINE it is tried on longer and longer parts, and given up when that takes over 12 ms:
   * takeCutSearches() counts them.
   */
  readonly safe: boolean
  /** What the analysis found, per unsafe pattern. */
  readonly dangers: readonly string[]
  /**
   * True when a search (`anchored: 'none'`) may take time square to the line: it begins at many places. Lines longer than
   * LONG_LINE are then searched for 25 ms at most; takeCutSearches() counts those that were not searched to their end.
   */
  readonly guarded: boolean
  readonly groups: readonly GrokGroup[]
  /** The patterns apart, for who assigns what they capture. */
  readonly patterns: readonly GrokPattern[]
}

export interface GrokPattern {
  readonly groups: readonly GrokGroup[]
  /** The match in at most MAX_LINE characters. */
  exec(line: string): RegExpExecArray | null
}

/** Longer lines are matched by their first part: 64 KiB. */
export const MAX_LINE = 64 * 1024

/**
 * Compiles one pattern, or several that are tried in order.
 * @throws GROK_INVALID, GROK_UNKNOWN_PATTERN with place and column; GROK_UNSAFE for a pattern that can take time
 *   exponential in the line, which no length of line would make bearable
 */
export function compileGrok(pattern: string | readonly string[], options: GrokOptions = {}): Grok {
  const sources = typeof pattern === 'string' ? [pattern] : pattern
  if (sources.length === 0) invalid(options.place ?? 'grok', 1, 'no pattern given')
  const patterns = withStandard(options.patterns, options.ecs ?? true)
  const one = sources.map((source, i) => {
    const place = options.place ?? 'grok'
    return new OnePattern(
      source,
      patterns,
      sources.length > 1 ? `${place}#${i + 1}` : place,
      options.anchored ?? 'none',
    )
  })
  const grok = new CompiledGrok(one, options.breakOnMatch ?? true)
  const refused = one.filter(({ danger }) => danger && (danger.exponential || options.refuseUnsafe))
  if (refused.length > 0) {
    const problem = refused.map(({ danger }) => danger?.problem).join('; ')
    throw new PipelineError('GROK_UNSAFE', { place: options.place ?? 'grok', problem })
  }
  return grok
}

const merged = new WeakMap<ReadonlyMap<string, string>, Map<boolean, ReadonlyMap<string, string>>>()

function withStandard(extra: ReadonlyMap<string, string> | undefined, ecs: boolean): ReadonlyMap<string, string> {
  const standard = standardPatterns(ecs)
  if (!extra || extra.size === 0) return standard
  let both = merged.get(extra)
  if (!both) merged.set(extra, (both = new Map()))
  let map = both.get(ecs)
  if (!map) both.set(ecs, (map = new Map([...standard, ...extra])))
  return map
}

class OnePattern {
  readonly source: string
  readonly required: readonly AnyOf[]
  readonly first: CharSet | undefined
  readonly groups: readonly GrokGroup[]
  readonly danger: Danger
  /** Long lines are searched by #singleHere and #multiHere. */
  readonly guarded: boolean
  readonly fresh: (m: RegExpExecArray) => EcsEvent
  readonly into: (m: RegExpExecArray, event: EcsEvent) => void
  readonly #single: RegExp
  /** For subjects with a newline in them, when that makes a difference. */
  readonly #multi: RegExp | undefined
  readonly #filter: AnyOf | undefined
  readonly #careful: boolean
  /** What #single and #multi are, for one place to begin at; made when a long line comes. */
  #singleHere: RegExp | undefined
  #multiHere: RegExp | undefined
  /** As #begins, for a pattern that may begin anywhere. */
  readonly #starts: Uint8Array | undefined
  /** Anchored patterns: 1 for each code unit below 128 that a match can begin with, and at 128 for all others. */
  readonly #begins: Uint8Array | undefined
  readonly #loops: readonly {
    readonly group: number
    readonly turn: RegExp
    readonly slots: readonly (readonly [from: number, to: number])[]
  }[]

  constructor(
    source: string,
    patterns: ReadonlyMap<string, string>,
    place: string,
    anchored: NonNullable<GrokOptions['anchored']>,
  ) {
    const { tree, slots } = expand(source, patterns, place)
    const options = { anchored, slots: slots.length, wanted: () => true, loops: !hasBackReference(tree) }
    const single = emit(tree, { ...options, singleLine: true })
    this.source = single.source
    this.#single = build(single.source, place)
    this.#multi = single.linewise ? build(emit(tree, { ...options, singleLine: false }).source, place) : undefined
    this.danger = findDanger(tree)
    this.guarded = anchored === 'none' && mayBeQuadratic(tree)
    this.#careful = this.guarded || this.danger !== undefined
    this.required = requiredLiterals(tree)
    const begin = first(tree)
    const begins = begin === undefined || begin.empty ? undefined : begin.set
    this.first = anchored === 'none' ? undefined : begins
    this.#begins = begins && (anchored !== 'none' || anchorOf(tree)) ? beginsTable(begins) : undefined
    this.#starts = this.guarded && begins ? beginsTable(begins) : undefined
    let group = single.groups
    const groupOfSlot = [...single.groupOfSlot]
    for (const loop of single.loops) for (const [slot] of loop.slots) groupOfSlot[slot] = ++group
    this.#loops = single.loops.map((loop) => ({
      group: loop.group,
      turn: new RegExp(loop.source, 'y'),
      slots: loop.slots.map(([slot, from]) => [from, groupOfSlot[slot]!] as const),
    }))
    this.groups = groupsOf(slots, groupOfSlot)
    const { fresh, into } = generateAssignment(this.groups, place)
    this.fresh = fresh
    this.into = into
    this.#filter = cheapestFilter(this.required)
  }

  exec(line: string): RegExpExecArray | null {
    const begins = this.#begins
    if (begins !== undefined) {
      const unit = line.charCodeAt(0)
      // what begins otherwise can only match at a later line, and most lines are one
      if (!begins[unit < 128 ? unit : 128] && (this.#multi === undefined || !line.includes('\n'))) return null
    }
    const filter = this.#filter
    if (filter !== undefined) {
      let i = 0
      while (i < filter.length && !line.includes(filter[i]!)) i++
      if (i === filter.length) return null
    }
    const multi = this.#multi
    const lines = multi !== undefined && line.includes('\n')
    const found =
      this.#careful && line.length > LONG_LINE
        ? this.#execLong(line, lines)
        : lines
          ? multi.exec(line)
          : this.#single.exec(line)
    if (found !== null && this.#loops.length > 0) this.#walkLoops(found)
    return found
  }

  #execLong(line: string, lines: boolean): RegExpExecArray | null {
    if (this.danger !== undefined) return tryLong(lines ? (this.#multi as RegExp) : this.#single, line)
    const sticky = lines
      ? (this.#multiHere ??= new RegExp((this.#multi as RegExp).source, 'y'))
      : (this.#singleHere ??= new RegExp(this.#single.source, 'y'))
    // a text that a match must contain lies after its beginning
    const last = this.#filter ? Math.max(...this.#filter.map((text) => line.lastIndexOf(text))) : line.length
    return searchLong(sticky, line, this.#starts, last)
  }

  #walkLoops(found: RegExpExecArray): void {
    for (const { group, turn, slots } of this.#loops) {
      const text = found[group]
      if (!text) continue
      turn.lastIndex = 0
      for (let m = turn.exec(text); m !== null && m[0] !== ''; m = turn.exec(text))
        for (const [from, to] of slots) if (m[from]) found[to] = m[from]
    }
  }
}

function beginsTable(set: CharSet): Uint8Array {
  const table = Uint8Array.from({ length: 129 }, (_, unit) => (contains(set, unit) ? 1 : 0))
  table[128] = (set.at(-1) ?? 0) >= 128 ? 1 : 0
  return table
}

const LARGE_SOURCE = 16 * 1024

function build(source: string, place: string): RegExp {
  try {
    const expression = new RegExp(source)
    // The engine translates at first use, for each string width. An expression so large that it may refuse must show it
    // now; the others wait, or a hundred packs would cost seconds at every start.
    if (source.length > LARGE_SOURCE) {
      expression.exec('')
      expression.exec('\u1234')
    }
    return expression
  } catch (error) {
    throw new PipelineError(
      'GROK_INVALID',
      { place, column: 1, problem: error instanceof Error ? error.message : String(error) },
      { cause: error },
    )
  }
}

class CompiledGrok implements Grok {
  readonly source: string
  readonly literals: readonly string[]
  readonly required: readonly (readonly AnyOf[])[]
  readonly firsts: readonly (CharSet | undefined)[]
  readonly groups: readonly GrokGroup[]
  readonly safe: boolean
  readonly dangers: readonly string[]
  readonly guarded: boolean
  readonly patterns: readonly GrokPattern[]
  readonly #all: readonly OnePattern[]
  readonly #first: boolean

  constructor(all: readonly OnePattern[], breakOnMatch: boolean) {
    this.#all = all
    this.patterns = all
    this.#first = breakOnMatch
    this.source = all.map((one) => one.source).join('\n')
    this.required = all.map((one) => one.required)
    this.firsts = all.map((one) => one.first)
    this.dangers = all.flatMap(({ danger }) => (danger ? [danger.problem] : []))
    this.guarded = all.some((one) => one.guarded)
    this.safe = this.dangers.length === 0
    this.groups = all.flatMap((one) => one.groups)
    const [head, ...rest] = this.required.map((sets) => sets.filter((set) => set.length === 1).map((set) => set[0]!))
    this.literals = (head ?? []).filter((text) => rest.every((texts) => texts.includes(text)))
  }

  match(line: string): EcsEvent | undefined {
    const subject = line.length > MAX_LINE ? line.slice(0, MAX_LINE) : line
    const all = this.#all
    let event: EcsEvent | undefined
    for (let i = 0; i < all.length; i++) {
      const one = all[i]!
      const found = one.exec(subject)
      if (found === null) continue
      if (this.#first) return one.fresh(found)
      if (event === undefined) event = one.fresh(found)
      else one.into(found, event)
    }
    return event
  }

  apply(line: string, into: EcsEvent): boolean {
    const subject = line.length > MAX_LINE ? line.slice(0, MAX_LINE) : line
    let matched = false
    for (const one of this.#all) {
      const found = one.exec(subject)
      if (found === null) continue
      one.into(found, into)
      matched = true
      if (this.#first) return true
    }
    return matched
  }
}
