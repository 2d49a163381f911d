// Packs and rules change under a running node: nothing is lost, and what did not change goes on where it was.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startNode, type TestNode, tempDir, until } from './running-node.ts'

const MINUTES = 60_000

const rule = (id: string, marker: string, title = marker) => `title: ${title}
id: ${id}
status: test
level: medium
logsource: {category: authentication}
detection:
  words:
    gatekeep.marker|startswith: '${marker}'
  condition: words
`
const counted = (id: string, of: string, more: number) => `title: many ${of}
id: ${id}
status: test
level: high
correlation:
  type: event_count
  rules: [${of}]
  timespan: 1h
  condition: {gte: ${more}}
`
const KEPT = '11111111-1111-4111-8111-111111111111'
const CHANGED = '22222222-2222-4222-8222-222222222222'
const WINDOW = '33333333-3333-4333-8333-333333333333'

const pack = (field: string) => `pack: gatekeep
title: Gate
dataset: gatekeep.access
detect: {program: [gatekeepd]}
parse:
  - grok: 'gate=%{WORD:${field}} marker=%{WORD:gatekeep.marker}'
steps:
  - set: {event.kind: event, event.category: [authentication], event.type: [start]}
`

interface Setup {
  readonly node: TestNode
  readonly rules: string
  readonly packs: string
}

async function start(): Promise<Setup> {
  const dir = tempDir()
  const [rules, packs, data] = [join(dir, 'rules'), join(dir, 'packs'), join(dir, 'data')]
  for (const path of [rules, packs, data]) mkdirSync(path)
  writeFileSync(join(rules, 'kept.yml'), rule(KEPT, 'keptword'))
  writeFileSync(join(rules, 'changed.yml'), rule(CHANGED, 'firstword'))
  writeFileSync(join(rules, 'window.yml'), counted(WINDOW, KEPT, 4))
  writeFileSync(join(packs, 'gatekeep.yaml'), pack('gatekeep.before'))
  const config = join(dir, 'haetae.yaml')
  writeFileSync(config, `rules: [${rules}]\npacks: [${packs}]\nworkers: 2\nsyslog: {udp: false}\n`)
  const node = await startNode({ dataDir: data, args: ['--config', config] })
  return { node, rules, packs }
}

let sent = 0
function line(text: string): string {
  return `<134>1 ${new Date().toISOString()} gate1 gatekeepd - - - gate=north marker=${text}x${++sent}\n`
}

async function send(port: number, lines: readonly string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(lines.join('')))
    socket.on('error', reject).on('close', () => resolve())
  })
}

const stored = (node: TestNode) => node.search('event.dataset:gatekeep.access')
const titles = async (node: TestNode) => (await node.alerts()).map(({ title, count }) => `${title} ${count}`)
const reload = async (node: TestNode) => node.client.post<{ outcome: string; rules: number }>('/v1/reload', {})

test.skipIf(process.platform === 'win32')(
  'a rule and a pack change while lines flow: the half-filled window of an unchanged rule goes on, and nothing is lost',
  async () => {
    const { node, rules, packs } = await start()
    const { syslogPort } = node
    await send(syslogPort, [line('keptword'), line('keptword'), line('firstword')])
    await until(
      () => stored(node),
      (hits) => hits.length === 3,
      2 * MINUTES,
    )

    // lines flow while the set is changed, several times
    let flowing = true
    let flown = 0
    const flow = (async () => {
      while (flowing) {
        await send(
          syslogPort,
          Array.from({ length: 20 }, () => line('plain')),
        )
        flown += 20
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })()
    writeFileSync(join(rules, 'changed.yml'), rule(CHANGED, 'secondword'))
    writeFileSync(join(packs, 'gatekeep.yaml'), pack('gatekeep.after'))
    expect(await reload(node)).toMatchObject({ outcome: 'applied' })
    node.process.kill('SIGHUP')
    await until(
      async () => node.stderr.filter((words) => /reloaded: /.test(words)).length,
      (n) => n >= 2,
      2 * MINUTES,
    )
    flowing = false
    await flow

    await send(syslogPort, [line('keptword'), line('keptword'), line('firstword'), line('secondword')])
    const hits = await until(
      () => stored(node),
      (all) => all.length >= Math.min(1000, 7 + flown),
      2 * MINUTES,
    )
    expect(hits.length).toBe(Math.min(1000, 7 + flown))
    const overview = (await (await node.client.get('/v1/sources')).json()) as { sources: Record<string, number>[] }
    await until(
      async () => (await node.search('gatekeep.after:north AND gatekeep.marker:secondword*')).length,
      (n) => n === 1,
      2 * MINUTES,
    )
    expect(overview.sources.reduce((sum, { received = 0 }) => sum + received, 0)).toBe(7 + flown)
    // two before, two after
    const told = await until(
      () => titles(node),
      (all) => all.some((one) => one.startsWith('many')),
      2 * MINUTES,
    )
    expect(told).toContain(`many ${KEPT} 4`)
    const words = (text: string) => told.filter((one) => one.startsWith(text)).length
    expect([words('firstword'), words('secondword')]).toEqual([1, 1])
    expect(await node.stop()).toBe(0)
  },
  8 * MINUTES,
)

test(
  'a broken set is refused whole with file and line, seen by people and programs, and the running one goes on',
  async () => {
    const { node, rules, packs } = await start()
    const { syslogPort } = node
    writeFileSync(join(rules, 'broken.yml'), 'title: broken\nid: nothing\nlogsource: {category: x}\n')
    writeFileSync(join(rules, 'changed.yml'), rule(CHANGED, 'secondword'))
    const problem = await reload(node).catch((error: Error) => error.message)
    expect(problem).toContain(join(rules, 'broken.yml'))
    expect(problem).not.toContain(join(node.dataDir, 'loaded'))
    await send(syslogPort, [line('firstword'), line('secondword')])
    await until(
      () => titles(node),
      (all) => all.length > 0,
      2 * MINUTES,
    )
    await until(
      () => stored(node),
      (hits) => hits.length === 2,
      2 * MINUTES,
    )
    expect(await titles(node)).toEqual(['firstword 1'])

    // a pack that cannot be read, with good rules: the rules are not taken either
    rmSync(join(rules, 'broken.yml'))
    writeFileSync(join(packs, 'gatekeep.yaml'), `${pack('gatekeep.after')}  - sett: {a: b}\n`)
    const again = await reload(node).catch((error: Error) => error.message)
    expect(again).toContain(join(packs, 'gatekeep.yaml'))
    const ready = await fetch(`${node.address}/readyz`)
    expect(ready.status).toBe(200)
    const metrics = await (await node.client.get('/metrics')).text()
    expect(metrics).toMatch(/reload_total\{outcome="refused"\} [1-9]/)
    expect(metrics).toMatch(/reload_refused 1/)
    expect(node.stderr.some((words) => /reload refused.*gatekeep\.yaml/.test(words))).toBe(true)

    // mended: the folder is watched, nobody has to ask
    writeFileSync(join(packs, 'gatekeep.yaml'), pack('gatekeep.after'))
    await until(async () => node.stderr.some((words) => /reloaded: /.test(words)), Boolean, 2 * MINUTES)
    await send(syslogPort, [line('secondword')])
    await until(
      () => titles(node),
      (all) => all.includes('secondword 1'),
      2 * MINUTES,
    )
    expect(await node.stop()).toBe(0)
  },
  8 * MINUTES,
)
