// A grok pattern as one Oniguruma expression, for engines that know no grok: our definitions, written out.

import { standardPatterns } from '../../parsers/grok/grok.ts'

export interface ExpandedText {
  readonly expression: string
  /** Captures, in the order of their groups, which are the only named ones. */
  readonly groups: readonly { readonly field: string; readonly type: string }[]
}

const PART = /%\{(\w+)(?::([^:}]+))?(?::(\w+))?\}|\(\?<([^=!:>]+)(?::(\w+))?>/g

export function expandText(pattern: string): ExpandedText {
  const patterns = standardPatterns()
  const groups: { field: string; type: string }[] = []
  const open = (field: string, type = '') => `(?<g${groups.push({ field: dotted(field), type }) - 1}>`
  const expand = (text: string): string =>
    text.replaceAll(
      PART,
      (_all, name?: string, field?: string, type?: string, inline?: string, inlineType?: string) => {
        if (inline !== undefined) return open(inline, inlineType)
        const head = field === undefined ? '(?:' : open(field, type)
        return `${head}${expand(patterns.get(name as string) as string)})`
      },
    )
  return { expression: expand(pattern), groups }
}

function dotted(field: string): string {
  return field.startsWith('[') ? field.slice(1, -1).replaceAll('][', '.') : field
}
