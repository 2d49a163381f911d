// POST /v1/logs: anyone with a program and a loop can send logs, and knows from the answer that they are safe.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { handOver } from './hand-over.ts'
import { type HttpInputOptions, type HttpLimits, InputScope, type InputSource } from './input-scope.ts'
import { readContentType, readIdempotencyKey, readName } from './parameters.ts'
import { HttpRefusal } from './refusal.ts'
import { SeenKeys } from './seen-keys.ts'
import { splitJson, splitLines } from './split-records.ts'

export const logLimits: HttpLimits = {
  maxBodyBytes: 16 * 1024 * 1024,
  maxDecompressedBytes: 64 * 1024 * 1024,
  bodyTimeoutMs: 30_000,
  maxRecordBytes: 1024 * 1024,
  maxRecords: 200_000,
  maxInProgressBytes: 256 * 1024 * 1024,
  durableTimeoutMs: 10_000,
  maxSources: 1000,
}

const contentTypes = ['application/x-ndjson', 'application/ndjson', 'application/json', 'text/plain'] as const

/**
 * `POST /v1/logs`. Bodies: NDJSON or text (a record a line), JSON (one object, or an array of objects and strings; an
 * object that is a list of records, as clouds and scanners write them, gives those: split/wrapper.ts); plain or gzip,
 * deflate, zstd. `source` and `dataset` as query or `X-Haetae-Source`, `X-Haetae-Dataset` headers: the source is
 * `http:<name>`, or `http`. Answers 200 `{accepted}` once every record is durable, and otherwise a Problem:
 * 503 with Retry-After while the disk is behind (nothing taken), or when it took over `durableTimeoutMs` (may be stored yet).
 * With an `Idempotency-Key` a repeated request is stored once; **without one, a request repeated after a lost answer or
 * such a 503 may be stored twice.** A request is taken whole or refused whole.
 */
export async function logRoutes(app: FastifyInstance, options: HttpInputOptions): Promise<void> {
  const scope = new InputScope('http', options, logLimits)
  const seenKeys = new SeenKeys()

  const sourceOf = (request: FastifyRequest): InputSource => {
    const name = readName(request, 'source')
    const dataset = readName(request, 'dataset')
    const source = name === undefined ? 'http' : `http:${name}`
    return scope.source(request, source, dataset ?? '', (peer) => ({ source, kind: 'http', peer, dataset }))
  }

  await scope.post(app, '/v1/logs', async (request) => {
    const source = sourceOf(request)
    const key = readIdempotencyKey(request)
    const type = readContentType(request, contentTypes)
    if (options.intake.full) throw new HttpRefusal('intake_full', 'the disk is behind; nothing was taken, try again')
    const body = await scope.readBody(request)
    try {
      const split = type === 'application/json' ? splitJson : splitLines
      const { records, builtBytes, leftOut } = split(body.bytes, scope.limits)
      body.hold(builtBytes)
      const { meter } = source
      if (key !== undefined && !seenKeys.agrees(meter.source, key, body.bytes)) {
        throw new HttpRefusal('key_reused', 'this Idempotency-Key was used before for another body')
      }
      const keyed = records.map((bytes, i) =>
        key === undefined ? { bytes } : { bytes, options: { key: `${key}:${i}` } },
      )
      const origin = source.originOf(request)
      await handOver(options.intake, meter, origin, options.now(), keyed, scope.limits.durableTimeoutMs)
      if (leftOut > 0) meter.count('ingest_split_left_out_total', leftOut)
      return records.length
    } finally {
      body.release()
    }
  })
}
