// From the request's words to what the store executes: range, filter, and a check for slips in field names.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify'
import type { Filter, Pipe, TimeRange } from '../core/query.ts'
import type { EventStore } from '../core/store.ts'
import { allOf } from './query/build.ts'
import { commonFields, nearestField } from './query/fields.ts'
import { parseQuery } from './query/parse-query.ts'
import { parseRange } from './time.ts'

/** Our Fastify: schemas give the types. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export interface SearchLine {
  /** With the restriction of who asks ANDed in last. */
  readonly filter: Filter
  readonly range: TimeRange
  readonly pipes: readonly Pipe[]
  /** What was typed, without the restriction. */
  readonly asked: Filter
  /** What the asking user may see at all; undefined: everything. */
  readonly restriction?: Filter
}

export interface SearchLines {
  /** @param request who asks @throws QUERY_INVALID, REQUEST_INVALID */
  read(
    input: { query?: string; since?: string; until?: string },
    request: FastifyRequest,
    signal?: AbortSignal,
  ): Promise<SearchLine>
  restrictionOf(request: FastifyRequest): Filter | undefined
  /** Remembers fields that events have. */
  learn(names: Iterable<string>): void
}

const MAX_LEARNT = 20_000
/** Names of one query that are worth a question to the store. */
const MAX_ASKED = 5

export function openSearchLines(
  store: EventStore,
  now: () => number,
  restrict: (user: string) => Filter | undefined = () => undefined,
): SearchLines {
  const known = new Set(commonFields)
  const learn = (names: Iterable<string>) => {
    for (const name of names) if (known.size < MAX_LEARNT) known.add(name)
  }
  const restrictionOf = (request: FastifyRequest) => restrict(request.actor?.user ?? 'nobody')
  return {
    learn,
    restrictionOf,
    async read(input, request, signal) {
      const nowMs = now()
      const range = parseRange(input, nowMs)
      const line = input.query ?? ''
      const { filter: asked, pipes, fields } = parseQuery(line, { nowMs })
      const restriction = restrictionOf(request)
      const filter = restriction ? allOf([asked, restriction]) : asked
      const read = { filter, asked, range, pipes, ...(restriction && { restriction }) }
      const suspects = [...fields].filter((name) => !known.has(name) && nearestField(name, known)).slice(0, MAX_ASKED)
      if (suspects.length === 0) return read
      // A name much like a known one is a slip only if no event in the range has it.
      const slips = new Set<string>()
      for (const field of suspects) {
        const question = { filter: { kind: 'exists', field }, range, aggregation: { kind: 'count' } } as const
        if ((await store.aggregate(question, signal)).total > 0) learn([field])
        else slips.add(field)
      }
      // Parsed again, this time knowing the names: the error has the column, and quoted names stay as they are.
      if (slips.size > 0) {
        const knownFields = new Set([...known, ...[...fields].filter((name) => !slips.has(name))])
        parseQuery(line, { nowMs, knownFields })
      }
      return read
    },
  }
}
