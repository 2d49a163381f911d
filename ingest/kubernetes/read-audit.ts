// The body of a Kubernetes audit webhook -> its events, each the exact bytes that were sent.
// https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/

import { HttpRefusal } from '../http/refusal.ts'
import { refuseRest, strictly } from '../http/split-records.ts'
import { decodeString, eachElement, eachMember, skipSpace, skipValue } from '../json-scan.ts'

export interface AuditItem {
  readonly bytes: Buffer
  readonly auditId: string
  readonly stage: string
  readonly stageTimestamp: string
}

const API_VERSION = 'audit.k8s.io/v1'
const QUOTE = 0x22
const BRACE = 0x7b

/** The few top-level texts we look at; everything else is skipped over. */
interface Seen {
  kind: string
  apiVersion: string
  auditID: string
  stage: string
  stageTimestamp: string
}

/** @param body an EventList or one Event of audit.k8s.io/v1 @throws HttpRefusal bad_body, too_many_records */
export function readAudit(body: Buffer, maxRecords: number): AuditItem[] {
  return strictly(() => {
    const start = skipSpace(body, 0)
    if (body[start] !== BRACE) throw new HttpRefusal('bad_body', 'the body must be an EventList of audit.k8s.io/v1')
    let items: AuditItem[] | undefined
    const takeItem = (at: number): number => {
      if (body[at] !== BRACE) throw new HttpRefusal('bad_body', `item ${items?.length} is no object`)
      const { seen, end } = readObject(body, at)
      if ((items?.length ?? 0) >= maxRecords) throw new HttpRefusal('too_many_records', `over ${maxRecords} items`)
      items?.push(toItem(body.subarray(at, end), seen))
      return end
    }
    const { seen, end } = readObject(body, start, (at) => {
      if (items) throw new HttpRefusal('bad_body', 'items is there twice')
      items = []
      return eachElement(body, at, takeItem, 1)
    })
    refuseRest(body, end)
    if (seen.apiVersion !== API_VERSION) {
      throw new HttpRefusal('bad_body', `apiVersion must be ${API_VERSION}; set the webhook's audit version to it`)
    }
    if (seen.kind === 'EventList') return items ?? []
    if (seen.kind === 'Event') return [toItem(body.subarray(start, end), seen)]
    throw new HttpRefusal('bad_body', 'kind must be EventList or Event')
  })
}

function toItem(bytes: Buffer, seen: Seen): AuditItem {
  return { bytes, auditId: seen.auditID, stage: seen.stage, stageTimestamp: seen.stageTimestamp }
}

function readObject(body: Buffer, at: number, takeItems?: (at: number) => number): { seen: Seen; end: number } {
  const seen: Seen = { kind: '', apiVersion: '', auditID: '', stage: '', stageTimestamp: '' }
  const end = eachMember(body, at, (keyStart, keyEnd, value) => {
    const key = decodeString(body, keyStart, keyEnd)
    if (key === 'items' && takeItems && body[value] === 0x5b) return takeItems(value)
    const end = skipValue(body, value, 1)
    if (Object.hasOwn(seen, key) && body[value] === QUOTE)
      seen[key as keyof Seen] = decodeString(body, value + 1, end - 1)
    return end
  })
  return { seen, end }
}
