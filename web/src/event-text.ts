// An event as text. Control characters are made visible, so that nobody is fooled by what a line draws.

import type { WireHit } from '../../core/api.ts'

export function valueAt(event: unknown, path: string): unknown {
  let node = event
  for (const part of path.split('.')) {
    if (node === null || typeof node !== 'object' || !Object.hasOwn(node, part)) return undefined
    node = (node as Record<string, unknown>)[part]
  }
  return node
}

export function textAt(hit: WireHit, path: string): string {
  const value = valueAt(hit.event, path)
  return value === undefined || value === null ? '' : visible(String(value))
}

/** C0, DEL, C1, zero-width and bidirectional controls as U+ notation; line feeds and tabs stay. */
export function visible(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (c) => `⟨U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
  )
}

/** Dotted field -> values, by name. */
export function flatten(event: unknown): [string, unknown[]][] {
  const out = new Map<string, unknown[]>()
  const walk = (node: unknown, path: string): void => {
    if (Array.isArray(node)) for (const item of node) walk(item, path)
    else if (node !== null && typeof node === 'object') {
      for (const [key, value] of Object.entries(node)) walk(value, path ? `${path}.${key}` : key)
    } else if (node !== null && node !== undefined) out.set(path, [...(out.get(path) ?? []), node])
  }
  walk(event, '')
  return [...out].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** `field:"value"` with the value quoted as the query language wants. */
export function clause(field: string, value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return `${field}:${value}`
  return `${field}:"${String(value).replace(/[\\"]/g, '\\$&')}"`
}

export function formatTime(ms: number): string {
  const d = new Date(ms)
  const pad = (n: number, width = 2) => String(n).padStart(width, '0')
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}.${pad(d.getMilliseconds(), 3)}`
}
