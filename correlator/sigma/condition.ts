// The condition of a rule: and, or, not, parentheses, `1 of x*`, `all of them`. A hand-written descent over few tokens.

import { SigmaProblem } from './problem.ts'

/** What a condition says about the names of selections (or of rules, in a temporal correlation). */
export type Named =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Named[] }
  | { readonly kind: 'not'; readonly of: Named }

const maxDepth = 200

/**
 * Precedence, least binding first: or, and, not, `x of`, parentheses. Operators in any case.
 * @param names what may be named; names with a leading `_` are not part of `them` nor of a pattern
 * @param place where the condition stands in the document, for the problem's line
 * @throws SigmaProblem
 */
export function parseCondition(text: string, names: readonly string[], place: readonly (string | number)[]): Named {
  const tokens = text.match(/[()]|[^\s()]+/g) ?? []
  let at = 0
  let depth = 0
  const fail = (reason: string): never => {
    throw new SigmaProblem(`condition '${text}': ${reason}`, place)
  }
  const word = (i: number) => tokens[i]?.toLowerCase()

  const or = (): Named => {
    const of = [and()]
    while (word(at) === 'or') {
      at++
      of.push(and())
    }
    return of.length === 1 ? (of[0] as Named) : { kind: 'or', of }
  }
  const and = (): Named => {
    const of = [not()]
    while (word(at) === 'and') {
      at++
      of.push(not())
    }
    return of.length === 1 ? (of[0] as Named) : { kind: 'and', of }
  }
  const not = (): Named => {
    if (++depth > maxDepth) fail('nested too deeply')
    let made: Named
    if (word(at) === 'not') {
      at++
      made = { kind: 'not', of: not() }
    } else made = primary()
    depth--
    return made
  }
  const primary = (): Named => {
    const token = tokens[at]
    if (token === undefined) return fail('ends where a selection is expected')
    if (token === '(') {
      at++
      const inner = or()
      if (tokens[at] !== ')') fail("a ')' is missing")
      at++
      return inner
    }
    if (word(at + 1) === 'of') return of()
    if (/^(and|or|of|\))$/i.test(token)) fail(`'${token}' stands where a selection is expected`)
    at++
    if (!names.includes(token)) fail(`there is no selection named '${token}'`)
    return { kind: 'name', name: token }
  }
  const of = (): Named => {
    const quantity = word(at) as string
    const pattern = tokens[at + 2]
    if (quantity !== '1' && quantity !== 'any' && quantity !== 'all')
      fail(`'${tokens[at]} of' is not defined: 1, any or all`)
    if (pattern === undefined || pattern === '(' || pattern === ')') return fail("'of' wants a pattern or 'them'")
    at += 3
    const fits = pattern.toLowerCase() === 'them' && !names.includes(pattern) ? () => true : namePattern(pattern)
    const chosen = names.filter((name) => !name.startsWith('_') && fits(name))
    if (chosen.length === 0) fail(`no selection fits '${pattern}'`)
    const named = chosen.map((name): Named => ({ kind: 'name', name }))
    return named.length === 1 ? (named[0] as Named) : { kind: quantity === 'all' ? 'and' : 'or', of: named }
  }

  const whole = or()
  if (at < tokens.length) fail(`'${tokens[at]}' is not understood here`)
  return whole
}

function namePattern(pattern: string): (name: string) => boolean {
  const pieces = pattern.split('*')
  const head = pieces[0] as string
  const tail = pieces[pieces.length - 1] as string
  if (pieces.length === 1) return (name) => name === pattern
  return (name) => {
    if (!name.startsWith(head) || !name.endsWith(tail) || name.length < head.length + tail.length) return false
    let from = head.length
    for (const piece of pieces.slice(1, -1)) {
      const found = name.indexOf(piece, from)
      if (found < 0) return false
      from = found + piece.length
    }
    return from <= name.length - tail.length
  }
}
