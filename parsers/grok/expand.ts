// Grok text -> tree: %{NAME:field:type} and (?<field>...) are lifted out, the rest is read as Oniguruma.

import { toOnigurumaAst } from 'oniguruma-parser'
import type { OnigurumaAst } from 'oniguruma-parser/parser'
import { PipelineError } from '../../core/errors.ts'
import { type CaptureType, type Node, type Origin, type Slot, sizeOf } from './ir.ts'
import { type LowerContext, lower } from './lower.ts'

export interface Expanded {
  readonly tree: Node
  readonly slots: readonly Slot[]
}

const MAX_DEPTH = 48
/** Nodes after expansion, finite repetitions unrolled: three orders above the largest useful pattern. */
const MAX_SIZE = 400_000
const MAX_DEFINITIONS = 20_000
const MAX_TEXT = 64 * 1024

/** @throws GROK_INVALID, GROK_UNKNOWN_PATTERN */
export function expand(source: string, patterns: ReadonlyMap<string, string>, place: string): Expanded {
  const slots: Slot[] = []
  const expander = new Expander(patterns, slots)
  const tree = expander.definition(source, { name: '', place, source }, 0)
  const size = sizeOf(tree)
  if (size > MAX_SIZE) invalid(place, 1, `expands to ${size} steps, limit ${MAX_SIZE}`)
  return { tree, slots }
}

interface Prepared {
  /** Oniguruma text in which every reference and every named group is a group named g0, g1, ... */
  readonly ast: OnigurumaAst
  readonly parts: readonly Part[]
  readonly backRefs: ReadonlySet<number>
}

interface Part {
  /** 1-based column in the definition. */
  readonly column: number
  /** Set for %{NAME}. */
  readonly name?: string
  /** Set for %{NAME=definition}. */
  readonly inline?: string
  readonly field: string
  readonly type: CaptureType | undefined
}

/** Reading a definition is the costly half of compiling; stock definitions are read again and again. */
const prepared = new Map<string, Prepared>()
const MAX_PREPARED = 4000

class Expander {
  readonly #patterns: ReadonlyMap<string, string>
  readonly #slots: Slot[]
  #definitions = 0

  constructor(patterns: ReadonlyMap<string, string>, slots: Slot[]) {
    this.#patterns = patterns
    this.#slots = slots
  }

  definition(text: string, origin: Origin, depth: number): Node {
    const { ast, parts, backRefs } = this.#prepare(text, origin.place)
    if (++this.#definitions > MAX_DEFINITIONS)
      invalid(origin.place, 1, `refers to more than ${MAX_DEFINITIONS} patterns`)
    const slotOfPart = new Map<string, number>()
    const slotOfNumber = new Map<number, number>()
    const ctx: LowerContext = {
      group: (name, written) => {
        const part = parts[Number(name.slice(1))]
        if (!part) return written()
        const slot = part.field === '' ? undefined : this.#slot(part, origin.place)
        if (slot !== undefined) slotOfPart.set(name, slot)
        const body = part.name === undefined ? written() : this.#reference(part, origin, depth)
        return slot === undefined ? body : { t: 'cap', slot, body }
      },
      backSlot: (ref) => {
        const slot = typeof ref === 'number' ? slotOfNumber.get(ref) : slotOfPart.get(ref)
        return slot ?? invalid(origin.place, 1, `nothing to refer back to by ${ref}`)
      },
      numbered: (number) => {
        if (!backRefs.has(number)) return undefined
        const slot = this.#slots.push({ path: undefined, type: undefined }) - 1
        slotOfNumber.set(number, slot)
        return slot
      },
      fail: (problem) => invalid(origin.place, 1, problem),
    }
    return lower(ast, ctx)
  }

  #slot(part: Part, place: string): number {
    const path = fieldPath(part.field, place, part.column)
    const kept = path[0] === '@metadata' ? undefined : path
    return this.#slots.push({ path: kept, type: part.type }) - 1
  }

  #reference(part: Part, from: Origin, depth: number): Node {
    const name = part.name as string
    const source = part.inline ?? this.#patterns.get(name)
    if (source === undefined)
      throw new PipelineError('GROK_UNKNOWN_PATTERN', {
        place: `${from.place}:${part.column}`,
        name,
        near: nearest(name, this.#patterns.keys()),
      })
    if (depth >= MAX_DEPTH) invalid(from.place, part.column, `${name} goes deeper than ${MAX_DEPTH} patterns: a cycle?`)
    const origin = { name, place: `pattern ${name}`, source }
    return { t: 'ref', origin, column: part.column, body: this.definition(source, origin, depth + 1) }
  }

  #prepare(text: string, place: string): Prepared {
    const known = prepared.get(text)
    if (known) return known
    const made = prepare(text, place)
    if (prepared.size >= MAX_PREPARED) prepared.clear()
    prepared.set(text, made)
    return made
  }
}

function prepare(text: string, place: string): Prepared {
  if (text.length > MAX_TEXT) invalid(place, 1, `${text.length} characters, limit ${MAX_TEXT}`)
  const parts: Part[] = []
  const partOfField = new Map<string, string>()
  const backRefs = new Set<number>()
  /** Where each piece of `out` came from, to point at the right column. */
  let out = ''
  let classDepth = 0
  const add = (part: Part): string => {
    const name = `g${parts.push(part) - 1}`
    if (part.field !== '') partOfField.set(part.field, name)
    return name
  }
  for (let i = 0; i < text.length; ) {
    const c = text[i]!
    if (c === '\\') {
      const back = classDepth === 0 ? /^\\k(?:<([^>]*)>|'([^']*)')/.exec(text.slice(i, i + 200)) : null
      const numbered = classDepth === 0 ? /^\\([1-9]\d?)/.exec(text.slice(i, i + 4)) : null
      if (back) {
        const to = back[1] ?? back[2] ?? ''
        if (/^\d+$/.test(to)) backRefs.add(Number(to))
        out += `\\k<${partOfField.get(to) ?? to}>`
        i += back[0].length
      } else {
        if (numbered) backRefs.add(Number(numbered[1]))
        out += text.slice(i, i + 2)
        i += 2
      }
    } else if (classDepth > 0 || c === '[') {
      if (c === '[') {
        const posixEnd = text[i + 1] === ':' ? text.indexOf(':]', i) : -1
        if (classDepth > 0 && posixEnd > 0 && posixEnd - i < 20) {
          out += text.slice(i, posixEnd + 2)
          i = posixEnd + 2
          continue
        }
        classDepth++
        // a ] right after the opening is a member
        const open = /^\[\^?\]?/.exec(text.slice(i, i + 3))![0]
        out += open
        i += open.length
      } else {
        if (c === ']') classDepth--
        out += c
        i++
      }
    } else if (c === '%' && text[i + 1] === '{') {
      const { part, end } = readReference(text, i, place)
      out += `(?<${add(part)}>)`
      i = end
    } else if (c === '(' && text[i + 1] === '?') {
      const named = /^\(\?(?:<([^=!>][^>]*)>|'([^']+)')/.exec(text.slice(i, i + 300))
      if (named) {
        const [field, type] = splitType(named[1] ?? named[2] ?? '', place, i + 1)
        out += `(?<${add({ column: i + 1, field, type })}>`
        i += named[0].length
      } else {
        out += '(?'
        i += 2
      }
    } else {
      out += c
      i++
    }
  }
  const ast = read(out, text, place)
  return { ast, parts, backRefs }
}

function read(prepared: string, text: string, place: string): OnigurumaAst {
  const options = { rules: { captureGroup: true } }
  try {
    return toOnigurumaAst(prepared, options)
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    return invalid(place, troubleColumn(text), problem)
  }
}

/** The longest prefix that reads ends where the trouble begins. Costs a parse a character, on errors only. */
function troubleColumn(text: string): number {
  const length = Math.min(text.length, 1000)
  for (let end = length; end > 0; end--) {
    try {
      toOnigurumaAst(text.slice(0, end).replace(/\(\?<[^=!>][^>]*>/g, '(?:'), { rules: { captureGroup: true } })
      return end + 1
    } catch {
      // shorter
    }
  }
  return 1
}

const REFERENCE = /^([A-Za-z0-9_]+)(?::([@[\]A-Za-z0-9_:.-]+))?/

/** `%{NAME}`, `%{NAME:field}`, `%{NAME:field:type}`, `%{NAME:field=definition}`; other text up to } is ignored. */
function readReference(text: string, start: number, place: string): { part: Part; end: number } {
  const head = REFERENCE.exec(text.slice(start + 2, start + 600))
  if (!head) return invalid(place, start + 1, 'a pattern name belongs after %{')
  const [field, type] = splitType(head[2] ?? '', place, start + 1)
  const after = start + 2 + head[0].length
  const end = closingBrace(text, after)
  if (end < 0) return invalid(place, start + 1, `%{${head[1]} has no closing }`)
  const part: Part = { column: start + 1, name: head[1]!, field, type }
  return { part: text[after] === '=' ? { ...part, inline: text.slice(after + 1, end) } : part, end: end + 1 }
}

function closingBrace(text: string, from: number): number {
  if (text[from] !== '=') return text.indexOf('}', from)
  let depth = 0
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '{') depth++
    else if (text[i] === '}' && depth-- === 0) return i
  }
  return -1
}

const types: Record<string, CaptureType> = {
  int: 'int',
  integer: 'int',
  long: 'int',
  float: 'float',
  double: 'float',
  boolean: 'boolean',
  string: 'string',
}

function splitType(subname: string, place: string, column: number): [string, CaptureType | undefined] {
  const colon = subname.lastIndexOf(':')
  if (colon < 0) return [subname, undefined]
  const name = subname.slice(colon + 1)
  if (!Object.hasOwn(types, name))
    invalid(place, column, `no type ${name}; there are int, long, float, double, boolean`)
  const field = subname.slice(0, colon)
  return [field, types[name] === 'string' ? undefined : types[name]]
}

/** `[a][b]` and `a.b` are the path a, b. */
function fieldPath(written: string, place: string, column: number): string[] {
  // `[a][b?]` reaches us as `[a][b`: what is no part of a name is ignored, its bracket too
  const field = /\[[^\]]+$/.test(written) ? `${written}]` : written
  const path = field.startsWith('[')
    ? /^(?:\[[^[\]]+\])+$/.test(field)
      ? field.slice(1, -1).split('][')
      : invalid(place, column, `a nested field reads [a][b], found ${field}`)
    : field.split('.')
  if (path.some((part) => part === '' || part === '__proto__'))
    invalid(place, column, `${field} cannot be a field name`)
  if (path.length > 16) invalid(place, column, `${field} nests deeper than 16`)
  return path
}

export function invalid(place: string, column: number, problem: string): never {
  throw new PipelineError('GROK_INVALID', { place, column, problem })
}

/** The known name at the smallest edit distance, if it is close. */
function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestCost = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= bestCost) continue
    const cost = distance(name.toUpperCase().slice(0, 64), candidate.toUpperCase().slice(0, 64))
    if (cost < bestCost) {
      bestCost = cost
      best = candidate
    }
  }
  return best
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length]!
}
