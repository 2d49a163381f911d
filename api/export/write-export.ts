// A search as a file, page by page: what the client has not taken is not read from the store. The manifest says what the
// file is, and its SHA-256 that it is whole.

import { createHash } from 'node:crypto'
import type { ExportManifest } from '../../core/api.ts'
import type { Row } from '../pipes/row.ts'
import { csvHead, csvLine } from './csv.ts'
import { flatEntries } from './flat.ts'

export interface ExportShape {
  readonly format: 'csv' | 'ndjson'
  /** Columns of the CSV, or of the table the stages made; undefined: events whole, as NDJSON. */
  readonly columns: readonly string[] | undefined
  /** Byte order mark, so that spreadsheets read the text as UTF-8. */
  readonly bom?: boolean
}

/** Fills `manifest` (rows, bytes, sha256) when it has run to its end. Chunks of about 64 KiB. */
export async function* writeExport(
  rows: AsyncIterable<readonly Row[]>,
  { format, columns, bom }: ExportShape,
  manifest: ExportManifest,
): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha256')
  let held: string[] = []
  let heldLength = 0
  const take = (): Buffer => {
    const bytes = Buffer.from(held.join(''))
    held = []
    heldLength = 0
    hash.update(bytes)
    manifest.bytes += bytes.length
    return bytes
  }
  const put = (text: string) => {
    held.push(text)
    heldLength += text.length
  }
  const known = new Set(columns)
  if (format === 'csv') {
    put((bom ? '\ufeff' : '') + csvHead(columns ?? []))
    yield take() // the reader knows at once that it works
  }
  for await (const page of rows) {
    for (const row of page) {
      manifest.rows++
      if (format === 'ndjson') put(`${JSON.stringify(columns ? tableRow(row, columns) : eventRow(row))}\n`)
      else {
        put(csvLine((columns ?? []).map((column) => (column === '_id' && row.hit ? row.hit.id : row.get(column)))))
        // A field that came with an event newer than the head line: said in the manifest.
        if (row.hit) for (const [name] of flatEntries(row.hit.event)) if (!known.has(name)) manifest.cellsLeftOut++
      }
      if (heldLength >= 65_536) yield take()
    }
  }
  if (heldLength > 0) yield take()
  manifest.sha256 = hash.digest('hex')
}

const eventRow = (row: Row) => {
  const hit = row.toHit()
  return { _id: hit.id, ...hit.event }
}
const tableRow = (row: Row, columns: readonly string[]) =>
  Object.fromEntries(columns.map((column) => [column, row.get(column)]))
