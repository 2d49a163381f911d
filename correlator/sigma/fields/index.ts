// From the name a rule uses to the places in an event, by the rule's logsource.

import { parseSource, type Source } from '../event-access.ts'
import type { Logsource } from '../types.ts'
import { cloudTables } from './cloud.ts'
import { networkTables } from './network.ts'
import type { FieldTable } from './table.ts'
import { unixTables } from './unix.ts'
import { windowsTables } from './windows.ts'

export type { FieldTable } from './table.ts'

export const fieldTables: readonly FieldTable[] = [...windowsTables, ...unixTables, ...cloudTables, ...networkTables]

/**
 * Where the value of a rule's field may stand: the tables' places, the vendor's own objects under the same name, and the
 * name itself (an ECS path in its own right, or a plain vendor event). All of them are looked at.
 * @param extra tables of the installation; they come first
 */
export function placesOf(logsource: Logsource, field: string, extra: readonly FieldTable[] = []): string[] {
  const places = new Set<string>()
  const names = [field, ...(field.includes(' ') ? [field.replaceAll(' ', '')] : [])]
  const tables = [...extra, ...fieldTables].filter((table) => applies(table.when, logsource))
  for (const table of tables)
    for (const name of names) {
      for (const place of Object.hasOwn(table.fields, name) ? (table.fields[name] ?? []) : []) places.add(place)
      for (const start of Object.keys(table.prefixes ?? {}))
        if (name.startsWith(start))
          for (const other of table.prefixes?.[start] ?? []) {
            places.add(other + name.slice(start.length))
            if (table.snake) places.add(other + snakeCase(name.slice(start.length)))
          }
    }
  for (const table of tables)
    for (const vendor of table.vendor ?? [])
      for (const name of names) {
        places.add(`${vendor}.${name}`)
        if (table.snake) places.add(`${vendor}.${snakeCase(name)}`)
      }
  for (const name of names) places.add(name)
  return [...places]
}

export const sourcesOf = (logsource: Logsource, field: string, extra: readonly FieldTable[] = []): Source[] =>
  placesOf(logsource, field, extra).map(parseSource)

const applies = (when: Logsource, logsource: Logsource): boolean =>
  (['product', 'category', 'service'] as const).every((key) => when[key] === undefined || when[key] === logsource[key])

const snakeCase = (name: string): string =>
  name
    .split('.')
    .map((part) =>
      part
        .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
        .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
        .toLowerCase(),
    )
    .join('.')
