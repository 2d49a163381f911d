// CEF: `CEF:Version|Device Vendor|Device Product|Device Version|Event Class ID|Name|Severity|key=value key=value`
// LEEF 1.0 / 2.0: `LEEF:2.0|Vendor|Product|Version|EventID|[delimiter|]key=value<tab>key=value`

import type { EcsEvent } from '../../core/event.ts'

/** A CEF or LEEF header, and the extension as text values. */
export interface CommonEvent {
  readonly version: string
  readonly vendor: string
  readonly product: string
  readonly deviceVersion: string
  readonly eventId: string
  /** CEF only. */
  readonly name: string
  readonly severity: string
  readonly extension: EcsEvent
}

const MAX_KEYS = 1000

/** Reads CEF where it begins in the text (a syslog header may stand before it); undefined when the header is not whole. */
export function readCef(text: string): CommonEvent | undefined {
  const start = text.indexOf('CEF:')
  if (start < 0) return undefined
  const head = header(text, start + 4, 7)
  if (!head) return undefined
  const [version, vendor, product, deviceVersion, eventId, name, severity] = head.parts as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  if (!/^\s*\d/.test(version)) return undefined
  const extension = cefExtension(text, head.end)
  return { version: version.trim(), vendor, product, deviceVersion, eventId, name, severity, extension }
}

/** Reads LEEF; undefined when the header is not whole. */
export function readLeef(text: string): CommonEvent | undefined {
  const start = text.indexOf('LEEF:')
  if (start < 0) return undefined
  const head = header(text, start + 5, 5)
  if (!head) return undefined
  const [version, vendor, product, deviceVersion, eventId] = head.parts as [string, string, string, string, string]
  let at = head.end
  let delimiter = '\t'
  if (version.startsWith('2')) {
    const bar = text.indexOf('|', at)
    const given = bar >= 0 && bar - at <= 6 ? text.slice(at, bar) : undefined
    if (given !== undefined && !given.includes('=')) {
      if (given !== '') delimiter = leefDelimiter(given)
      at = bar + 1
    }
  }
  const extension: EcsEvent = {}
  let keys = 0
  for (const pair of text.slice(at).split(delimiter, MAX_KEYS)) {
    const eq = pair.indexOf('=')
    if (eq > 0) put(extension, pair.slice(0, eq).trim(), pair.slice(eq + 1).trim())
    if (++keys >= MAX_KEYS) break
  }
  return { version, vendor, product, deviceVersion, eventId, name: '', severity: '', extension }
}

function leefDelimiter(given: string): string {
  const hex = /^(?:0?x)([0-9A-Fa-f]{1,4})$/.exec(given)
  return hex ? String.fromCharCode(Number.parseInt(hex[1] as string, 16)) : (given[0] as string)
}

/** `count` columns that each end in a bar; `\|` and `\\` are taken off. */
function header(text: string, from: number, count: number): { parts: string[]; end: number } | undefined {
  const parts: string[] = []
  let part = ''
  for (let at = from; at < text.length; at++) {
    const c = text[at] as string
    if (c === '\\' && (text[at + 1] === '|' || text[at + 1] === '\\')) part += text[++at]
    else if (c === '|') {
      parts.push(part)
      part = ''
      if (parts.length === count) return { parts, end: at + 1 }
    } else part += c
  }
  // a header without extension may leave the last bar out
  if (parts.length === count - 1 && count === 7) return { parts: [...parts, part], end: text.length }
  return undefined
}

/** Values run to the space before the next `key=`; `\\=`, `\\\\`, `\\n` and `\\r` are taken off. One pass. */
function cefExtension(text: string, from: number): EcsEvent {
  const out: EcsEvent = {}
  let space = from - 1 // the last space seen: a key begins behind it
  let keyStart = -1
  let valueStart = -1
  let keys = 0
  for (let at = from; at < text.length; at++) {
    const c = text.charCodeAt(at)
    if (c === 92) at++
    else if (c === 32) space = at
    else if (c === 61 && space + 1 > valueStart && isKey(text, space + 1, at)) {
      if (keyStart >= 0) putValue(out, text, keyStart, valueStart, space)
      if (++keys > MAX_KEYS) return out
      keyStart = space + 1
      valueStart = at + 1
    }
  }
  if (keyStart >= 0) putValue(out, text, keyStart, valueStart, text.length)
  return out
}

function putValue(out: EcsEvent, text: string, keyStart: number, valueStart: number, end: number): void {
  put(out, text.slice(keyStart, valueStart - 1), unescapeValue(text.slice(valueStart, end).trimEnd()))
}

function isKey(text: string, from: number, to: number): boolean {
  if (to === from || to - from > 128) return false
  for (let at = from; at < to; at++) {
    const c = text.charCodeAt(at)
    const letter = ((c | 32) >= 97 && (c | 32) <= 122) || (c >= 48 && c <= 57)
    if (!letter && c !== 95 && c !== 46 && c !== 45 && c !== 91 && c !== 93) return false
  }
  return true
}

const unescapeValue = (value: string) =>
  value.includes('\\')
    ? value.replaceAll(/\\([\\=|nr])/g, (_all, c: string) => (c === 'n' ? '\n' : c === 'r' ? '\r' : c))
    : value

function put(out: EcsEvent, key: string, value: string): void {
  if (key !== '' && key !== '__proto__') out[key] = value
}
