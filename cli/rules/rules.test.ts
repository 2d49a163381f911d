import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { NodeClient } from '../node-client.ts'
import { byTechnique, coverRules } from './coverage.ts'
import { explainEvent } from './explain.ts'
import { explainLines } from './explain-text.ts'
import { type Imported, importRules } from './import.ts'
import { junit } from './junit.ts'
import { turnLegacy } from './legacy-text.ts'
import { testRules } from './test.ts'

const folder = mkdtempSync(join(tmpdir(), 'haetae-rules-'))
afterAll(() => rmSync(folder, { recursive: true }))
let folders = 0
function put(files: Record<string, string>): string {
  const dir = join(folder, String(++folders))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(dir, name, '..'), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  return dir
}
const values = { lists: [], packs: [] }
const noNode = (): NodeClient => {
  throw new Error('nobody is asked')
}

const rule = (over: { id?: string; value?: string; tests?: string; more?: string } = {}) => `title: A door opens
id: ${over.id ?? '5f3c8a30-1111-4222-8333-444455556666'}
description: The door of the room was opened.
tags: [attack.t1078, attack.initial-access]
logsource: {product: linux, service: sshd}
detection:
  selection:
    event.action: ${over.value ?? 'door-opened'}
  other:
    user.name|contains: kim
  condition: selection and not other
level: high
${over.more ?? ''}${over.tests === undefined ? '' : `haetae:\n  tests:\n${over.tests}`}`
const opened = (user: string, action = 'door-opened') =>
  `{event.dataset: linux.sshd, event.action: ${action}, user.name: ${user}}`

test('good tests are good, bad ones say which event, field and value', () => {
  const tests = `    - {name: lee opens, match: true, events: [${opened('lee')}]}
    - {name: kim opens, match: false, events: [${opened('kim')}]}
    - {name: kim must alert, match: true, events: [${opened('kim')}]}
    - {name: lee must not, match: false, events: [${opened('kim')}, ${opened('lee')}]}
`
  const { results } = testRules([put({ 'a.yml': rule({ tests }) })], values)
  expect(results.map(({ failure }) => failure === undefined)).toEqual([true, true, false, false])
  expect(results[2]?.failure?.join('\n')).toContain('user.name contains "kim"   (the event has "kim")')
  expect(results[3]?.failure?.[0]).toBe('alerted on event 2')
})

test('a raw line goes through the parser, at the time it says', () => {
  const line = (second: string) =>
    `      - {raw: '<38>Nov 22 10:00:${second} bastion-1 sshd[77]: Failed password for root from 192.0.2.9 port 4${second} ssh2'}\n`
  const text = `title: Three failures
id: 7f3c8a30-1111-4222-8333-444455556666
correlation:
  type: event_count
  rules: [one_failure]
  group-by: [source.ip]
  timespan: 10s
  condition: {gte: 3}
haetae:
  tests:
    - name: within ten seconds
      match: true
      events:
${line('01')}${line('05')}${line('09')}
    - name: over half a minute
      match: false
      events:
${line('01')}${line('15')}${line('30')}
---
title: A failure
id: 8f3c8a30-1111-4222-8333-444455556666
name: one_failure
logsource: {product: linux, service: sshd}
detection:
  selection: {event.outcome: failure}
  condition: selection
`
  const { results } = testRules([put({ 'a.yml': text })], values)
  expect(results).toMatchObject([{ name: 'within ten seconds' }, { name: 'over half a minute' }])
  expect(results.flatMap(({ failure }) => failure ?? [])).toEqual([])
})

test('what does not load, cannot be read or carries no test is told', () => {
  const dir = put({
    'broken.yml': rule({ more: 'status: test\n' }).replace('selection and not other', 'selection and'),
    'words.yml': rule({ id: '6f3c8a30-1111-4222-8333-444455556666', tests: '    - {name: nothing}\n' }),
    'none.yml': rule({ id: '9f3c8a30-1111-4222-8333-444455556666' }),
  })
  const { results, untested } = testRules([dir], values)
  const failures = results.map(({ file, failure }) => [file.slice(dir.length + 1), failure?.[0]])
  expect(failures).toContainEqual(['words.yml', expect.stringContaining('wants match: true or false')])
  expect(failures).toContainEqual(['broken.yml', expect.stringContaining('broken.yml:11')])
  expect(untested).toEqual([`${dir}/none.yml:1: A door opens`])
  expect(() => testRules([join(dir, 'not-there')], values)).toThrow('cannot be read')
})

test('a list of the test stands in for the one of the installation', () => {
  const text = rule().replace('event.action: door-opened', "event.action|expand: '%doors%'")
  const own = `haetae:
  lists: {doors: [front, back]}
  tests:
    - {name: the back door, match: true, events: [${opened('lee', 'back')}]}
`
  expect(testRules([put({ 'a.yml': text + own })], values).results.map(({ failure }) => failure)).toEqual([undefined])
  const lists = put({ 'doors.txt': '# doors\nfront\n' })
  expect(testRules([put({ 'a.yml': text + own })], { ...values, lists: [lists] }).results[0]?.failure).toBeUndefined()
  expect(() => testRules([], { ...values, lists: [join(folder, 'no-lists')] })).toThrow("'lists' in the configuration")
})

test('JUnit XML escapes what rules and events hold', () => {
  const xml = junit([
    { file: 'a.yml', rule: 'Less < "more"', name: 'a & b', ms: 12 },
    { file: 'a.yml', rule: 'r', name: 'bad', ms: 0, failure: ['</failure>\u0000', 'second'] },
  ])
  expect(xml).toContain('<testsuites name="haetae rules test" tests="2" failures="1"')
  expect(xml).toContain('classname="Less &lt; &quot;more&quot;" name="a &amp; b" time="0.012"/>')
  expect(xml).toContain('&lt;/failure&gt;\ufffd\nsecond</failure>')
})

test('an explanation names the selection, the field and the value that decided', async () => {
  const file = join(put({ 'r.yml': rule() }), 'r.yml')
  const ask = async (event: object) => {
    const dir = put({ 'e.json': JSON.stringify(event) })
    const [answer] = await explainEvent(file, join(dir, 'e.json'), values, noNode)
    return { matched: answer?.matched, lines: answer ? explainLines(answer, answer.title).join('\n') : '' }
  }
  const event = { '@timestamp': '2026-11-22T10:00:00Z', event: { dataset: 'linux.sshd', action: 'door-opened' } }
  expect((await ask(event)).matched).toBe(true)
  const kim = await ask({ ...event, user: { name: 'kim' } })
  expect(kim.matched).toBe(false)
  expect(kim.lines).toContain('✓ other: user.name contains "kim"   (the event has "kim")')
  const elsewhere = await ask({ ...event, event: { ...event.event, dataset: 'nginx.access' } })
  expect(elsewhere.lines).toContain("not of the rule's logsource")
})

test('a correlation is explained by what it counts; unknown and refused rules say so', async () => {
  const line = put({
    l: '<38>Nov 22 10:00:00 bastion-1 sshd[77]: Failed password for root from 192.0.2.9 port 42 ssh2\n',
  })
  const answers = await explainEvent('SSH password guessing from one address', join(line, 'l'), values, noNode)
  expect(answers.some(({ matched }) => matched)).toBe(true)
  await expect(explainEvent('no such rule', join(line, 'l'), values, noNode)).rejects.toThrow('no such rule')
  const broken = join(put({ 'b.yml': rule().replace('and not other', 'and') }), 'b.yml')
  await expect(explainEvent(broken, join(line, 'l'), values, noNode)).rejects.toThrow('was refused')
})

test('coverage: ready, waiting for events, blind for a field, refused', async () => {
  const dir = put({
    'a.yml': rule(),
    'b.yml': rule({ id: 'b' }).replace('event.action:', 'nobody.has.this:'),
    'c.yml': rule({ id: 'c' }).replace('product: linux, service: sshd', 'product: okta'),
    'd.yml': rule({ id: 'd' }).replace('and not other', 'and'),
  })
  const line = (outcome: string) =>
    `{"@timestamp":"2026-11-22T10:00:00Z","ecs":{"version":"9"},"event":{"dataset":"linux.sshd","action":"${outcome}"},"user":{"name":"a"}}\n`
  const events = join(put({ e: line('x') + line('y') }), 'e')
  const answers = await coverRules([dir], values, { file: events, since: '', client: noNode })
  expect(answers.map(({ ruleId, state }) => [ruleId, state])).toEqual([
    ['5f3c8a30-1111-4222-8333-444455556666', 'ready'],
    ['b', 'blind'],
    ['c', 'waiting'],
    ['d', 'refused'],
  ])
  expect(answers[1]?.missing).toEqual(['nobody.has.this'])
  expect(byTechnique(answers)).toEqual([{ technique: 't1078', ready: 1, waiting: 1, blind: 1 }])
})

const doneBy = (did: Imported['did'], all: readonly Imported[]) =>
  all.filter((one) => one.did === did).map(({ file }) => file)
const importOptions = { all: false, timeframe: '1h', dryRun: false }

test('an import takes what can be used, says what cannot, and an update leaves edits alone', () => {
  const of = (id: string, value: string) => rule({ id, value })
  const first = {
    LICENSE: 'free',
    'rules/a.yml': of('a', 'one'),
    'rules/b.yml': of('b', 'one'),
    'rules/c.yml': of('c', 'one'),
    'rules/e.yml': of('e', 'one'),
    'rules/f.yml': of('f', 'one'),
    'rules/broken.yml': of('x', 'one').replace('and not other', 'and'),
    'deprecated/old.yml': of('old', 'one'),
    'tools/run.py': 'print()',
  }
  const into = join(folder, 'mine')
  const again = (files: Record<string, string>) => importRules({ ...importOptions, from: put(files), into })
  const one = again(first)
  expect(doneBy('added', one)).toEqual(['LICENSE', ...['a', 'b', 'c', 'e', 'f'].map((name) => `rules/${name}.yml`)])
  expect(one.find(({ did }) => did === 'refused')).toMatchObject({ file: 'rules/broken.yml', line: 11 })

  writeFileSync(join(into, 'rules/b.yml'), of('b', 'mine'))
  writeFileSync(join(into, 'rules/e.yml'), of('e', 'mine'))
  writeFileSync(join(into, 'rules/g.yml'), of('g', 'mine'))
  rmSync(join(into, 'rules/c.yml'))
  const { 'rules/f.yml': _gone, 'rules/e.yml': _edited, ...rest } = first
  const second = {
    ...rest,
    'rules/a.yml': of('a', 'two'),
    'rules/b.yml': of('b', 'two'),
    'rules/g.yml': of('g', 'two'),
  }
  for (const round of [1, 2]) {
    const two = again(second)
    expect(doneBy('updated', two), `round ${round}`).toEqual(round === 1 ? ['rules/a.yml'] : [])
    expect(doneBy('removed', two)).toEqual(round === 1 ? ['rules/f.yml'] : [])
    expect(doneBy('kept', two)).toEqual(
      expect.arrayContaining(['rules/b.yml', 'rules/c.yml', 'rules/g.yml', ...(round === 1 ? ['rules/e.yml'] : [])]),
    )
    expect(readFileSync(join(into, 'rules/a.yml'), 'utf8')).toBe(of('a', 'two'))
    for (const name of ['b', 'e', 'g'])
      expect(readFileSync(join(into, `rules/${name}.yml`), 'utf8')).toBe(of(name, 'mine'))
    expect(existsSync(join(into, 'rules/c.yml'))).toBe(false)
  }
})

test('a dry run writes nothing; an empty folder, an unreadable one and a broken note of the last import are errors', () => {
  const from = put({ 'rules/a.yml': rule() })
  const into = join(folder, 'dry')
  expect(doneBy('added', importRules({ ...importOptions, from, into, dryRun: true }))).toEqual(['rules/a.yml'])
  expect(existsSync(into)).toBe(false)
  expect(() => importRules({ ...importOptions, from: put({ 'a.txt': '' }), into })).toThrow('no rule files')
  expect(() => importRules({ ...importOptions, from: join(folder, 'nowhere'), into })).toThrow('cannot be read')
  mkdirSync(into)
  writeFileSync(join(into, '.haetae-import.json'), '{')
  expect(() => importRules({ ...importOptions, from, into })).toThrow('cannot be told from theirs')
})

const legacy = (condition: string, timeframe = 'timeframe: 5m') => ({
  title: 'Old',
  id: '0f3c8a30-1111-4222-8333-444455556666',
  author: 'Somebody Else',
  license: 'DRL-1.1',
  logsource: { product: 'linux' },
  detection: {
    a: { 'x|contains': '1' },
    b: { y: 2 },
    condition,
    ...(timeframe ? { timeframe: timeframe.split(' ')[1] } : {}),
  },
  level: 'high',
})

test.each([
  ['a | count() > 5', ['type: event_count', 'gt: 5', 'timespan: 5m']],
  [
    'a and not b | count(user) by host, src_ip >= 3',
    ['type: value_count', 'field: user', 'gte: 3', '- src_ip', 'condition: a and not b'],
  ],
  ['a | sum(bytes) by host > 100', ['type: value_sum', 'field: bytes']],
  ['a | count() by t < 5', ['lt: 5']],
  ['a | near b', ['type: temporal', 'condition: b']],
  ['a | near b and not c', ['and not legacy_']],
])('an old aggregation is written as a correlation with author, licence and id: %s', (condition, parts) => {
  const doc = legacy(condition)
  const detection = { ...doc.detection, c: { z: 3 } }
  const text = turnLegacy({ ...doc, detection }, '1h')?.text ?? ''
  for (const part of [...parts, 'author: Somebody Else', 'license: DRL-1.1', doc.id]) expect(text).toContain(part)
  const from = put({ 'r.yml': text })
  expect(importRules({ ...importOptions, from, into: join(folder, `l${folders}`) }).map(({ did }) => did)).toEqual([
    'added',
  ])
})

test('an aggregation without a time span gets the one asked for and says so; what has no meaning now is refused', () => {
  expect(turnLegacy(legacy('a | count() > 5', ''), '2h')).toMatchObject({
    text: expect.stringContaining('timespan: 2h'),
    notes: [expect.anything(), expect.stringContaining('2h was written')],
  })
  expect(turnLegacy(legacy('a'), '1h')).toBeUndefined()
  expect(() => turnLegacy(legacy('a | max(x) > 5'), '1h')).toThrow('no correlation of the same meaning')
})
