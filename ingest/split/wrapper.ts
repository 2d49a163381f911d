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

/**
 * Reads the object at `at` to its end, and tells whether it is a wrapper.
 * @param depth how deep the object lies already
 * @throws JsonSyntaxError when it is not JSON, or nested too deep
 */
export function readObject(json: Buffer, at: number, depth = 0): { end: number; wrapper: Wrapper | undefined } {
  let kind: WrapperKind | undefined
  const end = eachMember(
    json,
    at,
    (keyStart, keyEnd, value) => {
      if (json[value] === BRACKET) kind ??= kindOf(json, keyStart, keyEnd)
      return skipValue(json, value, depth + 1)
    },
    depth,
  )
  return { end, wrapper: kind && readWrapper(json, at, kind) }
}

export function keyOf(json: Buffer, member: Member): string {
  return json.toString('latin1', member.keyStart, member.keyEnd)
}

/** The members of an object known to be JSON; undefined when they are too many to be of a wrapper. */
export function membersOf(json: Buffer, at: number): Member[] | undefined {
  const members: Member[] = []
  let count = 0
  eachMember(json, at, (keyStart, keyEnd, value) => {
    const end = skipValue(json, value)
    if (++count <= MAX_MEMBERS) members.push({ keyStart, keyEnd, value, end })
    return end
  })
  return count <= MAX_MEMBERS ? members : undefined
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

function readWrapper(json: Buffer, at: number, kind: WrapperKind): Wrapper | undefined {
  const members = membersOf(json, at)
  if (!members) return undefined
  const ofKind = members.filter((m) => json[m.value] === BRACKET && kindOf(json, m.keyStart, m.keyEnd) !== undefined)
  const [list] = ofKind
  if (!list || ofKind.length > 1) return undefined
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
    return countObjects(json, list.value, (event) => isLogEvent(json, event))
  },

  'trivy-report': (json, list, _head, names) => {
    if (!names.has('SchemaVersion') && !names.has('ArtifactName')) return 0
    if (!names.isDisjointFrom(findingMembers)) return 0
    let findings = 0
    const results = countObjects(json, list.value, (result) => {
      const found = countFindings(json, result)
      findings += found
      return found >= 0
    })
    return results === 0 ? 0 : findings
  },
}

/** Elements of the array at `at`; 0 when one of them is no object, or `accepts` says no. */
function countObjects(json: Buffer, at: number, accepts?: (element: number) => boolean): number {
  let count = 0
  let accepted = true
  eachElement(json, at, (element) => {
    count++
    accepted &&= json[element] === BRACE && (!accepts || accepts(element))
    return skipValue(json, element)
  })
  return accepted ? count : 0
}

function isLogEvent(json: Buffer, at: number): boolean {
  const members = membersOf(json, at)
  if (!members) return false
  const names = new Set(members.map((member) => keyOf(json, member)))
  if (names.size !== members.length || !names.isSubsetOf(eventMembers)) return false
  return members.some((member) => keyOf(json, member) === 'message' && json[member.value] === QUOTE)
}

/** Findings of one result of a report; -1 when there is something among them that is none. */
function countFindings(json: Buffer, result: number): number {
  const members = membersOf(json, result)
  if (!members) return -1
  const seen = new Set<string>()
  let findings = 0
  for (const member of members) {
    const name = keyOf(json, member)
    if (seen.has(name)) return -1
    seen.add(name)
    if (!(name in findingLists) || json[member.value] !== BRACKET) continue
    let objects = true
    eachElement(json, member.value, (element) => {
      findings++
      objects &&= json[element] === BRACE
      return skipValue(json, element)
    })
    if (!objects) return -1
  }
  return findings
}
