// Packs as code. A pack is compiled to small functions, one a path, a conversion, a condition and a step; called one after
// the other they are its meaning, but an engine cannot see through a thousand functions that share their code. So each says
// beside what it does how it reads as JavaScript (`withCode`), and what runs is one generated function a block (`generated`):
//
//   fields: {user.name: _.user | not '-'}  ->   v = c.event["_"]?.["user"] ?? undefined
//                                               if (v === "-") v = undefined
//                                               if (v !== undefined && v !== null && v !== '') {
//                                                 … made to fit a keyword, written to c.event["user"]["name"] }
//
// This file and those pieces are the only generated code of the parse stage beside grok's captures. Texts from a pack reach
// the code through JSON.stringify only; everything that is no text is handed over as a value (`use`). A piece that says
// nothing is called as it is. The generated function does what the pieces do: generated.test.ts holds them side by side.
//
// Variables of a generated function: `c` the context, `v` the value in hand, `r` as it was before it was made to fit, `o` and
// `n` an object and the one below it, `m` a match, `b` when a try began, `f` a function that was looked up, `s` the source
// whose keys are known, `t` what they say, `w` what they say of one list.

import type { EcsValue } from '../../core/event.ts'
import type { Getter, PackContext, Step } from './context.ts'
import { SourceKeys } from './source-keys.ts'

/** Statements for a piece; a condition gives an expression. @param no what to do when a step says no: a statement */
export type Emit = (code: Code, no: string) => string

const emitters = new WeakMap<object, Emit>()

const sourceKeys = new WeakMap<Getter, string>()

/** Says that a getter reads below this key of the source, and finds nothing when the source has no such key. */
export function readsKey(get: Getter, key: string): Getter {
  sourceKeys.set(get, key)
  return get
}

/** The keys of the source one of which must be there for one of the getters to find something. */
export function keysOf(getters: readonly Getter[]): string[] | undefined {
  const keys = getters.map((get) => sourceKeys.get(get))
  return keys.every((key) => key !== undefined) ? (keys as string[]) : undefined
}

/** Says how a piece reads as code, beside the function that does the same. */
export function withCode<F extends object>(run: F, emit: Emit): F {
  emitters.set(run, emit)
  return run
}

export class Code {
  /** False when the pack has no `keep`: nobody asks then which names of the source were used. */
  readonly keeps: boolean
  /** Shared by all functions of a pack. */
  readonly keys: SourceKeys
  readonly #values: unknown[] = []
  readonly #names = new Map<unknown, string>()
  #labels = 0

  constructor(keeps: boolean, keys: SourceKeys) {
    this.keeps = keeps
    this.keys = keys
  }

  /** The name under which generated code knows a value. */
  use(value: unknown): string {
    let name = this.#names.get(value)
    if (name === undefined) {
      name = `k${this.#values.push(value) - 1}`
      this.#names.set(value, name)
    }
    return name
  }

  label(): string {
    return `L${this.#labels++}`
  }

  /** Sets v. */
  get(run: Getter): string {
    return emitters.get(run)?.(this, '') ?? `v = ${this.use(run)}(c)`
  }

  /** Changes v. */
  change(run: (value: EcsValue, context: PackContext) => EcsValue): string {
    return emitters.get(run)?.(this, '') ?? `v = ${this.use(run)}(v, c)`
  }

  /** Writes v. */
  put(run: (context: PackContext, value: EcsValue) => void): string {
    return emitters.get(run)?.(this, '') ?? `${this.use(run)}(c, v)`
  }

  /** An expression that is true or false; may change v. */
  test(run: (context: PackContext) => boolean): string {
    return emitters.get(run)?.(this, '') ?? `${this.use(run)}(c)`
  }

  step(run: Step, no: string): string {
    return emitters.get(run)?.(this, no) ?? `if (!${this.use(run)}(c)) ${no}`
  }

  /** A step as a function of its own, made when it first runs: what a line seldom needs stays out of the way. */
  apart(run: Step, no: string): string {
    return `if (!${this.use(generated(run, this.keeps, this.keys))}(c)) ${no}`
  }

  /**
   * An expression: which of these keys the source has, as `w`; one bit each, as `bitOf` says. The keys of a source are looked
   * at once, however many lists there are: a pack that knows fifty names for each of fifty fields reads an object of seven
   * keys with seven steps.
   */
  which(keys: readonly string[]): string {
    const list = this.keys.add(keys)
    return `(w = (s === c.source ? t : t = ${this.use(this.keys)}.find(s = c.source))[${list}])`
  }

  build(body: string): Step {
    const bind = this.#values.map((_, i) => `const k${i} = k[${i}]`).join('\n')
    return new Function(
      'k',
      `'use strict'\n${bind}\nreturn function (c) {\nlet s, t = [], w, v, r, o, n, m, b, f\n${body}\nreturn true }`,
    )(this.#values) as Step
  }
}

const made = new WeakMap<Step, Step>()

/** The same step as one function. Code is made when it first runs: of a hundred packs a node needs a few. */
export function generated(step: Step, keeps: boolean, keys = new SourceKeys()): Step {
  let found = made.get(step)
  if (!found) {
    let run: Step | undefined
    found = (context) => {
      if (run === undefined) {
        const code = new Code(keeps, keys)
        run = code.build(code.step(step, 'return false'))
      }
      return run(context)
    }
    made.set(step, found)
  }
  return found
}

/** Names that a value has without its own doing, and numbers, which a list has: `v[name]` would find what is not there. */
const isInherited = (name: string) =>
  name in {} || name in [] || name in Object('') || name in Object(0) || /^\d+$/.test(name)

/** What stands at the names below an object; undefined when these names need more care than an expression takes. */
export function readCode(root: string, names: readonly string[]): string | undefined {
  if (names.length === 0 || names.some(isInherited)) return undefined
  return `${root}?.${names.map((name) => `[${JSON.stringify(name)}]`).join('?.')} ?? undefined`
}

/** Writes v below the names, making objects on the way; whatever else is in the way gives way. */
export function writeCode(names: readonly string[]): string {
  const keys = names.map((name) => JSON.stringify(name))
  const last = keys.pop() as string
  if (keys.length === 0) return `c.event[${last}] = v`
  const down = keys.map(
    (key) => `n = o[${key}]; if (typeof n !== 'object' || n === null || Array.isArray(n)) n = o[${key}] = {}; o = n`,
  )
  return `o = c.event; ${down.join('; ')}; o[${last}] = v`
}
