import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isPipelineError } from '../../core/errors.ts'
import { checkRegex } from './regex-guard.ts'
import { type RegexNode, readRegex } from './regex-tree.ts'

const accepts = (source: string, ignoreCase = false): boolean => {
  try {
    checkRegex(source, ignoreCase, 1)
    return true
  } catch (error) {
    if (isPipelineError(error, 'QUERY_INVALID')) return false
    throw error
  }
}

test.each([
  ['a plain word', 'sshd'],
  ['alternatives', 'fail(ed|ure)|denied'],
  ['a repetition whose turns are told apart', '(\\w+\\.)+example'],
  ['an address', '(\\d{1,3}\\.){3}\\d{1,3}'],
  ['repetitions with a separator', '\\d+\\.\\d+\\.\\d+\\.\\d+'],
  ['quoted pairs', '("[^"]*",)*"[^"]*"'],
  ['an escaped string', '"([^"\\\\]|\\\\.)*"'],
  ['wildcards at both ends cost nothing', '.*a.*b.*'],
  ['two gaps', 'a.*b.*c'],
  ['a counted repetition', 'x{2,500}y'],
  ['lazy repetitions', 'a.*?b'],
  ['named groups', '(?<user>[a-z]+)@'],
  ['an optional part in a loop', '(ab?c)*'],
  ['a hexadecimal id', '^[0-9a-f]{8}-[0-9a-f]{4}$'],
  ['Korean', '로그인 실패 \\d+'],
  ['a Unicode property', '\\p{Lu}\\p{Ll}+'],
  ['a class with an escaped bracket', '[\\]a-z]+='],
  ['nothing', ''],
])('accepts %s: %s', (_why, source) => expect(accepts(source)).toBe(true))

test.each([
  ['a repetition in a repetition', '(a+)+b'],
  ['a star in a star', '(a*)*b'],
  ['an optional part in a star in a star', '((a?)*)*b'],
  ['equal alternatives in a loop', '(a|a)*b'],
  ['overlapping alternatives in a loop', '(\\w|\\d)+x'],
  ['overlap hidden in classes', '([a-m]|[k-z])*x'],
  ['one or two of the same', '(a|aa)+b'],
  ['a bounded repetition in a loop', '(a{1,3})*b'],
  ['a counted loop around a repetition', '(a+){2,20}b'],
  ['a loop of everything', '(.*)*x'],
  ['words with optional separators', '(\\w+\\s?)*x'],
  ['e-mail as often copied', '^([a-zA-Z0-9])(([-.]|[_]+)?([a-zA-Z0-9]+))*(@)$'],
  ['four gaps in a row', 'a.*b.*c.*d.*e'],
  ['repetitions side by side', '\\d+\\d+\\d+\\d+x'],
  ['look-ahead', 'a(?=b)'],
  ['negative look-behind', '(?<!a)b'],
  ['a back reference', '(a)\\1'],
  ['a named back reference', '(?<x>a)\\k<x>'],
  ['an open group', '(a'],
  ['an open class', '[a'],
  ['nothing to repeat', '*a'],
  ['numbers out of order', 'a{3,1}'],
  ['an escape that means nothing', '\\y'],
  ['too many places', '(abcdefghij){16}(abcdefghij){16}(abcdefghij){16}'],
])('refuses %s: %s', (_why, source) => expect(accepts(source)).toBe(false))

test('case-blindness is part of the analysis', () => {
  expect(accepts('(a|A)*b')).toBe(true)
  expect(accepts('(a|A)*b', true)).toBe(false)
  expect(accepts('(k|\u212a)*b', true)).toBe(false)
  expect(accepts('([a-c]|[A-C])*x', true)).toBe(false)
})

test('the column of look-around points into the expression', () => {
  expect(() => checkRegex('abc(?=d)', false, 10)).toThrow(
    expect.objectContaining({ params: expect.objectContaining({ column: 13 }) }),
  )
})

test('any source is accepted or QUERY_INVALID', () => {
  const piece = fc.constantFrom(
    ...'a b . * + ? | ( ) [ ] ^ $ { } - \\ / , 1 2 (?: (?<n> (?= \\d \\w \\s \\S \\b \\p{L} \\u{61} \\x61 \\cA {2} {1,} {2,3} [^'.split(
      ' ',
    ),
    ...['한', '😀', '\ud800', '\n'],
  )
  const sources = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece, { maxLength: 14 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(sources, fc.boolean(), (source, ignoreCase) => {
      accepts(source, ignoreCase)
    }),
    { numRuns: 20_000, interruptAfterTimeLimit: 1500 },
  )
})

test('what is accepted takes polynomially many steps in a backtracking matcher', () => {
  const atom = fc.constantFrom('a', 'b', '[ab]', '[ac]', '.', 'c')
  const sources = fc.letrec<{ re: string }>((tie) => ({
    re: fc.oneof(
      { maxDepth: 4 },
      atom,
      fc.array(tie('re'), { minLength: 2, maxLength: 3 }).map((parts) => parts.join('')),
      fc.array(tie('re'), { minLength: 2, maxLength: 3 }).map((parts) => `(?:${parts.join('|')})`),
      fc.tuple(tie('re'), fc.constantFrom('*', '+', '?', '{1,2}', '{2}')).map(([re, times]) => `(?:${re})${times}`),
    ),
  })).re
  let accepted = 0
  fc.assert(
    fc.property(sources, fc.stringMatching(/^[abc]{1,3}$/), (source, word) => {
      if (!accepts(source)) return
      accepted++
      const node = readRegex(source, false)
      const short = countSteps(node, word.repeat(16).slice(0, 16))
      const long = countSteps(node, word.repeat(32).slice(0, 32))
      // Twice the text: a chain of 3 loops from every start is degree 4 or 5, so 32 times the steps. Doubling would be 2^16.
      expect(long).toBeLessThan(64 * short + 1000)
    }),
    { numRuns: 3000, interruptAfterTimeLimit: 2500 },
  )
  expect(accepted).toBeGreaterThan(50)
})

/** Steps of a search that tries every path and never succeeds, as an engine does on a line that almost matches. */
function countSteps(root: RegexNode, text: string): number {
  const LIMIT = 20_000_000
  let steps = 0
  const walk = (node: RegexNode, at: number, next: (at: number) => void): void => {
    if (++steps > LIMIT) return
    switch (node.kind) {
      case 'assert':
        next(at)
        return
      case 'chars':
        if (at < text.length && node.set & (1n << BigInt(text.charCodeAt(at)))) next(at + 1)
        return
      case 'alt':
        for (const child of node.of) walk(child, at, next)
        return
      case 'cat': {
        const from = (i: number, place: number): void => {
          const child = node.of[i]
          if (child) walk(child, place, (after) => from(i + 1, after))
          else next(place)
        }
        from(0, at)
        return
      }
      case 'repeat': {
        const turn = (done: number, place: number): void => {
          if (steps > LIMIT) return
          if (done < node.max) {
            walk(node.of, place, (after) => {
              // An engine refuses a turn that takes nothing once the minimum is reached.
              if (after > place || done < node.min) turn(done + 1, after)
            })
          }
          if (done >= node.min) next(place)
        }
        turn(0, at)
        return
      }
    }
  }
  for (let start = 0; start <= text.length; start++) walk(root, start, () => {})
  return steps
}
