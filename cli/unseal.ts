// haetae unseal: the original lines of masked events, for whoever holds the seal key. It runs beside the node, not in it:
// the key never reaches a process that takes requests.

import { parseArgs } from 'node:util'
import { describe, PipelineError } from '../core/errors.ts'
import { type EcsEvent, getPath } from '../core/event.ts'
import { readKeyFile } from '../parsers/mask/keys.ts'
import { openOriginal } from '../parsers/mask/mask.ts'
import type { Command } from './command.ts'
import { NdjsonWriter, readLines } from './lines.ts'

export const command: Command = {
  summary: 'open the sealed originals of masked events, with the key',
  usage: `haetae unseal --key FILE --reason TEXT [FILE|-]

  --key FILE      the key of masking.sealKeyFile
  --reason TEXT   why they are opened; written to standard error with every run, for your own record

Input: events as NDJSON, as 'haetae search -o json' and 'haetae parse' answer them. One answer a line, in order:
{"id", "original"}, or {"id", "problem"} for an event that has none or was sealed with another key. Exit code 1 when one
could not be opened.`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { key: { type: 'string' }, reason: { type: 'string' } },
    })
    if (!values.key || !values.reason?.trim()) {
      throw new PipelineError('USAGE', { problem: '--key and --reason are needed', command: 'unseal' })
    }
    const key = readKeyFile(values.key)
    const out = new NdjsonWriter()
    let opened = 0
    let closed = 0
    for await (const line of readLines(positionals[0] ?? '-')) {
      if (line.length === 0) continue
      const { id, event } = readHit(line, opened + closed + 1)
      try {
        await out.write({ id, original: openOriginal(event, key) })
        opened++
      } catch (error) {
        await out.write({ id, problem: describe(error) })
        closed++
      }
    }
    await out.flush()
    process.stderr.write(`${opened} opened, ${closed} not; reason: ${JSON.stringify(values.reason)}\n`)
    return closed === 0 ? 0 : 1
  },
}

/** An answer of search or parse, or a bare event. @throws REQUEST_INVALID naming the line */
function readHit(line: Buffer, number: number): { id: unknown; event: EcsEvent } {
  let value: unknown
  try {
    value = JSON.parse(line.toString('utf8'))
  } catch (error) {
    throw new PipelineError('REQUEST_INVALID', { problem: `line ${number} is not JSON: ${(error as Error).message}` })
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new PipelineError('REQUEST_INVALID', { problem: `line ${number} is no event` })
  }
  const hit = value as { id?: unknown; _id?: unknown; event?: EcsEvent }
  const inside = hit._id === undefined && getPath(hit.event ?? {}, 'haetae') !== undefined
  return { id: hit._id ?? hit.id ?? number, event: inside && hit.event ? hit.event : (value as EcsEvent) }
}
