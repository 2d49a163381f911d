// Oniguruma syntax tree -> our tree: flags resolved, classes flattened to sets, references to patterns filled in.

import type {
  AlternativeNode,
  CharacterClassNode,
  CharacterSetNode,
  Node as Onig,
  OnigurumaAst,
} from 'oniguruma-parser/parser'
import {
  anySet,
  type CharSet,
  digitSet,
  emptySet,
  foldCase,
  hexSet,
  intersect,
  negate,
  newlineSet,
  normalize,
  propertySet,
  single,
  spaceSet,
  union,
  wordSet,
} from './charset.ts'
import { type Assertion, emptyNode, type Node, seq } from './ir.ts'

export interface LowerContext {
  /** What a named group of the prepared text stands for: the body is undefined for a group the author wrote. */
  group(name: string, written: () => Node): Node
  /** Slot a back-reference reads. */
  backSlot(ref: string | number): number
  /** Called for groups without a name; undefined unless something refers back to the number. */
  numbered(number: number): number | undefined
  fail(problem: string): never
}

interface Flags {
  readonly ignoreCase: boolean
  readonly dotAll: boolean
}

/** Grok runs Oniguruma in multi-line mode: `.` matches a newline unless (?-m) says otherwise. */
const grokFlags: Flags = { ignoreCase: false, dotAll: true }
const MAX_SUBROUTINE_DEPTH = 8

export function lower(ast: OnigurumaAst, ctx: LowerContext): Node {
  return new Lowering(ast, ctx).alternatives(ast.body, grokFlags)
}

const posix: Record<string, () => CharSet> = {
  alnum: () => union(propertySet('L'), propertySet('M'), propertySet('Nd')),
  alpha: () => union(propertySet('L'), propertySet('M')),
  ascii: () => [0, 0x7f],
  blank: () => union([0x09, 0x09], propertySet('Zs')),
  cntrl: () => propertySet('Cc'),
  digit: () => propertySet('Nd'),
  graph: () => negate(union(spaceSet, propertySet('Zs'), propertySet('Cc'), propertySet('Cn'), propertySet('Cs'))),
  lower: () => propertySet('Ll'),
  print: () => negate(union(propertySet('Cc'), propertySet('Cn'), propertySet('Cs'))),
  punct: () =>
    union(propertySet('P'), [0x24, 0x24, 0x2b, 0x2b, 0x3c, 0x3e, 0x5e, 0x5e, 0x60, 0x60, 0x7c, 0x7c, 0x7e, 0x7e]),
  space: () => union(spaceSet, [0x85, 0x85], propertySet('Z')),
  upper: () => propertySet('Lu'),
  word: () => union(propertySet('L'), propertySet('M'), propertySet('Nd'), propertySet('Pc')),
  xdigit: () => hexSet,
}

const assertions: Record<string, Assertion> = {
  line_start: 'line_start',
  line_end: 'line_end',
  string_start: 'start',
  search_start: 'start',
  string_end: 'end',
  string_end_newline: 'end_newline',
}

class Lowering {
  readonly #ctx: LowerContext
  readonly #groups = new Map<string | number, Onig>()
  #depth = 0

  constructor(ast: OnigurumaAst, ctx: LowerContext) {
    this.#ctx = ctx
    this.#collect(ast)
  }

  #collect(node: Onig): void {
    if (node.type === 'CapturingGroup') this.#groups.set(node.name ?? node.number, node)
    if (!('body' in node)) return
    if (Array.isArray(node.body)) for (const child of node.body) this.#collect(child)
    else this.#collect(node.body)
  }

  /** `a(?i)b|c` is `a(?i:b|c)`: a flag directive takes the alternatives after it along. */
  alternatives(alternatives: readonly AlternativeNode[], flags: Flags): Node {
    const out: Node[] = []
    for (let i = 0; i < alternatives.length; i++) {
      const body = alternatives[i]!.body
      const at = body.findIndex((node) => node.type === 'Directive' && node.kind === 'flags')
      if (at < 0) {
        out.push(seq(this.#sequence(body, flags)))
        continue
      }
      const directive = body[at]!
      const changed = directive.type === 'Directive' && directive.kind === 'flags' ? directive.flags : {}
      const rest: AlternativeNode[] = [{ type: 'Alternative', body: body.slice(at + 1) }, ...alternatives.slice(i + 1)]
      out.push(seq([...this.#sequence(body.slice(0, at), flags), this.alternatives(rest, withFlags(flags, changed))]))
      break
    }
    return out.length === 1 ? out[0]! : { t: 'alt', items: out }
  }

  #sequence(nodes: readonly Onig[], flags: Flags): Node[] {
    return nodes.map((node) => this.#node(node, flags))
  }

  #node(node: Onig, flags: Flags): Node {
    switch (node.type) {
      case 'Character':
        return this.#character(node.value, flags)
      case 'CharacterSet':
        return this.#characterSet(node, flags)
      case 'CharacterClass': {
        const { set, astral } = this.#class(node)
        const plain: Node = { t: 'set', set: flags.ignoreCase ? foldCase(set) : set }
        if (astral.length === 0) return plain
        return { t: 'alt', items: [...astral.map((value) => this.#character(value, flags)), plain] }
      }
      case 'Group': {
        const body = this.alternatives(node.body, withFlags(flags, node.flags))
        return node.atomic ? { t: 'atomic', body } : body
      }
      case 'CapturingGroup': {
        const body = () => this.alternatives(node.body, flags)
        if (node.name !== undefined) return this.#ctx.group(node.name, body)
        const slot = this.#ctx.numbered(node.number)
        return slot === undefined ? body() : { t: 'cap', slot, body: body() }
      }
      case 'LookaroundAssertion':
        return {
          t: 'look',
          behind: node.kind === 'lookbehind',
          negate: node.negate,
          body: this.alternatives(node.body, flags),
        }
      case 'Quantifier': {
        const body = this.#node(node.body, flags)
        return { t: 'rep', body, min: node.min, max: node.max, kind: node.kind }
      }
      case 'Assertion': {
        if (node.kind === 'word_boundary') return { t: 'assert', kind: node.negate ? 'not_word' : 'word' }
        const kind = assertions[node.kind]
        return kind ? { t: 'assert', kind } : this.#ctx.fail('text segment boundaries are not supported')
      }
      case 'Backreference':
        return { t: 'back', slot: this.#ctx.backSlot(node.ref) }
      case 'AbsenceFunction': {
        const not: Node = { t: 'look', behind: false, negate: true, body: this.alternatives(node.body, flags) }
        const step = seq([not, { t: 'set', set: anySet }])
        return { t: 'rep', body: step, min: 0, max: Number.POSITIVE_INFINITY, kind: 'greedy' }
      }
      case 'Subroutine': {
        const group = this.#groups.get(node.ref)
        if (group?.type !== 'CapturingGroup') return this.#ctx.fail(`no group ${node.ref} to call`)
        if (++this.#depth > MAX_SUBROUTINE_DEPTH) return this.#ctx.fail('groups that call themselves are not supported')
        const body = this.alternatives(group.body, flags)
        this.#depth--
        return body
      }
      case 'Directive':
        return emptyNode // \K moves where the match starts; grok reads captures only
      default:
        return this.#ctx.fail(`${node.type} is not supported`)
    }
  }

  #character(value: number, flags: Flags): Node {
    const units = [...String.fromCodePoint(value).split('')].map((unit) => unit.charCodeAt(0))
    return seq(
      units.map((unit) => ({ t: 'set' as const, set: flags.ignoreCase ? foldCase(single(unit)) : single(unit) })),
    )
  }

  #characterSet(node: CharacterSetNode, flags: Flags): Node {
    if (node.kind === 'newline' && !node.negate) {
      const crlf = seq([
        { t: 'set', set: single(0x0d) },
        { t: 'set', set: newlineSet },
      ])
      return { t: 'alt', items: [crlf, { t: 'set', set: [0x0a, 0x0d, 0x85, 0x85, 0x2028, 0x2029] }] }
    }
    if (node.kind === 'text_segment') return { t: 'set', set: anySet }
    if (node.kind === 'dot') return { t: 'set', set: flags.dotAll ? anySet : negate(newlineSet) }
    const set = this.#namedSet(node)
    return { t: 'set', set: flags.ignoreCase ? foldCase(set) : set }
  }

  #namedSet(node: CharacterSetNode): CharSet {
    const set = this.#plainSet(node)
    return node.negate ? negate(set) : set
  }

  #plainSet(node: CharacterSetNode): CharSet {
    switch (node.kind) {
      case 'any':
      case 'dot':
      case 'text_segment':
        return anySet
      case 'digit':
        return digitSet
      case 'word':
        return wordSet
      case 'space':
        return spaceSet
      case 'hex':
        return hexSet
      case 'newline':
        return newlineSet
      case 'posix':
        return posix[node.value]?.() ?? this.#ctx.fail(`no class [:${node.value}:]`)
      case 'property': {
        const named = posix[node.value.toLowerCase()]
        if (named) return named()
        try {
          return propertySet(node.value)
        } catch {
          try {
            return propertySet(`Script=${node.value}`)
          } catch {
            return this.#ctx.fail(`no Unicode property ${node.value}`)
          }
        }
      }
      default:
        return emptySet
    }
  }

  /** Members above the basic plane are two code units, so they cannot live in a set. */
  #class(node: CharacterClassNode): { set: CharSet; astral: number[] } {
    const astral: number[] = []
    const sets: CharSet[] = node.body.map((member) => {
      switch (member.type) {
        case 'Character':
          if (member.value <= 0xffff) return single(member.value)
          astral.push(member.value)
          return emptySet
        case 'CharacterClassRange': {
          const lo = member.min.value
          const hi = Math.min(member.max.value, 0xffff)
          return lo <= hi ? [lo, hi] : emptySet
        }
        case 'CharacterSet':
          return this.#namedSet(member)
        case 'CharacterClass': {
          const inner = this.#class(member)
          astral.push(...inner.astral)
          return inner.set
        }
        default:
          return emptySet
      }
    })
    const set = node.kind === 'intersection' ? sets.reduce((a, b) => intersect(a, b), anySet) : normalize(sets.flat())
    return node.negate ? { set: negate(set), astral: [] } : { set, astral }
  }
}

function withFlags(
  flags: Flags,
  change: { enable?: object | undefined; disable?: object | undefined } | undefined,
): Flags {
  if (!change) return flags
  const on = (change.enable ?? {}) as Partial<Flags>
  const off = (change.disable ?? {}) as Partial<Flags>
  return {
    ignoreCase: off.ignoreCase ? false : (on.ignoreCase ?? flags.ignoreCase),
    dotAll: off.dotAll ? false : (on.dotAll ?? flags.dotAll),
  }
}
