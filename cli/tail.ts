// haetae tail: matching events as they arrive; reconnects where it stopped, without a gap.

import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { SearchOutput, TailOutput } from '../core/api.ts'
import { describe, isPipelineError } from '../core/errors.ts'
import type { Command } from './command.ts'
import { clientOptions, clientUsage, type NodeClient, openClient } from './node-client.ts'
import { defaultOutput, formatHit, type Output } from './print-hit.ts'
import { parseOutput } from './search.ts'
import { yellow } from './terminal.ts'

export const command: Command = {
  summary: 'follow matching events as they arrive',
  usage: `haetae tail [QUERY] [--since T] [-o json|raw|table] [--rate N] [--resume R]

  --since T       first the last 100 events since then: 15m, 2h, today or ISO 8601
  --rate N        at most N events a second; how many were left out is told
  -o, --output    json (default on a pipe), raw, table (default on a terminal)
  --resume R      go on after an earlier tail, without a gap
${clientUsage}`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...clientOptions,
        output: { type: 'string', short: 'o', default: defaultOutput() },
        since: { type: 'string' },
        rate: { type: 'string' },
        resume: { type: 'string' },
      },
    })
    const output = parseOutput(values.output)
    const { since, rate, resume } = values
    return followEvents(openClient(values), positionals.join(' '), output, { since, rate, resume, limit: 100 })
  },
}

interface FollowOptions {
  /** Begin with what there is since then, `limit` events at most. */
  readonly since?: string | undefined
  readonly limit: number
  readonly rate?: string | undefined
  readonly resume?: string | undefined
}

/** Until interrupted. Events that are in both, what there was and what arrives, are printed once. */
export async function followEvents(
  client: NodeClient,
  query: string,
  output: Output,
  { since, limit, rate, resume: asked }: FollowOptions,
): Promise<number> {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  let resume = asked
  let printed: Set<string> | undefined
  for (let attempt = 0; !stop.signal.aborted; attempt++) {
    const params = new URLSearchParams({ query, ...(resume && { resume }), ...(rate && { rate }) })
    try {
      const response = await client.get(`/v1/tail?${params}`, stop.signal)
      // The tail is open, so nothing falls between what there was and what arrives.
      if (since !== undefined && printed === undefined) printed = await printPast(client, query, output, since, limit)
      for await (const data of sseData(response)) {
        attempt = 0
        const batch = JSON.parse(data) as TailOutput
        for (const hit of batch.hits) if (!printed?.delete(hit.id)) console.log(formatHit(hit, output))
        if (batch.skipped > 0) console.error(yellow(`haetae tail: ${batch.skipped} more matched and were left out`))
        resume = batch.resume
      }
    } catch (error) {
      if (stop.signal.aborted) break
      // A refusal will be refused again; a connection that broke may heal.
      if (isPipelineError(error, 'REQUEST_INVALID') || attempt >= 5) throw error
      console.error(yellow(`haetae tail: ${describe(error)}; trying again`))
      await sleep(Math.min(5000, 500 * 2 ** attempt), undefined, { signal: stop.signal }).catch(() => undefined)
    }
  }
  return 0
}

async function printPast(
  client: NodeClient,
  query: string,
  output: Output,
  since: string,
  limit: number,
): Promise<Set<string>> {
  const input = { query, since, limit: Math.min(1000, limit) }
  const { hits } = await client.post<SearchOutput>('/v1/search', input)
  for (const hit of hits.toReversed()) console.log(formatHit(hit, output))
  return new Set(hits.map(({ id }) => id))
}

/** The data of each server-sent `batch` event. */
async function* sseData(response: Response): AsyncGenerator<string> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    rest += decoder.decode(chunk, { stream: true })
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const lines = rest.slice(0, end).split('\n')
      rest = rest.slice(end + 2)
      if (!lines.includes('event: batch')) continue
      yield lines
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice(6))
        .join('\n')
    }
  }
}
