// Walks JSON text as bytes, strictly (RFC 8259), without building values: it tells where each one begins and ends, so that
// a record can be kept exactly as it was sent. One pass; JSON.parse would build every object only to be thrown away.

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const MAX_DEPTH = 256

export class JsonSyntaxError extends Error {
  readonly at: number

  constructor(problem: string, at: number) {
    super(`${problem} at byte ${at}`)
    this.name = 'JsonSyntaxError'
    this.at = at
  }
}

/** The first byte at or after `at` that is not white space. */
export function skipSpace(json: Buffer, at: number): number {
  for (;;) {
    const byte = json[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
}

/** @param at the first byte of a value @returns the byte after it @throws JsonSyntaxError */
export function skipValue(json: Buffer, at: number, depth = 0): number {
  const byte = json[at]
  if (byte === QUOTE) return skipString(json, at)
  if (byte === 0x7b)
    return eachMember(json, at, (_keyStart, _keyEnd, value) => skipValue(json, value, depth + 1), depth)
  if (byte === 0x5b) return eachElement(json, at, (element) => skipValue(json, element, depth + 1), depth)
  if (byte === 0x2d || isDigit(byte)) return skipNumber(json, at)
  if (byte === 0x74) return skipWord(json, at, 'true')
  if (byte === 0x66) return skipWord(json, at, 'false')
  if (byte === 0x6e) return skipWord(json, at, 'null')
  throw new JsonSyntaxError(at >= json.length ? 'the text ends' : 'no value', at)
}

/** @param visit is given the first byte of each element, and answers the byte after it */
export function eachElement(json: Buffer, at: number, visit: (element: number) => number, depth = 0): number {
  if (json[at] !== 0x5b) throw new JsonSyntaxError('no array', at)
  if (depth > MAX_DEPTH) throw new JsonSyntaxError(`nested over ${MAX_DEPTH} deep`, at)
  at = skipSpace(json, at + 1)
  if (json[at] === 0x5d) return at + 1
  for (;;) {
    at = skipSpace(json, visit(at))
    if (json[at] === 0x5d) return at + 1
    if (json[at] !== COMMA) throw new JsonSyntaxError('no comma or ] after an element', at)
    at = skipSpace(json, at + 1)
  }
}

/** @param visit is given where the key's text (without quotes) begins and ends and the value begins; answers its end */
export function eachMember(
  json: Buffer,
  at: number,
  visit: (keyStart: number, keyEnd: number, value: number) => number,
  depth = 0,
): number {
  if (json[at] !== 0x7b) throw new JsonSyntaxError('no object', at)
  if (depth > MAX_DEPTH) throw new JsonSyntaxError(`nested over ${MAX_DEPTH} deep`, at)
  at = skipSpace(json, at + 1)
  if (json[at] === 0x7d) return at + 1
  for (;;) {
    if (json[at] !== QUOTE) throw new JsonSyntaxError('no key', at)
    const keyStart = at + 1
    at = skipString(json, at)
    const keyEnd = at - 1
    at = skipSpace(json, at)
    if (json[at] !== COLON) throw new JsonSyntaxError('no colon after a key', at)
    at = skipSpace(json, visit(keyStart, keyEnd, skipSpace(json, at + 1)))
    if (json[at] === 0x7d) return at + 1
    if (json[at] !== COMMA) throw new JsonSyntaxError('no comma or } after a value', at)
    at = skipSpace(json, at + 1)
  }
}

/** The text of a string, from its bytes without the quotes. */
export function decodeString(json: Buffer, start: number, end: number): string {
  const escaped = json.subarray(start, end).includes(BACKSLASH)
  return escaped ? (JSON.parse(json.toString('utf8', start - 1, end + 1)) as string) : json.toString('utf8', start, end)
}

function skipString(json: Buffer, at: number): number {
  for (let i = at + 1; i < json.length; i++) {
    const byte = json[i] as number
    if (byte === QUOTE) return i + 1
    if (byte === BACKSLASH) i = skipEscape(json, i + 1)
    else if (byte < 0x20) throw new JsonSyntaxError('a control character inside a string', i)
  }
  throw new JsonSyntaxError('a string does not end', at)
}

/** @param at the byte after the backslash @returns the last byte of the escape */
function skipEscape(json: Buffer, at: number): number {
  const byte = json[at]
  if (byte === 0x75) {
    for (let i = at + 1; i <= at + 4; i++) if (!isHex(json[i])) throw new JsonSyntaxError('not four hex digits', at)
    return at + 4
  }
  // " \ / b f n r t
  if (byte !== QUOTE && byte !== BACKSLASH && byte !== 0x2f && byte !== 0x62 && byte !== 0x66) {
    if (byte !== 0x6e && byte !== 0x72 && byte !== 0x74) throw new JsonSyntaxError('an unknown escape', at)
  }
  return at
}

function skipNumber(json: Buffer, at: number): number {
  const start = at
  if (json[at] === 0x2d) at++
  if (json[at] === 0x30) at++
  else at = skipDigits(json, at, start)
  if (json[at] === 0x2e) at = skipDigits(json, at + 1, start)
  if (json[at] === 0x65 || json[at] === 0x45) {
    at++
    if (json[at] === 0x2b || json[at] === 0x2d) at++
    at = skipDigits(json, at, start)
  }
  return at
}

function skipDigits(json: Buffer, at: number, start: number): number {
  if (!isDigit(json[at])) throw new JsonSyntaxError('a malformed number', start)
  while (isDigit(json[at])) at++
  return at
}

function skipWord(json: Buffer, at: number, word: string): number {
  for (let i = 0; i < word.length; i++) {
    if (json[at + i] !== word.charCodeAt(i)) throw new JsonSyntaxError('no value', at)
  }
  return at + word.length
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

function isHex(byte: number | undefined): boolean {
  return isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
}
