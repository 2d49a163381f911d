import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readJson } from '../formats/json.ts'
import { loadPacks } from '../packs.ts'
import { utc } from '../time/zone.ts'
import { PackChooser } from './choose.ts'
import type { PackContext } from './context.ts'
import { compilePack, type Pack } from './pack.ts'

const folder = join(import.meta.dirname, '../packs')
const packs = loadPacks(folder)
const lines = (readdirSync(folder, { recursive: true }) as string[])
  .filter((name) => name.endsWith('.log'))
  .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
  .filter((line) => line !== '' && !line.startsWith('#!'))

function contextOf(body: string): PackContext {
  return {
    event: {},
    body,
    json: undefined,
    messageId: '',
    structured: undefined,
    source: undefined,
    used: new Set(),
    mark: undefined,
    unfit: [],
    timeMs: Number.NaN,
    lineTimeMs: 0,
    receivedAtMs: Date.UTC(2026, 0, 15),
    zone: utc,
  }
}

/** What `detect` says of a text, word for word. */
const mayBe = (text: string, { detect }: Pack) =>
  (detect.starts.length === 0 || detect.starts.some((start) => text.startsWith(start))) &&
  detect.contains.every((part) => text.includes(part))

test('a pack that detects a text and can read it is always among those asked, in order of priority', () => {
  const chooser = new PackChooser(packs)
  const asked = packs.filter(({ detect: d }) => d.content || d.contains.length > 0 || d.starts.length > 0)
  let read = 0
  lines.forEach((line, i) => {
    for (const text of [line, line.slice(i % 40), line.slice(0, (i * 31) % (line.length + 1))]) {
      const found = [...chooser.ofText(text)]
      expect(found.every((pack) => mayBe(text, pack))).toBe(true)
      expect(found.map((pack) => pack.priority)).toEqual(found.map((pack) => pack.priority).sort((a, b) => b - a))
      for (const pack of asked) {
        if (found.includes(pack) || !mayBe(text, pack)) continue
        expect(pack.run(contextOf(text)), `${pack.name} reads ${text}`).toBe(false)
      }
      read += found.length
    }
  })
  expect(read).toBeGreaterThan(lines.length)
})

const has = (json: unknown, path: readonly string[]): unknown =>
  path.reduce(
    (node, part) =>
      node !== null && typeof node === 'object' && !Array.isArray(node) && Object.hasOwn(node, part)
        ? (node as Record<string, unknown>)[part]
        : undefined,
    json,
  )

test('the packs asked about JSON are those that have one of their sets of keys whole', () => {
  const chooser = new PackChooser(packs)
  let asked = 0
  for (const line of lines) {
    const json = line.startsWith('{') ? readJson(line)?.object : undefined
    if (!json) continue
    const found = chooser.ofJson(json).map((pack) => pack.name)
    const expected = packs.filter(({ detect }) =>
      detect.json.some((keys) =>
        keys.every(({ name, path, values }) => {
          const value = Object.hasOwn(json, name) ? json[name] : has(json, path)
          return value !== undefined && (!values || values.has(String(value)))
        }),
      ),
    )
    expect([...found].sort()).toEqual(expected.map((pack) => pack.name).sort())
    asked += found.length
  }
  expect(asked).toBeGreaterThan(100)
})

const pack = (name: string, detect: string, parse: string) =>
  compilePack(`pack: ${name}\ndataset: ${name}\ndetect: ${detect}\nparse:\n  - ${parse}\n`, `${name}.yaml`)

test.each([
  ['a pattern that begins otherwise', '{content: true}', "grok: 'a=%{WORD:x.y}'", 'b=1', false],
  ['a pattern that begins so', '{content: true}', "grok: 'a=%{WORD:x.y}'", 'a=1', true],
  ['either case where the pattern takes both', '{content: true}', "grok: '(?i)a=%{WORD:x.y}'", 'A=1', true],
  ['a pattern that may begin anywhere', '{content: true}', '{grok: {match: "x=1", anchored: none}}', 'b x=1', true],
  ['a character the pattern needs and the text lacks', '{content: true}', "grok: '.*;.*'", 'no semicolon', false],
  ['an empty text where the pattern takes it', '{content: true}', "grok: '.*'", '', true],
  ['a text past ASCII', '{content: true}', "grok: '사용자 %{WORD:x.y}'", '사용자 kim', true],
  ['a text past ASCII that the pattern has not', '{starts: [사]}', "grok: '.*'", '다 kim', false],
  ['a block that reads JSON alone', '{content: true}', 'json: true', 'text', false],
  ['a block that reads JSON from elsewhere', '{content: true}', 'json: {from: "@body"}', 'text', true],
  ['a condition on the body', '{content: true}', `{when: "@body contains ';'", kv: true}`, 'a=1', false],
  [
    'one of two conditions',
    '{content: true}',
    `{when: "@body contains ';' or @body contains '='", kv: true}`,
    'a=1',
    true,
  ],
  ['a condition with more to it', '{content: true}', `{when: "not (@body contains ';')", kv: true}`, 'a=1', true],
])('%s', (_why, detect, parse, text, asked) => {
  expect(new PackChooser([pack('one', detect, parse)]).ofText(text).length).toBe(asked ? 1 : 0)
})
