// One field, one type, everywhere: after the pack and before the event is completed, values that do not fit the type
// core/fields.ts gives their field move aside, to `haetae.conflict`, under the field's dotted name and always as text.
// `haetae.conflicts` lists the fields. An event is never refused for it, and nothing of it is lost.
//
//   tree of known fields    event
//     source  (object)        source: {
//       ip    (ip)              ip: 'gateway-3',     -> haetae.conflict['source.ip'] = 'gateway-3'
//       port  (long)            port: '443'          -> 443: text that is exactly the number is the number
//                             }

import { ecsArrayFields, ecsFieldSets, ecsFieldTypes } from '../../core/ecs-fields.ts'
import type { EcsEvent, EcsValue, Scalar } from '../../core/event.ts'
import { type FieldType, fieldType } from '../../core/fields.ts'
import { ipVersion } from '../ecs/ip.ts'
import { keywordLeaves } from './keyword-leaves.ts'

interface Field {
  readonly key: string
  readonly name: string
  /** undefined: fields stand below it, so its value is an object (or a list of objects). */
  type: FieldType | undefined
  readonly below: Map<string, Field>
  /** The first field below it, and the one after it, when they came last: events have their fields in the same order. */
  head: Field | undefined
  next: Field | undefined
}

const newField = (key: string, name: string): Field => ({
  key,
  name,
  type: undefined,
  below: new Map(),
  head: undefined,
  next: undefined,
})

/** First parts that are no object with fields of their own. */
const LEAF_SETS = new Set(['@timestamp', 'message', 'tags'])
/** Lists of objects with fields ECS knows. */
const OBJECT_LISTS = ['dns.answers', 'email.attachments']

function buildTree(): Field {
  const root = newField('', '')
  const add = (name: string, leaf: boolean) => {
    let node = root
    for (const part of name.split('.')) {
      let next = node.below.get(part)
      if (!next) {
        next = newField(part, node.name === '' ? part : `${node.name}.${part}`)
        node.below.set(part, next)
      }
      node = next
    }
    // a name that has names below it is an object, whatever a list says
    if (leaf && node.below.size === 0) node.type = fieldType(name)
  }
  for (const set of ecsFieldSets) if (!LEAF_SETS.has(set)) add(set, false)
  const leaves = [...keywordLeaves, ...ecsArrayFields, ...ecsFieldTypes.keys()].filter(
    (name) => name !== '@timestamp' && !OBJECT_LISTS.includes(name),
  )
  // longest first, so that what has something below it is known to
  for (const name of leaves.sort((a, b) => b.split('.').length - a.split('.').length)) add(name, true)
  return root
}

const root = buildTree()

/** What stands under `haetae` of an event with values that did not fit. */
export interface Conflicts {
  readonly conflict: EcsEvent
  readonly conflicts: string[]
}

/**
 * Makes every ECS field of the event fit its type, in place. Fields outside ECS keep what they have: they are stored and
 * searched by their own kind. `@timestamp` is not looked at: the parser decides it.
 * @returns the values that were moved, as texts by name, or undefined when all fitted
 */
export function normalizeEvent(event: EcsEvent): Moved | undefined {
  return walk(event, root, undefined)
}

/** For `haetae`: values that normalizeEvent moved, and those a pack set aside (name, value, name, value, …). */
export function conflictsOf(moved: Moved | undefined, aside: readonly EcsValue[]): Conflicts {
  const conflict = moved ?? {}
  for (let i = 0; i < aside.length; i += 2) keepAside(conflict, aside[i] as string, aside[i + 1])
  return { conflict, conflicts: Object.keys(conflict) }
}

/** What stands at a field that no event may have otherwise. */
export type Place = 'value' | 'object' | 'anything'

/** Whether ECS wants a value at a dotted name or an object; `anything` for names it does not know. */
export function placeOf(name: string): Place {
  let node: Field | undefined = root
  for (const part of name.split('.')) {
    // below a value there is nothing: who writes there makes it an object
    if (node.type !== undefined) return 'object'
    node = node.below.get(part)
    if (node === undefined) return 'anything'
  }
  return node.type === undefined ? 'object' : 'value'
}

export type Moved = Record<string, EcsValue>

function walk(object: EcsEvent, parent: Field, moved: Moved | undefined): Moved | undefined {
  let last: Field | undefined
  for (const key in object) {
    const value = object[key]
    if (value === undefined || value === null) continue
    let field = last === undefined ? parent.head : last.next
    if (field === undefined || field.key !== key) {
      field = parent.below.get(key)
      if (field === undefined) {
        if (key.includes('.')) field = byDottedKey(parent, key)
      } else if (last === undefined) parent.head = field
      else last.next = field
    }
    if (field === undefined) continue
    if (field.key === key) last = field
    const { type } = field
    if (type === undefined) {
      if (typeof value === 'object')
        moved = Array.isArray(value) ? list(object, key, value, field, moved) : walk(value, field, moved)
      else moved = move(object, key, value, field, moved)
    } else if (typeof value === 'string') {
      if (type === 'keyword' || type === 'text') continue
      const fitted = fitTo(value, type)
      if (fitted === value) continue
      if (fitted === undefined) moved = move(object, key, value, field, moved)
      else object[key] = fitted
    } else if (typeof value === 'object') moved = several(object, key, value, field, moved)
    else {
      const fitted = fitTo(value, type)
      if (fitted === value) continue
      if (fitted === undefined) moved = move(object, key, value, field, moved)
      else object[key] = fitted
    }
  }
  return moved
}

/** `{"source.ip": …}`: a key that is a path itself. */
function byDottedKey(parent: Field, key: string): Field | undefined {
  let node: Field | undefined = parent
  for (const part of key.split('.')) node = node?.below.get(part)
  return node
}

/** A list where objects belong: all of them objects, or the list moves. */
function list(
  object: EcsEvent,
  key: string,
  values: EcsValue[],
  field: Field,
  moved: Moved | undefined,
): Moved | undefined {
  if (!values.every(isObject)) return move(object, key, values, field, moved)
  let out = moved
  for (const value of values) out = walk(value as EcsEvent, field, out)
  return out
}

/** A list or an object where one value belongs: a list keeps the values that fit; the others, and an object, move. */
function several(
  object: EcsEvent,
  key: string,
  value: EcsValue[] | EcsEvent,
  field: Field,
  moved: Moved | undefined,
): Moved | undefined {
  if (!Array.isArray(value)) return move(object, key, value, field, moved)
  const type = field.type as FieldType
  let same = true
  for (let i = 0; i < value.length && same; i++) {
    const one = value[i]
    same = one !== null && one !== undefined && typeof one !== 'object' && fitTo(one, type) === one
  }
  if (same) return moved
  const kept: EcsValue[] = []
  const aside: EcsValue[] = []
  for (const one of flatten(value)) {
    if (one === null || one === undefined) continue
    const fitted = typeof one === 'object' ? undefined : fitTo(one, type)
    if (fitted === undefined) aside.push(one)
    else kept.push(fitted)
  }
  const out = aside.length > 0 ? move(object, key, aside.length === 1 ? aside[0] : aside, field, moved) : moved
  object[key] = kept.length > 0 ? kept : undefined
  return out
}

/** Lists in lists are one list. */
function flatten(values: readonly EcsValue[]): EcsValue[] {
  return values.flatMap((value) => (Array.isArray(value) ? flatten(value) : [value]))
}

function move(object: EcsEvent, key: string, value: EcsValue, field: Field, moved: Moved = {}): Moved {
  object[key] = undefined
  keepAside(moved, field.name, value)
  return moved
}

/** As text; the same field twice is a list. */
function keepAside(moved: Moved, name: string, value: EcsValue): void {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const had = Object.hasOwn(moved, name) ? moved[name] : undefined
  moved[name] = had === undefined ? text : Array.isArray(had) ? [...had, text] : [had, text]
}

const INTEGER = /^[+-]?\d{1,18}$/
const NUMBER = /^[+-]?(?:\d{1,300}(?:\.\d{1,300})?|\.\d{1,300})(?:[eE][+-]?\d{1,3})?$/
/** RFC 3339, as formatTime writes it and as senders of ECS do; a space may stand for the T. */
const INSTANT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)$/

/** The value as its type, the very same when it is that already; undefined when it cannot be without losing something. */
export function fitTo(value: Scalar, type: FieldType): Scalar | undefined {
  switch (type) {
    case 'keyword':
    case 'text':
      return typeof value === 'string' ? value : String(value)
    case 'long':
      if (typeof value === 'number') return Number.isInteger(value) ? value : undefined
      return typeof value === 'string' && INTEGER.test(value) ? Number(value) : undefined
    case 'float':
      if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
      return typeof value === 'string' && value.length < 40 && NUMBER.test(value) ? Number(value) : undefined
    case 'boolean':
      return typeof value === 'boolean' ? value : value === 'true' ? true : value === 'false' ? false : undefined
    case 'ip':
      // Node takes a zone (fe80::1%eth0); an address in ECS has none
      return typeof value === 'string' && value.length < 46 && ipVersion(value) > 0 && !value.includes('%')
        ? value
        : undefined
    case 'date':
      return typeof value === 'string' && value.length < 40 && isInstant(value) ? value : undefined
  }
}

function isInstant(text: string): boolean {
  return INSTANT.test(text) && !Number.isNaN(Date.parse(text.replace(',', '.').replace(' ', 'T')))
}

const isObject = (value: EcsValue): value is EcsEvent =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
