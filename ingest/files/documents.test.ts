import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import type { Source } from '../../core/source.ts'
import { FakeIntake, until } from '../testing.ts'
import { openFileSource } from './file-source.ts'

let folder: string
let log: string
let counters: Counters
let opened: Source[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'haetae-documents-'))
  log = join(folder, 'u_ex.log')
  counters = new Counters()
  opened = []
})
afterEach(async () => {
  for (const source of opened) await source.close()
  rmSync(folder, { recursive: true, force: true })
})

async function open(intake: FakeIntake): Promise<Source> {
  const stateDir = join(folder, 'state')
  const source = await openFileSource({
    paths: [log],
    stateDir,
    source: 'file:app',
    intake,
    counters,
    now: Date.now,
    pollMs: 10,
    rotateWaitMs: 60,
  })
  opened.push(source)
  return source
}
const seen = ({ records }: FakeIntake) => records.map(({ bytes, origin }) => [bytes.toString(), origin.header])
const A = '#Fields: cs-method c-ip'
const B = '#Fields: c-ip cs-method sc-status'

test('lines stand under the header above them, also when it changes in the middle of a file', async () => {
  const intake = new FakeIntake()
  writeFileSync(log, `early\n${A}\none\n${B}\ntwo\n`)
  await open(intake)
  await until(() => intake.records.length === 5, 'five lines')
  appendFileSync(log, `three\n${A}\nfour\n`)
  await until(() => intake.records.length === 8, 'eight lines')
  expect(seen(intake)).toEqual([
    ['early', undefined],
    [A, undefined],
    ['one', A],
    [B, A],
    ['two', B],
    ['three', B],
    [A, B],
    ['four', A],
  ])
  // one origin a header, however often it comes: a batch says each once
  expect(new Set(intake.records.map(({ origin }) => origin)).size).toBe(3)
})

test('a restart goes on under the same header', async () => {
  writeFileSync(log, `${A}\none\n`)
  const before = new FakeIntake()
  const source = await open(before)
  await until(() => before.stored().length === 2, 'two lines')
  await source.close()
  appendFileSync(log, 'two\n')
  const after = new FakeIntake()
  await open(after)
  await until(() => after.records.length === 1, 'the third')
  expect(seen(after)).toEqual([['two', A]])
})

test('lines that were not durable come again under the header they had, not under a later one', async () => {
  writeFileSync(log, `${A}\none\n${B}\ntwo\n`)
  const before = new FakeIntake({ auto: false })
  const source = await open(before)
  await until(() => before.records.length === 4, 'four lines')
  await source.close()
  const after = new FakeIntake()
  await open(after)
  await until(() => after.records.length === 4, 'the same')
  expect(seen(after)).toEqual(seen(before))
  expect(after.records.map(({ key }) => key)).toEqual(before.records.map(({ key }) => key))
})

test('a header that is too long is none, and ends the one before', async () => {
  const intake = new FakeIntake()
  writeFileSync(log, `${A}\none\n#Fields: ${'x'.repeat(5000)}\ntwo\n`)
  await open(intake)
  await until(() => intake.records.length === 4, 'four lines')
  expect(seen(intake).at(-1)).toEqual(['two', undefined])
})

test('a line that is a document of many records becomes them, each under a key of its own', async () => {
  const intake = new FakeIntake()
  const finding = (id: string) => ({ VulnerabilityID: id })
  const report = {
    SchemaVersion: 2,
    ArtifactName: 'web:1',
    Results: [{ Target: 't', Packages: [{}], Vulnerabilities: [finding('a'), finding('b')] }],
  }
  writeFileSync(
    log,
    `{"Records":[{"a":1},{"a":2}]}\nplain\n${JSON.stringify(report)}\n[{"b":1}]\n{"items":[1]}\n[1]\n[cut\n`,
  )
  await open(intake)
  await until(() => intake.records.length === 9, 'nine records')
  const lines = intake.records.map(({ bytes }) => bytes.toString())
  expect(lines.slice(0, 3)).toEqual(['{"a":1}', '{"a":2}', 'plain'])
  expect(lines.slice(3, 5).map((line) => JSON.parse(line).Vulnerability)).toEqual([finding('a'), finding('b')])
  expect(lines.slice(5)).toEqual(['{"b":1}', '{"items":[1]}', '[1]', '[cut'])
  const keys = intake.records.map(({ key }) => key.slice(key.indexOf(':') + 1))
  expect(keys.slice(0, 3)).toEqual(['0', '0.1', '30'])
  expect(new Set(keys).size).toBe(9)
  expect(counters.get('ingest_split_left_out_total', { source: 'file:app' })).toBe(1)
})

test('a document of hundreds of kilobytes is split, one that would become gigabytes stays one record', async () => {
  const intake = new FakeIntake()
  const many = JSON.stringify({ Records: Array.from({ length: 10_000 }, (_, i) => ({ i, text: 'x'.repeat(20) })) })
  const bomb = JSON.stringify({
    SchemaVersion: 2,
    ArtifactName: 'x'.repeat(4000),
    Results: [{ Target: 't', Secrets: Array.from({ length: 100_000 }, () => ({})) }],
  })
  writeFileSync(log, `${many}\n${bomb}\n`)
  await open(intake)
  await until(() => intake.records.length === 10_001, 'all records')
  expect(intake.records.at(-1)?.bytes.toString()).toBe(bomb)
})
