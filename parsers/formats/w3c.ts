// A line of a W3C extended log with the `#Fields:` line it stands under: its columns by name.
// https://www.w3.org/TR/WD-logfile

import type { EcsEvent } from '../../core/event.ts'

/** Columns by header: a server has few. */
const known = new Map<string, readonly string[] | undefined>()
const MAX_KNOWN = 256

/**
 * Undefined for what is no line of a web server under that header: another number of columns, a directive. `-` is no value.
 * A `+` in a value stands for a blank in some columns and for itself in others: it stays.
 */
export function readW3c(line: string, header: string): EcsEvent | undefined {
  if (line.charCodeAt(0) === 0x23) return undefined
  const columns = columnsOf(header)
  if (!columns) return undefined
  const found: EcsEvent = {}
  let at = 0
  for (let i = 0; i < columns.length; i++) {
    const blank = line.indexOf(' ', at)
    const isLast = i === columns.length - 1
    if (blank < 0 !== isLast) return undefined
    const value = line.slice(at, isLast ? undefined : blank)
    if (value === '') return undefined
    if (value !== '-') found[columns[i] as string] = value
    at = blank + 1
  }
  return found
}

function columnsOf(header: string): readonly string[] | undefined {
  if (known.has(header)) return known.get(header)
  const names = header
    .slice('#Fields:'.length)
    .split(' ')
    .filter((name) => name !== '')
  // of web servers alone: tab-separated and comma-separated relatives have packs of their own
  const isWeb = names.includes('cs-method') && names.includes('c-ip') && new Set(names).size === names.length
  const columns = isWeb && !/[\t,]/.test(header) && !names.includes('__proto__') ? names : undefined
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(header, columns)
  return columns
}
