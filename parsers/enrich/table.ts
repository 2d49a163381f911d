// A look-up table: a CSV file whose first column is the key and whose other columns are fields to set. Fields that an
// event has already are never changed.

import { readFileSync } from 'node:fs'
import { PipelineError } from '../../core/errors.ts'
import { type EcsEvent, getPath, type Scalar } from '../../core/event.ts'
import { fieldType } from '../../core/fields.ts'
import { fitTo } from '../normalize/normalize.ts'

export interface Table {
  readonly fields: readonly string[]
  /** Key -> values in the order of `fields`; undefined where the cell is empty. */
  readonly rows: ReadonlyMap<string, readonly (Scalar | undefined)[]>
}

export const MAX_TABLE_BYTES = 64 * 1024 * 1024

/** @throws CONFIG_INVALID with file and line */
export function readTable(path: string): Table {
  let text: string
  try {
    const bytes = readFileSync(path)
    if (bytes.length > MAX_TABLE_BYTES) throw new Error(`over ${MAX_TABLE_BYTES} bytes`)
    text = bytes.toString('utf8')
  } catch (error) {
    throw new PipelineError('CONFIG_INVALID', { place: path, problem: `cannot be read (${(error as Error).message})` })
  }
  return parseTable(text, path)
}

/** RFC 4180, with `#` lines left out. */
export function parseTable(text: string, path: string): Table {
  const refuse = (line: number, problem: string): never => {
    throw new PipelineError('CONFIG_INVALID', { place: `${path}:${line}`, problem })
  }
  const rows = new Map<string, (Scalar | undefined)[]>()
  let header: string[] | undefined
  for (const { cells, line } of records(text.replace(/^\ufeff/, ''), refuse)) {
    if (!header) {
      header = cells.map((cell) => cell.trim())
      if (header.length < 2) refuse(line, 'a table has a key column and at least one field to set')
      for (const name of header.slice(1))
        if (
          !/^[A-Za-z_@][\w@-]*(\.[\w@-]+)*$/.test(name) ||
          name.includes('__proto__') ||
          name === '@timestamp' ||
          /^(event|haetae)(\.|$)/.test(name)
        )
          refuse(line, `'${name}' is no field a table may set`)
      continue
    }
    if (cells.length !== header.length) refuse(line, `${cells.length} cells where the first line has ${header.length}`)
    const [key = '', ...rest] = cells
    if (rows.has(key)) refuse(line, `'${key}' is there twice`)
    rows.set(
      key,
      rest.map((cell, i) => {
        const name = (header as string[])[i + 1] as string
        if (cell === '') return undefined
        return fitTo(cell, fieldType(name)) ?? refuse(line, `'${cell}' is no ${fieldType(name)}, which ${name} is`)
      }),
    )
  }
  return { fields: header?.slice(1) ?? refuse(1, 'the first line names the columns'), rows }
}

function* records(
  text: string,
  refuse: (line: number, problem: string) => never,
): Generator<{ cells: string[]; line: number }> {
  let line = 1
  let at = 0
  while (at < text.length) {
    const first = line
    const cells: string[] = []
    if (text[at] === '#') {
      const end = text.indexOf('\n', at)
      at = end < 0 ? text.length : end + 1
      line++
      continue
    }
    for (;;) {
      let cell = ''
      if (text[at] === '"') {
        for (at++; ; at++) {
          const end = text.indexOf('"', at)
          if (end < 0) refuse(first, 'a quote is not closed')
          cell += text.slice(at, end)
          at = end + 1
          if (text[at] !== '"') break
          cell += '"'
        }
        line += cell.split('\n').length - 1
      } else {
        const start = at
        while (at < text.length && text[at] !== ',' && text[at] !== '\n') at++
        cell = text.slice(start, at).replace(/\r$/, '')
      }
      cells.push(cell)
      if (text[at] === '\r') at++
      if (text[at] === ',') at++
      else break
    }
    if (at < text.length && text[at] !== '\n') refuse(line, 'something follows a closed quote')
    at++
    line++
    if (cells.length > 1 || cells[0] !== '') yield { cells, line: first }
  }
}

/** Sets what the table has for the first value of `field` it knows, where the event has nothing. */
export function applyTable({ fields, rows }: Table, field: string, event: EcsEvent): void {
  const value = getPath(event, field)
  if (value === undefined || value === null) return
  for (const one of Array.isArray(value) ? value : [value]) {
    const row = typeof one === 'object' ? undefined : rows.get(String(one))
    if (!row) continue
    for (let i = 0; i < fields.length; i++)
      if (row[i] !== undefined) fillPath(event, fields[i] as string, row[i] as Scalar)
    return
  }
}

/** Sets a dotted field unless it, or a scalar on the way to it, is there. */
function fillPath(event: EcsEvent, path: string, value: Scalar): void {
  const parts = path.split('.')
  let node = event
  for (let i = 0; i < parts.length - 1; i++) {
    const part = parts[i] as string
    const next = Object.hasOwn(node, part) ? node[part] : undefined
    if (next === undefined || next === null) node = (node[part] = {}) as EcsEvent
    else if (typeof next === 'object' && !Array.isArray(next)) node = next
    else return
  }
  node[parts[parts.length - 1] as string] ??= value
}
