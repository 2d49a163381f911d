import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPipelineError } from '../../core/errors.ts'
import { SyslogFramer } from './framing.ts'

const limits = { maxBytes: 32, maxCountedBytes: 100 }

interface Outcome {
  messages: string[]
  empty: number
  end: string
}

/** Everything a stream gives, whatever the chunks: messages (a `~` after a truncated one), and how it ended. */
function frame(chunks: readonly (string | Buffer)[], used = limits, silentAtEnd = false): Outcome {
  const framer = new SyslogFramer('192.0.2.7', used)
  const messages: string[] = []
  const take = () => messages.push(framer.message.toString('latin1') + (framer.truncated ? '~' : ''))
  let end: string
  try {
    for (const chunk of chunks) {
      framer.write(Buffer.from(chunk as string, 'latin1'))
      while (framer.next()) take()
      expect(framer.carriedBytes).toBeLessThanOrEqual(Math.max(used.maxBytes + 2, used.maxCountedBytes))
    }
    if (silentAtEnd && framer.flushNul()) take()
    end = framer.end()
    if (end === 'message') take()
  } catch (error) {
    if (!isPipelineError(error)) throw error
    end = error.code
  }
  return { messages, empty: framer.empty, end }
}

describe('one stream', () => {
  const x31 = 'x'.repeat(31)
  const x32 = 'x'.repeat(32)
  test.each<[string, string, string[], string, number?]>([
    ['lines', '<1>a\n<2>b\n', ['<1>a', '<2>b'], 'nothing'],
    ['CRLF', '<1>a\r\n<2>b\r\n', ['<1>a', '<2>b'], 'nothing'],
    ['a lone CR is part of the message', '<1>a\rb\n', ['<1>a\rb'], 'nothing'],
    ['a CR in front is too', '\r<1>a\n', ['\r<1>a'], 'nothing'],
    ['NUL before the next priority', '<1>a\0<2>b\0<3>c\n', ['<1>a', '<2>b', '<3>c'], 'nothing'],
    ['NUL and LF', '<1>a\0\n<2>b\0\n', ['<1>a', '<2>b'], 'nothing'],
    ['NUL elsewhere is part of the message', '<1>a\0b\0<b\n', ['<1>a\0b\0<b'], 'nothing'],
    ['NUL at the end of the stream', '<1>a\0', ['<1>a'], 'message'],
    ['invalid UTF-8', '<1>\xff\xfe\xc0\n', ['<1>\xff\xfe\xc0'], 'nothing'],
    [
      'the bytes of U+2028 and a BOM do not split',
      '\xef\xbb\xbf<1>\xe2\x80\xa8x\n',
      ['\xef\xbb\xbf<1>\xe2\x80\xa8x'],
      'nothing',
    ],
    ['a last line without LF', '<1>a\n<2>b', ['<1>a', '<2>b'], 'message'],
    ['empty lines', '\n\n<1>a\n\r\n', ['<1>a'], 'nothing', 3],
    ['no priority', 'hello\n', ['hello'], 'nothing'],
    ['a line that begins with a date', '2026-01-02 <x>\n', ['2026-01-02 <x>'], 'nothing'],
    ['a line that begins with a number', '12 apples\n', ['12 apples'], 'nothing'],
    ['a line that begins with epoch milliseconds', '1700000000000 up\n', ['1700000000000 up'], 'nothing'],
    ['only a number', '12', ['12'], 'message'],
    ['exactly the limit', `${x32}\n`, [x32], 'nothing'],
    ['exactly the limit and CRLF', `${x32}\r\n`, [x32], 'nothing'],
    ['exactly the limit, NUL, LF', `${x32}\0\n`, [x32], 'nothing'],
    ['one over the limit, then in step again', `${x32}y\n<1>a\n`, [`${x32}~`, '<1>a'], 'nothing'],
    ['the limit and a CR that ends nothing', `${x32}\rzzz\n<1>a\n`, [`${x32}~`, '<1>a'], 'nothing'],
    ['far over the limit, never ended', 'y'.repeat(5000), [`${'y'.repeat(32)}~`], 'nothing'],
    ['digits far over the limit', `${'1'.repeat(500)}\n<1>a\n`, [`${'1'.repeat(32)}~`, '<1>a'], 'nothing'],
    ['counted', '4 <1>a4 <2>b', ['<1>a', '<2>b'], 'nothing'],
    ['counted, LF inside', '6 <1>a\nb', ['<1>a\nb'], 'nothing'],
    ['counted, NUL inside', '8 <1>\0<2>b', ['<1>\0<2>b'], 'nothing'],
    ['counted, its LF counted too', '5 <1>a\n4 <2>b', ['<1>a', '<2>b'], 'nothing'],
    ['counted, its LF not counted', '4 <1>a\n4 <2>b\r\n', ['<1>a', '<2>b'], 'nothing', 2],
    ['counted over the soft limit stays whole', `62 <1>${x31}${x31.slice(3)}`, [`<1>${x31}${x31.slice(3)}`], 'nothing'],
    ['mixed, each message its own way', '<1>a\n4 <2>b<3>c\n4 <4>d', ['<1>a', '<2>b', '<3>c', '<4>d'], 'nothing'],
    ['count above the hard limit', `<1>a\n101 <1>${x32}`, ['<1>a'], 'FRAME_TOO_LONG'],
    ['count zero', '0 <1>a', [], 'FRAME_BAD_LENGTH'],
    ['count with a leading zero', '04 <1>a', [], 'FRAME_BAD_LENGTH'],
    ['negative count', '-4 <1>a', [], 'FRAME_BAD_LENGTH'],
    ['count with a plus', '+4 <1>a', [], 'FRAME_BAD_LENGTH'],
    ['eleven digits', '12345678901 <1>a', [], 'FRAME_BAD_LENGTH'],
    ['ten digits', '1234567890 <1>a', [], 'FRAME_TOO_LONG'],
    ['thirty digits, then a priority', `${'9'.repeat(30)} <1>a\n`, [], 'FRAME_BAD_LENGTH'],
    ['a thousand digits after a counted one', `4 <1>a${'9'.repeat(1000)}`, ['<1>a'], 'FRAME_BAD_LENGTH'],
    ['a count shorter than the message forges nothing', '4 <1>abcd\n<2>e\n', ['<1>a'], 'FRAME_BAD_LENGTH'],
    ['what is left looks like a number', '4 <1>a5 apples\n', ['<1>a'], 'FRAME_BAD_LENGTH'],
    ['what is left begins with a sign', '4 <1>a-5 <2>b\n', ['<1>a'], 'FRAME_BAD_LENGTH'],
    ['cut inside a counted message', '4 <1>a9 <2>b', ['<1>a'], 'cut'],
    ['cut inside a later count', '4 <1>a12', ['<1>a'], 'cut'],
    ['nothing at all', '', [], 'nothing'],
  ])('%s', (_why, stream, messages, end, empty = 0) => {
    const whole = frame([stream])
    expect(whole).toEqual({ messages, end, empty })
    expect(frame([...stream])).toEqual(whole)
  })
})

test('silence after a NUL ends the message, a NUL in the middle of talk does not', () => {
  expect(frame(['<1>a\0'], limits, true)).toEqual({ messages: ['<1>a'], empty: 0, end: 'nothing' })
  expect(frame(['<1>a\0', 'b\n'], limits, true).messages).toEqual(['<1>a\0b'])
})

const piece = fc.oneof(
  fc.constantFrom(
    '<1>',
    '<13>a',
    '\n',
    '\r\n',
    '\r',
    '\0',
    '\0<',
    '\0<5',
    ' ',
    '4 <1>a',
    '12 ',
    '0 ',
    '-',
    '7',
    '99999999999',
  ),
  fc.integer({ min: 1, max: 60 }).map((n) => `${n} <1>${'q'.repeat(Math.max(0, n - 3))}`),
  fc.integer({ min: 28, max: 70 }).map((n) => 'z'.repeat(n)),
  fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
)

test('any chunking of any bytes gives the same messages', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), fc.array(fc.nat(400), { maxLength: 8 }), (pieces, cuts) => {
      const stream = pieces.join('')
      const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b)
      const chunks = places.slice(1).map((end, i) => stream.slice(places[i], end))
      expect(frame(chunks)).toEqual(frame([stream]))
    }),
    { interruptAfterTimeLimit: 2500, numRuns: 20_000 },
  )
})

test('what a sender frames properly comes back exactly, whatever way each message is framed', () => {
  const body = fc.string({ unit: fc.constantFrom('a', '7', ' ', 'é', '한', '<', '>'), maxLength: 12 })
  fc.assert(
    fc.property(fc.array(fc.tuple(body, fc.boolean()), { maxLength: 10 }), fc.nat(7), (items, size) => {
      const sent = items.map(([text]) => Buffer.from(`<13>${text}`))
      const wire = Buffer.concat(
        sent.flatMap((m, i) => (items[i]?.[1] ? [Buffer.from(`${m.length} `), m] : [m, Buffer.from('\n')])),
      )
      const chunks: Buffer[] = []
      for (let at = 0; at < wire.length; at += size + 1) chunks.push(wire.subarray(at, at + size + 1))
      const got = frame(chunks, { maxBytes: 200, maxCountedBytes: 200 })
      expect(got).toEqual({ messages: sent.map((m) => m.toString('latin1')), empty: 0, end: 'nothing' })
    }),
    { interruptAfterTimeLimit: 1500, numRuns: 5000 },
  )
})

test('a chunk full of NUL, or of NUL-ended messages, is not searched again for every byte', () => {
  const nuls = Buffer.alloc(4 * 1024 * 1024)
  nuls.write('<1>')
  const big = { maxBytes: 64 * 1024, maxCountedBytes: 1024 * 1024 }
  expect(frame([nuls.toString('latin1'), '\n'], big).messages).toHaveLength(1)
  expect(frame(['<1>a\0'.repeat(200_000)], big).messages).toHaveLength(200_000)
})

const shared = process.env['HAETAE_SHARED_DATA'] ?? join(import.meta.dirname, '../../../shared/data')
const vectors = join(shared, 'syslog/octet-framing.jsonl')
if (!existsSync(vectors)) console.warn(`skipped: no ${vectors}`)
test.skipIf(!existsSync(vectors))('the octet-framing vectors give the messages a strict reader accepts', () => {
  const cases = readFileSync(vectors, 'utf8').trim().split('\n')
  expect(cases.length).toBeGreaterThan(0)
  for (const line of cases) {
    const { descr, input, strict } = JSON.parse(line) as {
      descr: string
      input: string
      strict: { error: string; message: unknown }[]
    }
    const framer = new SyslogFramer('vector', { maxBytes: 65_536, maxCountedBytes: 1_048_576 })
    let complete = 0
    try {
      framer.write(Buffer.from(input))
      while (framer.next()) complete++
    } catch (error) {
      expect(isPipelineError(error), descr).toBe(true)
    }
    // A message that is framed well and malformed inside is still one for us: the parser keeps it.
    const wanted = strict.filter(
      (m) => m.error === '' || m.error.includes('TIMESTAMP') || m.error.includes('timestamp'),
    )
    expect(complete, descr).toBe(wanted.length)
  }
})
