// haetae store: checking the event store, also beside a running node.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PipelineError } from '../core/errors.ts'
import { fsckSegments } from '../store/segments/fsck.ts'
import type { Command } from './command.ts'
import { NdjsonWriter } from './lines.ts'

export const command: Command = {
  summary: 'check the event store: store fsck',
  usage: `haetae store fsck [--data DIR]

  fsck   reads every byte of every segment and changes nothing: checksums, and whether offsets are missing. Exit code 1
         when something is damaged or lost; the node sets it aside when it starts, and replays it from the ledger.
  --data DIR   the node's data folder (default ./data)`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { data: { type: 'string', default: process.env['HAETAE_DATA'] ?? './data' } },
    })
    if (positionals[0] !== 'fsck' || positionals.length > 1) {
      throw new PipelineError('USAGE', {
        problem: `store knows fsck, not '${positionals.join(' ')}'`,
        command: 'store',
      })
    }
    const dir = join(values.data, 'segments')
    if (!existsSync(dir)) throw new PipelineError('USAGE', { problem: `no event store in ${dir}`, command: 'store' })
    const report = fsckSegments(dir)
    const out = new NdjsonWriter()
    await out.write(report)
    await out.flush()
    return report.ok ? 0 : 1
  },
}
