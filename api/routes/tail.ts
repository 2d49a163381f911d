// Live tail over server-sent events. A client that reads slowly costs a bounded amount of memory: the newest hits wait,
// older ones are left out and counted. A client that is gone costs nothing: its tail in the store is aborted at once.

import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { WireMark } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Hit, TailBatch } from '../../core/store.ts'
import { auditEntry } from '../audit.ts'
import type { Mark, MarkBook } from '../marks.ts'
import type { RouteContext, ServerLimits } from '../options.ts'
import { toProblem, withStatus } from '../problem.ts'
import { allOf } from '../query/build.ts'
import { parseQuery } from '../query/parse-query.ts'
import { TailQuery } from '../schemas.ts'
import type { Api, SearchLines } from '../search-line.ts'
import { toWireHit } from '../wire.ts'

/** @param stillSignedIn asked with every ping: a sign-out ends the tail */
export function tailRoutes(
  app: Api,
  context: RouteContext,
  lines: SearchLines,
  stillSignedIn: (request: FastifyRequest) => Promise<boolean>,
): void {
  const { store, now, audit, limits, counters, log, marks } = context
  const describeRule = openRuleTitles(context)
  const open = new Set<Tail>()
  counters.gauge('api_tails', () => open.size)
  app.addHook('preClose', async () => {
    for (const tail of open) tail.end()
  })

  app.get(
    '/v1/tail',
    {
      schema: {
        tags: ['search'],
        summary: 'Matching events as they arrive (text/event-stream)',
        querystring: TailQuery,
      },
    },
    async (request, reply): Promise<FastifyReply> => {
      const { query = '', resume: asked } = request.query
      const maxPerSecond = Math.max(1, Number(request.query.rate ?? limits.tailPerSecond))
      const { filter: typed, pipes } = parseQuery(query, { nowMs: now() })
      if (pipes.length > 0) {
        const problem = 'a tail shows events as they arrive and takes no stages'
        throw new PipelineError('QUERY_INVALID', {
          column: query.length,
          problem,
          hint: 'leave out everything from | on',
        })
      }
      const restriction = lines.restrictionOf(request)
      const filter = restriction ? allOf([typed, restriction]) : typed
      if (open.size >= limits.maxTails) {
        const problem = `${limits.maxTails} tails are open, which is the limit; close one`
        throw withStatus(429, new PipelineError('REQUEST_INVALID', { problem }))
      }
      const last = request.headers['last-event-id']
      const resume = typeof last === 'string' && last !== '' ? last : asked
      await audit(auditEntry(request, now(), 'tail', { query, detail: resume && `resume ${resume}` }))
      if (reply.raw.closed) return reply // gone while the entry was written
      reply.hijack()
      const tail = new Tail(reply, limits, { marks, describeRule }, (reason) =>
        counters.add('api_tails_cut_total', 1, { reason }),
      )
      open.add(tail)
      tail.closed.addEventListener('abort', () => open.delete(tail))
      if (marks) {
        const unlisten = marks.listen((fresh) => tail.mark(fresh))
        tail.closed.addEventListener('abort', unlisten)
      }
      tail.keepAlive(() => stillSignedIn(request))
      try {
        for await (const batch of store.tail(filter, { resume, maxPerSecond }, tail.closed)) tail.push(batch)
        tail.end()
      } catch (error) {
        if (!tail.closed.aborted) {
          const problem = toProblem(error, 'tail')
          if (problem.code === 'INTERNAL') log(`tail: ${error instanceof Error ? error.stack : String(error)}`)
          tail.fail(JSON.stringify(problem))
        }
      }
      return reply
    },
  )
}

/** Rules by id as the node has them now; asked anew for one that is not known, at most once a second. */
function openRuleTitles({ rules, now }: RouteContext): RuleTitles {
  let known = new Map<string, { title: string; level: string }>()
  let askedAt = Number.NEGATIVE_INFINITY
  return (ruleId) => {
    if (!known.has(ruleId) && Math.abs(now() - askedAt) >= 1000) {
      askedAt = now()
      known = new Map(rules().rules.map(({ id, title, level }) => [id, { title, level }]))
    }
    return known.get(ruleId) ?? { title: ruleId, level: 'informational' }
  }
}

type RuleTitles = (ruleId: string) => { readonly title: string; readonly level: string }

interface Marking {
  readonly marks: MarkBook | undefined
  readonly describeRule: RuleTitles
}

/** Events a client was sent lately, that a mark may still come for. */
const SENT_IDS = 2000
const MAX_MARKS = 2000

/** One client. What waits for it is at most `tailHits` hits or `tailBytes` bytes, and one hit at least. */
class Tail {
  readonly #out: ServerResponse
  readonly #limits: ServerLimits
  readonly #marking: Marking
  readonly #sent = new Set<string>()
  #marks: WireMark[] = []
  readonly #abort = new AbortController()
  readonly #cut: (reason: 'slow' | 'signed-out') => void
  #timer: NodeJS.Timeout | undefined
  #blockedSince: number | undefined
  #waiting: string[] = []
  #waitingBytes = 0
  #skipped = 0
  #resume: string | undefined

  constructor(
    reply: FastifyReply,
    limits: ServerLimits,
    marking: Marking,
    cut: (reason: 'slow' | 'signed-out') => void,
  ) {
    this.#out = reply.raw
    this.#limits = limits
    this.#marking = marking
    this.#cut = cut
    const headers = reply.getHeaders() as Record<string, string | string[] | number>
    this.#out.on('close', () => this.end())
    this.#out.on('error', () => this.end())
    this.#out.on('drain', () => {
      this.#blockedSince = undefined
      this.#flush()
    })
    this.#out.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no', // nginx would hold the stream back
    })
    this.#out.flushHeaders()
  }

  /** Aborts when the client is gone or the tail has ended. */
  get closed(): AbortSignal {
    return this.#abort.signal
  }

  keepAlive(stillSignedIn: () => Promise<boolean>): void {
    this.#timer = setInterval(async () => {
      if (this.#blockedSince !== undefined) {
        if (performance.now() - this.#blockedSince < this.#limits.tailStallMs) return
        this.#cut('slow')
        this.#out.destroy()
        return
      }
      if (await stillSignedIn().catch(() => false)) this.#write('event: ping\ndata: {}\n\n')
      else {
        this.#cut('signed-out')
        this.end()
      }
    }, this.#limits.tailPingMs)
  }

  /** Rules that matched, of events this client has or is about to get. */
  mark(fresh: readonly Mark[]): void {
    for (const { eventId, ruleId } of fresh) if (this.#sent.has(eventId)) this.#addMark(eventId, ruleId)
    this.#flush()
  }

  #addMark(eventId: string, ruleId: string): void {
    if (this.#marks.length >= MAX_MARKS) this.#marks.shift()
    this.#marks.push({ eventId, ruleId, ...this.#marking.describeRule(ruleId) })
  }

  push(batch: TailBatch): void {
    const { marks } = this.#marking
    for (const hit of batch.hits) {
      this.#keep(hit)
      if (!marks) continue
      this.#sent.add(hit.id)
      if (this.#sent.size > SENT_IDS) this.#sent.delete(this.#sent.values().next().value as string)
      for (const ruleId of marks.of(hit.id)) this.#addMark(hit.id, ruleId)
    }
    this.#skipped += batch.skipped
    this.#resume = batch.resume
    this.#flush()
  }

  #keep(hit: Hit): void {
    const text = JSON.stringify(toWireHit(hit))
    this.#waiting.push(text)
    this.#waitingBytes += text.length
    const { tailHits, tailBytes } = this.#limits
    let drop = 0
    while (
      this.#waiting.length - drop > 1 &&
      (this.#waiting.length - drop > tailHits || this.#waitingBytes > tailBytes)
    ) {
      this.#waitingBytes -= (this.#waiting[drop++] as string).length
    }
    if (drop === 0) return
    this.#waiting.splice(0, drop)
    this.#skipped += drop
  }

  #flush(): void {
    if (this.#blockedSince !== undefined || this.#resume === undefined) return
    if (this.#waiting.length === 0 && this.#skipped === 0 && this.#marks.length === 0) return
    const resume = JSON.stringify(this.#resume)
    const marks = this.#marks.length === 0 ? '' : `,"marks":${JSON.stringify(this.#marks)}`
    const data = `{"hits":[${this.#waiting.join(',')}],"skipped":${this.#skipped},"resume":${resume}${marks}}`
    const id = this.#resume.replace(/[\r\n\0]/g, '')
    this.#waiting = []
    this.#waitingBytes = 0
    this.#skipped = 0
    this.#marks = []
    this.#write(`id: ${id}\nevent: batch\ndata: ${data}\n\n`)
  }

  #write(text: string): void {
    if (this.closed.aborted) return
    if (!this.#out.write(text)) this.#blockedSince ??= performance.now()
  }

  /** Says what went wrong, as the last event. */
  fail(problem: string): void {
    this.#write(`event: problem\ndata: ${problem}\n\n`)
    this.end()
  }

  end(): void {
    if (this.closed.aborted) return
    clearInterval(this.#timer)
    this.#abort.abort()
    this.#waiting = []
    this.#out.end()
  }
}
