import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeString, eachElement, eachMember, JsonSyntaxError, skipSpace, skipValue } from './json-scan.ts'

/** Whether the whole text is one JSON value, by our reading. */
function isJson(text: Buffer): boolean {
  try {
    return skipSpace(text, skipValue(text, skipSpace(text, 0))) === text.length
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    return false
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test.each([
  ['nothing', ''],
  ['white space', ' \n'],
  ['a trailing comma', '[1,]'],
  ['a trailing comma in an object', '{"a":1,}'],
  ['two values', '1 2'],
  ['a leading zero', '01'],
  ['a bare minus', '-'],
  ['a point without digits', '1.'],
  ['an exponent without digits', '1e+'],
  ['a control character', '"a\nb"'],
  ['an unknown escape', '"\\x41"'],
  ['a short hex escape', '"\\u12"'],
  ['an open string', '"abc'],
  ['an escape at the end', '"abc\\'],
  ['single quotes', "{'a':1}"],
  ['a bare key', '{a:1}'],
  ['a missing colon', '{"a" 1}'],
  ['NaN', 'NaN'],
  ['a cut word', 'tru'],
  ['a comment', '[1/*x*/]'],
  ['endless nesting', '['.repeat(100_000)],
  ['endless nesting of objects', '{"a":'.repeat(100_000)],
])('refuses %s', (_why, text) => expect(isJson(Buffer.from(text))).toBe(false))

test('says yes and no as JSON.parse does', () => {
  const damage = fc.tuple(
    fc.json({ maxDepth: 4 }),
    fc.nat(),
    fc.constantFrom('', '"', '\\', ',', '}', '[', '0', 'e', ' '),
  )
  fc.assert(
    fc.property(damage, ([json, place, insert]) => {
      const at = place % (json.length + 1)
      for (const text of [json, json.slice(0, at) + insert + json.slice(at + 1), json.slice(0, at)]) {
        expect(isJson(Buffer.from(text)), text).toBe(parses(text))
      }
    }),
    { interruptAfterTimeLimit: 1500, numRuns: 20_000 },
  )
})

test('any bytes: an answer or a syntax error, nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      isJson(Buffer.from(bytes))
    }),
    { interruptAfterTimeLimit: 500, numRuns: 20_000 },
  )
})

test('elements and members are found by their exact bytes', () => {
  const json = Buffer.from(' [ {"a" : [1, 2]} ,"x\\"y", -1.5e3,[]  ] ')
  const slices: string[] = []
  eachElement(json, 1, (at) => {
    const end = skipValue(json, at)
    slices.push(json.toString('utf8', at, end))
    return end
  })
  expect(slices).toEqual(['{"a" : [1, 2]}', '"x\\"y"', '-1.5e3', '[]'])
  const object = Buffer.from('{"k\\u0065y":"한","__proto__":{}}')
  const members: string[] = []
  eachMember(object, 0, (start, end, value) => {
    const after = skipValue(object, value)
    members.push(`${decodeString(object, start, end)}=${object.toString('utf8', value, after)}`)
    return after
  })
  expect(members).toEqual(['key="한"', '__proto__={}'])
})
