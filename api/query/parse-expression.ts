// Expressions of `where` and `eval`. Loosest first: or, and, not, comparison, + -, * / %, unary -.

import { nearest } from '../../core/config.ts'
import { type Comparison, comparisons, type Expression, type FunctionName, functionNames } from '../../core/query.ts'
import type { PipeScanner } from './pipe-scanner.ts'
import type { PipeScope } from './pipe-scope.ts'

const MAX_DEPTH = 64
const MAX_PARTS = 500
/** Least and most arguments. */
const arity: Readonly<Record<FunctionName, readonly [number, number]>> = {
  lower: [1, 1],
  upper: [1, 1],
  len: [1, 1],
  substr: [2, 3],
  concat: [1, 20],
  contains: [2, 2],
  startswith: [2, 2],
  endswith: [2, 2],
  tostring: [1, 1],
  tonumber: [1, 1],
  abs: [1, 1],
  round: [1, 2],
  floor: [1, 1],
  ceil: [1, 1],
  if: [3, 3],
  coalesce: [1, 20],
  cidr: [2, 2],
}

export class ExpressionParser {
  readonly #scan: PipeScanner
  readonly #scope: PipeScope
  #depth = 0
  #parts = 0

  constructor(scan: PipeScanner, scope: PipeScope) {
    this.#scan = scan
    this.#scope = scope
  }

  /** @throws QUERY_INVALID */
  parse(): Expression {
    return this.#list('or')
  }

  #list(kind: 'and' | 'or'): Expression {
    const next = () => (kind === 'or' ? this.#list('and') : this.#not())
    const sign = kind === 'or' ? '||' : '&&'
    const of = [next()]
    while (this.#scan.takeSign(sign) || this.#scan.takeWord(kind)) of.push(next())
    const flat = of.flatMap((part) => (part.kind === kind ? part.of : [part]))
    return flat.length === 1 ? (flat[0] as Expression) : { kind, of: flat }
  }

  #not(): Expression {
    if (!this.#scan.takeWord('not') && !this.#scan.takeSign('!')) return this.#comparison()
    return this.#deeper(() => ({ kind: 'not', of: this.#not() }))
  }

  #comparison(): Expression {
    const left = this.#sum()
    const start = this.#scan.skip()
    if (this.#scan.takeWord('in')) return this.#in(left)
    const sign = this.#scan.takeSign('==', ...comparisons)
    if (sign === undefined) {
      if (this.#scan.line[start] === ':') {
        this.#scan.fail(start, "after | fields are compared with '='", 'write status = 404')
      }
      return left
    }
    const op = (sign === '==' ? '=' : sign) as Comparison
    const right = this.#sum()
    if (this.#scan.takeSign('==', ...comparisons)) {
      this.#scan.fail(start, 'comparisons do not chain', "write a < b and b < c, or use '(' and ')'")
    }
    return { kind: 'compare', op, left, right }
  }

  /** `x in (1, 2)` is `x = 1 or x = 2`. */
  #in(left: Expression): Expression {
    this.#scan.expectSign('(', "after 'in'")
    const of: Expression[] = []
    do {
      of.push({ kind: 'compare', op: '=', left, right: this.#sum() })
      if (of.length > MAX_PARTS) this.#scan.expected('a shorter list')
    } while (this.#scan.takeSign(','))
    this.#scan.expectSign(')', 'at the end of the list')
    return of.length === 1 ? (of[0] as Expression) : { kind: 'or', of }
  }

  #sum(): Expression {
    let left = this.#product()
    for (let op = this.#scan.takeSign('+', '-'); op !== undefined; op = this.#scan.takeSign('+', '-')) {
      this.#count()
      left = { kind: 'math', op: op as '+' | '-', left, right: this.#product() }
    }
    return left
  }

  #product(): Expression {
    let left = this.#unary()
    for (let op = this.#scan.takeSign('*', '/', '%'); op !== undefined; op = this.#scan.takeSign('*', '/', '%')) {
      this.#count()
      left = { kind: 'math', op: op as '*' | '/' | '%', left, right: this.#unary() }
    }
    return left
  }

  #unary(): Expression {
    if (!this.#scan.takeSign('-')) return this.#primary()
    // A minus sign before digits belongs to the number, so that -1 is one thing however often it is printed.
    const value = this.#scan.takeNumber()
    if (value !== undefined) return { kind: 'literal', value: value === 0 ? 0 : -value }
    return this.#deeper(() => ({ kind: 'negate', of: this.#unary() }))
  }

  #primary(): Expression {
    const scan = this.#scan
    this.#count()
    const start = scan.skip()
    if (scan.takeSign('(')) {
      const inner = this.#deeper(() => this.#list('or'))
      if (!scan.takeSign(')')) {
        if (scan.atEnd) scan.fail(start, 'this parenthesis is never closed', "add ')'")
        scan.expected("an operator or ')'")
      }
      return inner
    }
    const number = scan.takeNumber()
    if (number !== undefined) return { kind: 'literal', value: number }
    const text = scan.takeText()
    if (text !== undefined) return { kind: 'literal', value: text }
    const name = scan.takeName(false, false)
    if (!name) return scan.expected('a value: a column, a number, "a text" or a function')
    const word = name.quoted ? '' : name.text.toLowerCase()
    if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' }
    if (word === 'null') return { kind: 'literal', value: null }
    if (['and', 'or', 'not', 'in', 'by', 'as'].includes(word)) {
      scan.fail(
        name.start,
        `expected a value, found '${name.text}'`,
        `a column of this name is written \`${name.text}\``,
      )
    }
    if (!name.quoted && scan.sign() === '(') {
      const column = measureColumn(scan, this.#scope, name.text)
      return column === undefined ? this.#call(name.text, name.start) : { kind: 'column', name: column }
    }
    return { kind: 'column', name: this.#scope.check(name, scan) }
  }

  #call(written: string, start: number): Expression {
    const scan = this.#scan
    const name = written.toLowerCase() as FunctionName
    if (!functionNames.includes(name)) {
      const near = nearest(name, functionNames)
      scan.fail(
        start,
        `there is no function ${written}`,
        near ? `did you mean ${near}?` : `there are: ${functionNames.join(', ')}`,
      )
    }
    scan.expectSign('(', `after ${name}`)
    const args: Expression[] = []
    if (!scan.takeSign(')')) {
      do args.push(this.#deeper(() => this.#list('or')))
      while (scan.takeSign(','))
      scan.expectSign(')', `after the arguments of ${name}`)
    }
    const [least, most] = arity[name]
    if (args.length < least || args.length > most) {
      const wanted = least === most ? `${least}` : `${least} to ${most}`
      scan.fail(start, `${name} takes ${wanted} argument${most === 1 ? '' : 's'}, here are ${args.length}`)
    }
    return { kind: 'call', name, args }
  }

  #deeper<T>(parse: () => T): T {
    if (++this.#depth > MAX_DEPTH) this.#scan.fail(this.#scan.at, `nested more than ${MAX_DEPTH} deep`)
    const parsed = parse()
    this.#depth--
    return parsed
  }

  #count(): void {
    if (++this.#parts > MAX_PARTS) this.#scan.fail(this.#scan.at, `an expression of more than ${MAX_PARTS} parts`)
  }
}

/** `dc(user.name)` where a column of that name stands: taken as the column it is. */
export function measureColumn(scan: PipeScanner, scope: PipeScope, word: string): string | undefined {
  if (!scope.isTable) return undefined
  const before = scan.at
  if (scan.takeSign('(')) {
    if (scan.takeSign(')') && scope.has(word.toLowerCase())) return word.toLowerCase()
    const field = scan.takeName(true, true)
    const column = field && `${word.toLowerCase()}(${field.text})`
    if (column !== undefined && scope.has(column) && scan.takeSign(')')) return column
  }
  scan.at = before
  return undefined
}
