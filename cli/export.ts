// haetae export: any search as a file with its manifest; the bytes go to disk as they come.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { ExportManifest } from '../core/api.ts'
import { PipelineError } from '../core/errors.ts'
import type { Command } from './command.ts'
import { clientOptions, clientUsage, type NodeClient, openClient } from './node-client.ts'

export const command: Command = {
  summary: 'write a search of any size to a file, with a manifest',
  usage: `haetae export [QUERY] [--since T] [--until T] [--output csv|ndjson] [--file F] [--columns a,b]

  QUERY           as for search; with stages the table they make
  --since T       15m, 2h, 7d, today or ISO 8601 (default 15m); --until likewise (default now)
  -o, --output    ndjson (default) or csv; cells of a CSV that a spreadsheet would run get an apostrophe
  --file F        write F and F.manifest.json (query, range, zone, rows, SHA-256, requester, time); without it to the
                  standard output, the manifest to standard error
  --force         replace F
  --columns a,b   of events as CSV only these; without it every field they have
  --asc           oldest first
${clientUsage}

The export is in the audit trail. Exit code 1 when it is not whole.`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...clientOptions,
        since: { type: 'string', default: '15m' },
        until: { type: 'string', default: 'now' },
        output: { type: 'string', short: 'o', default: 'ndjson' },
        file: { type: 'string' },
        force: { type: 'boolean', default: false },
        columns: { type: 'string' },
        asc: { type: 'boolean', default: false },
      },
    })
    const { since, until, output, file, force, columns, asc } = values
    if (output !== 'csv' && output !== 'ndjson') {
      throw new PipelineError('USAGE', { problem: `--output is csv or ndjson, not '${output}'`, command: 'export' })
    }
    if (file !== undefined && !force && existsSync(file)) {
      throw new PipelineError('USAGE', { problem: `${file} exists; pass --force to replace it`, command: 'export' })
    }
    const client = openClient(values)
    const query = positionals.join(' ')
    const params = new URLSearchParams({ query, since, until, format: output, ...(columns && { columns }) })
    if (asc) params.set('order', 'asc')
    const response = await client.get(`/v1/export?${params}`)
    const id = response.headers.get('x-haetae-export') ?? ''
    const sha256 = await save(response, file === undefined ? undefined : `${file}.part`).catch(async (error) => {
      if (file !== undefined) rmSync(`${file}.part`, { force: true })
      const { problem } = await manifestOf(client, id).catch(() => ({ problem: undefined }))
      throw problem === undefined ? error : new PipelineError('REQUEST_INVALID', { problem })
    })
    const manifest = await manifestOf(client, id)
    if (manifest.state !== 'complete' || manifest.sha256 !== sha256) {
      if (file !== undefined) rmSync(`${file}.part`, { force: true })
      const problem = manifest.problem ?? 'what arrived is not what the manifest says'
      throw new PipelineError('REQUEST_INVALID', { problem: `the export is not whole: ${problem}` })
    }
    if (file === undefined) console.error(JSON.stringify(manifest))
    else {
      writeFileSync(`${file}.manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`)
      renameSync(`${file}.part`, file)
      console.error(`${manifest.rows} rows, ${manifest.bytes} bytes, sha256 ${sha256}`)
    }
    return 0
  },
}

/** @returns the SHA-256 of what came */
async function save(response: Response, file: string | undefined): Promise<string> {
  const out = file === undefined ? process.stdout : createWriteStream(file, { mode: 0o600 })
  const failed = new Promise<never>((_resolve, reject) => out.once('error', reject))
  failed.catch(() => {}) // raced below
  const hash = createHash('sha256')
  for await (const chunk of response.body ?? []) {
    hash.update(chunk)
    if (!out.write(chunk)) await Promise.race([once(out, 'drain'), failed])
  }
  if (file !== undefined) {
    out.end()
    await finished(out)
  }
  return hash.digest('hex')
}

/** The node writes its end a moment after the last byte. */
async function manifestOf(client: NodeClient, id: string): Promise<ExportManifest> {
  for (let tries = 0; ; tries++) {
    const manifest = (await (await client.get(`/v1/exports/${id}`)).json()) as ExportManifest
    if (manifest.state !== 'running' || tries >= 100) return manifest
    await sleep(100)
  }
}
