// kill -9 while events are read again: each has its old version or its new one, and in the end every repair has been made
// and every alert raised.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { ReparseOutput, SearchOutput, ValuesOutput } from '../core/api.ts'
import { startNode, type TestNode, tempDir, until } from './running-node.ts'

const TOTAL = 60_000
/** One of so many lines alerts. */
const BAD = 500
const pack = (word: string) => `
pack: turnstile
title: Turnstile
dataset: turnstile.access
detect:
  content: true
parse:
  - grok: 'turnstile ${word}=%{WORD:turnstile.gate} user=%{WORD:user.name} number=%{INT:turnstile.number:int}'
steps:
  - set: {event.category: [authentication], event.type: [start]}
`
const rule = `
title: Intruder at a turnstile
id: 0b1f5a52-8a67-4f0e-8f2e-4b3d0b7d6a11
status: test
logsource:
  category: authentication
detection:
  selection:
    event.dataset: turnstile.access
    user.name: intruder
  condition: selection
level: high
haetae: {group-by: none}
`

const count = async (node: TestNode, query: string) => {
  const since = '1970-01-01T00:00:00Z'
  const input = { query, since, until: '2100-01-01T00:00:00Z', field: 'haetae.source', size: 1 }
  return (await node.client.post<ValuesOutput>('/v1/values', input)).total
}

test('killed again and again, a reparse repairs everything once and forgets no alert', async () => {
  const dir = tempDir()
  mkdirSync(join(dir, 'packs/turnstile'), { recursive: true })
  mkdirSync(join(dir, 'rules'))
  writeFileSync(join(dir, 'packs/turnstile/pack.yaml'), pack('gate'))
  writeFileSync(join(dir, 'rules/turnstile.yml'), rule)
  writeFileSync(join(dir, 'haetae.yaml'), 'packs: [packs]\nrules: [rules]\n')
  const start = () => startNode({ dataDir: join(dir, 'data'), args: ['--config', join(dir, 'haetae.yaml')] })
  let node = await start()
  for (let at = 0; at < TOTAL; at += 1000) {
    const lines = Array.from({ length: 1000 }, (_, i) => at + i).map(
      (n) => `turnstile door=g${n % 7} user=${n % BAD === 0 ? 'intruder' : `u${n % 50}`} number=${n}`,
    )
    const init = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: lines.join('\n') }
    expect((await fetch(`${node.address}/v1/logs?source=gate`, init)).status).toBe(200)
  }
  await until(
    () => count(node, 'haetae.unparsed:*'),
    (n) => n === TOTAL,
    60_000,
  )
  // To disk, with the pack as it is: what a restart replays would be read by the mended one.
  expect(await node.stop()).toBe(0)
  node = await start()
  writeFileSync(join(dir, 'packs/turnstile/pack.yaml'), pack('door'))

  let partly = 0
  for (let kill = 0; kill < 4; kill++) {
    const token = readFileSync(join(node.dataDir, 'cli-token'), 'utf8').trim()
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const init = { method: 'POST', headers, body: JSON.stringify({ since: '1h' }) }
    const answer = await fetch(`${node.address}/v1/reparse`, init)
    answer.text().catch(() => {}) // cut by the kill
    // From before the first group to somewhere in a later one.
    const wanted = (kill * TOTAL) / 5
    await until(
      () => count(node, 'event.dataset:turnstile.access'),
      (n) => n >= wanted,
      60_000,
    )
    await sleep(Math.random() * 300)
    await node.kill()
    node = await start()
    const repaired = await count(node, 'event.dataset:turnstile.access')
    expect(await count(node, 'haetae.unparsed:*')).toBe(TOTAL - repaired)
    if (repaired > 0 && repaired < TOTAL) partly++
  }
  console.log(`${partly} of 4 kills left some events repaired and some not`)

  const started = performance.now()
  let out: ReparseOutput | undefined
  for await (const { event, data } of node.client.stream('/v1/reparse', { since: '1h', all: true })) {
    if (event === 'done') out = JSON.parse(data) as ReparseOutput
  }
  console.log(`last run: ${Math.round(performance.now() - started)} ms, ${JSON.stringify(out)}`)
  expect(out).toMatchObject({ records: TOTAL, stillUnparsed: 0, notStored: 0 })
  expect((out?.replaced ?? 0) + (out?.unchanged ?? 0)).toBe(TOTAL)
  expect([await count(node, 'event.dataset:turnstile.access'), await count(node, '')]).toEqual([TOTAL, TOTAL])

  const numbers = new Set<unknown>()
  let cursor: string | undefined
  do {
    const page = await node.client.post<SearchOutput>('/v1/search', {
      ...{
        query: 'user.name:intruder',
        since: '1970-01-01T00:00:00Z',
        until: '2100-01-01T00:00:00Z',
        limit: 1000,
        cursor,
      },
    })
    for (const { id } of page.hits) numbers.add(id)
    cursor = page.cursor
  } while (cursor)
  const alerts = await until(
    () => node.alerts(),
    (all) => all.length === TOTAL / BAD,
    10_000,
  )
  expect(new Set(alerts.flatMap(({ eventIds }) => eventIds))).toEqual(numbers)
  expect(await node.stop()).toBe(0)
})
