// One event on a terminal or a pipe.

import type { WireHit } from '../core/api.ts'
import { getPath } from '../core/event.ts'
import { cyan, dim, isTerminal, red, safe, yellow } from './terminal.ts'

export const outputs = ['json', 'raw', 'table'] as const
export type Output = (typeof outputs)[number]

/** json on a pipe, table on a terminal. */
export const defaultOutput = (): Output => (isTerminal() ? 'table' : 'json')

/**
 * json: one nested ECS event a line with `_id`. raw: event.original, control bytes escaped on a terminal only.
 * table: time, host, program, level and message on one line.
 */
export function formatHit(hit: WireHit, output: Output): string {
  if (output === 'json') return JSON.stringify({ _id: hit.id, ...hit.event })
  const text = (path: string) => {
    const value = getPath(hit.event, path)
    return value === undefined || value === null ? '' : String(value)
  }
  if (output === 'raw') return isTerminal() ? safe(text('event.original')) : text('event.original')
  const outcome = text('event.outcome')
  const colour = outcome === 'failure' ? red : text('event.kind') === 'pipeline_error' ? yellow : (t: string) => t
  const where = safe(
    [text('host.name') || text('source.ip'), text('process.name') || text('event.dataset')].filter(Boolean).join(' '),
  )
  return `${dim(new Date(hit.timestamp).toISOString())} ${cyan(where)} ${colour(safe(text('message') || text('event.original')))}`
}
