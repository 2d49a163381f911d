import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FieldsOutput, HistogramOutput, ValuesOutput } from '../../core/api.ts'
import type { TimeRange } from '../../core/query.ts'
import type { AggregateResult, Aggregation } from '../../core/store.ts'
import { auditEntry } from '../audit.ts'
import { withDeadline } from '../deadline.ts'
import type { RouteContext } from '../options.ts'
import { FieldsBody, HistogramBody, ValuesBody } from '../schemas.ts'
import type { Api, SearchLines } from '../search-line.ts'
import { roundInterval } from '../wire.ts'

/** What the sidebar shows of a field, and how many of the newest events that is of: it must feel instant. */
const TOP_VALUES = 5
const LOOKED_AT = 50_000

export function histogramRoutes(app: Api, context: RouteContext, lines: SearchLines): void {
  const { now, audit } = context
  app.post(
    '/v1/histogram',
    {
      schema: { tags: ['search'], summary: 'Events over time', body: HistogramBody },
    },
    async (request, reply): Promise<HistogramOutput> => {
      const { query = '', bars = 60, by } = request.body
      let intervalMs = 0
      const { range, result } = await aggregate(context, lines, request, reply, request.body, (range) => {
        intervalMs = roundInterval(range, bars)
        return { kind: 'histogram', intervalMs, ...(by !== undefined && { by }) }
      })
      const { total, buckets = [] } = result
      await audit(auditEntry(request, now(), 'histogram', { query, range, rows: buckets.length, detail: by }))
      return { ...range, intervalMs, total, buckets: [...buckets] }
    },
  )
}

export function valuesRoutes(app: Api, context: RouteContext, lines: SearchLines): void {
  const { now, audit } = context
  app.post(
    '/v1/values',
    {
      schema: { tags: ['search'], summary: 'The most frequent values of a field', body: ValuesBody },
    },
    async (request, reply): Promise<ValuesOutput> => {
      const { query = '', field, size = 10 } = request.body
      const { range, result } = await aggregate(context, lines, request, reply, request.body, () => ({
        kind: 'terms',
        field,
        size,
      }))
      const { total, missing = 0, values = [] } = result
      await audit(auditEntry(request, now(), 'values', { query, range, rows: values.length, detail: field }))
      return { total, missing, values: [...values] }
    },
  )
}

export function fieldsRoutes(app: Api, context: RouteContext, lines: SearchLines): void {
  const { now, audit } = context
  app.post(
    '/v1/fields',
    {
      schema: { tags: ['search'], summary: 'Which fields the matching events have', body: FieldsBody },
    },
    async (request, reply): Promise<FieldsOutput> => {
      const { query = '', values } = request.body
      const { range, result } = await aggregate(context, lines, request, reply, request.body, () => ({
        kind: 'fields',
        ...(values && { values: { top: TOP_VALUES, events: LOOKED_AT } }),
      }))
      const { total, fields = [], looked } = result
      lines.learn(fields.map((field) => field.name))
      await audit(auditEntry(request, now(), 'fields', { query, range, rows: fields.length }))
      return { total, ...(looked !== undefined && { looked }), fields: [...fields] }
    },
  )
}

async function aggregate(
  { store, limits }: RouteContext,
  lines: SearchLines,
  request: FastifyRequest,
  reply: FastifyReply,
  input: { query?: string; since?: string; until?: string },
  choose: (range: TimeRange) => Aggregation,
): Promise<{ range: TimeRange; result: AggregateResult }> {
  return withDeadline(reply, limits.searchMs, async (signal) => {
    const { filter, range } = await lines.read(input, request, signal)
    return { range, result: await store.aggregate({ filter, range, aggregation: choose(range) }, signal) }
  })
}
