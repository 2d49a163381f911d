// One JSON object, safely: bounded depth and size, and no key that could reach a prototype.

import type { EcsEvent, EcsValue } from '../../core/event.ts'

export interface JsonLimits {
  /** Levels of objects and arrays; deeper ones are kept as their JSON text. */
  readonly maxDepth: number
  /** Keys and elements in the whole document; further ones are dropped and `truncated` is set. */
  readonly maxNodes: number
}

export const jsonLimits: JsonLimits = { maxDepth: 24, maxNodes: 20_000 }

export interface JsonRead {
  readonly object: EcsEvent
  /** Something went over a limit and is only in event.original. */
  readonly truncated: boolean
}

/** @returns undefined when the text is not one JSON object (RFC 8259; `{}` included) */
export function readJson(text: string, limits: JsonLimits = jsonLimits): JsonRead | undefined {
  let at = 0
  let code = text.charCodeAt(0)
  while (code === 32 || code === 9 || code === 10 || code === 13 || code === 0xfeff) code = text.charCodeAt(++at)
  if (code !== 123) return undefined
  let value: unknown
  try {
    value = JSON.parse(at > 0 ? text.slice(at) : text)
  } catch {
    return undefined // SyntaxError, or RangeError for nesting deeper than the stack
  }
  const budget = { left: limits.maxNodes, truncated: false }
  clean(value as EcsEvent, limits.maxDepth, budget)
  return { object: value as EcsEvent, truncated: budget.truncated }
}

/**
 * Removes what must not travel: `__proto__` keys, the parts past a limit, lone surrogates are left (they encode as U+FFFD).
 * Works in place; only documents that hold such things are changed.
 */
function clean(node: EcsEvent | EcsValue[], depth: number, budget: { left: number; truncated: boolean }): void {
  if (Array.isArray(node)) {
    for (let i = 0; i < node.length; i++) {
      const value = node[i]
      if (--budget.left < 0) {
        node.length = i
        budget.truncated = true
        return
      }
      if (value !== null && typeof value === 'object') node[i] = deeper(value, depth, budget)
    }
    return
  }
  for (const key in node) {
    if (key === '__proto__' || --budget.left < 0) {
      delete node[key]
      budget.truncated = true
      continue
    }
    const value = node[key]
    if (value !== null && typeof value === 'object') node[key] = deeper(value, depth, budget)
  }
}

function deeper(value: EcsEvent | EcsValue[], depth: number, budget: { left: number; truncated: boolean }): EcsValue {
  if (depth > 1) {
    clean(value, depth - 1, budget)
    return value
  }
  budget.truncated = true
  try {
    return JSON.stringify(value)
  } catch {
    return '[too deep]' // deeper than the stack: whole in event.original
  }
}

/** An object or a list in a text, as readJson reads them; undefined for anything else. */
export function readJsonValue(text: string, limits: JsonLimits = jsonLimits): EcsValue {
  const start = text.trimStart()
  if (start[0] === '{') return readJson(start, limits)?.object
  return start[0] === '[' ? readJson(`{"list":${start}}`, limits)?.object['list'] : undefined
}
