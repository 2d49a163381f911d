// The search line as text: where its stages begin, and how a condition is added to its filter.

/** The filter and what follows from the first `|` on; a `|` in quotes, backticks or a regular expression is text. */
export function splitQuery(query: string): { filter: string; stages: string } {
  let at = 0
  while (at < query.length) {
    const char = query[at] as string
    if (char === '\\') at += 2
    else if (char === '"' || char === '`') at = closing(query, at, char)
    else if (char === '/' && /[:(\s]$/.test(query.slice(0, at))) {
      const end = closing(query, at, '/')
      // `/var/log` is a path: no expression ends where a word goes on.
      at = end <= query.length && /^i?(?:$|[\s)|])/.test(query.slice(end)) ? end : at + 1
    } else if (char === '|' && query[at + 1] === '|') at += 2
    else if (char === '|') return { filter: query.slice(0, at).trim(), stages: query.slice(at).trim() }
    else at++
  }
  return { filter: query.trim(), stages: '' }
}

function closing(query: string, start: number, quote: string): number {
  for (let at = start + 1; at < query.length; at++) {
    if (query[at] === '\\') at++
    else if (query[at] === quote) return at + 1
  }
  return query.length + 1
}

/** Stages that change what is counted stay behind the condition. */
export function withClause(query: string, clause: string): string {
  const { filter, stages } = splitQuery(query)
  const own = /(?:^|\s)or(?:\s|$)|\|\|/i.test(filter) ? `(${filter})` : filter
  return [own === '' ? clause : `${own} and ${clause}`, stages].filter(Boolean).join(' ')
}
