// What we know beside the line: tables of the operator, places of addresses, names of user agents. Adds fields, never
// changes one.

import type { Config } from '../../core/config.ts'
import type { Parsed } from '../../core/parser.ts'
import { Geo, readMmdb } from './geo.ts'
import { applyTable, readTable } from './table.ts'
import { addUserAgent } from './user-agent.ts'
import { watchFile } from './watched.ts'

export type EnrichConfig = Config['enrich']

export interface Enrichment {
  /** Adds to one event, in place. Never throws. */
  readonly add: (parsed: Parsed) => void
  /** Looks whether files were replaced. */
  look(): void
}

/**
 * @param warn words for the operator: a replaced file that cannot be read
 * @throws CONFIG_INVALID with file and line when one cannot be read at first
 */
export function openEnrichment(config: EnrichConfig, warn: (line: string) => void): Enrichment | undefined {
  const { geo: geoFiles, tables: tableFiles, userAgent } = config
  if (!userAgent && geoFiles.length === 0 && tableFiles.length === 0) return undefined
  const databases = geoFiles.map((path) => watchFile(path, readMmdb, warn))
  const tables = tableFiles.map(({ file, field }) => ({ field, table: watchFile(file, readTable, warn) }))
  const geo = new Geo(() => databases.map(({ current }) => current))
  return {
    add({ event }) {
      for (const { field, table } of tables) applyTable(table.current, field, event)
      if (databases.length > 0) geo.add(event)
      if (userAgent) addUserAgent(event)
    },
    look() {
      for (const { table } of tables) table.look()
      let replaced = false
      for (const database of databases) replaced = database.look() || replaced
      if (replaced) geo.forget()
    },
  }
}
