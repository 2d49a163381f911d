// Wildcards: `*` any run, `?` one character, `\` takes the next character as it is. Time is O(text * pattern) at worst.

interface Token {
  readonly kind: 'any' | 'one' | 'char'
  readonly char: string
}

/** The whole text must match. Characters are code points. */
export function compileGlob(pattern: string): (text: string) => boolean {
  const tokens: Token[] = []
  let escaped = false
  for (const char of pattern) {
    if (escaped) tokens.push({ kind: 'char', char })
    else if (char === '*') {
      if (tokens.at(-1)?.kind !== 'any') tokens.push({ kind: 'any', char })
    } else if (char === '?') tokens.push({ kind: 'one', char })
    else if (char !== '\\') tokens.push({ kind: 'char', char })
    escaped = !escaped && char === '\\'
  }
  if (escaped) tokens.push({ kind: 'char', char: '\\' })

  // The common shapes, value*, *value, *value*, without a walk.
  const literal = (part: readonly Token[]) =>
    part.every((t) => t.kind === 'char') ? part.map((t) => t.char).join('') : undefined
  const starts = tokens[0]?.kind === 'any'
  const ends = tokens.at(-1)?.kind === 'any'
  const inner = literal(tokens.slice(starts ? 1 : 0, ends && tokens.length > 1 ? -1 : undefined))
  if (inner !== undefined) {
    if (starts && (ends || tokens.length === 1))
      return tokens.length === 1 ? () => true : (text) => text.includes(inner)
    if (starts) return (text) => text.endsWith(inner)
    if (ends) return (text) => text.startsWith(inner)
    return (text) => text === inner
  }
  return (text) => walk(tokens, text)
}

function walk(tokens: readonly Token[], text: string): boolean {
  let at = 0
  let token = 0
  let star = -1
  let starAt = 0
  while (at < text.length) {
    const current = tokens[token]
    const width = (text.codePointAt(at) as number) > 0xffff ? 2 : 1
    if (current?.kind === 'any') {
      star = token++
      starAt = at
    } else if (
      current &&
      (current.kind === 'one' || (current.char.length === width && text.startsWith(current.char, at)))
    ) {
      at += width
      token++
    } else if (star >= 0) {
      starAt += (text.codePointAt(starAt) as number) > 0xffff ? 2 : 1
      at = starAt
      token = star + 1
    } else return false
  }
  while (tokens[token]?.kind === 'any') token++
  return token === tokens.length
}
