// The whole line with real senders: rsyslogd and logger in, search and alerts out.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { getPath } from '../core/event.ts'
import { has } from './needs.ts'
import { startNode, type TestNode, tempDir, until } from './running-node.ts'

const dir = tempDir()
let node: TestNode
beforeAll(async () => {
  node = await startNode({ dataDir: join(dir, 'data') })
})
afterAll(async () => {
  expect(await node.stop()).toBe(0)
})

/** Searches until the line is there; at most 2 s, as promised. */
const find = (query: string) =>
  until(
    () => node.search(query),
    (hits) => hits.length > 0,
    2000,
  )

describe.skipIf(!has('logger'))('logger', () => {
  test.each([
    ['UDP, RFC 3164', ['--udp', '--rfc3164'], 'udp-bsd-1'],
    ['UDP, RFC 5424', ['--udp', '--rfc5424'], 'udp-ietf-1'],
    ['TCP, RFC 3164', ['--tcp', '--rfc3164'], 'tcp-bsd-1'],
    ['TCP, RFC 5424, octet counting', ['--tcp', '--rfc5424', '--octet-count'], 'tcp-ietf-1'],
  ])('%s: the line is found within 2 s, with ECS fields', async (_how, flags, word) => {
    const said = spawnSync('logger', [
      ...flags,
      '--server',
      '127.0.0.1',
      '--port',
      String(node.syslogPort),
      '--tag',
      'greeter',
      '--priority',
      'authpriv.warning',
      `hello ${word} from outside`,
    ])
    expect(said.stderr.toString()).toBe('')
    const [hit] = await find(`"${word}"`)
    expect(getPath(hit?.event ?? {}, 'process.name')).toBe('greeter')
    expect(getPath(hit?.event ?? {}, 'log.syslog.facility.name')).toBe('authpriv')
    expect(getPath(hit?.event ?? {}, 'log.syslog.severity.code')).toBe(4)
    expect(getPath(hit?.event ?? {}, 'message')).toContain(`hello ${word} from outside`)
    expect(Math.abs((hit?.timestamp ?? 0) - Date.now())).toBeLessThan(60_000)
  })
})

describe.skipIf(!has('rsyslogd', 'logger'))('rsyslogd', () => {
  let daemon: ChildProcess
  const local = join(dir, 'log.sock')

  beforeAll(async () => {
    const work = join(dir, 'rsyslog')
    mkdirSync(work)
    const conf = join(dir, 'rsyslog.conf')
    const to = (protocol: string) =>
      `action(type="omfwd" target="127.0.0.1" port="${node.syslogPort}" protocol="${protocol}" template="RSYSLOG_SyslogProtocol23Format")`
    writeFileSync(
      conf,
      [
        `global(workDirectory="${work}" net.enableDNS="off" localHostname="relay-1")`,
        `module(load="imuxsock" SysSock.Use="off")`,
        `input(type="imuxsock" Socket="${local}" CreatePath="on")`,
        `if $programname == 'by-udp' then ${to('udp')}`,
        `if $programname != 'by-udp' then ${to('tcp')}`,
        '',
      ].join('\n'),
    )
    daemon = spawn('rsyslogd', ['-n', '-f', conf, '-i', join(dir, 'rsyslog.pid')], { stdio: 'inherit' })
    await sleep(1000)
  })
  afterAll(async () => {
    daemon.kill('SIGTERM')
    await once(daemon, 'exit')
  })

  const log = (tag: string, message: string, pri = 'auth.info') => {
    const said = spawnSync('logger', ['--socket', local, '--tag', tag, '--id=4711', '--priority', pri, message])
    expect(said.stderr.toString()).toBe('')
  }

  test.each(['by-udp', 'by-tcp'])('a line relayed %s is found within 2 s', async (tag) => {
    log(tag, `relayed ${tag.replace('-', '')} ok`)
    const [hit] = await find(`"relayed ${tag.replace('-', '')} ok"`)
    expect(getPath(hit?.event ?? {}, 'process.name')).toBe(tag)
    expect(getPath(hit?.event ?? {}, 'host.name')).toBe('relay-1')
  })

  test('a password guessed at last raises the brute-force alert with exactly its events', async () => {
    const from = '203.0.113.9'
    log('sshd', 'Failed password for root from 198.51.100.1 port 5 ssh2') // somebody else: not part of it
    for (let i = 0; i < 8; i++) log('sshd', `Failed password for deploy from ${from} port ${4000 + i} ssh2`)
    log('sshd', `Accepted password for deploy from ${from} port 4100 ssh2`)
    const failed = await until(
      () => node.search(`source.ip:${from} and event.outcome:failure`),
      (hits) => hits.length === 8,
      4000,
    )
    const accepted = await find(`source.ip:${from} and event.outcome:success`)
    expect(getPath(accepted[0]?.event ?? {}, 'event.category')).toContain('authentication')
    expect(getPath(accepted[0]?.event ?? {}, 'user.name')).toBe('deploy')

    const alerts = await until(
      () => node.alerts(),
      (all) => all.some((alert) => alert.title === 'SSH login after a burst of failures' && alert.count === 9),
      5000,
    )
    const alert = alerts.find((a) => a.title === 'SSH login after a burst of failures')
    const expected = [...failed, ...accepted].map((hit) => hit.id)
    expect([...(alert?.eventIds ?? [])].sort()).toEqual(expected.sort())
  })

  test('received = stored + unparsed + duplicates + in flight for every source', async () => {
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
    expect(sources.map((s) => s.source)).toEqual(expect.arrayContaining(['syslog-tcp', 'syslog-udp']))
    for (const s of sources) expect(s.received).toBe(s.stored + s.unparsed + s.duplicates + s.inFlight)
    const all = await node.search('')
    expect(sources.reduce((sum, s) => sum + s.stored + s.unparsed, 0)).toBe(all.length)
  })
})
