// CSV (RFC 4180) and other text with one character between columns.

const MAX_COLUMNS = 1000

/**
 * Columns of one record. A column in double quotes may hold the delimiter and `""`; a quote that is never closed is text.
 * @param delimiter a single character; quotes mean something only when `quoted`
 */
export function readDelimited(text: string, delimiter = ',', quoted = true): string[] {
  const columns: string[] = []
  let at = 0
  while (columns.length < MAX_COLUMNS) {
    if (quoted && text.charCodeAt(at) === 34) {
      const end = closingQuote(text, at + 1)
      const next = text.charCodeAt(end + 1)
      if (end >= 0 && (Number.isNaN(next) || text[end + 1] === delimiter)) {
        const inner = text.slice(at + 1, end)
        columns.push(inner.includes('""') ? inner.replaceAll('""', '"') : inner)
        if (Number.isNaN(next)) return columns
        at = end + 2
        continue
      }
    }
    const end = text.indexOf(delimiter, at)
    if (end < 0) {
      columns.push(text.slice(at))
      return columns
    }
    columns.push(text.slice(at, end))
    at = end + 1
  }
  columns.push(text.slice(at))
  return columns
}

function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from)
  while (at >= 0 && text.charCodeAt(at + 1) === 34) at = text.indexOf('"', at + 2)
  return at
}
