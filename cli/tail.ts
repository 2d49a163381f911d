// haetae tail: matching events as they arrive; reconnects where it stopped, without a gap.

import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { TailOutput } from '../core/api.ts'
import { describe, isPipelineError } from '../core/errors.ts'
import type { Command } from './command.ts'
import { clientOptions, clientUsage, openClient } from './node-client.ts'
import { defaultOutput, formatHit } from './print-hit.ts'
import { parseOutput } from './search.ts'
import { yellow } from './terminal.ts'

export const command: Command = {
  summary: 'follow matching events as they arrive',
  usage: `haetae tail [QUERY] [-o json|raw|table] [--resume R]

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
        resume: { type: 'string' },
      },
    })
    const output = parseOutput(values.output)
    const client = openClient(values)
    const stop = new AbortController()
    process.once('SIGINT', () => stop.abort())
    let { resume } = values
    for (let attempt = 0; !stop.signal.aborted; attempt++) {
      const query = new URLSearchParams({ query: positionals.join(' '), ...(resume && { resume }) })
      try {
        const response = await client.get(`/v1/tail?${query}`, stop.signal)
        for await (const data of sseData(response)) {
          attempt = 0
          const batch = JSON.parse(data) as TailOutput
          for (const hit of batch.hits) console.log(formatHit(hit, output))
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
  },
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
