// The value modifiers: `field|mod1|mod2: value`. Each turns a value into another (or into several), from left to right.

import { parseCidr } from './ip.ts'
import { SigmaProblem } from './problem.ts'
import { Automaton } from './regex/automaton.ts'
import { parseRegex } from './regex/parse.ts'
import { dashes, fold, joinParts, parsePattern } from './text.ts'
import {
  type CompareOp,
  type Expr,
  type Part,
  type Test,
  type TextHow,
  type TimePart,
  timeParts,
  wild,
} from './types.ts'

/** A value on its way through the chain. `raw` is kept as long as the text is as written. */
type Value =
  | { readonly kind: 'text'; readonly parts: readonly Part[]; readonly raw?: string }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }
  | { readonly kind: 'regex'; readonly source: string; readonly flags: string }
  | { readonly kind: 'cidr'; readonly text: string }
  | { readonly kind: 'compare'; readonly op: CompareOp; readonly value: number; readonly part?: TimePart }
  | { readonly kind: 'fieldref'; readonly field: string; readonly how: TextHow }
  | { readonly kind: 'exists'; readonly value: boolean }
  | { readonly kind: 'several'; readonly of: readonly Value[] }

/** YAML scalars as the loader gives them; integers too large for a number come as text. */
export type Plain = string | number | boolean | null

export interface ModifierContext {
  readonly selection: string
  readonly placeholders: ReadonlyMap<string, readonly string[]>
  /** Told about a placeholder without a list. */
  needPlaceholder(name: string): void
  note(text: string): void
}

const compareOps = ['lt', 'lte', 'gt', 'gte'] as const
/** A value may become this many: windash and placeholders multiply. Above it a set in the pattern is used, or refused. */
const maxExpansion = 25
const maxValues = 10_000

const regexFlags: Record<string, string> = {
  i: 'i',
  ignorecase: 'i',
  m: 'm',
  multiline: 'm',
  s: 's',
  dotall: 's',
}

/**
 * One `field|modifiers: values` entry as an expression.
 * @param field '' for keywords
 * @throws SigmaProblem without a path: the caller knows the place
 */
export function compileItem(
  field: string,
  modifiers: readonly string[],
  values: readonly Plain[],
  context: ModifierContext,
): Expr {
  const has = (name: string) => modifiers.includes(name)
  const fail = (reason: string): never => {
    throw new SigmaProblem(reason)
  }
  const repeated = modifiers.find((name, i) => modifiers.indexOf(name) !== i)
  if (repeated) fail(`modifier '${repeated}' is given twice`)
  if (has('all') && values.length < 2) context.note(`'all' on a single value has no effect`)
  if (values.length > 1 && values.includes(null))
    context.note(`null stands in a list; the specification asks for a selection of its own`)

  const cased = has('cased')
  const made = values.map((plain): Expr => {
    let value: Value = fromPlain(plain, has('re') || has('cidr') || has('fieldref'))
    for (const name of modifiers) value = applyModifier(name, value, context)
    return toExpr(field, value, cased, context)
  })
  const joined: Expr = made.length === 1 ? (made[0] as Expr) : { kind: has('all') ? 'and' : 'or', of: made }
  return has('neq') ? { kind: 'not', of: joined } : joined
}

function fromPlain(plain: Plain, keepRaw: boolean): Value {
  if (plain === null) return { kind: 'null' }
  if (typeof plain === 'number') return { kind: 'number', value: plain }
  if (typeof plain === 'boolean') return { kind: 'boolean', value: plain }
  return { kind: 'text', parts: keepRaw ? [plain] : parsePattern(plain), raw: plain }
}

function applyModifier(name: string, value: Value, context: ModifierContext): Value {
  if (value.kind === 'several') {
    const of = value.of
      .map((one) => applyModifier(name, one, context))
      .flatMap((v) => (v.kind === 'several' ? v.of : [v]))
    if (of.length > maxValues) throw new SigmaProblem(`one value becomes more than ${maxValues}`)
    return { kind: 'several', of }
  }
  const wrong = (): never => {
    throw new SigmaProblem(`modifier '${name}' cannot be applied to ${describeValue(value)}`)
  }
  switch (name) {
    case 'all':
    case 'cased':
    case 'neq':
      return value
    case 'contains':
    case 'startswith':
    case 'endswith': {
      if (value.kind === 'fieldref') return { ...value, how: name }
      if (value.kind === 'regex') {
        if (name === 'contains') return value // a search already
        const source = `(?:${value.source})`
        return { ...value, source: name === 'startswith' ? `^${source}` : `${source}$` }
      }
      const text =
        value.kind === 'number'
          ? [String(value.value)]
          : value.kind === 'text'
            ? value.parts
            : bytesAsParts(value, wrong)
      const before = name === 'startswith' ? [] : [wild.run]
      const after = name === 'endswith' ? [] : [wild.run]
      return { kind: 'text', parts: joinParts([...before, ...text, ...after]) }
    }
    case 're':
      if (value.kind === 'number') return { kind: 'regex', source: String(value.value), flags: '' }
      if (value.kind !== 'text' || value.raw === undefined) return wrong()
      return { kind: 'regex', source: value.raw, flags: '' }
    case 'i':
    case 'ignorecase':
    case 'm':
    case 'multiline':
    case 's':
    case 'dotall': {
      if (value.kind !== 'regex') return wrong()
      const flag = regexFlags[name] as string
      return { ...value, flags: value.flags.includes(flag) ? value.flags : value.flags + flag }
    }
    case 'cidr':
      if (value.kind !== 'text' || value.raw === undefined) return wrong()
      return { kind: 'cidr', text: value.raw }
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte': {
      if (value.kind === 'compare' && value.part && value.op === 'eq') return { ...value, op: name }
      return { kind: 'compare', op: name, value: asNumber(value, wrong) }
    }
    case 'minute':
    case 'hour':
    case 'day':
    case 'week':
    case 'month':
    case 'year': {
      if (value.kind === 'compare' && !value.part) return { ...value, part: name }
      const number = asNumber(value, wrong)
      if (!Number.isInteger(number)) wrong()
      return { kind: 'compare', op: 'eq', value: number, part: name }
    }
    case 'exists': {
      if (value.kind === 'boolean') return { kind: 'exists', value: value.value }
      const text = value.kind === 'text' ? value.raw?.toLowerCase() : undefined
      return text === 'true' || text === 'false' ? { kind: 'exists', value: text === 'true' } : wrong()
    }
    case 'fieldref':
      if (value.kind !== 'text' || value.raw === undefined || value.raw === '') return wrong()
      return { kind: 'fieldref', field: value.raw, how: 'equals' }
    case 'wide':
    case 'utf16le':
      return { kind: 'bytes', bytes: Buffer.from(plainText(value, wrong), 'utf16le') }
    case 'utf16be':
      return { kind: 'bytes', bytes: Buffer.from(plainText(value, wrong), 'utf16le').swap16() }
    case 'utf16':
      return { kind: 'bytes', bytes: Buffer.from(`\ufeff${plainText(value, wrong)}`, 'utf16le') }
    case 'base64':
      return literal(toBytes(value, wrong).toString('base64'))
    case 'base64offset':
      return { kind: 'several', of: base64Offsets(toBytes(value, wrong)).map(literal) }
    case 'windash':
      if (value.kind !== 'text') return wrong()
      return spreadDashes(value.parts)
    case 'expand':
      if (value.kind !== 'text') return wrong()
      return expand(value, context)
    default:
      throw new SigmaProblem(`there is no modifier '${name}'`)
  }
}

function toExpr(field: string, value: Value, cased: boolean, context: ModifierContext): Expr {
  const atom = (test: Test): Expr => ({ kind: 'atom', selection: context.selection, field, test })
  switch (value.kind) {
    case 'several': {
      const of = value.of.map((one) => toExpr(field, one, cased, context))
      return of.length === 1 ? (of[0] as Expr) : { kind: 'or', of }
    }
    case 'null':
      if (field === '') throw new SigmaProblem('null cannot be a keyword')
      return atom({ kind: 'null' })
    case 'exists': {
      if (field === '') throw new SigmaProblem("'exists' wants a field")
      const present = atom({ kind: 'exists' })
      return value.value ? present : { kind: 'not', of: present }
    }
    case 'boolean':
      return atom(textTest(field, [String(value.value)], cased))
    case 'number':
      return atom(textTest(field, [String(value.value)], cased))
    case 'text':
      return atom(textTest(field, value.parts, cased))
    case 'bytes':
      return atom(textTest(field, bytesAsParts(value, badBytes), cased))
    case 'fieldref':
      if (field === '') throw new SigmaProblem("'fieldref' wants a field")
      return atom({ ...value, cased })
    default:
      if (value.kind === 'regex') new Automaton(parseRegex(value.source, value.flags)) // throws what is wrong with it
      if (value.kind === 'cidr' && !parseCidr(value.text))
        throw new SigmaProblem(`'${value.text}' is no network: address/bits is expected`)
      if (field === '' && value.kind !== 'regex') throw new SigmaProblem(`a keyword cannot be ${describeValue(value)}`)
      return atom(value)
  }
}

/** The cheapest test that means the same as the pattern. Keywords are looked for anywhere. */
export function textTest(field: string, given: readonly Part[], cased: boolean): Test {
  const wrapped = field === '' ? [wild.run, ...given, wild.run] : given
  const parts = joinParts(wrapped.map((part) => (typeof part === 'string' && !cased ? fold(part) : part)))
  const text = (how: TextHow, part: Part | undefined): Test => ({ kind: 'text', how, text: part as string, cased })
  const isText = (i: number) => typeof parts[i] === 'string'
  if (parts.length === 0) return text('equals', '')
  if (parts.length === 1) {
    if (isText(0)) return text('equals', parts[0])
    if (parts[0] === wild.run) return { kind: 'any' }
  }
  if (parts.length === 2 && parts[0] === wild.run && isText(1)) return text('endswith', parts[1])
  if (parts.length === 2 && parts[1] === wild.run && isText(0)) return text('startswith', parts[0])
  if (parts.length === 3 && parts[0] === wild.run && parts[2] === wild.run && isText(1))
    return text('contains', parts[1])
  return { kind: 'glob', parts, cased }
}

const literal = (text: string): Value => ({ kind: 'text', parts: text === '' ? [] : [text] })

/** The variants of what a text looks like inside base64, by its place modulo 3; edges that depend on neighbours cut. */
function base64Offsets(bytes: Buffer): string[] {
  const starts = [0, 2, 3]
  const ends = [undefined, -3, -2]
  return [0, 1, 2].map((shift) => {
    const shifted = Buffer.concat([Buffer.alloc(shift, 0x20), bytes])
    return shifted.toString('base64').slice(starts[shift], ends[shifted.length % 3])
  })
}

/**
 * `windash`: a dash or slash where a word begins (not after a word character, before one) stands for all five dashes, each
 * independently. Few dashes are spelt out, which keeps literals searchable; many become sets in the pattern.
 */
function spreadDashes(parts: readonly Part[]): Value {
  const cut: Part[] = []
  let found = 0
  for (const part of parts) {
    if (typeof part !== 'string') {
      cut.push(part)
      continue
    }
    let from = 0
    for (const match of part.matchAll(/(?<![\p{L}\p{N}_])[-/–—―](?=[\p{L}\p{N}_])/gu)) {
      cut.push(part.slice(from, match.index), wild.dash)
      from = match.index + 1
      found++
    }
    cut.push(part.slice(from))
  }
  if (found === 0) return { kind: 'text', parts }
  if (dashes.length ** found > maxExpansion) return { kind: 'text', parts: joinParts(cut) }
  let made: Part[][] = [[]]
  for (const part of cut)
    made =
      part === wild.dash
        ? made.flatMap((head) => [...dashes].map((dash) => [...head, dash]))
        : made.map((head) => [...head, part])
  return { kind: 'several', of: made.map((one): Value => ({ kind: 'text', parts: joinParts(one) })) }
}

/** `%name%` -> every value of that list; `\%` is a percent sign. A list that is not set makes the rule wait. */
function expand(value: { parts: readonly Part[]; raw?: string }, context: ModifierContext): Value {
  // The text as written is expanded beside the pattern: a regular expression that follows wants it.
  let made: { parts: Part[]; raw: string }[] = [{ parts: [], raw: '' }]
  for (const part of value.parts) {
    if (typeof part !== 'string') {
      made = made.map(({ parts, raw }) => ({ parts: [...parts, part], raw }))
      continue
    }
    const pieces = part.split(/(?<!\\)%([\p{L}\p{N}_.-]+)%/u)
    for (let i = 0; i < pieces.length; i++) {
      const piece = pieces[i] as string
      if (i % 2 === 0) {
        const plain = piece.replaceAll('\\%', '%')
        made = made.map(({ parts, raw }) => ({ parts: [...parts, plain], raw: raw + plain }))
        continue
      }
      const list = context.placeholders.get(piece) ?? context.placeholders.get(piece.toLowerCase()) ?? []
      if (list.length === 0) context.needPlaceholder(piece)
      made = made.flatMap(({ parts, raw }) =>
        list.map((item) => ({ parts: [...parts, ...parsePattern(item)], raw: raw + item })),
      )
      if (made.length > maxValues) throw new SigmaProblem(`placeholders make more than ${maxValues} values`)
    }
  }
  const keepRaw = value.raw !== undefined
  const of = made.map(
    (one): Value => ({ kind: 'text', parts: joinParts(one.parts), ...(keepRaw ? { raw: one.raw } : {}) }),
  )
  return of.length === 1 ? (of[0] as Value) : { kind: 'several', of }
}

function plainText(value: Value, wrong: () => never): string {
  if (value.kind === 'number') return String(value.value)
  if (value.kind !== 'text' || value.parts.some((part) => typeof part !== 'string')) return wrong()
  return value.parts.join('')
}

function toBytes(value: Value, wrong: () => never): Buffer {
  return value.kind === 'bytes' ? value.bytes : Buffer.from(plainText(value, wrong), 'utf8')
}

function bytesAsParts(value: Value, wrong: () => never): Part[] {
  if (value.kind !== 'bytes') return wrong()
  const text = value.bytes.toString('utf8')
  if (!Buffer.from(text, 'utf8').equals(value.bytes)) badBytes()
  return [text]
}

function badBytes(): never {
  throw new SigmaProblem('the encoded bytes are not a text; put base64 or base64offset after the encoding')
}

function asNumber(value: Value, wrong: () => never): number {
  if (value.kind === 'number') return value.value
  const text = value.kind === 'text' && value.raw !== undefined ? value.raw.trim() : ''
  return /^[-+]?\d+(\.\d+)?$/.test(text) ? Number(text) : wrong()
}

function describeValue(value: Value): string {
  if (value.kind === 'text') {
    if (value.parts.some((part) => typeof part !== 'string')) return 'a text with wildcards'
    return value.raw === undefined ? 'a text that was changed before' : `the text '${value.raw.slice(0, 60)}'`
  }
  if (value.kind === 'number' || value.kind === 'boolean') return String(value.value)
  return value.kind === 'bytes' ? 'encoded bytes' : `a ${value.kind} value`
}

export const modifierNames: readonly string[] = [
  ...['all', 'cased', 'neq', 'contains', 'startswith', 'endswith', 're', 'cidr', 'exists', 'fieldref', 'expand'],
  ...['wide', 'utf16le', 'utf16be', 'utf16', 'base64', 'base64offset', 'windash'],
  ...Object.keys(regexFlags),
  ...compareOps,
  ...timeParts,
]
