// The parsed expression as ECMAScript source (flag `u`), for the plain evaluator.

import { pairsOf } from './char-set.ts'
import type { AssertKind, Regex } from './parse.ts'

const asserts: Record<AssertKind, string> = {
  start: '^',
  // Not `$`: V8 in Node 26 looks for `[^a]$` one unit before the end, where the last half of a surrogate pair stands.
  end: '(?![^])',
  lineStart: '(?:^|(?<=\\n))',
  lineEnd: '(?![^\\n])',
  word: '(?:(?<![0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<=[0-9A-Za-z_])(?![0-9A-Za-z_]))',
  notWord: '(?:(?<![0-9A-Za-z_])(?![0-9A-Za-z_])|(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_]))',
}

export function printRegex(regex: Regex): string {
  switch (regex.kind) {
    case 'assert':
      return asserts[regex.what]
    case 'set': {
      const hex = (code: number) => `\\u{${code.toString(16)}}`
      const ranges = pairsOf(regex.set).map(([from, to]) => (from === to ? hex(from) : `${hex(from)}-${hex(to)}`))
      return `[${ranges.join('')}]`
    }
    case 'concat':
      return regex.of.map(printRegex).join('')
    case 'choice':
      return `(?:${regex.of.map(printRegex).join('|')})`
    case 'repeat':
      return `(?:${printRegex(regex.of)}){${regex.min},${regex.max === Number.POSITIVE_INFINITY ? '' : regex.max}}`
  }
}
