// The figures of `stats`, gathered group by group: by the store over its columns, by the API over rows. Columns of
// numbers, not an object a group. What they mean is said in core/query.ts; none depends on the order of the events.

import { PipelineError } from './errors.ts'
import type { Scalar } from './event.ts'
import { fieldType } from './fields.ts'
import { PairTable } from './pair-table.ts'
import type { Measure } from './query.ts'
import { compareText, toDateMs, toIso, toNumber } from './scalars.ts'

/** Groups of one question; with keys, tables and figures about 100 bytes each. */
export const MAX_GROUPS = 500_000
/** Distinct values over all groups of one `dc`. */
export const MAX_PAIRS = 4_000_000
/** Numbers and buckets held for percentiles, over all groups. */
const MAX_HELD = 4_000_000
/** Up to here a percentile is exact. */
const EXACT_VALUES = 64
/** Buckets of the sketch grow by this factor: the middle of one is within 1 % of all it holds. */
const GAMMA = 1.01 / 0.99
const LOG_GAMMA = Math.log(GAMMA)

export interface Gatherer {
  /** An event of the group that has the field, or for count without a field any event. */
  row(group: number): void
  /** Only of `dc`: the value as a number that is the same for the same value. */
  id(group: number, valueId: number): void
  number(group: number, value: number): void
  text(group: number, value: string): void
  result(group: number): Scalar | null
  /** Which of the four calls it wants. */
  readonly wants: 'rows' | 'ids' | 'numbers' | 'values'
}

/** @throws QUERY_INVALID from any call once it would hold more than it may */
export function openGatherer(measure: Measure): Gatherer {
  switch (measure.name) {
    case 'count':
      return new Count()
    case 'dc':
      return new Distinct(measure)
    case 'sum':
    case 'avg':
      return new Sum(measure.name === 'avg')
    case 'min':
    case 'max':
      return new Extreme(measure)
    default:
      return new Percentile(measure, Number(measure.name.slice(1)) / 100)
  }
}

/** How a value counts as a number in figures of this field; undefined for what is none. */
export function numberReader(field: string): (value: string) => number | undefined {
  return fieldType(field) === 'date' ? toDateMs : toNumber
}

class Nothing {
  row(_group: number): void {}
  id(_group: number, _valueId: number): void {}
  number(_group: number, _value: number): void {}
  text(_group: number, _value: string): void {}
}

class Count extends Nothing implements Gatherer {
  readonly wants = 'rows'
  #counts = new Float64Array(16)
  override row(group: number): void {
    if (group >= this.#counts.length) this.#counts = grow(this.#counts, group)
    this.#counts[group]!++
  }
  result(group: number): number {
    return this.#counts[group] ?? 0
  }
}

class Distinct extends Nothing implements Gatherer {
  readonly wants = 'ids'
  readonly #pairs = new PairTable()
  readonly #measure: Measure
  #counts = new Float64Array(16)
  constructor(measure: Measure) {
    super()
    this.#measure = measure
  }
  override id(group: number, valueId: number): void {
    const before = this.#pairs.count
    if (this.#pairs.idOf(group, valueId) < before) return
    if (before >= MAX_PAIRS) tooMany(`${this.#measure.as} holds more than ${MAX_PAIRS} distinct values`)
    if (group >= this.#counts.length) this.#counts = grow(this.#counts, group)
    this.#counts[group]!++
  }
  result(group: number): number {
    return this.#counts[group] ?? 0
  }
}

/** With the part that rounding would lose (Neumaier), so that the order of the events does not show in the sum. */
class Sum extends Nothing implements Gatherer {
  readonly wants = 'numbers'
  readonly #average: boolean
  #sums = new Float64Array(16)
  #lost = new Float64Array(16)
  #counts = new Float64Array(16)
  constructor(average: boolean) {
    super()
    this.#average = average
  }
  override number(group: number, value: number): void {
    if (group >= this.#sums.length) {
      this.#sums = grow(this.#sums, group)
      this.#lost = grow(this.#lost, group)
      this.#counts = grow(this.#counts, group)
    }
    const sum = this.#sums[group] as number
    const next = sum + value
    this.#lost[group]! += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum
    this.#sums[group] = next
    this.#counts[group]!++
  }
  result(group: number): number | null {
    const count = this.#counts[group] ?? 0
    if (count === 0) return null
    const lost = this.#lost[group] as number
    const sum = (this.#sums[group] as number) + (Number.isFinite(lost) ? lost : 0)
    return finite(this.#average ? sum / count : sum)
  }
}

class Extreme extends Nothing implements Gatherer {
  readonly wants = 'values'
  readonly #sign: 1 | -1
  readonly #date: boolean
  #numbers = new Float64Array(16).fill(Number.NaN)
  readonly #texts = new Map<number, string>()
  constructor(measure: Measure) {
    super()
    this.#sign = measure.name === 'min' ? 1 : -1
    this.#date = fieldType(measure.field ?? '') === 'date'
  }
  override number(group: number, value: number): void {
    if (group >= this.#numbers.length) this.#numbers = grow(this.#numbers, group, Number.NaN)
    const held = this.#numbers[group] as number
    // Written so that the first value replaces NaN.
    if (!(this.#sign * (value - held) >= 0)) this.#numbers[group] = value
  }
  override text(group: number, value: string): void {
    const held = this.#texts.get(group)
    if (held === undefined || this.#sign * compareText(value, held) < 0) this.#texts.set(group, value)
  }
  result(group: number): Scalar | null {
    const number = this.#numbers[group] ?? Number.NaN
    if (Number.isNaN(number)) return this.#texts.get(group) ?? null
    return this.#date ? toIso(number) : finite(number)
  }
}

/** Values as they are up to EXACT_VALUES, then buckets by logarithm: which of both depends on their number alone. */
class Percentile extends Nothing implements Gatherer {
  readonly wants = 'numbers'
  readonly #share: number
  readonly #measure: Measure
  readonly #groups: (number[] | Sketch | undefined)[] = []
  #held = 0
  constructor(measure: Measure, share: number) {
    super()
    this.#measure = measure
    this.#share = share
  }
  override number(group: number, value: number): void {
    const held = this.#groups[group]
    if (held === undefined) {
      this.#groups[group] = [value]
      this.#held++
    } else if (held instanceof Sketch) {
      this.#held += held.add(value)
    } else if (held.length < EXACT_VALUES) {
      held.push(value)
      this.#held++
    } else {
      const sketch = new Sketch()
      this.#held -= held.length
      for (const one of held) this.#held += sketch.add(one)
      this.#held += sketch.add(value)
      this.#groups[group] = sketch
    }
    if (this.#held > MAX_HELD) tooMany(`${this.#measure.as} holds more than ${MAX_HELD} numbers`)
  }
  result(group: number): number | null {
    const held = this.#groups[group]
    if (held === undefined) return null
    if (held instanceof Sketch) return finite(held.at(this.#share))
    const sorted = Float64Array.from(held).sort()
    return finite(sorted[Math.max(0, Math.ceil(this.#share * sorted.length) - 1)] as number)
  }
}

class Sketch {
  readonly #positive = new Map<number, number>()
  readonly #negative = new Map<number, number>()
  #zeros = 0
  #count = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY

  /** @returns how many buckets it took */
  add(value: number): 0 | 1 {
    this.#count++
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
    if (value === 0) {
      this.#zeros++
      return 0
    }
    const side = value > 0 ? this.#positive : this.#negative
    const bucket = Math.ceil(Math.log(Math.abs(value)) / LOG_GAMMA)
    const held = side.get(bucket)
    side.set(bucket, (held ?? 0) + 1)
    return held === undefined ? 1 : 0
  }

  at(share: number): number {
    let left = Math.max(1, Math.ceil(share * this.#count))
    const middle = (bucket: number) => (2 * GAMMA ** bucket) / (GAMMA + 1)
    const clamp = (value: number) => Math.min(this.#max, Math.max(this.#min, value))
    for (const [bucket, count] of [...this.#negative].sort(([a], [b]) => b - a)) {
      left -= count
      if (left <= 0) return clamp(-middle(bucket))
    }
    left -= this.#zeros
    if (left <= 0) return 0
    for (const [bucket, count] of [...this.#positive].sort(([a], [b]) => a - b)) {
      left -= count
      if (left <= 0) return clamp(middle(bucket))
    }
    return this.#max
  }
}

function grow(array: Float64Array, index: number, fill = 0): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(Math.max(index + 1, array.length * 2))
  if (fill !== 0) grown.fill(fill, array.length)
  grown.set(array)
  return grown
}

/** JSON knows no infinity. -0 is 0. */
const finite = (value: number) => (Number.isFinite(value) ? value + 0 : null)

/** The one way a question that would need too much memory ends: refused with what to do, never answered wrong. */
export function tooMany(problem: string): never {
  throw new PipelineError('QUERY_INVALID', {
    column: 1,
    problem,
    hint: 'narrow the time range or the filter, or group by fewer fields',
  })
}
