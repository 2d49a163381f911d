// Any search as a file, streamed. The export is an audit event before its first row leaves, and again when it has ended.

import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ExportManifest, ExportsOutput } from '../../core/api.ts'
import { describe, PipelineError } from '../../core/errors.ts'
import type { Pipe } from '../../core/query.ts'
import { auditEntry } from '../audit.ts'
import { writeExport } from '../export/write-export.ts'
import type { RouteContext } from '../options.ts'
import { planPipes } from '../pipes/plan.ts'
import { runPlan } from '../pipes/run.ts'
import { notFound, withStatus } from '../problem.ts'
import { formatQuery } from '../query/format-query.ts'
import { EventParams, ExportQuery } from '../schemas.ts'
import type { Api, SearchLine, SearchLines } from '../search-line.ts'

const EXPORTS = 'exports'
/** Each holds a few pages of events. */
const MAX_RUNNING = 4
/** Columns of events as CSV: those that most events have. The manifest names how many were left out. */
const MAX_COLUMNS = 1000

export function exportRoutes(app: Api, context: RouteContext, lines: SearchLines): void {
  const { store, documents, now, audit, counters, log } = context
  const running = new Set<AbortController>()
  counters.gauge('api_exports', () => running.size)
  app.addHook('preClose', async () => {
    for (const abort of running) abort.abort(new Error('the node stops'))
  })

  app.get(
    '/v1/export',
    {
      schema: {
        tags: ['export'],
        summary:
          'A search as CSV or NDJSON, streamed at any size; the manifest is at /v1/exports/:id, in X-Haetae-Export',
        querystring: ExportQuery,
      },
    },
    async (request, reply): Promise<FastifyReply> => {
      const { format = 'ndjson', bom, order, columns: named, ...input } = request.query
      if (running.size >= MAX_RUNNING) {
        const problem = `${MAX_RUNNING} exports run, which is the limit; try again when one has ended`
        throw withStatus(429, new PipelineError('REQUEST_INVALID', { problem }))
      }
      const abort = new AbortController()
      running.add(abort)
      const end = () => running.delete(abort)
      try {
        reply.raw.on('close', () => abort.abort(new Error('the client has gone')))
        const read = await lines.read(input, request, abort.signal)
        const plan = planPipes(read.pipes, read.range, read.filter)
        const chosen = plan.columns ?? namedColumns(named) ?? undefined
        const all = chosen || format === 'ndjson' ? undefined : await columnsOf(context, read, abort.signal)
        const manifest = openManifest(request, read, format, now())
        if (all && all.length > MAX_COLUMNS) manifest.columnsLeftOut = all.length - MAX_COLUMNS
        const columns = chosen ?? all?.slice(0, MAX_COLUMNS)
        if (columns) manifest.columns = [...columns]
        await documents.put(EXPORTS, manifest.id, manifest)
        await audit(exportEntry(request, now(), manifest, 'begins'))
        const { range, restriction } = read
        const rows = runPlan({
          ...{ store, range, plan, restriction, signal: abort.signal },
          limit: Number.POSITIVE_INFINITY,
          order: order ?? 'desc',
        })
        const shape = { format, columns, bom: bom === '1' }
        const stream = Readable.from(
          finished(writeExport(rows, shape, manifest), async (error) => {
            end()
            manifest.finishedAt = now()
            manifest.state = error === undefined ? 'complete' : 'failed'
            if (error !== undefined) manifest.problem = describe(error)
            counters.add('api_export_rows_total', manifest.rows)
            await documents.put(EXPORTS, manifest.id, manifest)
            await audit(exportEntry(request, now(), manifest, manifest.state))
          }),
          { objectMode: false, highWaterMark: 256 * 1024 },
        )
        stream.on('error', (error) => {
          if (!abort.signal.aborted) log(`export ${manifest.id}: ${describe(error)}`)
        })
        const name = `haetae-${new Date(manifest.at).toISOString().slice(0, 19).replace(/[:T]/g, '-')}.${format}`
        reply
          .header('x-haetae-export', manifest.id)
          .header('content-disposition', `attachment; filename="${name}"`)
          .type(format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/x-ndjson; charset=utf-8')
        return reply.send(stream)
      } catch (error) {
        end()
        throw error
      }
    },
  )

  app.get(
    '/v1/exports',
    { schema: { tags: ['export'], summary: 'Manifests of exports, newest first' } },
    async (): Promise<ExportsOutput> => {
      const found = await documents.list<ExportManifest>(EXPORTS, { descending: true, limit: 200 })
      return { exports: found.map(({ value }) => value) }
    },
  )

  app.get(
    '/v1/exports/:id',
    { schema: { tags: ['export'], summary: 'The manifest of an export', params: EventParams } },
    async (request): Promise<ExportManifest> => {
      const found = await documents.get<ExportManifest>(EXPORTS, request.params.id)
      if (!found) throw notFound(`export ${request.params.id}`)
      return found.value
    },
  )
}

function openManifest(request: FastifyRequest, read: SearchLine, format: 'csv' | 'ndjson', at: number): ExportManifest {
  return {
    // In order of time.
    id: `${String(at).padStart(16, '0')}-${randomUUID().slice(0, 8)}`,
    state: 'running',
    query: formatQuery(read.asked, read.pipes as readonly Pipe[]).trim(),
    ...(read.restriction && { restricted: true }),
    since: new Date(read.range.since).toISOString(),
    until: new Date(read.range.until).toISOString(),
    zone: 'UTC',
    format,
    rows: 0,
    bytes: 0,
    cellsLeftOut: 0,
    requester: request.actor?.user ?? 'nobody',
    at,
  }
}

function exportEntry(request: FastifyRequest, at: number, manifest: ExportManifest, what: string) {
  const { id, query, rows, sha256, format } = manifest
  const range = { since: Date.parse(manifest.since), until: Date.parse(manifest.until) }
  const detail = [id, format, what, ...(sha256 === undefined ? [] : [`sha256 ${sha256}`])].join(' ')
  return auditEntry(request, at, 'export', { query, range, rows, detail })
}

function namedColumns(text: string | undefined): string[] | undefined {
  const names = text
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  return names && names.length > 0 ? [...new Set(names)] : undefined
}

/** Every field the events have, and their id: the frequent ones first, at the same frequency by name. */
async function columnsOf(
  { store }: RouteContext,
  { filter, range, pipes }: SearchLine,
  signal: AbortSignal,
): Promise<string[]> {
  const { fields = [] } = await store.aggregate({ filter, range, aggregation: { kind: 'fields' } }, signal)
  const made = pipes.flatMap((pipe) => (pipe.kind === 'eval' ? [pipe.column] : []))
  if (pipes.some((pipe) => pipe.kind === 'context')) made.push('haetae.context')
  return [...new Set(['_id', '@timestamp', ...fields.map(({ name }) => name), ...made])]
}

/** Tells once how it ended: whole, failed, or left by who read it. */
async function* finished<T>(items: AsyncGenerator<T>, ended: (error?: unknown) => Promise<void>): AsyncGenerator<T> {
  let failure: unknown = new Error('the client has gone')
  try {
    yield* items
    failure = undefined
  } catch (error) {
    failure = error
    throw error
  } finally {
    await ended(failure)
  }
}
