// Whether a text is an IP address, quickly for the ones that most lines have.

import { isIP } from 'node:net'

/** 4 or 6 as node:net's isIP tells; 0 for anything else. */
export function ipVersion(text: string): number {
  const { length } = text
  if (length < 2 || length > 80) return length > 80 ? isIP(text) : 0
  let dots = 0
  let digits = 0
  let value = 0
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === 46) {
      if (digits === 0) return 0
      dots++
      digits = value = 0
      continue
    }
    const digit = unit - 48
    // no dotted quad: a colon or a letter belongs to IPv6, or to a name
    if (!(digit >= 0 && digit <= 9)) return text.includes(':') ? isIP(text) : 0
    value = value * 10 + digit
    // `010` is octal to some and decimal to others: no address
    if (++digits > 3 || value > 255 || (digits > 1 && value < 10)) return text.includes(':') ? isIP(text) : 0
  }
  return dots === 3 && digits > 0 ? 4 : 0
}
