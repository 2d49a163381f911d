// Text cut into templates is the same text, and says the same to every test as the whole text would.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Filter } from '../../core/query.ts'
import { compileFilter } from './filter.ts'
import type { Leaf } from './leaf.ts'
import { askTemplates, isForTemplates, matchTemplated } from './template-match.ts'
import { MARK, TemplateSplitter, trigramsMayHold } from './template-split.ts'
import { TemplatedBlock, Templates } from './templated.ts'
import { hashWord, hasToken, TokenSet } from './tokens.ts'

function blockOf(texts: readonly string[], splitter = new TemplateSplitter(), words = new TokenSet()): TemplatedBlock {
  const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''))
  const starts = new Uint32Array(texts.length + 1)
  texts.forEach((text, i) => {
    starts[i + 1] = (starts[i] as number) + Buffer.byteLength(text) + 1
  })
  const { ids, ...variables } = splitter.split({ bytes, starts }, texts.length, words)
  return new TemplatedBlock(ids, texts.length, new Templates(splitter.dictionary, splitter.trigrams), () => variables)
}

const plainOf = (block: TemplatedBlock) => {
  const { bytes, starts } = block.plain()
  return Array.from({ length: block.count }, (_, i) =>
    bytes.toString('utf8', starts[i] as number, (starts[i + 1] as number) - 1),
  )
}

const word = fc.constantFrom(
  'Failed',
  'failed',
  'user',
  'u7',
  '10',
  '0',
  '1.2.3.4',
  'İz',
  '로그인',
  '\u212Aey9',
  'sshd[77]',
  'x_1',
)
const join = fc.constantFrom(' ', ' ', ', ', '=', '', '\n', String.fromCharCode(MARK), '\0', ': ')
const text = fc.array(fc.tuple(word, join), { maxLength: 8 }).map((parts) => parts.map(([a, b]) => a + b).join(''))
const anyText = fc
  .oneof({ weight: 4, arbitrary: text }, fc.string({ unit: 'binary', maxLength: 30 }))
  .map((one) => Buffer.from(one).toString()) // lone surrogates cannot be stored

test('what is cut is put together again, one by one and all at once', () => {
  fc.assert(
    fc.property(fc.array(anyText, { maxLength: 40 }), fc.array(anyText, { maxLength: 10 }), (first, second) => {
      const splitter = new TemplateSplitter()
      for (const texts of [first, second]) {
        const block = blockOf(texts, splitter)
        expect(plainOf(block)).toEqual(texts)
        expect(texts.map((_, i) => block.text(i))).toEqual(texts)
      }
    }),
    { numRuns: 150 },
  )
})

const filter: fc.Arbitrary<Filter> = fc.oneof(
  fc.record({
    kind: fc.constant('equals' as const),
    field: fc.constant('message'),
    value: fc.oneof(word, text),
  }),
  fc.record({
    kind: fc.constant('wildcard' as const),
    field: fc.constant('message'),
    pattern: fc.constantFrom(
      '*aile*',
      'fail*',
      '*',
      'u?',
      '*77',
      'k*',
      'key*',
      '*key*',
      '*인',
      'use?',
      '???',
      '*sshd*',
      'FAIL*',
      '1*',
    ),
  }),
  fc.record({
    kind: fc.constant('regex' as const),
    field: fc.constant('message'),
    source: fc.constantFrom(
      ...[
        'aile',
        'ailed u',
        'Failed.*user',
        'sshd\\[77',
        'fails?',
        'a(b|c)',
        'user|10',
        'Faile{1}d',
        'user\\x31',
        '^Fai',
      ],
      ...['ssh.\\d', '_1$', 'fai?led', '[Ff]ailed', 'user+', '로그', 'Failed\\s+user'],
    ),
    ignoreCase: fc.boolean(),
  }),
)
const phrase: fc.Arbitrary<Filter> = fc.record({
  kind: fc.constant('text' as const),
  words: fc.array(fc.oneof(word, fc.constantFrom('fail', 'u', '1', 'ssh')), { minLength: 1, maxLength: 3 }),
  prefix: fc.boolean(),
})

function leafOf(one: Filter): Leaf | undefined {
  const node = compileFilter(one)
  if (node.kind === 'or') return node.of[0]?.kind === 'leaf' ? node.of[0].leaf : undefined
  return node.kind === 'leaf' ? node.leaf : undefined
}

test('a test on templates finds what a test on the texts finds', () => {
  let forTemplates = 0
  let found = 0
  fc.assert(
    fc.property(fc.array(anyText, { maxLength: 40 }), fc.oneof(filter, phrase), (texts, one) => {
      const leaf = leafOf(one)
      if (!leaf || !isForTemplates(leaf)) return
      forTemplates++
      const block = blockOf(texts)
      const answer = askTemplates(leaf, block.templates)
      const hits = matchTemplated(leaf, answer, block, { check: () => {} })
      const wanted = texts.filter((value) => leaf.text(value))
      found += wanted.length
      expect(texts.filter((_, i) => hits?.[i] === 1)).toEqual(wanted)
      if (wanted.length > 0) expect(answer.any).toBe(true)
    }),
    { numRuns: 1500 },
  )
  expect(forTemplates).toBeGreaterThan(500)
  expect(found).toBeGreaterThan(500)
})

test('the word filter hears of every word, in templates and in variables', () => {
  const words = new TokenSet()
  const splitter = new TemplateSplitter()
  blockOf(['Failed password for u7', 'Failed password for u8'], splitter, new TokenSet())
  blockOf(['Failed password for u9', '로그인 u10'], splitter, words) // the template is known, the block is new
  const known = words.take()
  for (const one of ['failed', 'password', 'u9', 'u10', '로그인'])
    expect(hasToken(known, hashWord(one)), one).toBe(true)
  expect(hasToken(known, hashWord('u7'))).toBe(false)
})

test('trigrams never deny what a variable holds', () => {
  const splitter = new TemplateSplitter()
  blockOf(['id 7fA3_zirconium9 end', '로그 plain'], splitter)
  for (const held of ['7fa', 'zirconium', 'um9', '3_z', 'ai', 'plain']) {
    expect(trigramsMayHold(splitter.trigrams, held), held).toBe(true)
  }
  for (const absent of ['end7', 'zirconiumx', 'fa4'])
    expect(trigramsMayHold(splitter.trigrams, absent), absent).toBe(false)
})

test('texts that share no templates give it up, and templates are bounded', () => {
  const letters = (i: number) => [...String(i)].map((digit) => 'abcdefghij'[Number(digit)]).join('')
  const splitter = new TemplateSplitter()
  blockOf(
    Array.from({ length: 300 }, (_, i) => `word${letters(i)} x`),
    splitter,
  )
  expect(splitter.off).toBe(true)
  const many = new TemplateSplitter()
  for (let round = 0; round < 40; round++) {
    const texts = Array.from({ length: 400 }, (_, i) => (i % 3 === 0 ? `${letters(round * 400 + i)} x` : `same ${i}`))
    expect(plainOf(blockOf(texts, many))).toEqual(texts)
  }
  expect(many.off).toBe(false)
  expect(many.dictionary.count).toBeLessThanOrEqual(4098)
})
