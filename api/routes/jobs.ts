// Searches that go on by themselves: for questions that take longer than a request may. They tell how far they are, show
// what they have, and stop within a block of rows when told to.

import { randomBytes } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { JobOutput, SearchInput, SearchOutput } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import { auditEntry } from '../audit.ts'
import type { RouteContext } from '../options.ts'
import { planPipes } from '../pipes/plan.ts'
import { notFound, toProblem, withStatus } from '../problem.ts'
import { EventParams, SearchBody } from '../schemas.ts'
import { answerPiped } from '../search-answer.ts'
import type { Api, SearchLine, SearchLines } from '../search-line.ts'
import { toWireHit } from '../wire.ts'

const MAX_RUNNING = 8
/** Finished ones are kept so long, and so many. */
const KEEP_MS = 600_000
const MAX_KEPT = 50
/** A gathering question is asked of the newest sixteenth, then of the newest quarter, then of all: a third more work. */
const SLICES = [1 / 16, 1 / 4, 1]

interface Job {
  readonly id: string
  readonly user: string
  readonly abort: AbortController
  state: JobOutput['state']
  progress: number
  result: (() => SearchOutput) | undefined
  partialSince: number | undefined
  problem: JobOutput['problem']
  endedAt: number
}

export function jobRoutes(app: Api, context: RouteContext, lines: SearchLines): void {
  const { now, audit, log } = context
  const jobs = new Map<string, Job>()
  const running = () => [...jobs.values()].filter(({ state }) => state === 'running').length
  context.counters.gauge('api_search_jobs', running)
  app.addHook('preClose', async () => {
    for (const { abort } of jobs.values()) abort.abort(new Error('the node stops'))
  })
  const forget = () => {
    for (const [id, { state, endedAt }] of jobs) {
      if (state !== 'running' && (now() - endedAt > KEEP_MS || jobs.size > MAX_KEPT)) jobs.delete(id)
    }
  }
  /** Only who started it may look. */
  const find = (request: FastifyRequest<{ Params: { id: string } }>): Job => {
    const job = jobs.get(request.params.id)
    if (!job || job.user !== request.actor?.user) throw notFound(`search ${request.params.id}`)
    return job
  }
  const tell = ({ id, state, progress, result, partialSince, problem }: Job): JobOutput => ({
    ...{ id, state, progress },
    ...(result && { result: result() }),
    ...(state !== 'done' && partialSince !== undefined && { partialSince }),
    ...(problem && { problem }),
  })

  app.post(
    '/v1/searches',
    { schema: { tags: ['search'], summary: 'Start a search that goes on by itself', body: SearchBody } },
    async (request, reply): Promise<JobOutput> => {
      forget()
      if (running() >= MAX_RUNNING) {
        const problem = `${MAX_RUNNING} searches run, which is the limit; stop one or wait`
        throw withStatus(429, new PipelineError('REQUEST_INVALID', { problem }))
      }
      const read = await lines.read(request.body, request)
      const job: Job = {
        id: randomBytes(12).toString('base64url'),
        user: request.actor?.user ?? 'nobody',
        abort: new AbortController(),
        ...{ state: 'running', progress: 0, endedAt: 0 },
        ...{ result: undefined, partialSince: undefined, problem: undefined },
      }
      const { query = '' } = request.body
      await audit(auditEntry(request, now(), 'search', { query, range: read.range, detail: `job ${job.id}` }))
      jobs.set(job.id, job)
      run(context, job, read, request.body)
        .then(() => {
          job.state = 'done'
          job.progress = 1
        })
        .catch((error: unknown) => {
          if (job.state === 'cancelled') return
          job.state = 'failed'
          job.problem = toProblem(error, job.id)
          if (job.problem.code === 'INTERNAL') log(`search ${job.id}: ${error instanceof Error ? error.stack : error}`)
        })
        .finally(() => {
          job.endedAt = now()
        })
      reply.code(202)
      return tell(job)
    },
  )

  app.get(
    '/v1/searches/:id',
    { schema: { tags: ['search'], summary: 'How far a search is, and what it has', params: EventParams } },
    async (request): Promise<JobOutput> => tell(find(request)),
  )

  app.delete(
    '/v1/searches/:id',
    { schema: { tags: ['search'], summary: 'Stop a search', params: EventParams } },
    async (request): Promise<JobOutput> => {
      const job = find(request)
      if (job.state === 'running') {
        job.state = 'cancelled'
        job.abort.abort(new PipelineError('REQUEST_INVALID', { problem: 'the search was stopped' }))
      }
      return tell(job)
    },
  )
}

async function run({ store }: RouteContext, job: Job, read: SearchLine, input: SearchInput): Promise<void> {
  const { signal } = job.abort
  const { since, until } = read.range
  const [first] = planPipes(read.pipes, read.range).steps
  const gathers = first !== undefined && 'gather' in first
  if (!gathers) {
    // Events come newest first: the last one says how far back we are.
    const tell = (partial: () => SearchOutput) => {
      job.result = partial
      const last = partial().hits.at(-1)?.timestamp
      if (last === undefined || input.order === 'asc') return
      job.partialSince = last
      job.progress = Math.min(1, Math.max(job.progress, (until - last) / (until - since)))
    }
    const result = await answerAny(store, read, input, signal, tell)
    job.result = () => result
    return
  }
  for (const share of SLICES) {
    const from = Math.floor(until - (until - since) * share)
    const range = { since: Math.max(since, Math.min(from, until - 1)), until }
    const result = await answerAny(store, { ...read, range }, input, signal)
    job.result = () => result
    job.partialSince = range.since
    job.progress = share
  }
}

async function answerAny(
  store: RouteContext['store'],
  read: SearchLine,
  input: SearchInput,
  signal: AbortSignal,
  tell?: (partial: () => SearchOutput) => void,
): Promise<SearchOutput> {
  if (read.pipes.length > 0) return answerPiped(store, read, input, signal, tell)
  const { filter, range } = read
  const { limit = 100, order = 'desc' } = input
  const found = await store.search({ filter, range, limit, order }, signal)
  return { hits: found.hits.map(toWireHit), ...range, stats: found.stats, ...(found.cursor && { more: true }) }
}
