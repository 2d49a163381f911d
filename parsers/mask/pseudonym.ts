// The name that stands for a value: the same for the same value within a period, so that events can be joined; another in
// the next period, so that nobody is followed for ever; and without the key nobody tells the value from the name.

import { createHmac } from 'node:crypto'
import { deriveKey } from './keys.ts'

export const periods = ['day', 'month', 'quarter', 'year'] as const
export type Period = (typeof periods)[number]

/** Values whose names are remembered; all are forgotten when there are more. */
const MAX_REMEMBERED = 10_000
const MAX_PERIODS = 64

/** `2026-11-22`, `2026-11`, `2026-Q4` or `2026`: the period of an event's own time, in UTC. */
export function periodOf(timestampMs: number, period: Period): string {
  const day = new Date(timestampMs).toISOString()
  const year = day.slice(0, day.indexOf('-', 1))
  if (period === 'year') return year
  const month = day.slice(year.length + 1, year.length + 3)
  if (period === 'quarter') return `${year}-Q${Math.ceil(Number(month) / 3)}`
  return period === 'month' ? `${year}-${month}` : day.slice(0, year.length + 6)
}

export class Pseudonyms {
  readonly #key: Uint8Array
  readonly #period: Period
  readonly #keys = new Map<string, Buffer>()
  readonly #names = new Map<string, string>()

  constructor(key: Uint8Array, period: Period) {
    this.#key = key
    this.#period = period
  }

  /**
   * @returns `<kind>_` and 20 hex digits: the first 80 bits of HMAC-SHA-256 under the period's key over kind, NUL, value.
   *   One word for search. Two of a billion different values share a name with a chance below one in a million.
   */
  nameOf(kind: string, value: string, timestampMs: number): string {
    const period = periodOf(timestampMs, this.#period)
    const known = `${period}\0${kind}\0${value}`
    let name = this.#names.get(known)
    if (name === undefined) {
      const mac = createHmac('sha256', this.#keyOf(period)).update(`${kind}\0${value}`).digest('hex')
      name = `${kind}_${mac.slice(0, 20)}`
      if (this.#names.size >= MAX_REMEMBERED) this.#names.clear()
      this.#names.set(known, name)
    }
    return name
  }

  #keyOf(period: string): Buffer {
    let key = this.#keys.get(period)
    if (!key) {
      if (this.#keys.size >= MAX_PERIODS) this.#keys.clear()
      this.#keys.set(period, (key = deriveKey(this.#key, `period ${period}`)))
    }
    return key
  }
}
