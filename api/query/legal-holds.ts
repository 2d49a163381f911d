// `store.hold` of the configuration as what the store executes.

import type { Config } from '../../core/config.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Filter } from '../../core/query.ts'
import type { LegalHold } from '../../core/retention.ts'
import { parseIso } from '../time.ts'
import { allOf } from './build.ts'
import { parseQuery } from './parse-query.ts'

/** @throws CONFIG_INVALID: a hold that cannot be read must not be taken for none */
export function readLegalHolds(holds: Config['store']['hold'], place = 'store.hold'): LegalHold[] {
  return holds.map(({ query, from, to, until, reason }, at) => {
    const refuse = (problem: string, hint?: string): never => {
      throw new PipelineError('CONFIG_INVALID', { place: `${place}[${at}]`, problem, hint })
    }
    const time = (key: string, text: string | undefined) => {
      if (text === undefined) return undefined
      return parseIso(text) ?? refuse(`${key}: '${text}' is not a time`, 'write 2026-11-22 or 2026-11-22T10:00:00Z')
    }
    const since = time('from', from)
    const before = time('to', to)
    if (since !== undefined && before !== undefined && since >= before) refuse('from is not before to')
    const parts: Filter[] = []
    if (query !== undefined) parts.push(readQuery(query, refuse))
    if (since !== undefined || before !== undefined) {
      const iso = (ms: number) => new Date(ms).toISOString()
      parts.push({
        kind: 'range',
        field: '@timestamp',
        ...(since !== undefined && { gte: iso(since) }),
        ...(before !== undefined && { lt: iso(before) }),
      })
    }
    if (parts.length === 0) refuse('holds nothing', "give it a query, from or to; query: '*' holds everything")
    const untilMs = time('until', until)
    return { reason, filter: allOf(parts), ...(untilMs !== undefined && { untilMs }) }
  })
}

function readQuery(query: string, refuse: (problem: string, hint?: string) => never): Filter {
  try {
    const { filter, pipes } = parseQuery(query, { nowMs: 0 })
    if (pipes.length > 0) refuse('a query that holds has no pipes')
    // A hold must want tomorrow what it wants today.
    if (JSON.stringify(parseQuery(query, { nowMs: 1e12 }).filter) !== JSON.stringify(filter)) {
      refuse('the query names a time that moves', 'write times as 2026-11-22')
    }
    return filter
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'QUERY_INVALID') return refuse(`query: ${error.message}`)
    throw error
  }
}
