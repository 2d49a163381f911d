import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import type { Source } from '../../core/source.ts'
import { FakeIntake, until } from '../testing.ts'
import { type ContainerSourceOptions, openContainerSource } from './container-source.ts'

let folder: string
let intake: FakeIntake
let counters: Counters
let opened: Source[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'haetae-containers-'))
  intake = new FakeIntake()
  counters = new Counters()
  opened = []
})
afterEach(async () => {
  for (const source of opened) await source.close()
  rmSync(folder, { recursive: true, force: true })
})

async function open(options: Partial<ContainerSourceOptions> = {}): Promise<Source> {
  const source = await openContainerSource({
    podLogDir: join(folder, 'pods'),
    dockerDir: join(folder, 'docker'),
    stateDir: join(folder, 'state'),
    intake,
    counters,
    now: Date.now,
    pollMs: 10,
    rotateWaitMs: 60,
    ...options,
  })
  opened.push(source)
  return source
}

function write(path: string, text: string): string {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  appendFileSync(file, text)
  return file
}

const cri = (tag: string, content: string, stream = 'stdout') =>
  `2026-11-22T10:00:00.1234567Z ${stream} ${tag} ${content}\n`
const pod = 'pods/shop_cart-1_uid-1/web/0.log'
const texts = () => intake.stored().map((record) => record.bytes.toString())
const settle = () => new Promise((resolve) => setTimeout(resolve, 60))

test('pods that appear are followed, with who they are', async () => {
  await open({ cluster: 'prod' })
  await settle()
  const file = write(pod, cri('F', 'hello'))
  await until(() => intake.records.length === 1, 'the line')
  expect(texts()).toEqual([cri('F', 'hello').trimEnd()])
  expect(intake.records[0]?.origin).toMatchObject({
    source: 'containers',
    kind: 'container',
    peer: file,
    dataset: 'cri',
    fields: {
      'log.file.path': file,
      'orchestrator.cluster.name': 'prod',
      'orchestrator.namespace': 'shop',
      'orchestrator.resource.name': 'cart-1',
      'kubernetes.pod.uid': 'uid-1',
      'container.name': 'web',
    },
  })
})

test('docker containers are followed, with the name docker gave them', async () => {
  const id = 'abcdef0123456789'
  write(`docker/${id}/config.v2.json`, '{"Name":"/db","Config":{"Image":"postgres:18"}}')
  write(`docker/${id}/${id}-json.log`, '{"log":"one\\n","stream":"stdout","time":"t"}\n')
  await open()
  await until(() => intake.records.length === 1, 'the line')
  expect(intake.records[0]?.origin).toMatchObject({
    dataset: 'docker.json-file',
    fields: { 'container.id': id, 'container.name': 'db', 'container.image.name': 'postgres:18' },
  })
})

test('a line whose pieces lie in two files is one record, under the key of its first piece', async () => {
  await open()
  const file = write(pod, `${cri('F', 'before')}${cri('P', 'first ')}${cri('F', 'between', 'stderr')}`)
  await until(() => intake.records.length === 2, 'what is complete')
  renameSync(file, `${file}.20261122-100000`)
  write(pod, `${cri('P', 'second ')}${cri('F', 'third')}${cri('F', 'after')}`)
  await until(() => intake.records.length === 4, 'the rest')
  expect(texts().slice(2)).toEqual([cri('F', 'first second third').trimEnd(), cri('F', 'after').trimEnd()])
  const [firstKey, joinedKey] = [intake.records[0]?.key, intake.records[2]?.key]
  expect(joinedKey).toBe(`${firstKey?.split(':')[0]}:${cri('F', 'before').length}`)
})

test('rotated files that waited are read before the one that is written now', async () => {
  const old = write(`${pod}.20261122-100000`, `${cri('F', '0')}${cri('P', '1a ')}`)
  await new Promise((resolve) => setTimeout(resolve, 20))
  write(pod, `${cri('F', '1b')}${cri('F', '2')}`)
  await open()
  await until(() => intake.records.length === 3, 'the lines')
  expect(existsSync(old)).toBe(true)
  expect(texts()).toEqual(['0', '1a 1b', '2'].map((text) => cri('F', text).trimEnd()))
})

test('a last piece that never comes is waited for, then what there is is kept', async () => {
  await open({ pieceWaitMs: 80 })
  write(pod, cri('P', 'never finished'))
  await settle()
  expect(intake.records).toHaveLength(0)
  await until(() => intake.records.length === 1, 'the piece')
  expect(texts()).toEqual([cri('F', 'never finished').trimEnd()])
})

test('a crash while a piece is held: it is read again, and the line is whole', async () => {
  const file = write(pod, `${cri('F', 'a')}${cri('P', 'first ')}`)
  const first = await open()
  await until(() => intake.records.length === 1, 'the complete line')
  await settle()
  await first.close()
  renameSync(file, `${file}.20261122-100000`)
  write(pod, cri('F', 'last'))
  await open()
  await until(() => texts().length === 2, 'the joined line')
  expect(texts()).toEqual([cri('F', 'a').trimEnd(), cri('F', 'first last').trimEnd()])
})

test('the file of the first piece is not left behind before the joined line is durable', async () => {
  const file = write(pod, cri('P', 'first '))
  const first = await open()
  await settle()
  intake.auto = false
  renameSync(file, `${file}.20261122-100000`)
  write(pod, cri('F', 'last'))
  await until(() => intake.records.length === 1, 'the joined line')
  await settle()
  intake.failBatch() // the process dies, and the line with it
  await first.close()
  expect(intake.records).toHaveLength(0)
  intake.auto = true
  await open()
  await until(() => intake.records.length === 1, 'the joined line again')
  expect(texts()).toEqual([cri('F', 'first last').trimEnd()])
})

test('half a line after a crash of the runtime is kept, counted, and the next one is whole', async () => {
  const id = 'abcdef0123456789'
  write(`docker/${id}/${id}-json.log`, '{"log":"cut sho\n{"log":"next\\n","stream":"stdout","time":"t"}\n')
  await open()
  await until(() => intake.records.length === 2, 'both')
  expect(texts()[0]).toBe('{"log":"cut sho')
  expect(counters.get('ingest_container_unreadable_total', { source: 'containers' })).toBe(1)
})

const shared = process.env['HAETAE_SHARED_DATA'] ?? join(import.meta.dirname, '../../../shared/data')
const vectors = join(shared, 'container-logs/vectors.jsonl')
if (!existsSync(vectors)) console.warn(`skipped: no ${vectors}`)
test.skipIf(!existsSync(vectors))('the container vectors give the messages and names they should', async () => {
  const cases = readFileSync(vectors, 'utf8').trim().split('\n')
  expect(cases.length).toBeGreaterThan(0)
  const messageOf = (line: string) =>
    line.startsWith('{') ? (JSON.parse(line).log as string).replace(/\n$/, '') : line.split(' ').slice(3).join(' ')
  for (const [i, text] of cases.entries()) {
    const { id, path, lines, expected } = JSON.parse(text) as {
      id: string
      path?: string
      lines: string[]
      expected: Record<string, string>[]
    }
    const root = join(folder, `case-${i}`)
    const file = join(root, path?.includes('/') ? `pods/${path}` : `links/${path ?? 'p_n_c-abcdef.log'}`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `${lines.join('\n')}\n`)
    const before = intake.records.length
    await open({
      podLogDir: join(root, 'pods'),
      containerLogDir: join(root, 'links'),
      dockerDir: '',
      stateDir: join(root, 's'),
    })
    await until(() => intake.records.length === before + expected.length, id)
    expected.forEach((want, at) => {
      const got = intake.records[before + at]
      if (want['message'] !== undefined) expect(messageOf(got?.bytes.toString() ?? ''), id).toBe(want['message'])
      const fields = got?.origin.fields
      if (want['pod'] !== undefined) expect(fields?.['orchestrator.resource.name'], id).toBe(want['pod'])
      if (want['namespace'] !== undefined) expect(fields?.['orchestrator.namespace'], id).toBe(want['namespace'])
      if (want['container'] !== undefined) expect(fields?.['container.name'], id).toBe(want['container'])
      if (want['container_id'] !== undefined) expect(fields?.['container.id'], id).toBe(want['container_id'])
    })
  }
})
