// Code for the paths that packs read and write: one generated function a path, with the names in it, so that the engine
// remembers where in an event of this shape the value is. A loop over names has to look each of them up.

import type { EcsEvent, EcsValue } from '../../core/event.ts'

export type Read = (from: EcsEvent) => EcsValue
export type Write = (into: EcsEvent, value: EcsValue) => void

const reads = new Map<string, Read>()
const writes = new Map<string, Write>()

/** Names that a value has without its own doing, and numbers, which a list has. */
const isInherited = (name: string) =>
  name in {} || name in [] || name in Object('') || name in Object(0) || /^\d+$/.test(name)

/**
 * The value at the names, undefined when one is missing or null. Code is generated at first use: of a hundred packs a
 * node needs a few.
 * @returns undefined when the names need more care than generated code takes
 */
export function readOf(names: readonly string[]): Read | undefined {
  if (names.length === 0 || names.some(isInherited)) return undefined
  const id = JSON.stringify(names)
  let read = reads.get(id)
  if (!read) {
    let made: Read | undefined
    read = (from) => (made ??= generateRead(names))(from)
    reads.set(id, read)
  }
  return read
}

/** Writes below the names, making objects on the way; whatever else is in the way gives way. */
export function writeOf(names: readonly string[]): Write {
  const id = JSON.stringify(names)
  let write = writes.get(id)
  if (!write) {
    let made: Write | undefined
    write = (into, value) => (made ??= generateWrite(names))(into, value)
    writes.set(id, write)
  }
  return write
}

function generateRead(names: readonly string[]): Read {
  const steps = names.map(
    (name) => `v = v[${JSON.stringify(name)}]\nif (v === undefined || v === null) return undefined`,
  )
  return new Function('v', `'use strict'\n${steps.join('\n')}\nreturn v`) as Read
}

function generateWrite(names: readonly string[]): Write {
  const last = JSON.stringify(names.at(-1))
  const steps = names.slice(0, -1).map((name, i) => {
    const key = JSON.stringify(name)
    const make = i === names.length - 2 ? `e[${key}] = { ${last}: v }; return` : `n = e[${key}] = {}`
    return `n = e[${key}]\nif (typeof n !== 'object' || n === null || Array.isArray(n)) { ${make} }\ne = n`
  })
  return new Function('e', 'v', `'use strict'\nlet n\n${steps.join('\n')}\ne[${last}] = v`) as Write
}
