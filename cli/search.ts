// haetae search: one page or many from a running node.

import { parseArgs } from 'node:util'
import type { SearchInput, SearchOutput } from '../core/api.ts'
import { PipelineError } from '../core/errors.ts'
import type { Command } from './command.ts'
import { clientOptions, clientUsage, openClient } from './node-client.ts'
import { defaultOutput, formatHit, type Output, outputs } from './print-hit.ts'

export const command: Command = {
  summary: 'search the events of a running node',
  usage: `haetae search [QUERY] [--since T] [--until T] [--limit N] [-o json|raw|table]

  QUERY           user.name:root and not source.ip:10.0.0.0/8; empty finds everything
  --since T       15m, 2h, 7d, today or ISO 8601 (default 15m); --until likewise (default now)
  --limit N       at most N events, newest first (default 100)
  -o, --output    json (default on a pipe), raw (the line as it came), table (default on a terminal)
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
      for (const hit of page.hits) console.log(formatHit(hit, output))
      found += page.hits.length
      cursor = page.cursor
    } while (cursor && found < limit)
    return found > 0 ? 0 : 1
  },
}

export function parseOutput(text: string): Output {
  if ((outputs as readonly string[]).includes(text)) return text as Output
  throw new PipelineError('USAGE', { problem: `--output is ${outputs.join(', ')}, not '${text}'` })
}
