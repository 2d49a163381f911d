// A table of stages on a terminal or a pipe.

import type { WireCell, WireTable } from '../core/api.ts'
import type { Output } from './print-hit.ts'
import { cyan, safe } from './terminal.ts'

const MAX_WIDTH = 80

/** json: an object a line. raw: tab between, with a head line. table: in columns. */
export function formatTable({ columns, rows }: WireTable, output: Output): string[] {
  if (output === 'json') {
    return rows.map((row) => JSON.stringify(Object.fromEntries(columns.map((column, i) => [column, row[i] ?? null]))))
  }
  const texts = rows.map((row) => columns.map((_column, i) => safe(textOf(row[i] ?? null))))
  const head = columns.map((column) => safe(column))
  if (output === 'raw') return [head, ...texts].map((cells) => cells.join('\t'))
  const numeric = columns.map((_column, i) => rows.every((row) => typeof (row[i] ?? 0) === 'number'))
  const cut = (text: string) => (width(text) > MAX_WIDTH ? `${take(text, MAX_WIDTH - 1)}…` : text)
  const shown = texts.map((cells) => cells.map(cut))
  const widths = head.map((name, i) =>
    Math.max(width(cut(name)), ...shown.map((cells) => width(cells[i] as string)), 1),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => {
        const space = ' '.repeat((widths[i] as number) - width(cell))
        return numeric[i] ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd()
  return [cyan(line(head.map(cut))), ...shown.map(line)]
}

function textOf(cell: WireCell): string {
  if (cell === null) return ''
  return typeof cell === 'object' ? cell.map(String).join(', ') : String(cell)
}

/** Korean, Chinese and Japanese characters and most signs of pictures take two places. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u

function width(text: string): number {
  let places = 0
  for (const character of text) places += WIDE.test(character) ? 2 : 1
  return places
}

function take(text: string, places: number): string {
  let taken = ''
  let used = 0
  for (const character of text) {
    used += WIDE.test(character) ? 2 : 1
    if (used > places) break
    taken += character
  }
  return taken
}
