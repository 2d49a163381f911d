// haetae parse: what the pipeline would make of these lines, without a running node.

import { parseArgs } from 'node:util'
import { PipelineError } from '../core/errors.ts'
import type { Parser } from '../core/parser.ts'
import type { Origin } from '../core/raw-batch.ts'
import { splitDocument } from '../ingest/split/split-document.ts'
import { loadPacks } from '../parsers/packs.ts'
import { createParser } from '../parsers/parser.ts'
import type { Command } from './command.ts'
import { NdjsonWriter, readLines, readWhole } from './lines.ts'
import { packFolders } from './own-files.ts'

export const command: Command = {
  summary: 'turn lines into ECS events',
  usage: `haetae parse [--input lines|jsonl] [--split] [--whole] [--dataset D] [--zone Z] [--packs DIR] [--now TIME] [FILE|-]

  --input lines   (default) every line of the input is a log line
  --input jsonl   every line is {"id", "raw", "dataset"?}
  --split         split lines that are JSON documents of many records (CloudTrail, Azure, CloudWatch, Kubernetes lists,
                  Trivy reports, arrays), one answer a record: ids are "line.record"
  --whole         the whole input is one line: for documents that are written over several
  --dataset D     hint which pack the lines belong to; without it the pack is detected
  --zone Z        time zone of lines that name none (default UTC)
  --packs DIR     more packs; may be repeated
  --now TIME      the receive time to assume (default: the clock)

One answer a line, in order: {"id", "event"}; event is nested ECS, id the line's number (from 1) or the one given.
A line no pack knows is answered too, with error.message saying why.`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        input: { type: 'string', default: 'lines' },
        split: { type: 'boolean', default: false },
        whole: { type: 'boolean', default: false },
        dataset: { type: 'string' },
        zone: { type: 'string', default: 'UTC' },
        packs: { type: 'string', multiple: true, default: [] },
        now: { type: 'string' },
      },
    })
    if (values.input !== 'lines' && values.input !== 'jsonl') {
      throw new PipelineError('USAGE', {
        problem: `--input is lines or jsonl, not '${values.input}'`,
        command: 'parse',
      })
    }
    if (values.input === 'jsonl' && (values.split || values.whole)) {
      throw new PipelineError('USAGE', { problem: '--split and --whole go with --input lines', command: 'parse' })
    }
    const parse = openLineParser({ packs: values.packs, zone: values.zone, now: parseNow(values.now) })
    const out = new NdjsonWriter()
    let number = 0
    const path = positionals[0] ?? '-'
    for await (const line of values.whole ? readWhole(path, MAX_WHOLE_BYTES) : readLines(path)) {
      number++
      if (values.split) {
        let part = 0
        for (const record of splitLine(line)) {
          await out.write({ id: `${number}.${++part}`, event: parse(record, values.dataset) })
        }
      } else if (values.input === 'lines') await out.write({ id: number, event: parse(line, values.dataset) })
      else {
        if (line.length === 0) continue
        const { id, raw, dataset } = readCase(line, number)
        await out.write({ id, event: parse(Buffer.from(raw), dataset ?? values.dataset) })
      }
    }
    await out.flush()
    return 0
  },
}

/** What `--whole` reads into memory at most. */
const MAX_WHOLE_BYTES = 256 * 1024 * 1024

function splitLine(line: Buffer): Buffer[] {
  const records: Buffer[] = []
  const { leftOut } = splitDocument(line, (record) => records.push(record))
  if (leftOut > 0) process.stderr.write(`${leftOut} parts that are no records were left out (docs/inputs.md)\n`)
  return records
}

export interface Case {
  readonly id: unknown
  readonly raw: string
  readonly dataset?: string
}

/** One line of `--input jsonl`. @throws REQUEST_INVALID naming the line */
export function readCase(line: Buffer, number: number): Case {
  let value: unknown
  try {
    value = JSON.parse(line.toString('utf8'))
  } catch (error) {
    throw new PipelineError('REQUEST_INVALID', { problem: `line ${number} is not JSON: ${(error as Error).message}` })
  }
  const { raw } = (value ?? {}) as Partial<Case>
  if (typeof raw !== 'string') {
    throw new PipelineError('REQUEST_INVALID', { problem: `line ${number} needs {"id", "raw"} with raw as text` })
  }
  return value as Case
}

/** The parser as the command line uses it: a line and a hint in, nested ECS out. */
export function openLineParser(options: { packs: readonly string[]; zone: string; now: () => number }) {
  const parser: Parser = createParser({
    packs: loadPacks(packFolders(options.packs)),
    defaultZone: options.zone,
    now: options.now,
  })
  const origins = new Map<string, Origin>()
  return (bytes: Buffer, dataset = '') => {
    let origin = origins.get(dataset)
    if (!origin) {
      origin = { source: 'cli', kind: 'file', peer: '-', ...(dataset && { dataset }) }
      origins.set(dataset, origin)
    }
    return parser.parse({ bytes, origin, receivedAtMs: options.now(), flags: 0 }).event
  }
}

/** `--now`: a fixed clock, or the real one. */
export function parseNow(text: string | undefined): () => number {
  if (text === undefined) return Date.now
  const at = Date.parse(text)
  if (Number.isNaN(at))
    throw new PipelineError('USAGE', { problem: `--now ${text} is no ISO 8601 time`, command: 'parse' })
  return () => at
}
