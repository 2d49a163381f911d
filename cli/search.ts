// haetae search: events or a table from a running node; with --follow it goes on as a tail.

import { parseArgs } from 'node:util'
import type { SearchInput, SearchOutput } from '../core/api.ts'
import { PipelineError } from '../core/errors.ts'
import type { Command } from './command.ts'
import { clientOptions, clientUsage, openClient } from './node-client.ts'
import { defaultOutput, formatHit, type Output, outputs } from './print-hit.ts'
import { formatTable } from './print-table.ts'
import { followEvents } from './tail.ts'
import { yellow } from './terminal.ts'

export const command: Command = {
  summary: 'search the events of a running node',
  usage: `haetae search [QUERY] [--since T] [--until T] [--limit N] [-o json|raw|table] [--follow]

  QUERY           user.name:root and not source.ip:10.0.0.0/8; empty finds everything. With stages a table:
                  'user.name:root | stats count() by source.ip | sort -count | head 20'
  --since T       15m, 2h, 7d, today or ISO 8601 (default 15m); --until likewise (default now)
  --limit N       at most N events, newest first (default 100)
  -o, --output    json (default on a pipe), raw (the line as it came; of a table tabs between), table (default on a
                  terminal)
  -f, --follow    print what there is, oldest first, and go on with what arrives
${clientUsage}

Exit code 1 when nothing was found.`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...clientOptions,
        since: { type: 'string', default: '15m' },
        until: { type: 'string', default: 'now' },
        limit: { type: 'string', default: '100' },
        output: { type: 'string', short: 'o', default: defaultOutput() },
        follow: { type: 'boolean', short: 'f', default: false },
      },
    })
    const output = parseOutput(values.output)
    const limit = Number(values.limit)
    if (!Number.isInteger(limit) || limit < 1) {
      throw new PipelineError('USAGE', {
        problem: `--limit ${values.limit} is no whole number above 0`,
        command: 'search',
      })
    }
    const client = openClient(values)
    const query = positionals.join(' ')
    if (values.follow) return followEvents(client, query, output, { since: values.since, limit })
    let cursor: string | undefined
    let found = 0
    do {
      const input: SearchInput = {
        query,
        since: values.since,
        until: values.until,
        limit: Math.min(1000, limit - found),
        ...(cursor && { cursor }),
      }
      const page = await client.post<SearchOutput>('/v1/search', input)
      if (page.table) {
        for (const line of formatTable(page.table, output)) console.log(line)
        found += page.table.rows.length
      }
      for (const hit of page.hits) console.log(formatHit(hit, output))
      found += page.hits.length
      cursor = page.cursor
      if (page.more) {
        const how = page.table ? "'haetae export' has them all" : 'ask for more with --limit'
        console.error(yellow(`haetae search: there is more than the ${found} shown; ${how}`))
      }
    } while (cursor && found < limit)
    return found > 0 ? 0 : 1
  },
}

export function parseOutput(text: string): Output {
  if ((outputs as readonly string[]).includes(text)) return text as Output
  throw new PipelineError('USAGE', { problem: `--output is ${outputs.join(', ')}, not '${text}'` })
}
