import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compilePack } from '../pack/pack.ts'
import { createParser } from '../parser.ts'
import { UnparsedBook } from './book.ts'
import { Clusters, type UnparsedLine } from './clusters.ts'
import { openExplainer } from './explainer.ts'
import { observeUnparsed } from './observe.ts'
import { beginTry, endTry, newTally } from './tally.ts'
import { wordsOf } from './template.ts'

test.each([
  ['numbers and addresses', 'job 17 from 192.0.2.7 took 12ms', 'job * from * took *'],
  ['signs stay', 'user=mina, id=42; (pid:7)', 'user= mina, id= *; ( pid: *)'],
  ['identities', 'req 9f86d081884c7d65 of mina@example.com in /var/log/x', 'req * of * in *'],
  ['consonants nobody speaks', 'token QWRTZPSDF ok', 'token * ok'],
  ['words', 'Connection closed by peer', 'Connection closed by peer'],
  ['Hangul', '사용자 로그인 실패 3회', '사용자 로그인 실패 *'],
  ['nothing', '   ', ''],
])('a template keeps words and lets values go: %s', (_why, line, template) =>
  expect(wordsOf(line).join(' ')).toBe(template),
)

const line = (text: string, more: Partial<UnparsedLine> = {}): UnparsedLine => ({
  source: 'syslog-udp',
  reason: 'no_pack',
  dataset: undefined,
  program: undefined,
  line: text,
  receivedAtMs: 1000,
  ...more,
})
const told = (clusters: Clusters) => [...clusters.list()].map(({ words, count }) => `${count} ${words.join(' ')}`)

test('lines that differ in a few words become one template, with the first line as sample', () => {
  const clusters = new Clusters()
  for (const name of ['mina', 'joon', 'alice']) clusters.add(line(`door opened for ${name} at gate ${name.length}`))
  clusters.add(line('battery low'))
  expect(told(clusters)).toEqual(['3 door opened for * at gate *', '1 battery low'])
  expect([...clusters.list()][0]?.sample).toBe('door opened for mina at gate 4')
})

test.each([
  ['of another source', { source: 'other' }],
  ['of another reason', { reason: 'pack_mismatch' }],
  ['of another dataset', { dataset: 'x' }],
  ['of another program', { program: 'x' }],
])('lines %s are counted apart', (_why, more) => {
  const clusters = new Clusters()
  clusters.add(line('door opened'))
  clusters.add(line('door opened', more))
  expect(told(clusters)).toEqual(['1 door opened', '1 door opened'])
})

test('templates beyond the limit are not kept, and their lines are counted', () => {
  const clusters = new Clusters({ perSource: 3, total: 4 })
  const words = ['alpha', 'bravo', 'delta', 'echo', 'golf', 'hotel']
  for (const word of words) clusters.add(line(word))
  for (const word of words) clusters.add(line(word, { source: 'b' }))
  expect(told(clusters)).toHaveLength(4)
  expect(clusters.other).toBe(8)
  clusters.add(line('alpha'))
  expect(told(clusters)[0]).toBe('2 alpha')
})

test('what a worker drains and the main thread merges adds up to what came', () => {
  const word = fc.constantFrom('door', 'opened', 'for', 'mina', 'joon', '7', 'gate=', 'x')
  const lines = fc.array(fc.array(word, { maxLength: 6 }), { maxLength: 40 })
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 9 }), (all, every) => {
      const worker = new Clusters({ perSource: 5 })
      const main = new Clusters({ perSource: 5 })
      const send = () => {
        const { templates, other } = worker.drain()
        for (const template of templates) main.merge(template)
        main.addOther(other)
      }
      all.forEach((words, i) => {
        worker.add(line(words.join(' ')))
        if (i % every === 0) send()
      })
      send()
      send()
      expect([...main.list()].reduce((sum, { count }) => sum + count, main.other)).toBe(all.length)
    }),
    { numRuns: 500, interruptAfterTimeLimit: 4000 },
  )
})

test('any text has a template of bounded size', () => {
  fc.assert(fc.property(fc.string(), (text) => void expect(wordsOf(text).length).toBeLessThanOrEqual(49)))
  for (const piece of ['a ', '=', '1', 'ㄱ', '\0'])
    expect(wordsOf(piece.repeat(1e6)).join(' ').length).toBeLessThan(2000)
})

test('a tally counts tries and hits, and times some', () => {
  const counts = newTally()
  for (let i = 0; i < 1000; i++) endTry(counts, beginTry(counts), i % 4 === 0)
  expect(counts).toMatchObject({ tried: 1000, hits: 250, timed: 3 })
})

const doorman = `
pack: doorman
dataset: doorman.access
detect: {program: [doormand]}
parse:
  - grok: 'door=%{WORD:doorman.door} user=%{WORD:user.name} peer=%{IP:source.ip}'
  - grok: 'door=%{WORD:doorman.door} battery=%{INT:doorman.battery}'
`
const origin = { source: 'syslog-udp', kind: 'syslog', peer: '' } as const
const parseInto = (packs: ReturnType<typeof compilePack>[], texts: readonly string[]) => {
  const observer = observeUnparsed(packs)
  const parser = createParser({ packs })
  for (const text of texts)
    observer.see(parser.parse({ bytes: Buffer.from(text), origin, receivedAtMs: 5000, flags: 0 }))
  return observer
}
const lines = [
  '<13>Nov 22 10:00:00 gate doormand: door=north user=mina peer=192.0.2.7',
  '<13>Nov 22 10:00:01 gate doormand: door=north user=mina peer=lobby',
  '<13>Nov 22 10:00:02 gate doormand: door=south user=joon peer=garage',
  'a line of nobody 17',
]

test('what was not read is noticed with its reason; what was read is not', () => {
  const report = parseInto([compilePack(doorman, 'doorman.yaml')], lines).drain()
  expect(
    report?.templates.map(({ reason, program, words, count }) => [reason, program, words.join(' '), count]),
  ).toEqual([
    ['body_unread', 'doormand', 'door= * user= * peer= *', 2],
    ['no_pack', undefined, 'a line of nobody *', 1],
  ])
  expect(report?.tallies.map(({ pack, place, tried, hits }) => [pack, place, tried, hits])).toEqual([
    ['doorman', undefined, 3, 1],
    ['doorman', 'doorman.yaml:6', 3, 1],
    ['doorman', 'doorman.yaml:7', 2, 0],
  ])
})

test('nothing is drained twice', () => {
  const observer = parseInto([compilePack(doorman, 'doorman.yaml')], lines)
  observer.drain()
  expect(observer.drain()).toBeUndefined()
})

test('the book tells where the pattern that read furthest stopped', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'unparsed-'))
  mkdirSync(join(dir, 'doorman'))
  const file = join(dir, 'doorman', 'pack.yaml')
  writeFileSync(file, doorman)
  const explainer = openExplainer([dir])
  const book = new UnparsedBook(explainer, 1, dir)
  const report = parseInto([compilePack(doorman, file)], lines).drain()
  if (report) book.merge(report)
  const { since, other, templates, patterns } = await book.tell()
  await explainer.close()
  expect([since, other]).toEqual([1, 0])
  expect(templates).toHaveLength(2)
  expect(templates[0]).toMatchObject({
    reason: 'body_unread',
    count: 2,
    sample: 'door=north user=mina peer=lobby',
    stopped: { pack: 'doorman', place: 'doorman/pack.yaml:6', column: 27, found: 'lobby' },
  })
  expect(templates[1]).not.toHaveProperty('stopped')
  expect(patterns).toContainEqual(
    expect.objectContaining({ place: 'doorman/pack.yaml:6', tried: 3, hits: 1, misses: 2 }),
  )
})

test('an explaining thread that dies or takes too long answers nothing, and the next question is answered', async () => {
  const broken = openExplainer([join(tmpdir(), 'no-such-folder-of-packs')])
  const question = { sample: 'x', dataset: undefined, program: undefined }
  expect(await broken.explain(question)).toBeUndefined()
  await broken.close()
  const hasty = openExplainer([], 0)
  expect(await Promise.all([hasty.explain(question), hasty.explain(question)])).toEqual([undefined, undefined])
  await hasty.close()
  expect(await hasty.explain(question)).toBeUndefined()
})
