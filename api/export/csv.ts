// CSV as RFC 4180 has it, and safe to open: a spreadsheet runs cells that begin with certain signs as formulas.

import type { Value } from '../pipes/row.ts'

/** A cell that begins so is run: OWASP's list, and the full-width signs that spreadsheets fold to them. */
const RUN = /^[\s\u00a0\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]|^[\t\r\n]/
/** What is plainly a number does nothing. */
const PLAIN_NUMBER = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Several values are written as a JSON array; text that would run gets an apostrophe before it. */
export function csvCell(value: Value): string {
  if (value === null) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = typeof value === 'object' ? JSON.stringify(value) : value
  const safe = RUN.test(text) && !PLAIN_NUMBER.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) || safe.startsWith(' ') || safe.endsWith(' ') ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** With the line end that RFC 4180 asks for. */
export function csvLine(values: readonly Value[]): string {
  // One empty column alone would be an empty line, which readers skip.
  if (values.length === 1 && values[0] === null) return '""\r\n'
  return `${values.map(csvCell).join(',')}\r\n`
}

/** Names as cells, but `@timestamp` as it is: programs look for it. */
export function csvHead(columns: readonly string[]): string {
  return `${columns.map((column) => (column === '@timestamp' ? column : csvCell(column))).join(',')}\r\n`
}
