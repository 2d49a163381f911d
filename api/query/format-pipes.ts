// Pipes -> the one way to write them. parsePipes reads what this prints as the same tree.

import { type Expression, type GroupKey, type Measure, measureNames, type Pipe } from '../../core/query.ts'
import { formatInterval } from './pipe-scanner.ts'

/** With ` | ` before each; empty for none. */
export function formatPipes(pipes: readonly Pipe[]): string {
  return pipes.map((pipe) => ` | ${formatPipe(pipe)}`).join('')
}

export function formatPipe(pipe: Pipe): string {
  switch (pipe.kind) {
    case 'stats':
      return `stats ${list(pipe.of, formatMeasure)}${pipe.by.length > 0 ? ` by ${list(pipe.by, formatKey)}` : ''}`
    case 'timechart': {
      const interval = pipe.intervalMs === undefined ? '' : `${formatInterval(pipe.intervalMs)} `
      const by = pipe.by === undefined ? '' : ` by ${formatColumn(pipe.by)}`
      return `timechart ${interval}${list(pipe.of, formatMeasure)}${by}`
    }
    case 'top':
    case 'rare':
      return `${pipe.kind} ${pipe.count} ${list(pipe.fields, formatColumn)}`
    case 'sort':
      return `sort ${list(pipe.by, ({ column, descending }) => `${descending ? '-' : ''}${formatColumn(column)}`)}`
    case 'fields':
    case 'dedup':
      return `${pipe.kind} ${list(pipe.columns, formatColumn)}`
    case 'where':
      return `where ${formatExpression(pipe.condition)}`
    case 'eval':
      return `eval ${formatColumn(pipe.column)} = ${formatExpression(pipe.value)}`
    default:
      return `${pipe.kind} ${pipe.count}`
  }
}

const list = <T>(items: readonly T[], format: (item: T) => string) => items.map(format).join(', ')
const defaultName = ({ name, field }: Measure) => (field === undefined ? name : `${name}(${field})`)

export function formatMeasure(measure: Measure): string {
  const call = `${measure.name}(${measure.field === undefined ? '' : formatColumn(measure.field)})`
  return measure.as === defaultName(measure) ? call : `${call} as ${formatColumn(measure.as)}`
}

export function formatKey(key: GroupKey): string {
  if (key.kind === 'bin') return `bin(${formatInterval(key.intervalMs)})`
  return key.kind === 'field' ? formatColumn(key.field) : `pattern(${formatColumn(key.field)})`
}

const words = new Set(['and', 'or', 'not', 'in', 'by', 'as', 'true', 'false', 'null', 'asc', 'desc', 'bin', 'pattern'])
const measures: ReadonlySet<string> = new Set(measureNames)

export function formatColumn(name: string): string {
  // `count (` would read as a call.
  const plain = /^[A-Za-z_@][\w.@]*$/.test(name) && !words.has(name.toLowerCase())
  return plain && (name === 'count' || !measures.has(name)) ? name : `\`${name.replace(/[\\`]/g, '\\$&')}\``
}

const looseness = (e: Expression): number => {
  if (e.kind === 'or') return 0
  if (e.kind === 'and') return 1
  if (e.kind === 'not') return 2
  if (e.kind === 'compare') return 3
  if (e.kind === 'math') return e.op === '+' || e.op === '-' ? 4 : 5
  return 6
}

export function formatExpression(e: Expression): string {
  /** In parentheses when it binds looser than `least`. */
  const part = (child: Expression, least: number) =>
    looseness(child) < least ? `(${formatExpression(child)})` : formatExpression(child)
  switch (e.kind) {
    case 'literal':
      return typeof e.value === 'string' ? `"${e.value.replace(/[\\"]/g, '\\$&')}"` : String(e.value)
    case 'column':
      return formatColumn(e.name)
    case 'call':
      return `${e.name}(${list(e.args, formatExpression)})`
    case 'not':
      return `not ${part(e.of, 2)}`
    case 'negate':
      return `-(${formatExpression(e.of)})`
    case 'or':
      return e.of.map((child) => part(child, 1)).join(' or ')
    case 'and':
      return e.of.map((child) => part(child, 2)).join(' and ')
    case 'compare':
      return `${part(e.left, 4)} ${e.op} ${part(e.right, 4)}`
    case 'math': {
      const mine = looseness(e)
      return `${part(e.left, mine)} ${e.op} ${part(e.right, mine + 1)}`
    }
  }
}
