// A compiled filter against one block: a byte a row, 1 = matches. A dictionary is asked once per distinct value, not once
// per row; a segment or block that cannot match is never read.

import { PipelineError } from '../../core/errors.ts'
import { fieldType } from '../../core/fields.ts'
import type { Ids } from './block-codec.ts'
import type { Dictionary } from './dictionary.ts'
import type { Node } from './filter.ts'
import type { Leaf } from './leaf.ts'
import type { Lru } from './lru.ts'
import { scanPhrase } from './phrase.ts'
import { askTemplates, isForTemplates, matchTemplated, type TemplateAnswer } from './template-match.ts'
import type { ColumnRef, FieldColumns, SegmentView, StringBlock } from './view.ts'

/** What a running query may cost. `check` throws when the budget is spent or the caller has gone. */
export interface Budget {
  check(): void
}

const ALL_BLOCKS = 0xffffffff
const NO_TEMPLATES: TemplateAnswer = { verdicts: new Uint8Array(0), ways: new Map(), any: false, settled: true }

export class SegmentFilter {
  readonly #node: Node
  readonly #segment: SegmentView
  readonly #cache: Lru | undefined
  readonly #budget: Budget
  readonly #sealed: boolean
  readonly #templateAnswers = new Map<string, TemplateAnswer>()
  readonly #answers = new Map<string, { upTo: number; matches: Uint8Array; any: boolean }>()

  /** @param cache where answers about a sealed segment's dictionaries are kept between queries */
  constructor(node: Node, segment: SegmentView, budget: Budget, cache?: Lru) {
    this.#node = node
    this.#segment = segment
    this.#budget = budget
    this.#sealed = segment.key.startsWith('s')
    this.#cache = this.#sealed ? cache : undefined
  }

  /** Bit b clear: block b cannot match. Reads no blocks. */
  candidates(): number {
    return this.#candidates(this.#node) >>> 0
  }

  /** Clears in `rows` (1 = wanted) those of the first n that do not match. */
  refine(block: number, rows: Uint8Array, n: number): void {
    this.#refine(this.#node, block, rows, n)
  }

  #candidates(node: Node): number {
    switch (node.kind) {
      case 'none':
        return 0
      case 'and':
        return node.of.reduce((blocks, part) => (blocks === 0 ? 0 : blocks & this.#candidates(part)), ALL_BLOCKS)
      case 'or':
        return node.of.reduce((blocks, part) => blocks | this.#candidates(part), 0)
      case 'exists':
        return this.#segment.field(node.field) ? ALL_BLOCKS : 0
      case 'leaf':
        return this.#leafCandidates(node.leaf)
      default:
        return ALL_BLOCKS
    }
  }

  #leafCandidates(leaf: Leaf): number {
    const columns = this.#segment.field(leaf.field)
    if (!columns) return 0
    const [text, number, flag] = columns
    let blocks = 0
    if (text) {
      const filtered = leaf.phrase && leaf.phrase.hashes.length > 0 && fieldType(leaf.field) === 'text'
      const withWords = filtered ? this.#segment.blocksWithWords(leaf.phrase?.hashes ?? []) : ALL_BLOCKS
      const may = () =>
        this.#segment.hasPlain(text) || this.#answer(leaf, text).any || this.#templateAnswer(leaf, text)?.any !== false
      if (withWords !== 0 && may()) blocks |= withWords
    }
    if (number) {
      for (let block = 0; block < this.#segment.blockCount; block++) {
        if (this.#numberMay(leaf, number, block)) blocks |= 1 << block
      }
    }
    if (flag && (leaf.boolean(true) || leaf.boolean(false))) blocks = ALL_BLOCKS
    return blocks
  }

  #numberMay(leaf: Leaf, column: ColumnRef, block: number): boolean {
    const bounds = this.#segment.numberBounds(column, block)
    if (!bounds) return false
    return !leaf.bounds || !(bounds.max < leaf.bounds.min || bounds.min > leaf.bounds.max)
  }

  #refine(node: Node, block: number, rows: Uint8Array, n: number): void {
    switch (node.kind) {
      case 'all':
        return
      case 'none':
        rows.fill(0, 0, n)
        return
      case 'and':
        for (const part of node.of) {
          this.#refine(part, block, rows, n)
          if (rows.indexOf(1) < 0) return
        }
        return
      case 'or': {
        let found: Uint8Array | undefined
        for (const part of node.of) {
          let more: Uint8Array | undefined
          if (part.kind === 'leaf') more = this.#leaf(part.leaf, block, rows, n)
          else {
            more = rows.slice(0, n)
            if (found) for (let i = 0; i < n; i++) more[i]! &= ~(found[i] as number)
            this.#refine(part, block, more, n)
          }
          if (found && more) orBytes(found, more, n)
          else found ??= more
        }
        this.#keep(rows, n, found)
        return
      }
      case 'not': {
        const found = rows.slice(0, n)
        this.#refine(node.of, block, found, n)
        for (let i = 0; i < n; i++) rows[i]! &= ~(found[i] as number)
        return
      }
      case 'time': {
        const times = this.#segment.timestamps(block)
        for (let i = 0; i < n; i++) if (rows[i] === 1 && !node.test(times[i] as number)) rows[i] = 0
        return
      }
      case 'exists':
        this.#keep(rows, n, this.#present(node.field, block, n))
        return
      case 'leaf':
        this.#keep(rows, n, this.#leaf(node.leaf, block, rows, n))
    }
  }

  #keep(rows: Uint8Array, n: number, found: Uint8Array | undefined): void {
    if (!found) rows.fill(0, 0, n)
    else andBytes(rows, found, n)
  }

  #present(field: string, block: number, n: number): Uint8Array | undefined {
    const columns = this.#segment.field(field)
    if (!columns) return undefined
    const shapeIds = this.#segment.shapeIds(block)
    const found = new Uint8Array(n)
    for (const column of columns) {
      if (!column) continue
      const counts = this.#segment.shapes.countsFor(column.index)
      for (let i = 0; i < n; i++) if ((counts[shapeIds[i] as number] as number) > 0) found[i] = 1
    }
    return found
  }

  #leaf(leaf: Leaf, block: number, rows: Uint8Array, n: number): Uint8Array | undefined {
    const columns: FieldColumns | undefined = this.#segment.field(leaf.field)
    if (!columns) return undefined
    const [text, number, flag] = columns
    let found: Uint8Array | undefined
    if (text) {
      const values = this.#segment.strings(text, block)
      if (values?.ids) {
        const { matches, any } = this.#answer(leaf, text)
        if (any) {
          found ??= new Uint8Array(n)
          this.#eachId(text, values.ids, matches, block, n, found)
        }
      } else if (values?.templated && isForTemplates(leaf)) {
        const answer = this.#templateAnswer(leaf, text) as TemplateAnswer
        const { templated } = values
        if (answer.settled) {
          if (answer.any) this.#eachId(text, templated.ids, answer.verdicts, block, n, (found ??= new Uint8Array(n)))
        } else {
          const hits = matchTemplated(leaf, answer, templated, this.#budget)
          if (hits) this.#eachHit(text, hits, block, n, (found ??= new Uint8Array(n)))
        }
      } else if (values?.plain) {
        found ??= new Uint8Array(n)
        this.#plain(leaf, text, values, block, n, found, rows)
      }
    }
    if (number && this.#numberMay(leaf, number, block)) {
      const values = this.#segment.numbers(number, block)
      if (values) {
        found ??= new Uint8Array(n)
        this.#eachValue(number, block, n, found, rows, (value) => leaf.number(values[value] as number))
      }
    }
    if (flag) {
      const values = this.#segment.booleans(flag, block)
      if (values) {
        found ??= new Uint8Array(n)
        const [whenFalse, whenTrue] = [leaf.boolean(false), leaf.boolean(true)]
        this.#eachValue(flag, block, n, found, rows, (value) => (values[value] === 1 ? whenTrue : whenFalse))
      }
    }
    return found
  }

  /** As #eachValue for ids, the loop most queries spend their time in. */
  #eachId(column: ColumnRef, ids: Ids, matches: Uint8Array, block: number, n: number, found: Uint8Array): void {
    const shapeIds = this.#segment.shapeIds(block)
    const counts = this.#segment.shapes.countsFor(column.index)
    if (this.#segment.shapes.isOnceInAll(column.index)) {
      for (let i = 0; i < n; i++) found[i] = (found[i] as number) | (matches[ids[i] as number] as number)
      return
    }
    let value = 0
    for (let i = 0; i < n; i++) {
      const count = counts[shapeIds[i] as number] as number
      if (count === 1) found[i] = (found[i] as number) | (matches[ids[value++] as number] as number)
      else for (let k = 0; k < count; k++) if (matches[ids[value++] as number] === 1) found[i] = 1
    }
  }

  /** As #eachId for one byte a value. */
  #eachHit(column: ColumnRef, hits: Uint8Array, block: number, n: number, found: Uint8Array): void {
    const shapeIds = this.#segment.shapeIds(block)
    const counts = this.#segment.shapes.countsFor(column.index)
    let value = 0
    for (let i = 0; i < n; i++) {
      const count = counts[shapeIds[i] as number] as number
      if (count === 1) found[i] = (found[i] as number) | (hits[value++] as number)
      else for (let k = 0; k < count; k++) if (hits[value++] === 1) found[i] = 1
    }
  }

  /** Marks the wanted rows with a value that passes. */
  #eachValue(
    column: ColumnRef,
    block: number,
    n: number,
    found: Uint8Array,
    rows: Uint8Array,
    test: (value: number) => boolean,
  ): void {
    const shapeIds = this.#segment.shapeIds(block)
    const counts = this.#segment.shapes.countsFor(column.index)
    let value = 0
    for (let i = 0; i < n; i++) {
      const count = counts[shapeIds[i] as number] as number
      if (rows[i] === 1) {
        for (let k = 0; k < count; k++) {
          if (test(value + k)) {
            found[i] = 1
            break
          }
        }
      }
      value += count
    }
  }

  #plain(
    leaf: Leaf,
    column: ColumnRef,
    values: StringBlock,
    block: number,
    n: number,
    found: Uint8Array,
    rows: Uint8Array,
  ): void {
    const plain = values.plain as NonNullable<StringBlock['plain']>
    const { bytes, starts } = plain
    if (leaf.phrase) {
      const hits = new Uint8Array(values.count)
      scanPhrase(leaf.phrase, plain, values.count, (value) => {
        hits[value] = 1
      })
      this.#eachValue(column, block, n, found, rows, (value) => hits[value] === 1)
      return
    }
    const { exact } = leaf
    let tests = 0
    this.#eachValue(column, block, n, found, rows, (value) => {
      const from = starts[value] as number
      const to = (starts[value + 1] as number) - 1
      if (exact) return to - from === exact.length && bytes.compare(exact, 0, exact.length, from, to) === 0
      // An expression over one value cannot be interrupted, but between values the budget can.
      if ((++tests & 63) === 0) this.#budget.check()
      return leaf.text(bytes.toString('utf8', from, to))
    })
  }

  /** The dictionary's values that pass, asked once; a head's dictionary grows, so its answer is extended. */
  #answer(leaf: Leaf, column: ColumnRef): { matches: Uint8Array; any: boolean } {
    const key = `${column.index} ${leaf.key}`
    const known = this.#answers.get(key)
    if (known && this.#sealed) return known
    const dictionary = this.#segment.dictionary(column)
    if (known && known.upTo >= dictionary.count) return known
    const make = () => this.#ask(leaf, dictionary, known)
    const answer = this.#cache
      ? this.#cache.get(`${this.#segment.key}?${key}`, make, ({ matches }) => matches.length + key.length * 2)
      : make()
    this.#answers.set(key, answer)
    return answer
  }

  /** What the column's templates say; undefined where there are none, `any` where only the texts can say. */
  #templateAnswer(leaf: Leaf, column: ColumnRef): TemplateAnswer | undefined {
    const templates = this.#segment.templates(column)
    if (!templates) return NO_TEMPLATES
    if (!isForTemplates(leaf)) return undefined
    const key = `${column.index} templates ${leaf.key}`
    const known = this.#templateAnswers.get(key)
    // What a head's variables hold changes with each block.
    const holds = this.#sealed || !leaf.needle
    if (known && holds && known.verdicts.length === templates.dictionary.count) return known
    const make = () => askTemplates(leaf, templates)
    const answer = this.#cache
      ? this.#cache.get(`${this.#segment.key}?${key}`, make, ({ verdicts }) => verdicts.length * 2 + key.length * 2)
      : make()
    this.#templateAnswers.set(key, answer)
    return answer
  }

  #ask(leaf: Leaf, dictionary: Dictionary, known?: { upTo: number; matches: Uint8Array; any: boolean }) {
    const { count, bytes, starts } = dictionary
    const matches = new Uint8Array(count)
    if (known) matches.set(known.matches.subarray(0, count))
    let any = known?.any ?? false
    const { exact } = leaf
    for (let id = known?.upTo ?? 0; id < count; id++) {
      const from = starts[id] as number
      const to = starts[id + 1] as number
      let passes: boolean
      if (exact) passes = to - from === exact.length && bytes.compare(exact, 0, exact.length, from, to) === 0
      else {
        if ((id & 63) === 63) this.#budget.check()
        passes = leaf.text(bytes.toString('utf8', from, to))
      }
      if (passes) {
        matches[id] = 1
        any = true
      }
    }
    return { upTo: count, matches, any }
  }
}

/** Bytes 0 and 1, four at a time. */
function andBytes(into: Uint8Array, from: Uint8Array, n: number): void {
  let i = 0
  if (into.byteOffset % 4 === 0 && from.byteOffset % 4 === 0) {
    const words = n >>> 2
    const a = new Uint32Array(into.buffer, into.byteOffset, words)
    const b = new Uint32Array(from.buffer, from.byteOffset, words)
    for (; i < words; i++) a[i]! &= b[i] as number
    i *= 4
  }
  for (; i < n; i++) into[i]! &= from[i] as number
}

function orBytes(into: Uint8Array, from: Uint8Array, n: number): void {
  let i = 0
  if (into.byteOffset % 4 === 0 && from.byteOffset % 4 === 0) {
    const words = n >>> 2
    const a = new Uint32Array(into.buffer, into.byteOffset, words)
    const b = new Uint32Array(from.buffer, from.byteOffset, words)
    for (; i < words; i++) a[i]! |= b[i] as number
    i *= 4
  }
  for (; i < n; i++) into[i]! |= from[i] as number
}

/** Throws the signal's reason, or QUERY_INVALID once the time is used up. */
export function queryBudget(deadlineMs: number, now: () => number, signal?: AbortSignal): Budget {
  return {
    check() {
      signal?.throwIfAborted()
      if (now() > deadlineMs) {
        throw new PipelineError('QUERY_INVALID', {
          column: 1,
          problem: 'the query took longer than its time budget',
          hint: 'narrow the time range or test fewer values with regular expressions',
        })
      }
    },
  }
}
