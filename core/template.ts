// The template of a log message: what its lines have in common. Numbers, addresses, ids and quoted texts become `*`, so
// that `order 17 failed` and `order 18 failed` are one. The same text gives the same template everywhere, in any order.

/** Words of a template; what follows is one `…`. */
const MAX_WORDS = 40
export const MAX_CHARACTERS = 1024

/**
 * Words are what blanks part; signs at their ends stay. A word with a digit, of hex digits (8 or more), in quotes, or
 * longer than 64 characters is `*`; in `key=value` and `key:value` the value alone. In a text of at most MAX_CHARACTERS a run
 * of ASCII letters, digits and `_` with a digit in it may be any other such run: the template is the same. The store asks
 * once for all texts that differ in nothing else.
 */
export function templateOf(text: string): string {
  const head = text.length > MAX_CHARACTERS ? text.slice(0, MAX_CHARACTERS) : text
  const out: string[] = []
  let at = 0
  const { length } = head
  while (at < length) {
    while (at < length && head.charCodeAt(at) <= 32) at++
    if (at >= length) break
    if (out.length === MAX_WORDS) {
      out.push('…')
      break
    }
    const quote = head[at]
    if (quote === '"' || quote === "'") {
      const close = head.indexOf(quote, at + 1)
      if (close > 0) {
        at = close + 1
        out.push(`${quote}*${quote}`)
        continue
      }
    }
    const start = at
    while (at < length && head.charCodeAt(at) > 32) at++
    out.push(wordOf(head.slice(start, at)))
  }
  if (head.length < text.length && out.at(-1) !== '…') out.push('…')
  return out.join(' ')
}

function wordOf(word: string): string {
  let from = 0
  let to = word.length
  while (from < to && '([{<,;'.includes(word[from] as string)) from++
  while (to > from && ')]}>,;.:!?'.includes(word[to - 1] as string)) to--
  const core = word.slice(from, to)
  if (!isVariable(core)) return word
  for (let at = 1; at < core.length - 1; at++) {
    const sign = core.charCodeAt(at)
    if ((sign === 61 || sign === 58) && !isVariable(core.slice(0, at))) {
      return `${word.slice(0, from)}${core.slice(0, at + 1)}*${word.slice(to)}`
    }
  }
  return `${word.slice(0, from)}*${word.slice(to)}`
}

function isVariable(word: string): boolean {
  if (word.length > 64) return true
  let hex = word.length >= 8
  for (let at = 0; at < word.length; at++) {
    const c = word.charCodeAt(at)
    if (c >= 48 && c <= 57) return true
    if (c === 34 || c === 39) return true
    if (hex && !((c >= 97 && c <= 102) || (c >= 65 && c <= 70))) hex = false
  }
  return hex
}
