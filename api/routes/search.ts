import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ExplainOutput, SearchInput, SearchOutput } from '../../core/api.ts'
import type { TimeRange } from '../../core/query.ts'
import { auditEntry } from '../audit.ts'
import { withDeadline } from '../deadline.ts'
import type { RouteContext } from '../options.ts'
import { planPipes, type Step } from '../pipes/plan.ts'
import { runPlan, takeRows } from '../pipes/run.ts'
import { formatPipe } from '../query/format-pipes.ts'
import { formatQuery } from '../query/format-query.ts'
import { RangeBody, SearchBody } from '../schemas.ts'
import { addWork, answerPiped, MAX_TABLE_ROWS } from '../search-answer.ts'
import type { Api, SearchLine, SearchLines } from '../search-line.ts'
import { readCursor, toWireHit, writeCursor } from '../wire.ts'

export function searchRoutes(app: Api, context: RouteContext, lines: SearchLines): void {
  const { store, now, audit, limits } = context
  app.post(
    '/v1/search',
    {
      schema: {
        tags: ['search'],
        summary: 'Matching events, newest first, page by page; or what stages make of them',
        body: SearchBody,
      },
    },
    async (request, reply): Promise<SearchOutput> => {
      const { query = '', limit = 100, order = 'desc' } = request.body
      const page = request.body.cursor === undefined ? undefined : readCursor(request.body.cursor, query, order)
      const output = await withDeadline(reply, limits.searchMs, async (signal): Promise<SearchOutput> => {
        const read = await lines.read(page ? { query, ...isoRange(page.range) } : request.body, request, signal)
        if (read.pipes.length > 0) return answerPiped(store, read, request.body, signal)
        const range = page?.range ?? read.range
        const found = await store.search({ filter: read.filter, range, limit, order, cursor: page?.cursor }, signal)
        return {
          hits: found.hits.map(toWireHit),
          ...(found.cursor !== undefined && { cursor: writeCursor(found.cursor, range, query, order) }),
          ...range,
          stats: found.stats,
        }
      })
      const rows = output.table?.rows.length ?? output.hits.length
      await audit(auditEntry(request, now(), 'search', { query, range: rangeOf(output), rows }))
      return output
    },
  )
}

export function explainRoutes(app: Api, context: RouteContext, lines: SearchLines): void {
  const { now, audit, limits } = context
  app.post(
    '/v1/explain',
    { schema: { tags: ['search'], summary: 'Runs a search and tells how it ran', body: RangeBody } },
    async (request: FastifyRequest<{ Body: SearchInput }>, reply: FastifyReply): Promise<ExplainOutput> => {
      const { query = '' } = request.body
      const output = await withDeadline(reply, limits.searchMs, async (signal) => {
        const read = await lines.read(request.body, request, signal)
        return explain(context, read, signal)
      })
      await audit(auditEntry(request, now(), 'search', { query, range: rangeOf(output), detail: 'explain' }))
      return output
    },
  )
}

async function explain(
  { store }: RouteContext,
  { filter, asked, range, pipes, restriction }: SearchLine,
  signal: AbortSignal,
): Promise<ExplainOutput> {
  const started = performance.now()
  const plan = planPipes(pipes, range, filter)
  const stats = { segments: 0, pruned: 0, rows: 0 }
  const pushed = plan.steps[0] !== undefined && 'gather' in plan.steps[0]
  const texts = plan.steps.map(stepText)
  const source = formatQuery(plan.filter) || '*'
  const steps: ExplainOutput['steps'] = [
    { text: pushed ? `${source} | ${texts.shift()}` : source, where: 'store', rows: 0 },
    ...texts.map((text) => ({ text, where: 'api' as const, rows: 0 })),
  ]
  const run = runPlan({
    store,
    range,
    plan,
    signal,
    limit: plan.columns ? MAX_TABLE_ROWS : 100,
    restriction,
    worked: (work) => addWork(stats, work),
    trace: (step, rows) => {
      const told = steps[step]
      if (told) told.rows += rows
    },
  })
  for await (const _page of takeRows(run, plan.columns ? MAX_TABLE_ROWS : 100)) signal.throwIfAborted()
  return {
    query: formatQuery(asked, pipes).trim(),
    filter: source,
    ...range,
    steps,
    ...stats,
    tookMs: performance.now() - started,
  }
}

function stepText(step: Step): string {
  return 'gather' in step ? step.gather.stages.map(formatPipe).join(' | ') : formatPipe(step.pipe)
}

const rangeOf = ({ since, until }: TimeRange): TimeRange => ({ since, until })

function isoRange(range: TimeRange) {
  return { since: new Date(range.since).toISOString(), until: new Date(range.until).toISOString() }
}
