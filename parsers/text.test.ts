import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeLine, encodeLine } from './text.ts'

test.each([
  ['plain', Buffer.from('hello'), 'hello', false],
  ['valid UTF-8 keeps its backslash', Buffer.from('해태 \\x41'), '해태 \\x41', false],
  ['NUL and controls stay', Buffer.from('a\0b\x1b[31m'), 'a\0b\x1b[31m', false],
  ['lone continuation byte', Buffer.from([0x61, 0x80, 0x62]), 'a\\x80b', true],
  ['latin-1', Buffer.from('caf\xe9 \\', 'latin1'), 'caf\\xe9 \\\\', true],
  ['surrogate half', Buffer.from([0xed, 0xa0, 0x80]), '\\xed\\xa0\\x80', true],
  ['overlong slash', Buffer.from([0xc0, 0xaf]), '\\xc0\\xaf', true],
  ['cut short', Buffer.from([0xf0, 0x9f, 0x98]), '\\xf0\\x9f\\x98', true],
  ['past U+10FFFF', Buffer.from([0xf4, 0x90, 0x80, 0x80]), '\\xf4\\x90\\x80\\x80', true],
])('decodeLine: %s', (_why, bytes, text, escaped) => expect(decodeLine(bytes)).toEqual({ text, escaped }))

test('any bytes can be told back from the text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const { text, escaped } = decodeLine(Buffer.from(bytes))
      expect(escaped ? encodeLine(text) : Buffer.from(text)).toEqual(Buffer.from(bytes))
    }),
    { interruptAfterTimeLimit: 1000, numRuns: 2000 },
  )
})
