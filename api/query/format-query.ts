// Filter -> the one way to write it. parseQuery(formatQuery(filter)) is the filter again, for every filter in normal form
// (build.ts) with the value types of values.ts.

import type { Scalar } from '../../core/event.ts'
import type { Filter, Pipe } from '../../core/query.ts'
import { formatPipes } from './format-pipes.ts'
import { isSpace, isSpecial } from './scan.ts'

export function formatQuery(filter: Filter, pipes: readonly Pipe[] = []): string {
  return (filter.kind === 'all' ? '' : formatFilter(filter)) + formatPipes(pipes)
}

function formatFilter(filter: Filter): string {
  switch (filter.kind) {
    case 'all':
      return '*'
    case 'and':
    case 'or':
      return filter.of.map((child) => formatChild(child, filter.kind)).join(` ${filter.kind} `)
    case 'not':
      return `not ${formatChild(filter.of, 'not')}`
    case 'equals':
      return `${formatField(filter.field)}:${formatValue(filter.value)}`
    case 'wildcard':
      return `${formatField(filter.field)}:${formatPattern(filter.pattern)}`
    case 'exists':
      return `${formatField(filter.field)}:*`
    case 'cidr':
      return `${formatField(filter.field)}:${filter.cidr}`
    case 'regex':
      return `${formatField(filter.field)}:/${formatRegex(filter.source)}/${filter.ignoreCase ? 'i' : ''}`
    case 'range':
      return formatRange(filter)
    case 'text':
      return formatText(filter.words, filter.prefix)
  }
}

/** `and` binds tighter than `or`, `not` tighter than both. */
function formatChild(child: Filter, parent: 'and' | 'or' | 'not'): string {
  const text = formatFilter(child)
  const looser = child.kind === 'or' || (child.kind === 'and' && parent !== 'or')
  return looser ? `(${text})` : text
}

function formatRange(filter: Filter & { kind: 'range' }): string {
  const field = formatField(filter.field)
  const low = filter.gte ?? filter.gt
  const high = filter.lte ?? filter.lt
  const value = (bound: Scalar) => (typeof bound === 'string' ? quote(bound) : String(bound))
  if (low !== undefined && high !== undefined) {
    const open = filter.gte === undefined ? '{' : '['
    const close = filter.lte === undefined ? '}' : ']'
    return `${field}:${open}${value(low)} TO ${value(high)}${close}`
  }
  if (low !== undefined) return `${field} ${filter.gte === undefined ? '>' : '>='} ${value(low)}`
  return `${field} ${filter.lte === undefined ? '<' : '<='} ${value(high ?? '')}`
}

function formatText(words: readonly string[], prefix: boolean): string {
  const text = words.join(' ') + (prefix ? '*' : '')
  return words.length === 1 && isPlainWord(text.replace('*', '')) ? text : quote(text)
}

function formatField(name: string): string {
  return /^[A-Za-z_@][\w.@-]+$/.test(name) && isPlainWord(name) && name !== '_exists_' ? name : quote(name)
}

function formatValue(value: Scalar): string {
  if (typeof value !== 'string') return String(value)
  return /^[\w@][\w.@-]*$/.test(value) && isPlainWord(value) ? value : quote(value)
}

function formatPattern(pattern: string): string {
  let out = ''
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string
    if (char === '*' || char === '?') out += char
    else {
      const literal = char === '\\' ? (pattern[++at] ?? '\\') : char
      out += isSpecial(literal) ? `\\${literal}` : literal
    }
  }
  return out
}

function formatRegex(source: string): string {
  let out = ''
  for (let at = 0; at < source.length; at++) {
    const char = source[at] as string
    if (char === '\\' && at + 1 < source.length) out += char + source[++at]
    else out += char === '/' || isSpace(char) ? `\\${char}` : char
  }
  return out
}

function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}

function isPlainWord(text: string): boolean {
  return !/^(?:and|or|not)$/i.test(text)
}
