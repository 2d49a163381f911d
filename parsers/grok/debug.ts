// Why a pattern does not match a line: how much of it does, where the line stops to fit, and what was wanted there.

import { emit } from './emit.ts'
import { expand } from './expand.ts'
import { type GrokOptions, MAX_LINE, standardPatterns } from './grok.ts'
import type { Node, Origin } from './ir.ts'

export interface GrokDebug {
  readonly matched: boolean
  /** 0-based: where the longest matching part of the pattern begins in the line. */
  readonly start: number
  /** 1-based column of the line at which something else was wanted; past the end when it all matched. */
  readonly column: number
  /** What the matching part covers. */
  readonly text: string
  /** Grok text of the matching part is that many of the pattern's elements, of `elements`. */
  readonly matchedElements: number
  readonly elements: number
  /** The element that did not fit: the innermost named pattern, and its definition or the bare expression. */
  readonly wanted: { readonly name: string; readonly source: string } | undefined
  /** What the line has there, at most 40 characters. */
  readonly found: string
}

interface Element {
  readonly node: Node
  readonly name: string
  readonly source: string
}

/**
 * Cuts the pattern into elements (references are opened as far as they are plain sequences) and finds, by halving, the
 * longest run of them from the first that matches.
 * @throws GROK_INVALID, GROK_UNKNOWN_PATTERN
 */
export function debugGrok(pattern: string, line: string, options: GrokOptions = {}): GrokDebug {
  const standard = standardPatterns(options.ecs ?? true)
  const patterns = options.patterns ? new Map([...standard, ...options.patterns]) : standard
  const { tree, slots } = expand(pattern, patterns, options.place ?? 'grok')
  const elements: Element[] = []
  flatten(tree, { name: '', place: '', source: pattern }, elements)
  const subject = line.slice(0, MAX_LINE)
  const anchored = options.anchored === 'both' ? 'start' : (options.anchored ?? 'none')
  const tryFirst = (count: number): RegExpExecArray | null => {
    const whole = count === elements.length
    const prefix: Node = { t: 'seq', items: elements.slice(0, count).map((element) => element.node) }
    const { source } = emit(prefix, {
      anchored: whole && options.anchored === 'both' ? 'both' : anchored,
      singleLine: !subject.includes('\n'),
      slots: slots.length,
      wanted: () => true,
      loops: false,
    })
    return new RegExp(source).exec(subject)
  }
  // a longer part never matches where a shorter one does not
  let low = 0
  let high = elements.length
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (tryFirst(middle)) low = middle
    else high = middle - 1
  }
  const best = tryFirst(low)
  const start = best?.index ?? 0
  const text = best?.[0] ?? ''
  const end = start + text.length
  const wanted = elements[low]
  return {
    matched: low === elements.length,
    start,
    column: end + 1,
    text,
    matchedElements: low,
    elements: elements.length,
    wanted: wanted && { name: wanted.name, source: wanted.source },
    found: subject.slice(end, end + 40),
  }
}

/** Sequences become their items; neighbouring single characters stay one element. */
function flatten(node: Node, origin: Origin, out: Element[]): void {
  switch (node.t) {
    case 'seq': {
      for (let i = 0; i < node.items.length; i++) {
        const run: Node[] = []
        while (node.items[i]?.t === 'set') run.push(node.items[i++]!)
        if (run.length > 0) out.push(element({ t: 'seq', items: run }, origin))
        const item = node.items[i]
        if (item) flatten(item, origin, out)
      }
      return
    }
    case 'ref':
      flatten(node.body, node.origin, out)
      return
    case 'cap':
      // a back-reference needs its group: captures stay whole, but a reference inside is named
      out.push(element(node, node.body.t === 'ref' ? node.body.origin : origin))
      return
    default:
      out.push(element(node, origin))
  }
}

function element(node: Node, origin: Origin): Element {
  const { source } = emit(node, { anchored: 'none', singleLine: true, slots: 0, wanted: () => false, loops: false })
  return { node, name: origin.name, source: origin.name === '' ? source : origin.source }
}
