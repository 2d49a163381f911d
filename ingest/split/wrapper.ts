// Recognises JSON documents that hold many records, by their bytes alone: no value is built, nothing is copied.
//
//   records          {"Records": [{…}]} CloudTrail, S3, SQS    {"records": [{…}]} Azure Monitor; no other member
//   kubernetes-list  {"kind": "EventList" or "List", "apiVersion", "metadata", "items": [{…}]}
//   cloudwatch-logs  {"messageType", "owner", "logGroup", "logStream", "subscriptionFilters", "logEvents": [{…}]}
//   trivy-report     {"SchemaVersion", "ArtifactName", …, "Results": [{"Target", …, "Vulnerabilities": [{…}], …}]}
//
// A document that looks like one but has something else in it (another member, an element that is no object, a list twice)
// is none: it stays one record, so that splitting never loses what it does not understand.

import { eachElement, eachMember, skipValue } from '../json-scan.ts'

export const wrapperKinds = ['records', 'kubernetes-list', 'cloudwatch-logs', 'trivy-report'] as const
export type WrapperKind = (typeof wrapperKinds)[number]

/** Where a member and its parts are: the key without its quotes, the value, the first byte after it. */
export interface Member {
  readonly keyStart: number
  readonly keyEnd: number
  readonly value: number
  readonly end: number
}

export interface Wrapper {
  readonly kind: WrapperKind
  /** The list that holds the records, or the results that hold the findings. */
  readonly list: Member
  /** Every other member, in order. */
  readonly head: readonly Member[]
  /** How many records it gives: at least 1. */
  readonly count: number
}

const BRACE = 0x7b
const BRACKET = 0x5b
const QUOTE = 0x22
/** Known wrappers have fewer than 20 members; a document with more than this is none, and costs no memory. */
const MAX_MEMBERS = 64

const lists: readonly { readonly key: Buffer; readonly kind: WrapperKind }[] = [
  { key: Buffer.from('Records'), kind: 'records' },
  { key: Buffer.from('records'), kind: 'records' },
  { key: Buffer.from('items'), kind: 'kubernetes-list' },
  { key: Buffer.from('logEvents'), kind: 'cloudwatch-logs' },
  { key: Buffer.from('Results'), kind: 'trivy-report' },
]
const LONGEST_KEY = 9
const SHORTEST_KEY = 5

export const findingLists: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  Vulnerabilities: 'Vulnerability',
  Misconfigurations: 'Misconfiguration',
  Secrets: 'Secret',
  Licenses: 'License',
})

const listMembers = new Set(['kind', 'apiVersion', 'metadata'])
const deliveryMembers = new Set(['messageType', 'owner', 'logGroup', 'logStream', 'subscriptionFilters', 'policyLevel'])
const eventMembers = new Set(['id', 'timestamp', 'message', 'extractedFields'])
/** What a finding's own record says beside the report's head: a head that has them is not Trivy's. */
const findingMembers = new Set(['Target', 'Class', 'Type', ...Object.values(findingLists)])

/** Start and end of the key, start and end of the value of each member of the object that readObject() is in. */
const scratch = new Uint32Array(MAX_MEMBERS * 4)

/**
 * Reads the object at `at` to its end, and tells whether it is a wrapper. One pass, and no memory, for what is none.
 * @param depth how deep the object lies already
 * @throws JsonSyntaxError when it is not JSON, or nested too deep
 */
export function readObject(json: Buffer, at: number, depth = 0): { end: number; wrapper: Wrapper | undefined } {
  let kind: WrapperKind | undefined
  let lists = 0
  let count = 0
  const end = eachMember(
    json,
    at,
    (keyStart, keyEnd, value) => {
      const found = json[value] === BRACKET ? kindOf(json, keyStart, keyEnd) : undefined
      if (found) {
        kind ??= found
        lists++
      }
      const end = skipValue(json, value, depth + 1)
      if (count < MAX_MEMBERS) {
        const i = count * 4
        scratch[i] = keyStart
        scratch[i + 1] = keyEnd
        scratch[i + 2] = value
        scratch[i + 3] = end
      }
      count++
      return end
    },
    depth,
  )
  if (!kind || lists > 1 || count > MAX_MEMBERS) return { end, wrapper: undefined }
  const members = Array.from({ length: count }, (_, m): Member => {
    const [keyStart = 0, keyEnd = 0, value = 0, end = 0] = scratch.subarray(m * 4, m * 4 + 4)
    return { keyStart, keyEnd, value, end }
  })
  return { end, wrapper: toWrapper(json, kind, members) }
}

export function keyOf(json: Buffer, member: Member): string {
  return json.toString('latin1', member.keyStart, member.keyEnd)
}

/** The members of an object, and where it ends. No members: they are too many to be of a wrapper. */
export function membersOf(json: Buffer, at: number): { members: readonly Member[] | undefined; end: number } {
  const members: Member[] = []
  let count = 0
  const end = eachMember(json, at, (keyStart, keyEnd, value) => {
    const end = skipValue(json, value)
    if (++count <= MAX_MEMBERS) members.push({ keyStart, keyEnd, value, end })
    return end
  })
  return { members: count <= MAX_MEMBERS ? members : undefined, end }
}

/** Compares bytes: a key spelt with escapes is none of ours. */
function kindOf(json: Buffer, start: number, end: number): WrapperKind | undefined {
  const length = end - start
  if (length < SHORTEST_KEY || length > LONGEST_KEY) return undefined
  for (const { key, kind } of lists) {
    if (key.length === length && json.compare(key, 0, length, start, end) === 0) return kind
  }
  return undefined
}

function toWrapper(json: Buffer, kind: WrapperKind, members: readonly Member[]): Wrapper | undefined {
  const list = members.find((m) => json[m.value] === BRACKET && kindOf(json, m.keyStart, m.keyEnd) === kind) as Member
  const head = members.filter((member) => member !== list)
  const names = new Set(head.map((member) => keyOf(json, member)))
  // A name said twice means one thing to one reader and another to the next.
  if (names.size !== head.length || names.has(keyOf(json, list))) return undefined
  const count = counters[kind](json, list, head, names)
  return count > 0 ? { kind, list, head, count } : undefined
}

type Count = (json: Buffer, list: Member, head: readonly Member[], names: ReadonlySet<string>) => number

/** How many records each kind gives; 0 when the document is not of that kind after all. */
const counters: Readonly<Record<WrapperKind, Count>> = {
  records: (json, list, head) => (head.length === 0 ? countObjects(json, list.value) : 0),

  'kubernetes-list': (json, list, head, names) => {
    const kind = head.find((member) => keyOf(json, member) === 'kind')
    if (!kind || !names.isSubsetOf(listMembers)) return 0
    const word = json.toString('latin1', kind.value, kind.end)
    return word === '"EventList"' || word === '"List"' ? countObjects(json, list.value) : 0
  },

  'cloudwatch-logs': (json, list, head, names) => {
    if (!names.isSubsetOf(deliveryMembers)) return 0
    for (const member of head) {
      const name = keyOf(json, member)
      if ((name === 'logGroup' || name === 'logStream') && json[member.value] !== QUOTE) return 0
    }
    if (!names.has('logGroup') || !names.has('logStream')) return 0
    return countObjects(json, list.value, (at) => readLogEvent(json, at))
  },

  'trivy-report': (json, list, _head, names) => {
    if (!names.has('SchemaVersion') && !names.has('ArtifactName')) return 0
    if (!names.isDisjointFrom(findingMembers)) return 0
    let findings = 0
    const results = countObjects(json, list.value, (at) => {
      const result = readResult(json, at)
      findings += result.findings
      return result
    })
    return results === 0 ? 0 : findings
  },
}

/** An object of a list: where it ends, and whether it is what belongs there. */
interface Read {
  readonly end: number
  readonly accepted: boolean
}

/** Elements of the array at `at`; 0 when one of them is no object, or `read` does not accept it. */
function countObjects(json: Buffer, at: number, read?: (object: number) => Read): number {
  let count = 0
  let accepted = true
  eachElement(json, at, (element) => {
    count++
    if (json[element] !== BRACE) accepted = false
    if (!accepted || !read) return skipValue(json, element)
    const object = read(element)
    accepted = object.accepted
    return object.end
  })
  return accepted ? count : 0
}

function readLogEvent(json: Buffer, at: number): Read {
  const { members, end } = membersOf(json, at)
  const names = new Set(members?.map((member) => keyOf(json, member)))
  const known = names.size === members?.length && names.isSubsetOf(eventMembers)
  const isMessage = (member: Member) => keyOf(json, member) === 'message' && json[member.value] === QUOTE
  return { end, accepted: known && members.some(isMessage) }
}

/** One result of a report; not accepted when there is something among its findings that is none. */
function readResult(json: Buffer, at: number): Read & { findings: number } {
  const seen = new Set<string>()
  let findings = 0
  let accepted = true
  const end = eachMember(json, at, (keyStart, keyEnd, value) => {
    if (seen.size > MAX_MEMBERS) accepted = false
    if (!accepted) return skipValue(json, value)
    const name = json.toString('latin1', keyStart, keyEnd)
    if (seen.has(name)) accepted = false
    seen.add(name)
    if (!(name in findingLists) || json[value] !== BRACKET) return skipValue(json, value)
    return eachElement(json, value, (element) => {
      findings++
      if (json[element] !== BRACE) accepted = false
      return skipValue(json, element)
    })
  })
  return { end, accepted: accepted && seen.size <= MAX_MEMBERS, findings }
}
