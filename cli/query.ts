// haetae query: how a search is read, and how it runs.

import { parseArgs } from 'node:util'
import { formatQuery } from '../api/query/format-query.ts'
import { parseQuery } from '../api/query/parse-query.ts'
import type { ExplainOutput } from '../core/api.ts'
import { isPipelineError, PipelineError } from '../core/errors.ts'
import type { Command } from './command.ts'
import { clientOptions, clientUsage, openClient } from './node-client.ts'
import { cyan, dim, isTerminal, red, safe } from './terminal.ts'

export const command: Command = {
  summary: 'explain or format a search: query explain, query format',
  usage: `haetae query explain QUERY [--since T] [--until T] [-o json]
haetae query format QUERY

  explain   runs it on a node: what the store does, what was never read, what each stage gave
  format    the one way to write it; needs no node
${clientUsage}`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...clientOptions,
        since: { type: 'string', default: '15m' },
        until: { type: 'string', default: 'now' },
        output: { type: 'string', short: 'o', default: isTerminal() ? 'table' : 'json' },
      },
    })
    const [what, ...words] = positionals
    const query = words.join(' ')
    if (what === 'format') return format(query)
    if (what !== 'explain') {
      const problem = `query knows explain and format, not '${what ?? ''}'`
      throw new PipelineError('USAGE', { problem, command: 'query' })
    }
    const { since, until } = values
    const told = await openClient(values).post<ExplainOutput>('/v1/explain', { query, since, until })
    if (values.output === 'json') console.log(JSON.stringify(told))
    else for (const line of readable(told)) console.log(line)
    return 0
  },
}

function format(query: string): number {
  try {
    const { filter, pipes } = parseQuery(query, { nowMs: Date.now() })
    console.log(formatQuery(filter, pipes).trim())
    return 0
  } catch (error) {
    if (!isPipelineError(error, 'QUERY_INVALID')) throw error
    const { column } = error.params
    console.error(`${red(safe(error.message))}\n${safe(query)}\n${' '.repeat(Math.max(0, column - 1))}^`)
    return 1
  }
}

function readable(told: ExplainOutput): string[] {
  const time = (ms: number) => new Date(ms).toISOString()
  const read = told.segments - told.pruned
  return [
    cyan(safe(told.query) || '*'),
    dim(`${time(told.since)} to ${time(told.until)}`),
    ...told.steps.map(
      ({ text, where, rows }, i) => `${i + 1}. ${where.padEnd(5)}  ${safe(text)}  ${dim(`-> ${rows} rows`)}`,
    ),
    `${told.segments} segments: ${read} read, ${told.pruned} never read; the filter saw ${told.rows} rows; ${told.tookMs.toFixed(1)} ms`,
  ]
}
