// An explanation as lines for people: the condition's tree, what held, what the event has there.

import type { ExplainedNode, Explanation } from '../../correlator/sigma/explain.ts'
import type { Test } from '../../correlator/sigma/types.ts'

const MAX_LINES = 200

export function explainLines({ logsource, matched, tree }: Explanation, title: string): string[] {
  const lines = [`${mark(matched)} ${title}: ${matched ? 'matches' : 'does not match'}`]
  if (!logsource) lines.push(`  ${mark(false)} the event is not of the rule's logsource, so the rule is never asked`)
  walk(tree, 1, lines)
  if (lines.length > MAX_LINES) lines.splice(MAX_LINES, lines.length, `  … ${lines.length - MAX_LINES} lines more`)
  return lines
}

const mark = (held: boolean) => (held ? '✓' : '✗')

function walk(node: ExplainedNode, depth: number, lines: string[]): void {
  const indent = '  '.repeat(depth)
  if (node.kind === 'atom') {
    const has =
      node.values.length === 0 ? 'the event has nothing there' : `the event has ${node.values.map(quote).join(', ')}`
    const field = node.field === '' ? 'any text' : node.field
    lines.push(`${indent}${mark(node.held)} ${node.selection}: ${field} ${testWords(node.test)}   (${has})`)
    return
  }
  const words = { and: 'all of', or: 'one of', not: 'none of' }[node.kind]
  // A long list of alternatives: those that held, or how many did not.
  if (node.kind === 'or' && node.of.length > 8 && node.of.every(({ kind }) => kind === 'atom')) {
    const held = node.of.filter((one) => one.held)
    const shown = held.length > 0 ? held : node.of.slice(0, 1)
    lines.push(`${indent}${mark(node.held)} ${words} ${node.of.length}`)
    for (const one of shown) walk(one, depth + 1, lines)
    if (held.length === 0) lines.push(`${indent}  … and ${node.of.length - 1} others that did not hold`)
    return
  }
  lines.push(`${indent}${mark(node.held)} ${words}`)
  for (const one of node.of) walk(one, depth + 1, lines)
}

const quote = (value: unknown) => {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

/** What is asked, in words. */
export function testWords(test: Test): string {
  switch (test.kind) {
    case 'text':
      return `${{ equals: 'is', contains: 'contains', startswith: 'starts with', endswith: 'ends with' }[test.how]} ${quote(test.text)}`
    case 'glob':
      return `is like ${quote(test.parts.map((part) => (typeof part === 'string' ? part : ['*', '?', '-'][part])).join(''))}`
    case 'regex':
      return `matches /${test.source}/${test.flags}`
    case 'cidr':
      return `is in ${test.text}`
    case 'compare':
      return `${test.part ? `${test.part} ` : ''}${{ lt: '<', lte: '<=', gt: '>', gte: '>=', eq: '=' }[test.op]} ${test.value}`
    case 'fieldref':
      return `${test.how} the field ${test.field}`
    case 'any':
      return 'has a value'
    case 'null':
      return 'is null or missing'
    case 'exists':
      return 'is there'
  }
}
