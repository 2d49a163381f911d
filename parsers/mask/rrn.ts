// 주민등록번호 and 외국인등록번호: YYMMDD, a digit for century and sex, five or six more, and, for most, a check digit.
//
// Numbers given since October 2020 have random digits and no check digit, so for those born since then the date alone
// decides, and only where the hyphen is written.

const WEIGHTS = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5] as const
const RANDOM_SINCE = Date.UTC(2020, 9, 1)

/**
 * @param digits thirteen of them
 * @param hyphen it was written YYMMDD-NNNNNNN
 * @param latestMs nobody is born after this
 */
export function isResidentNumber(digits: string, hyphen: boolean, latestMs: number): boolean {
  const kind = digits.charCodeAt(6) - 48
  if (kind < 1 || kind > 8) return false
  const year = (kind === 1 || kind === 2 || kind === 5 || kind === 6 ? 1900 : 2000) + Number(digits.slice(0, 2))
  const month = Number(digits.slice(2, 4))
  const day = Number(digits.slice(4, 6))
  if (month < 1 || month > 12 || day < 1) return false
  const born = Date.UTC(year, month - 1, day)
  if (new Date(born).getUTCDate() !== day || born > latestMs) return false
  let sum = 0
  for (let i = 0; i < 12; i++) sum += (digits.charCodeAt(i) - 48) * (WEIGHTS[i] as number)
  const check = ((kind >= 5 ? 13 : 11) - (sum % 11)) % 10
  return check === digits.charCodeAt(12) - 48 || (hyphen && born >= RANDOM_SINCE)
}
