// The steps of a pack, compiled: one function a key of a block, run in the order they are written.

import type { EcsEvent, EcsValue } from '../../core/event.ts'
import { generated, withCode } from './code.ts'
import { type Compile, type CompileEnv, isObject, type Step, type Where } from './context.ts'
import { adopt } from './objects.ts'
import { auditd, cef, csv, grok, json, kv, leef, windows, xml } from './readers.ts'
import { compileValue } from './value.ts'
import { compileWhen } from './when.ts'
import { address, append, fields, keep, move, remove, set, url } from './writers.ts'

/** One block: its keys in order. It ends, answering false, as soon as `when` or a reader says no. */
export function compileBlock(value: unknown, where: Where, env: CompileEnv): Step {
  if (!isObject(value)) return env.fail(where, 'a block of steps belongs here, like `set: {event.kind: event}`')
  const steps = Object.keys(value).map((key) => {
    const compile = Object.hasOwn(stepKinds, key) ? stepKinds[key] : undefined
    if (!compile) return env.fail([...where, key], `no step named '${key}'; there are ${stepNames.join(', ')}`)
    return compile(value[key], [...where, key], env)
  })
  if (steps.length === 1) return steps[0] as Step
  return withCode(
    (context) => steps.every((step) => step(context)),
    (code, no) => steps.map((step) => code.step(step, no)).join('\n'),
  )
}

/** A block or a list of them; every one runs, whatever the ones before answered. */
export function compileBlocks(value: unknown, where: Where, env: CompileEnv): Step {
  if (!Array.isArray(value)) return compileBlock(value, where, env)
  const blocks = value.map((block, i) => compileBlock(block, [...where, i], env))
  return withCode(
    (context) => {
      for (const block of blocks) block(context)
      return true
    },
    (code) =>
      blocks
        .map((block) => {
          const end = code.label()
          const no = `break ${end}`
          return `${end}: { ${blocks.length > MANY ? code.apart(block, no) : code.step(block, no)} }`
        })
        .join('\n'),
  )
}

/** Blocks of a longer list are functions of their own: the engine gives up on functions that are too large. */
const MANY = 24
/** Of which one is taken, most are never run. */
const MANY_CHOICES = 4

/** A list of blocks of which the first that says yes is the only one. */
export function compileFirst(value: unknown, where: Where, env: CompileEnv): Step {
  if (!Array.isArray(value) || value.length === 0) return env.fail(where, 'a list of blocks belongs here')
  const blocks = value.map((block, i) => ({
    step: compileBlock(block, [...where, i], env),
    starts: isObject(block) ? startsOf(block['grok']) : undefined,
    // what a line is of no pack's leaves is not looked at
    undo: isObject(block) && mayFailLate(block) && (where.length > 1 || i < value.length - 1),
  }))
  return withCode(
    (context) => {
      for (const { step, starts, undo } of blocks) {
        if (starts !== undefined && !beginsWithOne(context.body, starts)) continue
        const before = undo ? clone(context.event) : undefined
        const unfit = context.unfit.length
        if (step(context)) return true
        context.unfit.length = unfit
        if (before) context.event = before
      }
      return false
    },
    (code, no) => {
      const done = code.label()
      const tries = blocks.map(({ step, starts, undo }) => {
        const end = code.label()
        const test = starts?.map((text) => `c.body.startsWith(${JSON.stringify(text)})`).join(' || ')
        const begin = test === undefined ? '' : `if (!(${test})) break ${end}\n`
        const run = (out: string) => (blocks.length > MANY_CHOICES ? code.apart(step, out) : code.step(step, out))
        if (!undo) return `${end}: { ${begin}${run(`break ${end}`)}\nbreak ${done} }`
        const failed = code.label()
        return `${end}: { ${begin}const before = ${code.use(clone)}(c.event), unfit = c.unfit.length
${failed}: { ${run(`break ${failed}`)}\nbreak ${done} }
c.event = before; c.unfit.length = unfit }`
      })
      return `${done}: { ${tries.join('\n')}\n${no} }`
    },
  )
}

/** Keys that can say no. */
const DECIDING = new Set(['when', 'grok', 'json', 'kv', 'csv', 'cef', 'leef', 'auditd', 'windows', 'xml'])

/** True for a block that may say no after it has changed the event. */
function mayFailLate(block: EcsEvent): boolean {
  const keys = Object.keys(block)
  const firstChange = keys.findIndex((key) => key !== 'when')
  return firstChange >= 0 && keys.some((key, i) => i > firstChange && DECIDING.has(key))
}

function clone(value: EcsEvent): EcsEvent {
  const copy: EcsEvent = {}
  for (const key in value) {
    const inner = value[key]
    copy[key] = isObject(inner) ? clone(inner) : Array.isArray(inner) ? inner.slice() : inner
  }
  return copy
}

function beginsWithOne(text: string, starts: readonly string[]): boolean {
  for (let i = 0; i < starts.length; i++) if (text.startsWith(starts[i] as string)) return true
  return false
}

/** Plain texts that a body must begin with for these anchored patterns, undefined when one of them can begin anyhow. */
function startsOf(grok: unknown): string[] | undefined {
  const patterns = typeof grok === 'string' ? [grok] : Array.isArray(grok) ? grok : []
  const starts: string[] = []
  for (const pattern of patterns) {
    if (typeof pattern !== 'string' || hasTopLevelBar(pattern)) return undefined
    const plain = (/^[\w ,:;/=<>"'!#&@~-]*/.exec(pattern) as RegExpExecArray)[0]
    const next = pattern[plain.length]
    const start = next !== undefined && '?*+{'.includes(next) ? plain.slice(0, -1) : plain
    if (start === '') return undefined
    starts.push(start)
  }
  return starts.length > 0 ? starts : undefined
}

function hasTopLevelBar(pattern: string): boolean {
  let depth = 0
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]
    if (c === '\\') i++
    else if (c === '(' || c === '[') depth++
    else if (c === ')' || c === ']') depth--
    else if (c === '|' && depth <= 0) return true
  }
  return false
}

/** Blocks by a value: `switch: {on: .id, cases: {'4624': {...}}, else: {...}}`. */
const switchStep: Compile = (value, where, env) => {
  if (!isObject(value) || !isObject(value['cases'])) return env.fail(where, 'switch needs on and cases')
  const cases = new Map<string, Step>()
  for (const [keys, block] of Object.entries(value['cases'])) {
    const step = compileBlocks(block, [...where, 'cases', keys], env)
    for (const key of keys.split(/\s*,\s*/)) cases.set(key, step)
  }
  const on = compileValue(value['on'], [...where, 'on'], env)
  const otherwise = value['else'] === undefined ? undefined : compileBlocks(value['else'], [...where, 'else'], env)
  const choose = (key: EcsValue, of: ReadonlyMap<string, Step>): Step | undefined =>
    typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean' ? of.get(String(key)) : undefined
  return withCode(
    (context) => {
      const step = choose(on(context), cases) ?? otherwise
      return step ? step(context) : true
    },
    (code, no) => {
      const apart = new Map([...cases].map(([key, step]) => [key, generated(step, code.keeps, code.keys)]))
      const other = otherwise && generated(otherwise, code.keeps, code.keys)
      return `${code.get(on)}
f = ${code.use(choose)}(v, ${code.use(apart)})${other ? ` ?? ${code.use(other)}` : ''}
if (f !== undefined && !f(c)) ${no}`
    },
  )
}

const when: Compile = (value, where, env) => {
  const test = compileWhen(value, where, env)
  return withCode(
    (context) => test(context),
    (code, no) => `if (!${code.test(test)}) ${no}`,
  )
}

/** Choices inside a block: whatever they come to, the block goes on. */
const always =
  (compile: Compile): Compile =>
  (value, where, env) => {
    const step = compile(value, where, env)
    return withCode(
      (context) => {
        step(context)
        return true
      },
      (code) => {
        const end = code.label()
        return `${end}: { ${code.step(step, `break ${end}`)} }`
      },
    )
  }

/** Everything a block may say. */
const stepKinds: Readonly<Record<string, Compile>> = {
  when,
  grok,
  json,
  kv,
  csv,
  cef,
  leef,
  auditd,
  windows,
  xml,
  adopt,
  fields,
  set,
  append,
  move,
  remove,
  address,
  url,
  switch: always(switchStep),
  first: always(compileFirst),
  steps: always(compileBlocks),
  keep,
}
export const stepNames: readonly string[] = Object.keys(stepKinds)
