// A small XML reader for log records: elements, attributes, text, CDATA. It knows no DTD: a document that brings one is not
// read at all, so that no entity of its own is ever expanded (XML 1.0 section 4.4; only the five predefined ones and numbers).

import type { EcsEvent, EcsValue } from '../../core/event.ts'

export interface XmlLimits {
  readonly maxDepth: number
  /** Elements and attributes in the whole document. */
  readonly maxNodes: number
}

export const xmlLimits: XmlLimits = { maxDepth: 24, maxNodes: 5000 }

interface Open {
  readonly name: string
  readonly content: EcsEvent
  text: string
  hasChildren: boolean
}

const NAME = /[^\s/>=<"']+/y
const ATTRIBUTE = /\s+([^\s/>=<"']+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y

/**
 * `<a x="1"><b>t</b><b/></a>` becomes `{a: {'#attributes': {x: '1'}, b: ['t', '']}}`; text beside children or attributes
 * is `#text`. Names keep their namespace prefix.
 * @returns undefined for what is no single well-formed element, has a DTD, or is over a limit
 */
export function readXml(text: string, limits: XmlLimits = xmlLimits): EcsEvent | undefined {
  const root: Open = { name: '', content: {}, text: '', hasChildren: false }
  const stack: Open[] = [root]
  let nodes = limits.maxNodes
  let at = 0
  while (at < text.length) {
    const open = stack[stack.length - 1] as Open
    const lt = text.indexOf('<', at)
    const until = lt < 0 ? text.length : lt
    if (until > at) open.text += unescapeXml(text.slice(at, until))
    if (lt < 0) break
    at = lt
    if (text.startsWith('<!--', at)) at = past(text, '-->', at + 4)
    else if (text.startsWith('<![CDATA[', at)) {
      const end = text.indexOf(']]>', at)
      if (end < 0) return undefined
      open.text += text.slice(at + 9, end)
      at = end + 3
    } else if (text.startsWith('<?', at)) at = past(text, '?>', at + 2)
    else if (text.startsWith('<!', at)) return undefined
    else if (text.startsWith('</', at)) {
      NAME.lastIndex = at + 2
      const name = NAME.exec(text)?.[0]
      const end = text.indexOf('>', at)
      if (name !== open.name || end < 0 || stack.length === 1) return undefined
      stack.pop()
      add((stack[stack.length - 1] as Open).content, open.name, close(open))
      at = end + 1
    } else {
      NAME.lastIndex = at + 1
      const name = NAME.exec(text)?.[0]
      if (name === undefined || --nodes < 0 || stack.length > limits.maxDepth) return undefined
      at += 1 + name.length
      const element: Open = { name, content: {}, text: '', hasChildren: false }
      open.hasChildren = true
      ATTRIBUTE.lastIndex = at
      let attributes: EcsEvent | undefined
      for (let m = ATTRIBUTE.exec(text); m; m = ATTRIBUTE.exec(text)) {
        if (--nodes < 0) return undefined
        if (m[1] !== '__proto__') (attributes ??= {})[m[1] as string] = unescapeXml((m[2] ?? m[3]) as string)
        at = ATTRIBUTE.lastIndex
      }
      if (attributes) element.content['#attributes'] = attributes
      while (isSpace(text.charCodeAt(at))) at++
      if (text.startsWith('/>', at)) {
        add(open.content, name, close(element))
        at += 2
      } else if (text[at] === '>') {
        stack.push(element)
        at++
      } else return undefined
    }
    if (at < 0) return undefined
  }
  const names = Object.keys(root.content)
  return stack.length === 1 && names.length === 1 && root.text.trim() === '' ? root.content : undefined
}

function close({ content, text, hasChildren }: Open): EcsValue {
  const bare = !hasChildren && content['#attributes'] === undefined
  if (bare) return text
  if (!hasChildren ? text !== '' : text.trim() !== '') content['#text'] = text
  return content
}

function add(into: EcsEvent, name: string, value: EcsValue): void {
  if (name === '__proto__') return
  if (!Object.hasOwn(into, name)) {
    into[name] = value
    return
  }
  const had = into[name]
  if (Array.isArray(had)) had.push(value)
  else into[name] = [had, value]
}

const isSpace = (c: number) => c === 32 || c === 9 || c === 10 || c === 13

/** Index behind the mark; past the end of the text when it never comes, so that the document breaks off there. */
function past(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found < 0 ? -1 : found + mark.length
}

const PREDEFINED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function unescapeXml(text: string): string {
  if (!text.includes('&')) return text
  return text.replaceAll(
    /&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|(lt|gt|amp|quot|apos));/g,
    (whole, hex, decimal, name) => {
      if (name !== undefined) return PREDEFINED[name] as string
      const code = hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal)
      return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : whole
    },
  )
}
