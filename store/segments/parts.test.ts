// The small parts: codecs, filters, addresses, wildcards, coverage. Hostile input first.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { tokenize } from '../../core/query.ts'
import {
  decodeDeltas,
  decodeIds,
  decodeNumbers,
  decodePlain,
  encodeDeltas,
  encodeIds,
  encodeNumbers,
  encodePlain,
  pack,
  unpack,
} from './block-codec.ts'
import { Coverage, Runs } from './coverage.ts'
import { DictionaryBuilder, dictionaryString } from './dictionary.ts'
import { compileGlob } from './glob.ts'
import { compileCidr, parseIp } from './ip.ts'
import { compilePhrase, matchesPhrase, scanPhrase } from './phrase.ts'
import { buildTokenFilter, FILTER_PAGE, pageIsSound, probeTokenFilter } from './token-filter.ts'
import { hashWord, hasToken, TokenSet } from './tokens.ts'
import { compareText, toDateMs, toIso, toNumber } from './values.ts'

const brief = { numRuns: 200, interruptAfterTimeLimit: 500 }
const doubles = fc.double({ noNaN: false })

describe('block codecs', () => {
  test('any numbers come back bit for bit', () => {
    const numbers = fc.oneof(
      fc.array(doubles, { minLength: 1 }),
      fc.array(fc.integer(), { minLength: 1 }),
      fc.array(fc.maxSafeInteger(), { minLength: 1 }),
    )
    fc.assert(
      fc.property(numbers, (values) => {
        const input = Float64Array.from(values)
        const bits = (array: Float64Array) => Buffer.from(array.slice().buffer).toString('hex')
        const { encoding, raw } = encodeNumbers(input)
        expect(bits(decodeNumbers(encoding, raw, input.length))).toBe(bits(input))
        for (const scale of [1, 1000]) {
          const deltas = encodeDeltas(input, scale)
          expect(bits(decodeDeltas(deltas.encoding, deltas.raw, input.length, scale))).toBe(bits(input))
        }
      }),
      brief,
    )
  })

  test('microsecond timestamps take the short form', () => {
    const times = Float64Array.from({ length: 100 }, (_, i) => (1_768_435_200_000_000 + i * 1001) / 1000)
    const { encoding, raw } = encodeDeltas(times, 1000)
    expect(raw.length).toBeLessThan(220)
    expect(decodeDeltas(encoding, raw, 100, 1000)).toEqual(times)
  })

  test.each([1, 255, 256, 65_535, 65_536, 4_294_967_295])('ids up to %i come back', (most) => {
    for (const ids of [Uint32Array.of(most), Uint32Array.of(0, most, 1, most)]) {
      const { encoding, raw } = encodeIds(ids)
      expect(Array.from(decodeIds(encoding, raw, ids.length))).toEqual(Array.from(ids))
    }
  })

  test('plain values come back whatever their bytes and lengths', () => {
    for (const values of [[''], ['\n', '', '\n\n'], ['a', 'x'.repeat(300)], ['x'.repeat(70_000), '']]) {
      const starts = new Uint32Array(values.length + 1)
      for (const [i, value] of values.entries()) starts[i + 1] = (starts[i] as number) + value.length + 1
      const bytes = Buffer.from(values.map((value) => `${value}\n`).join(''))
      const back = decodePlain(encodePlain({ bytes, starts }, values.length), values.length)
      expect(
        values.map((_, i) => back.bytes.toString('utf8', back.starts[i], (back.starts[i + 1] as number) - 1)),
      ).toEqual(values)
    }
  })

  test('a packed payload with any byte changed is refused', () => {
    const raw = Buffer.from('the same words again and again, the same words again and again, the same words')
    const { stored, rawBytes, crc } = pack(raw)
    expect(unpack(stored, rawBytes, crc, 'x')).toEqual(raw)
    for (let i = 0; i < stored.length; i++) {
      const bad = Buffer.from(stored)
      bad[i]! ^= 0x10
      expect(() => unpack(bad, rawBytes, crc, 'x')).toThrow(expect.objectContaining({ code: 'SEGMENT_CORRUPT' }))
    }
  })
})

test('a dictionary gives each distinct value one id, in order of first use', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { maxLength: 300 }), (values) => {
      const dictionary = new DictionaryBuilder()
      const seen = new Map<string, number>()
      for (const value of values) {
        const text = Buffer.from(value).toString()
        const bytes = Buffer.from(`<${text}>`)
        const id = dictionary.idOf(bytes, 1, bytes.length - 1)
        expect(id).toBe(seen.get(text) ?? seen.size)
        seen.set(text, id)
        expect(dictionaryString(dictionary, id)).toBe(text)
      }
      expect(dictionary.count).toBe(seen.size)
    }),
    brief,
  )
})

describe('words', () => {
  test('the filters know every word that tokenize() finds, in any text', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 30 }), { maxLength: 20 }), (texts) => {
        const set = new TokenSet()
        for (const text of texts) {
          const bytes = Buffer.from(text)
          set.addText(bytes, 0, bytes.length)
        }
        const words = set.take()
        for (const text of texts) {
          for (const word of tokenize(Buffer.from(text).toString()))
            expect(hasToken(words, hashWord(word)), word).toBe(true)
        }
      }),
      brief,
    )
  })

  test.each([1, 2, 3, 7, 32])('a filter over %i blocks never denies a word and seldom invents one', (blocks) => {
    const words = (block: number) => Uint32Array.from({ length: 3000 }, (_, i) => hashWord(`w${block}x${i}`)).sort()
    const all = Array.from({ length: blocks }, (_, block) => words(block))
    const { shape, bytes } = buildTokenFilter(all)
    const page = (number: number) => bytes.subarray(number * FILTER_PAGE, (number + 1) * FILTER_PAGE)
    for (let i = 0; i < shape.pages; i++) expect(pageIsSound(page(i))).toBe(true)
    let vain = 0
    for (let block = 0; block < blocks; block++) {
      for (const hash of all[block] as Uint32Array) expect((probeTokenFilter(shape, hash, page) >>> block) & 1).toBe(1)
    }
    for (let i = 0; i < 1000; i++) if (probeTokenFilter(shape, hashWord(`absent${i}`), page) !== 0) vain++
    expect(vain / 1000).toBeLessThan(0.02 * blocks + 0.01)
  })

  test('scanning a block and reading one value agree, for any text and phrase', () => {
    const word = fc.constantFrom('log', 'login', 'a', 'é', '로그', 'x_1', '')
    const text = fc
      .array(fc.tuple(word, fc.constantFrom(' ', '-', '\n', '', '·', '\0')), { maxLength: 6 })
      .map((parts) => parts.flat().join(''))
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 1, maxLength: 12 }),
        fc.array(word, { maxLength: 3 }),
        fc.boolean(),
        (texts, words, prefix) => {
          const phrase = compilePhrase(words, prefix)
          if (!phrase) return
          const starts = new Uint32Array(texts.length + 1)
          for (const [i, value] of texts.entries()) starts[i + 1] = (starts[i] as number) + Buffer.byteLength(value) + 1
          const found: number[] = []
          scanPhrase(
            phrase,
            { bytes: Buffer.from(texts.map((value) => `${value}\n`).join('')), starts },
            texts.length,
            (i) => found.push(i),
          )
          expect(found).toEqual(texts.flatMap((value, i) => (matchesPhrase(phrase, value) ? [i] : [])))
        },
      ),
      brief,
    )
  })
})

describe('addresses', () => {
  test.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4 ',
    '1..2.3',
    ':::',
    '::1::',
    '12345::',
    'g::1',
    `${'1:'.repeat(40)}`,
  ])('%j is no address', (text) => expect(parseIp(text)).toBeUndefined())

  test.each([
    ['10.0.0.1', '::ffff:10.0.0.1'],
    ['10.0.0.1', '::FFFF:a00:1'],
    ['::', '0:0:0:0:0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0::1'],
    ['1::', '1:0:0:0:0:0:0:0'],
    ['1:2:3:4:5:6:7:8', '0001:2:3:4:5:6:0.7.0.8'],
  ])('%s and %s are one address', (a, b) => {
    expect(parseIp(a)).toBeDefined()
    expect(parseIp(a)).toEqual(parseIp(b))
  })

  test.each(['', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '::/129', '10.0.0.0/8/8', 'lan/8', '10.0.0.0/0x8'])(
    '%j is no network',
    (text) => expect(compileCidr(text)).toBeUndefined(),
  )

  test('networks hold their edges and nothing beyond', () => {
    const holds = (cidr: string, ip: string) =>
      compileCidr(cidr)?.(parseIp(ip) as NonNullable<ReturnType<typeof parseIp>>)
    expect([
      holds('10.1.2.128/25', '10.1.2.128'),
      holds('10.1.2.128/25', '10.1.2.255'),
      holds('10.1.2.128/25', '10.1.2.127'),
    ]).toEqual([true, true, false])
    expect([holds('0.0.0.0/0', '255.255.255.255'), holds('0.0.0.0/0', '::1'), holds('::/0', '1.2.3.4')]).toEqual([
      true,
      false,
      true,
    ])
    expect([holds('2001:db8::/33', '2001:db8:7fff::1'), holds('2001:db8::/33', '2001:db8:8000::')]).toEqual([
      true,
      false,
    ])
  })
})

test('wildcards agree with a regular expression of the same meaning', () => {
  const part = fc.constantFrom('a', 'b', '*', '?', '\u{1F600}', '\\*', '\\?', '.', '\n')
  const letters = fc.constantFrom('a', 'b', '*', '?', '\u{1F600}', '.', '\n', '\\')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 7 }), fc.array(letters, { maxLength: 7 }), (parts, chars) => {
      const source = parts
        .map((p) => (p === '*' ? '.*' : p === '?' ? '.' : p.startsWith('\\') ? p : p === '.' ? '\\.' : p))
        .join('')
      const text = chars.join('')
      expect(compileGlob(parts.join(''))(text)).toBe(new RegExp(`^(?:${source})$`, 'su').test(text))
    }),
    { ...brief, numRuns: 2000 },
  )
})

test('a wildcard of many stars takes time linear in its length, not exponential', () => {
  // Exponential time would never come back; polynomial time in the stars would run into the test's timeout.
  expect(compileGlob(`${'*a'.repeat(40)}*b`)('a'.repeat(20_000))).toBe(false)
})

describe('values', () => {
  test.each(['', ' ', '1 ', '0x10', '1e', 'e1', 'Infinity', 'NaN', '1_000', '--1', '1e999', '.', '٣'])(
    '%j is no number',
    (text) => {
      expect(toNumber(text)).toBeUndefined()
    },
  )
  test.each([
    ['1.0', 1],
    ['+2', 2],
    ['-.5', -0.5],
    ['1e3', 1000],
  ])('%s is %d', (text, value) => expect(toNumber(text)).toBe(value))
  test.each(['', 'soon', '2026', '2026-13-01', '15/01/2026', '2026-01-15T25:00:00Z', true])(
    '%j is no date',
    (value) => {
      expect(toDateMs(value)).toBeUndefined()
    },
  )
  test('dates keep microseconds and zones', () => {
    expect(toDateMs('1970-01-01T00:00:01.234567Z')).toBe(1234.567)
    expect(toDateMs('1970-01-01T09:00:00+09:00')).toBe(0)
    expect(toDateMs('1970-01-01')).toBe(0)
    expect(toIso(1234.567)).toBe('1970-01-01T00:00:01.234567Z')
    expect(toIso(-0.5)).toBe('1969-12-31T23:59:59.999500Z')
    expect(toIso(1e300)).toBe('1e+300')
  })
  test('text is ordered by code point', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        expect(Math.sign(compareText(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      brief,
    )
  })
})

describe('coverage', () => {
  test('runs join, split and tell their gaps', () => {
    const runs = new Runs()
    runs.add(10, 20)
    runs.add(30, 40)
    runs.add(20, 25)
    runs.add(5, 5)
    expect(runs.list).toEqual([
      [10, 25],
      [30, 40],
    ])
    expect(runs.gaps(0, 50)).toEqual([
      [0, 10],
      [25, 30],
      [40, 50],
    ])
    runs.remove(12, 14)
    runs.add(0, 100)
    expect(runs.list).toEqual([[0, 100]])
  })

  test('rows of one delivery may come in several batches and out of order, each once', () => {
    const coverage = new Coverage()
    expect([3, 1, 3, 2, 1].map((offset) => coverage.isStored(0, offset))).toEqual([false, false, true, false, true])
    coverage.deliver(0, 1, 4)
    expect([1, 2, 3, 4].map((offset) => coverage.isStored(0, offset))).toEqual([true, true, true, false])
  })

  test('live deliveries do not fill what was lost; a replay does', () => {
    const coverage = new Coverage()
    coverage.addDurable(0, 0, 100)
    coverage.addLost(0, 40, 60)
    coverage.isStored(0, 100)
    coverage.deliver(0, 100, 110)
    expect(coverage.lost()).toEqual([{ partition: 0, from: 40, to: 60 }])
    expect([coverage.isStored(0, 39), coverage.isStored(0, 40)]).toEqual([true, false])
    coverage.deliver(0, 39, 50)
    expect(coverage.lost()).toEqual([{ partition: 0, from: 50, to: 60 }])
    coverage.deliver(0, undefined, 55)
    expect(coverage.lost()).toEqual([{ partition: 0, from: 55, to: 60 }])
    expect(coverage.durable().get(0)).toBe(40)
  })
})
