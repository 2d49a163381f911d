// POST /v1/kubernetes/audit/:cluster: the webhook backend of a Kubernetes API server.

import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { MAX_KEY_BYTES, RecordFlags } from '../../core/raw-batch.ts'
import { handOver, type RequestRecord } from '../http/hand-over.ts'
import { type HttpInputOptions, type HttpLimits, InputScope } from '../http/input-scope.ts'
import { checkName, readContentType } from '../http/parameters.ts'
import { HttpRefusal } from '../http/refusal.ts'
import type { Meter } from '../meter.ts'
import { type AuditItem, readAudit } from './read-audit.ts'

export const auditLimits: HttpLimits = {
  maxBodyBytes: 64 * 1024 * 1024,
  maxDecompressedBytes: 128 * 1024 * 1024,
  bodyTimeoutMs: 30_000,
  maxRecordBytes: 4 * 1024 * 1024,
  maxRecords: 100_000,
  maxInProgressBytes: 256 * 1024 * 1024,
  durableTimeoutMs: 10_000,
  maxSources: 500,
}

/**
 * Takes an EventList (or one Event) of audit.k8s.io/v1; each item becomes one record, byte for byte. The source is
 * `kubernetes-audit:<cluster>`: which cluster it was is decided by the path, not by what the body says. Answers 200 once
 * every item is durable; the API server repeats what got 503, and drops what its buffer cannot hold meanwhile.
 *
 * An item is known by auditID, stage and stageTimestamp, so a repeated batch is stored once. The time belongs to it because
 * a client may choose the auditID (header Audit-ID): with auditID and stage alone, a second request under the ID of the
 * first would be taken for a repetition and disappear. Items without auditID are taken without key and counted
 * (`ingest_audit_unkeyed_total`). One over the limit keeps its first part: refusing it would lose its whole batch.
 */
export async function auditRoutes(app: FastifyInstance, options: HttpInputOptions): Promise<void> {
  const scope = new InputScope('kubernetes-audit', options, auditLimits)

  await scope.post(app, '/v1/kubernetes/audit/:cluster', async (request) => {
    const cluster = checkName((request.params as { cluster: string }).cluster, 'cluster')
    const name = `kubernetes-audit:${cluster}`
    const fields = { 'orchestrator.cluster.name': cluster, 'orchestrator.type': 'kubernetes' }
    const source = scope.source(request, name, '', (peer) => ({
      source: name,
      kind: 'kubernetes-audit',
      peer,
      dataset: 'kubernetes.audit',
      fields,
    }))
    readContentType(request, ['application/json'])
    if (options.intake.full) throw new HttpRefusal('intake_full', 'the disk is behind; nothing was taken, try again')
    const body = await scope.readBody(request)
    try {
      const items = readAudit(body.bytes, scope.limits.maxRecords)
      const records = items.map((item) => toRecord(item, scope.limits.maxRecordBytes, source.meter))
      const origin = source.originOf(request)
      await handOver(options.intake, source.meter, origin, options.now(), records, scope.limits.durableTimeoutMs)
      return records.length
    } finally {
      body.release()
    }
  })
}

function toRecord(item: AuditItem, maxBytes: number, meter: Meter): RequestRecord {
  const truncated = item.bytes.length > maxBytes
  if (truncated) meter.truncated()
  if (item.auditId === '') meter.count('ingest_audit_unkeyed_total')
  return {
    bytes: truncated ? item.bytes.subarray(0, maxBytes) : item.bytes,
    options: { key: keyOf(item), flags: truncated ? RecordFlags.truncated : 0 },
  }
}

function keyOf({ auditId, stage, stageTimestamp }: AuditItem): string | undefined {
  if (auditId === '') return undefined
  const key = `${auditId}/${stage}${stageTimestamp === '' ? '' : `/${stageTimestamp}`}`
  return Buffer.byteLength(key) <= MAX_KEY_BYTES ? key : createHash('sha256').update(key).digest('base64url')
}
