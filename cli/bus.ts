// haetae bus: looking into a ledger, and checking it, while no node runs on it (fsck and dump also beside a running one).

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dumpLedger } from '../bus/ledger/dump.ts'
import { fsckLedger } from '../bus/ledger/fsck.ts'
import { PipelineError } from '../core/errors.ts'
import type { Command } from './command.ts'
import { NdjsonWriter } from './lines.ts'

export const command: Command = {
  summary: 'check or dump the ledger: bus fsck, bus dump',
  usage: `haetae bus fsck [--data DIR] [--repair]
haetae bus dump [--data DIR] [--from OFFSET] [--to OFFSET]

  fsck   reads every byte: CRCs, offsets, the hash chain, also across what retention deleted. Exit code 1 when something
         is damaged. --repair cuts a torn tail and sets damage aside; stop the node first.
  dump   one record a line: {"partition", "offset", "source", "peer", "receivedAt", "raw"}
  --data DIR   the node's data folder (default ./data)`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        data: { type: 'string', default: process.env['HAETAE_DATA'] ?? './data' },
        repair: { type: 'boolean', default: false },
        from: { type: 'string', default: '0' },
        to: { type: 'string', default: String(Number.MAX_SAFE_INTEGER) },
      },
    })
    const dir = join(values.data, 'ledger')
    const out = new NdjsonWriter()
    switch (positionals[0]) {
      case 'fsck': {
        const report = await fsckLedger(dir, { repair: values.repair })
        await out.write(report)
        await out.flush()
        return report.damaged.length > 0 || report.missing.length > 0 || !report.chainOk ? 1 : 0
      }
      case 'dump': {
        for await (const { partition, offset, origin, receivedAtMs, bytes } of dumpLedger(
          dir,
          Number(values.from),
          Number(values.to),
        )) {
          await out.write({
            partition,
            offset,
            source: origin.source,
            peer: origin.peer,
            receivedAt: new Date(receivedAtMs).toISOString(),
            raw: Buffer.from(bytes).toString('utf8'),
          })
        }
        await out.flush()
        return 0
      }
      default:
        throw new PipelineError('USAGE', {
          problem: `bus knows fsck and dump, not '${positionals[0] ?? ''}'`,
          command: 'bus',
        })
    }
  },
}
