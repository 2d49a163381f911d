// Where a rule's field is found in an event, and the values there.

import type { EcsEvent, EcsValue, Scalar } from '../../core/event.ts'

/** One place to look: a path through nested objects and lists, or (`whole`) a key of the event that holds dots itself. */
export interface Source {
  readonly path: readonly string[]
  /** Put before the value: Sysmon's `Hashes` is `MD5=..,SHA256=..`, ECS has one field for each. */
  readonly prefix: string
}

/** `MD5=@process.hash.md5` or a plain dotted path. */
export function parseSource(text: string): Source {
  const at = text.indexOf('@', 1)
  const prefix = at > 0 && text[at - 1] === '=' ? text.slice(0, at) : ''
  return { path: (prefix ? text.slice(at + 1) : text).split('.'), prefix }
}

/** What a slot of an event holds. `null` stands among the values: present, but null. */
export type FieldValue = Scalar | null

const maxValuesPerField = 1024
const maxTextOfObject = 64 * 1024

/**
 * Every value at every source, in order. Lists are walked, objects at the end of a path give their JSON text.
 * @param out filled, not cleared
 */
export function collectValues(event: EcsEvent, sources: readonly Source[], out: FieldValue[]): void {
  for (const source of sources) {
    const { path } = source
    if (path.length > 1) {
      const key = path.join('.')
      if (Object.hasOwn(event, key)) take(event[key], source.prefix, out)
    }
    walk(event, path, 0, source.prefix, out)
  }
}

/** The same for one source in an event that has no keys with dots. */
export const collectNested = (event: EcsEvent, { path, prefix }: Source, out: FieldValue[]): void =>
  walk(event, path, 0, prefix, out)

function walk(node: EcsValue, path: readonly string[], depth: number, prefix: string, out: FieldValue[]): void {
  for (; depth < path.length; depth++) {
    if (node === null || typeof node !== 'object') return
    const part = path[depth] as string
    if (Array.isArray(node)) {
      const place = indexOf(part)
      if (place < 0) {
        for (const one of node) if (out.length < maxValuesPerField) walk(one, path, depth, prefix, out)
        return
      }
      if (place >= node.length) return
      node = node[place]
      continue
    }
    if (!Object.hasOwn(node, part)) return
    node = (node as EcsEvent)[part]
  }
  take(node, prefix, out)
}

/** `process.args.1` is the second element of the list. */
const indexOf = (part: string): number => (/^\d{1,3}$/.test(part) ? Number(part) : -1)

export function take(node: EcsValue, prefix: string, out: FieldValue[]): void {
  if (node === undefined || out.length >= maxValuesPerField) return
  if (node === null) out.push(null)
  else if (typeof node !== 'object') out.push(prefix === '' ? node : prefix + String(node))
  else if (Array.isArray(node)) for (const one of node) take(one, prefix, out)
  else out.push(textOfObject(node))
}

function textOfObject(node: object): string {
  try {
    return JSON.stringify(node).slice(0, maxTextOfObject)
  } catch {
    return '' // a cycle or a BigInt cannot come from a parser; a caller's own object may hold one
  }
}

const eventTimes = new Set(['created', 'ingested', 'start', 'end'])
const maxKeywordDepth = 32

/**
 * What keywords are looked for in: every text of the event, except ids, hashes and times, which hold no words. A message
 * that is the original once more is looked at once.
 */
export function collectKeywordTexts(event: EcsEvent, out: FieldValue[]): void {
  const { message } = event
  const inner = event['event']
  const original =
    inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? inner?.['original'] : undefined
  for (const key in event) {
    if (key === '@timestamp' || key === 'id' || key === 'hash') continue
    if (key === 'message' && typeof message === 'string' && message === original) continue
    const value = event[key]
    visit(value, key === 'event', 1, out)
  }
}

function visit(node: EcsValue, isEvent: boolean, depth: number, out: FieldValue[]): void {
  if (typeof node === 'string') {
    if (out.length < maxValuesPerField) out.push(node)
    return
  }
  if (node === null || typeof node !== 'object' || depth > maxKeywordDepth) return
  if (Array.isArray(node)) {
    for (const one of node) visit(one, false, depth + 1, out)
    return
  }
  for (const key in node) {
    if (key === 'id' || key === 'hash' || (isEvent && eventTimes.has(key))) continue
    visit((node as EcsEvent)[key], false, depth + 1, out)
  }
}
