// Writes what a match captured into an event: one generated function a pattern, no loop over names at run time.

import type { EcsEvent, EcsValue } from '../../core/event.ts'
import { invalid } from './expand.ts'
import type { CaptureType, Slot } from './ir.ts'

/** A capture of a compiled pattern. */
export interface GrokGroup {
  readonly path: readonly string[]
  readonly type: CaptureType | undefined
  /** Number in the translated expression. */
  readonly group: number
}

export interface Assignment {
  /** Captures as a new object. */
  readonly fresh: (m: RegExpExecArray) => EcsEvent
  /** Captures added to an event that may have some of the fields: a value is appended, making an array. */
  readonly into: (m: RegExpExecArray, event: EcsEvent) => void
}

/** The groups that are read, in the order of the pattern. */
export function groupsOf(slots: readonly Slot[], groupOfSlot: readonly number[]): GrokGroup[] {
  const groups: GrokGroup[] = []
  slots.forEach(({ path, type }, slot) => {
    if (path) groups.push({ path, type, group: groupOfSlot[slot]! })
  })
  return groups.sort((a, b) => a.group - b.group)
}

/**
 * Generates both functions. Field names reach the code through JSON.stringify only.
 * @throws GROK_INVALID when one field is a value and the parent of another
 */
export function generateAssignment(groups: readonly GrokGroup[], place: string): Assignment {
  const parents = new Set<string>()
  for (const { path } of groups) for (let i = 1; i < path.length; i++) parents.add(path.slice(0, i).join('\u0000'))
  for (const { path } of groups)
    if (parents.has(path.join('\u0000'))) invalid(place, 1, `${path.join('.')} is a value here and an object there`)
  const helpers = { toInt, toFloat, toBoolean, child, add }
  const make = (body: string, args: string) =>
    new Function(...Object.keys(helpers), `'use strict'; return function (${args}) {\n${body}}`)(
      ...Object.values(helpers),
    )
  return {
    fresh: make(generate(groups, true), 'm') as Assignment['fresh'],
    into: make(generate(groups, false), 'm, o') as Assignment['into'],
  }
}

function generate(groups: readonly GrokGroup[], fresh: boolean): string {
  const nodes = new Map<string, string>([['', 'o']])
  const seen = new Set<string>()
  const lines: string[] = [fresh ? 'const o = {}; let v' : 'let v']
  const nodeFor = (path: readonly string[]): string => {
    let expression = 'o'
    for (let i = 1; i <= path.length; i++) {
      const key = path.slice(0, i).join('\u0000')
      let name = nodes.get(key)
      if (!name) {
        name = `n${nodes.size}`
        nodes.set(key, name)
        lines[0] += `, ${name}`
      }
      const field = JSON.stringify(path[i - 1])
      expression = `(${name} ??= ${fresh ? `(${expression}[${field}] = {})` : `child(${expression}, ${field})`})`
    }
    return expression
  }
  for (const { path, type, group } of groups) {
    const key = path.join('\u0000')
    const again = !fresh || seen.has(key)
    seen.add(key)
    const node = nodeFor(path.slice(0, -1))
    const field = JSON.stringify(path[path.length - 1])
    const set = (value: string) => (again ? `add(${node}, ${field}, ${value})` : `${node}[${field}] = ${value}`)
    const test = `v = m[${group}]; if (v !== undefined && v !== '') `
    if (!type) lines.push(`${test}${set('v')}`)
    else if (type === 'boolean') lines.push(`${test}${set('toBoolean(v)')}`)
    else lines.push(`${test}{ v = ${type === 'int' ? 'toInt' : 'toFloat'}(v); if (v === v) ${set('v')} }`)
  }
  if (fresh) lines.push('return o')
  return `${lines.join('\n')}\n`
}

/** Leading digits as a whole number; NaN (then left out) without any. */
function toInt(text: string): number {
  // Up to nine plain digits, which nearly all are, take a third of what +text does; that is still faster than parseInt.
  const { length } = text
  if (length < 10) {
    let sum = 0
    let i = 0
    for (; i < length; i++) {
      const digit = text.charCodeAt(i) - 0x30
      if (digit < 0 || digit > 9) break
      sum = sum * 10 + digit
    }
    if (i === length && i > 0) return sum
  }
  const n = +text
  return Number.isInteger(n) ? n : Number.parseInt(text, 10)
}

function toFloat(text: string): number {
  const n = +text
  return Number.isNaN(n) ? Number.parseFloat(text) : n
}

function toBoolean(text: string): boolean {
  return text.length === 4 && text.toLowerCase() === 'true'
}

/** The object at a field, made when there is none. Inherited members are functions, never objects: so they never pass. */
function child(node: EcsEvent, field: string): EcsEvent {
  const found = node[field]
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return found
  const made: EcsEvent = {}
  node[field] = made
  return made
}

function add(node: EcsEvent, field: string, value: EcsValue): void {
  const found = Object.hasOwn(node, field) ? node[field] : undefined
  if (found === undefined || found === null) node[field] = value
  else if (Array.isArray(found)) found.push(value)
  else node[field] = [found, value]
}
