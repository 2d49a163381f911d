// Telephone numbers that belong to somebody: Korean mobile, fixed-line and internet numbers as they are written at home
// and abroad, and international numbers with their plus sign (ITU-T E.164). Numbers of companies (1588-…, 080) stay.

/** Sticky, of bounded length, one way to match each. The national number is what all forms of one number share. */
const MOBILE = /01[016789](?:-\d{3,4}-|\.\d{3,4}\.| \d{3,4} |\d{3,4})\d{4}/y
const FIXED = /\(?(?:02|0(?:3[1-3]|4[1-4]|5[1-5]|6[1-4])|070|050[2-8])(?:[-.]|\)[- ]?| )\d{3,4}[-. ]\d{4}/y
const HOME =
  /(?:\+|00)?82[-. ]?(?:\(0\)[- ]?|0)?(?:1[016789]|2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70)[-. ]?\d{3,4}[-. ]?\d{4}/y
const ABROAD = /\+[1-9](?:[-. ]?\(?\d\)?){7,14}/y

/** Country codes of ITU-T E.164 by their length; 1 and 7 are alone. */
const TWO_DIGITS =
  ' 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 '
const THREE_DIGITS_BEGIN = ' 21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99 '

const isCountry = (digits: string) =>
  digits[0] === '1' ||
  digits[0] === '7' ||
  TWO_DIGITS.includes(` ${digits.slice(0, 2)} `) ||
  THREE_DIGITS_BEGIN.includes(` ${digits.slice(0, 2)} `)

export interface Phone {
  /** Where it ends in the text. */
  readonly end: number
  /** E.164 without the plus: equal for every way of writing the number. */
  readonly digits: string
}

/** The number that begins exactly there. */
export function readPhone(text: string, at: number): Phone | undefined {
  const first = text.charCodeAt(at)
  if (first === 0x30 || first === 0x28) {
    const home = match(MOBILE, text, at) ?? match(FIXED, text, at)
    if (home !== undefined) return { end: at + home.length, digits: `82${digitsOf(home).slice(1)}` }
  }
  const korean = match(HOME, text, at)
  // without a plus or 00, a number that begins with 82 is just a number unless it is cut like a telephone number
  if (korean !== undefined && (first !== 0x38 || /[-. ]/.test(korean))) {
    const digits = digitsOf(korean).replace(/^00/, '').slice(2).replace(/^0/, '')
    return { end: at + korean.length, digits: `82${digits}` }
  }
  if (first !== 0x2b) return undefined
  const abroad = match(ABROAD, text, at)
  if (abroad === undefined) return undefined
  const digits = digitsOf(abroad)
  // North American numbers have ten digits behind the 1
  if (!isCountry(digits) || (digits[0] === '1' && digits.length !== 11)) return undefined
  return { end: at + abroad.length, digits }
}

function match(expression: RegExp, text: string, at: number): string | undefined {
  expression.lastIndex = at
  return expression.exec(text)?.[0]
}

const digitsOf = (text: string) => text.replaceAll(/\D/g, '')
