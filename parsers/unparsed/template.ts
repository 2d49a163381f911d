// A line as a template: words that change from line to line are `*`. The words that stay are what its writer wrote.

/** No more of a line makes its template. */
const MAX_CHARS = 1024
const MAX_WORDS = 48
const MAX_WORD = 64

export const WILD = '*'

/** Words: cut at white space, and after `=`, `:`, `,`, `;` and brackets, which stay with what is before them. */
export function wordsOf(line: string): string[] {
  const words: string[] = []
  const text = line.length > MAX_CHARS ? line.slice(0, MAX_CHARS) : line
  let from = 0
  for (let i = 0; i <= text.length; i++) {
    const c = i < text.length ? text.charCodeAt(i) : 32
    const space = c <= 32
    if (!space && !isCut(c)) continue
    const end = space ? i : i + 1
    if (end > from) {
      if (words.length === MAX_WORDS) {
        words.push('…')
        return words
      }
      words.push(generalise(text.slice(from, end)))
    }
    from = i + 1
  }
  return words
}

/** = : , ; ( ) [ ] { } < > " ' | */
const isCut = (c: number) =>
  c === 61 ||
  c === 58 ||
  c === 44 ||
  c === 59 ||
  c === 40 ||
  c === 41 ||
  c === 91 ||
  c === 93 ||
  c === 123 ||
  c === 125 ||
  c === 60 ||
  c === 62 ||
  c === 34 ||
  c === 39 ||
  c === 124

/** A word with a digit, or a long one, is a value; the sign it ends with stays. */
function generalise(word: string): string {
  const sign = isCut(word.charCodeAt(word.length - 1)) ? (word[word.length - 1] as string) : ''
  const bare = sign === '' ? word : word.slice(0, -1)
  if (bare === '') return word
  return bare.length > MAX_WORD || /\d/.test(bare) || isId(bare) ? WILD + sign : word
}

/** Paths of files, addresses of mail, and words that no language has. */
const isId = (word: string) =>
  word.includes('@') || (word.length > 1 && /[/\\]/.test(word)) || /[^aeiouyAEIOUY\W\d_]{8}/.test(word)
