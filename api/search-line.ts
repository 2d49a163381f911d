// From the request's words to what the store executes: range, filter, and a check for slips in field names.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { Filter, TimeRange } from '../core/query.ts'
import type { EventStore } from '../core/store.ts'
import { fieldsOf } from './query/build.ts'
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
  readonly filter: Filter
  readonly range: TimeRange
}

export interface SearchLines {
  /** @throws QUERY_INVALID, REQUEST_INVALID */
  read(input: { query?: string; since?: string; until?: string }, signal?: AbortSignal): Promise<SearchLine>
  /** Remembers fields that events have. */
  learn(names: Iterable<string>): void
}

const MAX_LEARNT = 20_000
/** Names of one query that are worth a question to the store. */
const MAX_ASKED = 5

export function openSearchLines(store: EventStore, now: () => number): SearchLines {
  const known = new Set(commonFields)
  const learn = (names: Iterable<string>) => {
    for (const name of names) if (known.size < MAX_LEARNT) known.add(name)
  }
  return {
    learn,
    async read(input, signal) {
      const nowMs = now()
      const range = parseRange(input, nowMs)
      const line = input.query ?? ''
      const { filter } = parseQuery(line, { nowMs })
      const suspects = [...fieldsOf(filter)]
        .filter((name) => !known.has(name) && nearestField(name, known))
        .slice(0, MAX_ASKED)
      if (suspects.length === 0) return { filter, range }
      // A name much like a known one is a slip only if no event in the range has it.
      const slips = new Set<string>()
      for (const field of suspects) {
        const request = { filter: { kind: 'exists', field }, range, aggregation: { kind: 'count' } } as const
        if ((await store.aggregate(request, signal)).total > 0) learn([field])
        else slips.add(field)
      }
      // Parsed again, this time knowing the names: the error has the column, and quoted names stay as they are.
      if (slips.size > 0) {
        const knownFields = new Set([...known, ...[...fieldsOf(filter)].filter((name) => !slips.has(name))])
        parseQuery(line, { nowMs, knownFields })
      }
      return { filter, range }
    },
  }
}
