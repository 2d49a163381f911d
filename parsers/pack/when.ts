// Conditions: `event.outcome == failure and (user.name exists or .status >= 400)`.
//
//   or    = and ('or' and)*          test = value 'exists' | value 'missing'
//   and   = not ('and' not)*              | value ('==' | '!=' | '<' | '<=' | '>' | '>=') literal
//   not   = 'not' not | '(' or ')'        | value ('contains' | 'starts' | 'ends') literal
//         | test                          | value 'in' '[' literal (',' literal)* ']'

import type { EcsValue } from '../../core/event.ts'
import { type Code, withCode } from './code.ts'
import type { CompileEnv, Getter, PackContext } from './context.ts'
import { compileGet, parsePath } from './path.ts'

type Where = readonly (string | number)[]
export type Condition = (context: PackContext) => boolean

const WORD = /\s*(?:('(?:[^']|'')*')|([()[\],]|==|!=|<=|>=|<|>)|((?:\."[^"]*"|\[\d*\]|[^\s()[\],'=!<>])+))/y

export function compileWhen(expression: unknown, where: Where, env: CompileEnv): Condition {
  if (typeof expression === 'boolean')
    return withCode(
      () => expression,
      () => String(expression),
    )
  if (typeof expression !== 'string') return env.fail(where, 'a condition is a text')
  const words: string[] = []
  WORD.lastIndex = 0
  while (WORD.lastIndex < expression.trimEnd().length) {
    const m = WORD.exec(expression)
    if (!m) return env.fail(where, `cannot read '${expression}'`)
    words.push((m[1] ?? m[2] ?? m[3]) as string)
  }
  return new Reader(words, expression, where, env).read()
}

class Reader {
  #at = 0
  readonly #words: readonly string[]
  readonly #text: string
  readonly #where: Where
  readonly #env: CompileEnv

  constructor(words: readonly string[], text: string, where: Where, env: CompileEnv) {
    this.#words = words
    this.#text = text
    this.#where = where
    this.#env = env
  }

  read(): Condition {
    const condition = this.#or(0)
    if (this.#at < this.#words.length) this.#fail(`'${this.#words[this.#at]}' is one word too many`)
    return condition
  }

  #fail(problem: string): never {
    return this.#env.fail(this.#where, `condition '${this.#text}': ${problem}`)
  }

  #take(): string {
    return this.#words[this.#at++] ?? this.#fail('it ends too early')
  }

  #or(depth: number): Condition {
    if (depth > 20) this.#fail('too deep')
    let left = this.#and(depth)
    while (this.#words[this.#at] === 'or') {
      this.#at++
      const [a, b] = [left, this.#and(depth)]
      left = withCode(
        (context) => a(context) || b(context),
        (code) => `(${code.test(a)} || ${code.test(b)})`,
      )
    }
    return left
  }

  #and(depth: number): Condition {
    let left = this.#not(depth)
    while (this.#words[this.#at] === 'and') {
      this.#at++
      const [a, b] = [left, this.#not(depth)]
      left = withCode(
        (context) => a(context) && b(context),
        (code) => `(${code.test(a)} && ${code.test(b)})`,
      )
    }
    return left
  }

  #not(depth: number): Condition {
    if (this.#words[this.#at] === 'not') {
      this.#at++
      const inner = this.#not(depth + 1)
      return not(inner)
    }
    if (this.#words[this.#at] === '(') {
      this.#at++
      const inner = this.#or(depth + 1)
      if (this.#take() !== ')') this.#fail("')' is missing")
      return inner
    }
    return this.#test()
  }

  #test(): Condition {
    const get = compileGet(parsePath(this.#take(), this.#where, this.#env), false)
    const operator = this.#take()
    switch (operator) {
      case 'exists':
        return present(get)
      case 'missing':
        return not(present(get))
      case 'in':
        return this.#in(get)
      default:
        return this.#compare(get, operator)
    }
  }

  #in(get: Getter): Condition {
    if (this.#take() !== '[') this.#fail("'[' belongs after 'in'")
    const set = new Set<string>()
    for (;;) {
      set.add(this.#literal())
      const next = this.#take()
      if (next === ']') break
      if (next !== ',') this.#fail("',' or ']' belongs in a list")
    }
    return any(
      get,
      (value) => set.has(value),
      (code) => `${code.use(set)}.has(v)`,
    )
  }

  #compare(get: Getter, operator: string): Condition {
    const literal = this.#literal()
    const number = Number(literal)
    switch (operator) {
      case '==':
        return same(get, literal)
      case '!=':
        return not(same(get, literal))
      case 'contains':
        return any(get, (value) => value.includes(literal))
      case 'starts':
        return any(get, (value) => value.startsWith(literal))
      case 'ends':
        return any(get, (value) => value.endsWith(literal))
    }
    if (!Object.hasOwn(comparisons, operator)) this.#fail(`'${operator}' is no comparison`)
    if (Number.isNaN(number)) this.#fail(`'${operator}' compares with a number`)
    const test = comparisons[operator] as (a: number, b: number) => boolean
    return any(
      get,
      (value) => value !== '' && test(Number(value), number),
      () => `(v !== '' && Number(v) ${operator} ${number})`,
    )
  }

  #literal(): string {
    const word = this.#take()
    return word.startsWith("'") ? word.slice(1, -1).replaceAll("''", "'") : word
  }
}

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}

const not = (inner: Condition): Condition =>
  withCode(
    (context) => !inner(context),
    (code) => `!${code.test(inner)}`,
  )

const present = (get: Getter): Condition =>
  withCode(
    (context) => {
      const value = get(context)
      return value !== undefined && value !== null && value !== ''
    },
    (code) => `(${valueCode(code, get)}, v !== undefined && v !== null && v !== '')`,
  )

const same = (get: Getter, literal: string): Condition =>
  any(
    get,
    (value) => value === literal,
    () => `v === ${JSON.stringify(literal)}`,
  )

/** An assignment of the value to v, as an expression. */
function valueCode(code: Code, get: Getter): string {
  const statement = code.get(get) // of a path: one assignment
  return statement.includes(';') || statement.includes('\n') ? `v = ${code.use(get)}(c)` : statement
}

/** True when the value, or one of an array, satisfies the test. @param emit the test as an expression, of a text v */
function any(get: Getter, test: (text: string) => boolean, emit?: (code: Code) => string): Condition {
  const other = (value: EcsValue): boolean => {
    if (typeof value === 'string') return test(value)
    if (typeof value === 'number' || typeof value === 'boolean') return test(String(value))
    if (!Array.isArray(value)) return false
    return value.some((element) => typeof element !== 'object' && element !== undefined && test(String(element)))
  }
  return withCode(
    (context) => other(get(context)),
    (code) => {
      const ofText = emit?.(code) ?? `${code.use(test)}(v)`
      return `(${valueCode(code, get)}, typeof v === 'string' ? ${ofText} : ${code.use(other)}(v))`
    },
  )
}
