// Rule files: one or several YAML documents, plain values out, with the line of any node for messages.

import { LineCounter, parseAllDocuments } from 'yaml'

export interface YamlDocument {
  /** Plain data; integers beyond 2^53 come as decimal text. `undefined` for an empty document. */
  readonly value: unknown
  /** 1-based line where the document's content begins. */
  readonly line: number
  /** What makes the document unreadable, if anything. */
  readonly problem?: { readonly reason: string; readonly line: number }
  /** 1-based line of a node, or of the nearest one above it. */
  lineOf(path: readonly (string | number)[]): number
}

/** Never throws. YAML 1.2 core: `yes` and dates are texts. */
export function readYamlDocuments(text: string): YamlDocument[] {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter: lines, intAsBigInt: true, logLevel: 'silent' })
  if (!Array.isArray(documents)) return []
  const lineAt = (offset: number) => lines.linePos(offset).line || 1
  return documents.map((document): YamlDocument => {
    const start = lineAt(document.contents?.range?.[0] ?? document.range[0])
    const lineOf = (path: readonly (string | number)[]): number => {
      for (let length = path.length; length > 0; length--) {
        const node: unknown = document.getIn(path.slice(0, length), true)
        const range = (node as { range?: [number, number, number] } | undefined)?.range
        if (range) return lineAt(range[0])
      }
      return start
    }
    const error = document.errors[0]
    if (error) {
      const reason = `not YAML: ${error.message.split('\n')[0] as string}`
      return { value: undefined, line: start, lineOf, problem: { reason, line: lineAt(error.pos[0]) } }
    }
    try {
      return { value: plain(document.toJS({ maxAliasCount: 100 })), line: start, lineOf }
    } catch (cause) {
      const reason = `not usable YAML: ${cause instanceof Error ? cause.message : String(cause)}`
      return { value: undefined, line: start, lineOf, problem: { reason, line: start } }
    }
  })
}

function plain(node: unknown): unknown {
  if (typeof node === 'bigint') return Number.isSafeInteger(Number(node)) ? Number(node) : String(node)
  if (Array.isArray(node)) return node.map(plain)
  if (node === null || typeof node !== 'object') return node
  const out: Record<string, unknown> = Object.create(null)
  for (const key of Object.keys(node)) out[key] = plain((node as Record<string, unknown>)[key])
  return out
}
