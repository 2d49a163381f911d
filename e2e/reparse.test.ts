// A pack that does not know its lines, mended, and the lines read again: same ids, found once, and the rules see them.

import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ReparseOutput } from '../core/api.ts'
import { getPath } from '../core/event.ts'
import { root, startNode, type TestNode, tempDir, until } from './running-node.ts'

const dir = tempDir()
const packFile = join(dir, 'packs/doorman/pack.yaml')
const ruleFile = join(dir, 'rules/doorman.yml')

/** @param word what the pack expects where the lines say `door=` */
const pack = (word: string) => `
pack: doorman
title: Doorman access gate
dataset: doorman.access
detect:
  content: true
parse:
  - grok: 'gatekeeper ${word}=%{WORD:doorman.door} user=%{WORD:user.name} peer=%{IP:source.ip} result=%{WORD:_.result}'
    fields:
      event.outcome: _.result | lookup result
tables:
  result: {A: success, D: failure, '*': unknown}
steps:
  - set: {event.category: [authentication], event.type: [start]}
`
const rule = `
title: Door refused to mallory
id: 6f2d1d6e-6c1f-4c0e-9d7a-6a2f9c3b7e10
status: test
description: A door refused somebody it should never have seen.
logsource:
  category: authentication
detection:
  selection:
    event.dataset: doorman.access
    event.outcome: failure
    user.name: mallory
  condition: selection
level: high
`
let node: TestNode
const config = join(dir, 'haetae.yaml')
const start = () => startNode({ dataDir: join(dir, 'data'), args: ['--config', config] })

beforeAll(async () => {
  mkdirSync(join(dir, 'packs/doorman'), { recursive: true })
  mkdirSync(join(dir, 'rules'))
  writeFileSync(packFile, pack('gate'))
  writeFileSync(ruleFile, rule)
  writeFileSync(config, `packs: [packs]\nrules: [rules]\n`)
  node = await start()
})
afterAll(async () => {
  expect(await node.stop()).toBe(0)
})

const lines = [
  'gatekeeper door=north user=alice peer=192.0.2.1 result=A',
  'gatekeeper door=north user=mallory peer=192.0.2.66 result=D',
  'gatekeeper broken beyond repair',
]
const post = (text: string) =>
  fetch(`${node.address}/v1/logs?source=gate`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: text,
  })

/** The command as a user runs it. */
async function reparse(...args: string[]): Promise<{ code: number; out: ReparseOutput | undefined; words: string }> {
  const command = [join(root, 'cli/cli.ts'), 'reparse', '--address', node.address, '--data', node.dataDir, ...args]
  const ran = await promisify(execFile)(process.execPath, command, { cwd: root }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  )
  return { code: ran.code, out: ran.stdout ? JSON.parse(ran.stdout) : undefined, words: ran.stderr }
}

async function counts() {
  const { sources } = (await (await node.client.get('/v1/sources')).json()) as {
    sources: {
      source: string
      received: number
      stored: number
      unparsed: number
      duplicates: number
      inFlight: number
    }[]
  }
  const gate = sources.find(({ source }) => source === 'http:gate')
  if (!gate) throw new Error('no such source')
  expect(gate.received).toBe(gate.stored + gate.unparsed + gate.duplicates + gate.inFlight)
  return [gate.received, gate.stored, gate.unparsed]
}

test('unparsed lines become events under the same ids, once, and a rule over their fields alerts', async () => {
  expect((await post(lines.join('\n'))).status).toBe(200)
  const before = await until(
    () => node.search('haetae.unparsed:*'),
    (hits) => hits.length === 3,
    5000,
  )
  const idOf = (text: string) => before.find(({ event }) => getPath(event, 'event.original') === text)?.id as string
  expect(await counts()).toEqual([3, 0, 3])
  expect(await node.alerts()).toEqual([])

  // The pack is still wrong: nothing changes, and the exit code says so.
  expect(await reparse('--since', '1h')).toMatchObject({ code: 1, out: { records: 3, replaced: 0, stillUnparsed: 3 } })
  writeFileSync(packFile, pack('door').replace('parse:', 'prase:'))
  const refused = await reparse('--since', '1h')
  expect([refused.code, refused.words]).toEqual([1, expect.stringMatching(/pack\.yaml/)])

  writeFileSync(packFile, pack('door'))
  const other = await reparse('--since', '1h', '--source', 'http:other')
  expect(other).toMatchObject({ code: 1, out: { records: 0 } })
  const { code, out } = await reparse('--since', '1h')
  expect([code, out]).toEqual([
    0,
    { records: 3, repaired: 2, stillUnparsed: 1, unchanged: 0, replaced: 2, notStored: 0, alerts: 1 },
  ])

  const check = async () => {
    const refusedAt = await node.search('user.name:mallory and source.ip:192.0.2.66')
    expect(refusedAt.map(({ id }) => id)).toEqual([idOf(lines[1] as string)])
    expect(getPath(refusedAt[0]?.event ?? {}, 'doorman.door')).toBe('north')
    expect((await node.search('')).map(({ id }) => id).sort()).toEqual(before.map(({ id }) => id).sort())
    expect((await node.search('haetae.unparsed:*')).map(({ id }) => id)).toEqual([idOf(lines[2] as string)])
    const alerts = await node.alerts()
    expect(alerts.map(({ title, eventIds }) => [title, eventIds])).toEqual([
      ['Door refused to mallory', [idOf(lines[1] as string)]],
    ])
    expect(await counts()).toEqual([3, 2, 1])
  }
  await check()
  expect((await reparse('--since', '1h')).out).toMatchObject({ replaced: 0, unchanged: 2, alerts: 0 })
  await check()

  await node.kill()
  node = await start()
  await check()
})

test('--all replaces what would come out otherwise, and says what did not change', async () => {
  writeFileSync(packFile, pack('door').replace('doorman.door', 'doorman.name'))
  expect((await reparse('--since', '1h')).out).toMatchObject({ replaced: 0 })
  expect(await reparse('--since', '1h', '--all')).toMatchObject({
    code: 0,
    out: { records: 3, replaced: 2, repaired: 0, unchanged: 1, alerts: 0 },
  })
  expect(await node.search('doorman.name:north')).toHaveLength(2)
  expect(await node.search('doorman.door:north')).toEqual([])
  expect(await counts()).toEqual([3, 2, 1])
})

test('a second one beside the first is refused, and a wrong time is named', async () => {
  const token = () => readFileSync(join(node.dataDir, 'cli-token'), 'utf8').trim()
  const ask = () =>
    fetch(`${node.address}/v1/reparse`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token()}` },
      body: JSON.stringify({ since: '1h' }),
    })
  const answers = await Promise.all([ask(), ask()])
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
  await Promise.all(answers.map((answer) => answer.text()))
  expect((await (await node.client.get('/v1/reparse')).json()) as object).toMatchObject({ running: false, records: 3 })
  expect((await reparse('--since', 'soon')).words).toMatch(/'soon' is not a time/)
  expect((await reparse()).code).toBe(2)
})
