// E-mail addresses as people have them (RFC 5321 dot-string at a domain name). `%40` is an at sign in a URL.

/** Names that look like an address in logs and are none: algorithms of SSH. */
const NO_PERSONS = new Set(['openssh.com', 'libssh.org'])
/** Last labels that are file and unit types: getty@tty1.service, logo@2x.png, left-pad@1.3.0.tgz. */
const NO_DOMAINS = new Set(
  (
    'service socket timer slice scope target mount automount swap device path snapshot png jpg jpeg gif svg webp ico css js ' +
    'mjs ts json map html htm xml yaml yml conf log txt so jar war gz tgz bz2 xz tar exe dll cpp internal localdomain lan'
  ).split(' '),
)
const MAX_LOCAL = 64
const MAX_DOMAIN = 253

/** Letters, digits and the four signs that people's addresses have; the others RFC 5322 allows delimit addresses in logs. */
const LOCAL = new Uint8Array(128)
for (const c of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.') LOCAL[c.charCodeAt(0)] = 1

const isAlnum = (c: number) => (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122)

export interface Email {
  readonly start: number
  readonly end: number
  /** Lower case: what all ways of writing the address share. */
  readonly address: string
}

/** @param sign where the at sign is @param width 1 for `@`, 3 for `%40` @param from nothing before is looked at */
export function readEmail(text: string, sign: number, width: number, from: number): Email | undefined {
  let start = sign
  const least = Math.max(from, sign - MAX_LOCAL)
  while (start > least && LOCAL[text.charCodeAt(start - 1)] === 1) start--
  // longer than an address may be: none, rather than the end of something else
  if (start === least && start > from && LOCAL[text.charCodeAt(start - 1)] === 1) return undefined
  if (text[start - 1] === '%' && /^[0-9A-Fa-f]{2}/.test(text.slice(start, start + 2))) start += 2 // %3D before it
  while (start < sign && !isAlnum(text.charCodeAt(start)) && text[start] !== '_') start++
  if (start >= sign || text[sign - 1] === '.') return undefined
  const begin = sign + width
  let end = begin
  const most = Math.min(text.length, begin + MAX_DOMAIN + 1)
  for (; end < most; end++) {
    const c = text.charCodeAt(end)
    if (!isAlnum(c) && c !== 45 && c !== 46) break
  }
  while (end > begin && !isAlnum(text.charCodeAt(end - 1))) end--
  const domain = text.slice(begin, end).toLowerCase()
  const dot = domain.lastIndexOf('.')
  if (dot < 1 || domain.length > MAX_DOMAIN || domain.includes('..')) return undefined
  const last = domain.slice(dot + 1)
  if (!/^(?:[a-z]{2,24}|xn--[a-z0-9-]{1,59})$/.test(last) || NO_DOMAINS.has(last) || NO_PERSONS.has(domain))
    return undefined
  return { start, end, address: `${text.slice(start, sign).toLowerCase()}@${domain}` }
}
