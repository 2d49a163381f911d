import type { FieldsOutput, HistogramOutput, ValuesOutput } from '../../core/api.ts'
import { auditEntry } from '../audit.ts'
import { clientGone } from '../client-gone.ts'
import type { RouteContext } from '../options.ts'
import { HistogramBody, RangeBody, ValuesBody } from '../schemas.ts'
import type { Api, SearchLines } from '../search-line.ts'
import { roundInterval } from '../wire.ts'

export function histogramRoutes(app: Api, { store, now, audit, limits }: RouteContext, lines: SearchLines): void {
  app.post(
    '/v1/histogram',
    {
      handlerTimeout: limits.searchMs,
      schema: { tags: ['search'], summary: 'Events over time', body: HistogramBody },
    },
    async (request, reply): Promise<HistogramOutput> => {
      const gone = clientGone(reply)
      const { query = '', bars = 60, by } = request.body
      const { filter, range } = await lines.read(request.body, gone)
      const intervalMs = roundInterval(range, bars)
      const aggregation = { kind: 'histogram', intervalMs, ...(by !== undefined && { by }) } as const
      const { total, buckets = [] } = await store.aggregate({ filter, range, aggregation }, gone)
      await audit(auditEntry(request, now(), 'histogram', { query, range, rows: buckets.length, detail: by }))
      return { ...range, intervalMs, total, buckets: [...buckets] }
    },
  )
}

export function valuesRoutes(app: Api, { store, now, audit, limits }: RouteContext, lines: SearchLines): void {
  app.post(
    '/v1/values',
    {
      handlerTimeout: limits.searchMs,
      schema: { tags: ['search'], summary: 'The most frequent values of a field', body: ValuesBody },
    },
    async (request, reply): Promise<ValuesOutput> => {
      const gone = clientGone(reply)
      const { query = '', field, size = 10 } = request.body
      const { filter, range } = await lines.read(request.body, gone)
      const aggregation = { kind: 'terms', field, size } as const
      const { total, missing = 0, values = [] } = await store.aggregate({ filter, range, aggregation }, gone)
      await audit(auditEntry(request, now(), 'values', { query, range, rows: values.length, detail: field }))
      return { total, missing, values: [...values] }
    },
  )
}

export function fieldsRoutes(app: Api, { store, now, audit, limits }: RouteContext, lines: SearchLines): void {
  app.post(
    '/v1/fields',
    {
      handlerTimeout: limits.searchMs,
      schema: { tags: ['search'], summary: 'Which fields the matching events have', body: RangeBody },
    },
    async (request, reply): Promise<FieldsOutput> => {
      const gone = clientGone(reply)
      const { query = '' } = request.body
      const { filter, range } = await lines.read(request.body, gone)
      const aggregation = { kind: 'fields' } as const
      const { total, fields = [] } = await store.aggregate({ filter, range, aggregation }, gone)
      lines.learn(fields.map((field) => field.name))
      await audit(auditEntry(request, now(), 'fields', { query, range, rows: fields.length }))
      return { total, fields: [...fields] }
    },
  )
}
