// haetae reparse: after a pack is mended, what was stored before is read again.

import { parseArgs } from 'node:util'
import type { Problem, ReparseInput, ReparseOutput } from '../core/api.ts'
import { PipelineError } from '../core/errors.ts'
import type { Command } from './command.ts'
import { clientOptions, clientUsage, openClient } from './node-client.ts'
import { dim, isTerminal } from './terminal.ts'

export const command: Command = {
  summary: 'read stored events again after a pack was mended',
  usage: `haetae reparse --since T [--until T] [--source S] [--all]

  --since T       15m, 2h, 7d, today or ISO 8601: when lines were received, not what time they tell
  --until T       likewise (default now)
  --source S      only lines of this source, as 'http:app' in the list of sources
  --all           also events that were parsed and would come out otherwise now
${clientUsage}

The node reads its ledger with the packs as they are on disk, replaces what was unparsed and is read now under the same
id, and gives it to the rules. It goes on when this command is interrupted. Exit code 1 when nothing was replaced.`,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...clientOptions,
        since: { type: 'string' },
        until: { type: 'string', default: 'now' },
        source: { type: 'string' },
        all: { type: 'boolean', default: false },
      },
    })
    const { since, until, source, all } = values
    if (since === undefined) throw new PipelineError('USAGE', { problem: '--since is missing', command: 'reparse' })
    const input: ReparseInput = { since, until, all, ...(source !== undefined && { source }) }
    for await (const { event, data } of openClient(values).stream('/v1/reparse', input)) {
      if (event === 'problem') {
        const { detail } = JSON.parse(data) as Problem
        throw new PipelineError('REQUEST_INVALID', { problem: detail })
      }
      const told = JSON.parse(data) as ReparseOutput & { running?: boolean }
      const { records, repaired, stillUnparsed, unchanged, replaced, notStored, alerts } = told
      if (event === 'progress' && isTerminal()) console.error(dim(`${records} read, ${replaced} replaced`))
      if (event !== 'done') continue
      console.log(JSON.stringify({ records, repaired, stillUnparsed, unchanged, replaced, notStored, alerts }))
      return replaced > 0 ? 0 : 1
    }
    throw new PipelineError('REQUEST_INVALID', { problem: 'the node ended before the reparse did; run it again' })
  },
}
