// EcsEvent: one event in Elastic Common Schema, nested, as plain data. And the two shapes it has elsewhere: flat and id.

import { createHash } from 'node:crypto'

export type Scalar = string | number | boolean
export type EcsValue = Scalar | null | undefined | EcsValue[] | { [key: string]: EcsValue }
/** Nested: `event.source.ip`, never `event['source.ip']`. Objects made by a parser have no prototype surprises. */
export type EcsEvent = { [key: string]: EcsValue }

/** Flat: dotted ECS name -> value or values in order. What search, rules' group-by and exports see. */
export type FlatEvent = Record<string, Scalar | Scalar[]>

/** The value at a dotted path, looking through keys that themselves hold dots; undefined where absent. */
export function getPath(event: EcsEvent, path: string): EcsValue {
  let node: EcsValue = event
  for (const part of path.split('.')) {
    if (node === null || typeof node !== 'object' || Array.isArray(node)) return undefined
    node = Object.hasOwn(node, part) ? (node as EcsEvent)[part] : undefined
  }
  return node
}

/** Sets a dotted path, making objects on the way. A scalar in the way is replaced: callers decide conflicts before. */
export function setPath(event: EcsEvent, path: string, value: EcsValue): void {
  const parts = path.split('.')
  let node: EcsEvent = event
  for (let i = 0; i < parts.length - 1; i++) {
    const part = parts[i] as string
    if (part === '__proto__') return
    const next = Object.hasOwn(node, part) ? node[part] : undefined
    if (next !== null && typeof next === 'object' && !Array.isArray(next)) node = next as EcsEvent
    else {
      const made: EcsEvent = {}
      node[part] = made
      node = made
    }
  }
  const last = parts[parts.length - 1] as string
  if (last !== '__proto__') node[last] = value
}

/** Flat -> nested. The inverse of what EventBatchWriter does to a nested event (arrays of objects stay flat arrays). */
export function nest(flat: FlatEvent): EcsEvent {
  const event: EcsEvent = {}
  for (const name of Object.keys(flat)) setPath(event, name, flat[name] as EcsValue)
  return event
}

/**
 * The identity of an event in the store, the UI, alerts and proofs: where it stands on the bus, or, where its source
 * has a better identity (auditID and stage, file fingerprint and offset, Idempotency-Key), a hash of that. Deterministic:
 * a replay gives the same id, so nothing is shown twice.
 * @returns `<partition>-<offset>`, or `k` and 22 characters base64url (the first 16 bytes of SHA-256 over source, NUL, key)
 */
export function eventId(partition: number, offset: number, source?: string, key?: string): string {
  return key ? `k${keyHash(source ?? '', key).toString('base64url')}` : `${partition}-${offset}`
}

export function keyHash(source: string, key: string): Buffer {
  return createHash('sha256').update(source).update('\0').update(key).digest().subarray(0, 16)
}
