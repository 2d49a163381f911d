// Payment card numbers: ISO/IEC 7812 check digit (Luhn), and a beginning and length that a card scheme gives out.

/** First and last beginning of a range (of equal length), and the lengths its numbers have. */
const RANGES: readonly (readonly [string, string, readonly number[]])[] = [
  ['4', '4', [13, 16, 19]], // Visa
  ['51', '55', [16]], // Mastercard
  ['2221', '2720', [16]], // Mastercard
  ['34', '34', [15]], // American Express
  ['37', '37', [15]],
  ['300', '305', [14]], // Diners Club
  ['36', '36', [14]],
  ['38', '39', [14, 16]],
  ['3528', '3589', [16]], // JCB
  ['6011', '6011', [16]], // Discover
  ['644', '659', [16]],
  ['62', '62', [16, 17, 18, 19]], // UnionPay
  ['5018', '5020', [16]], // Maestro
  ['6304', '6304', [16]],
  ['6759', '6763', [16]],
  ['9400', '9499', [16]], // domestic cards of Korea
]

/** @param digits 13 to 19 of them, without separators */
export function isCardNumber(digits: string): boolean {
  const { length } = digits
  return (
    RANGES.some(([from, to, lengths]) => {
      const start = digits.slice(0, from.length)
      return start >= from && start <= to && lengths.includes(length)
    }) && luhn(digits)
  )
}

function luhn(digits: string): boolean {
  let sum = 0
  let same = true
  for (let i = 0; i < digits.length; i++) {
    let digit = digits.charCodeAt(digits.length - 1 - i) - 48
    if (i % 2 === 1 && (digit *= 2) > 9) digit -= 9
    sum += digit
    if (digits.charCodeAt(i) !== digits.charCodeAt(0)) same = false
  }
  return sum % 10 === 0 && !same
}
