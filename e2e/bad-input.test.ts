// Hostile and broken input against the real process: a counted error with a reason each, the process stays up, other
// senders are not disturbed, nothing acknowledged is lost.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WireSource } from '../core/api.ts'
import { getPath } from '../core/event.ts'
import { startNode, type TestNode, tempDir, until } from './running-node.ts'

const dir = tempDir()
let node: TestNode
beforeAll(async () => {
  node = await startNode({ dataDir: join(dir, 'data') })
})
afterAll(async () => {
  expect(await node.stop()).toBe(0)
})

async function sources(from = node): Promise<WireSource[]> {
  return ((await (await from.client.get('/v1/sources')).json()) as { sources: WireSource[] }).sources
}

async function refused(source: string, reason: string, from = node): Promise<number> {
  return (await sources(from)).find((s) => s.source === source)?.refused[reason] ?? 0
}

async function open(localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port: node.syslogPort, host: '127.0.0.1', localAddress })
  socket.on('error', () => {}) // being cut off is what these tests provoke
  await once(socket, 'connect')
  return socket
}

/** Another sender, from another address: its line must arrive at once whatever happens beside it. */
let good = 0
async function neighbourIsFine(): Promise<void> {
  const word = `neighbour${++good}`
  const socket = await open('127.0.0.2')
  socket.end(`<13>Jan  1 00:00:00 host app: ${word}\n`)
  await until(
    () => node.search(word),
    (hits) => hits.length === 1,
    2000,
  )
}

test.each([
  ['an octet count far over the limit', '99999999 <13>x', 'frame_too_long'],
  ['an octet count of a thousand digits', `${'9'.repeat(1000)} <13>x`, 'frame_bad_length'],
])('%s ends that connection and is counted', async (_why, bytes, reason) => {
  const before = await refused('syslog-tcp', reason)
  const socket = await open()
  socket.write(bytes)
  await once(socket, 'close')
  expect(await refused('syslog-tcp', reason)).toBe(before + 1)
  await neighbourIsFine()
})

test('an octet-counted frame cut by the end of the connection is counted, not forged into a line', async () => {
  const socket = await open()
  socket.end('500 <13>Jan  1 00:00:00 host app: onlyhalfofit')
  await until(
    () => refused('syslog-tcp', 'frame_cut'),
    (n) => n === 1,
    2000,
  )
  expect(await node.search('onlyhalfofit')).toHaveLength(0)
})

test('invalid UTF-8, NUL and control bytes are kept, told apart, and split nothing', async () => {
  const socket = await open()
  socket.end(
    Buffer.concat([
      Buffer.from('<13>Jan  1 00:00:00 host app: rawbytes '),
      Buffer.from([0xff, 0xfe, 0x00, 0x1b, 0x5b, 0x32, 0x4a]),
      Buffer.from(' after\n'),
    ]),
  )
  const [hit] = await until(
    () => node.search('rawbytes'),
    (hits) => hits.length === 1,
    2000,
  )
  const original = String(getPath(hit?.event ?? {}, 'event.original'))
  expect(original).toContain('\\xff\\xfe')
  expect(original).toContain('after')
})

test('a line of 100 MB without newline keeps its first part, and memory stays bounded', async () => {
  const socket = await open()
  const before = await rssMiB()
  const chunk = Buffer.alloc(1024 * 1024, 'a')
  socket.write('<13>Jan  1 00:00:00 host app: hugestart ')
  let peak = 0
  for (let i = 0; i < 100; i++) {
    if (!socket.write(chunk)) await once(socket, 'drain')
    if (i % 10 === 0) peak = Math.max(peak, await rssMiB())
  }
  socket.end('\n<13>Jan  1 00:00:00 host app: afterhuge\n')
  await until(
    () => node.search('afterhuge'),
    (hits) => hits.length === 1,
    5000,
  )
  const [hit] = await node.search('hugestart')
  expect(String(getPath(hit?.event ?? {}, 'event.original')).length).toBeLessThanOrEqual(64 * 1024)
  expect(peak - before).toBeLessThan(150)
  await neighbourIsFine()
})

test('2,000 idle connections from one address are capped and counted; others get in', async () => {
  const sockets: Socket[] = []
  for (let i = 0; i < 2000; i++) {
    const socket = connect({ port: node.syslogPort, host: '127.0.0.1' })
    socket.on('error', () => {})
    sockets.push(socket)
  }
  await until(
    async () => (await sources()).find((s) => s.source === 'syslog-tcp')?.refused ?? {},
    (r) => Object.values(r).reduce((a, b) => a + b, 0) >= 1800,
    10_000,
  )
  await neighbourIsFine()
  for (const socket of sockets) socket.destroy()
  await sleep(100)
})

describe('HTTP', () => {
  const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
    fetch(`${node.address}/v1/logs?source=bad-http`, {
      method: 'POST',
      body,
      headers,
      signal: AbortSignal.timeout(10_000),
    })

  test.each<[string, () => Uint8Array<ArrayBuffer>, Record<string, string>, number]>([
    [
      'a truncated gzip',
      () => new Uint8Array(gzipSync('a line that never ends\n'.repeat(500)).subarray(0, 60)),
      { 'content-type': 'text/plain', 'content-encoding': 'gzip' },
      400,
    ],
    [
      'a gzip bomb',
      () => new Uint8Array(gzipSync(Buffer.alloc(300 * 1024 * 1024))),
      { 'content-type': 'text/plain', 'content-encoding': 'gzip' },
      413,
    ],
    ['broken JSON', () => new Uint8Array(Buffer.from('[{"a":1}, {"b"')), { 'content-type': 'application/json' }, 400],
    [
      'an unknown content type',
      () => new Uint8Array(Buffer.from('x')),
      { 'content-type': 'application/x-unknown' },
      415,
    ],
  ])('%s is refused with a problem document, nothing of it is kept', async (_why, body, headers, status) => {
    const response = await post(body(), headers)
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toContain('application/problem+json')
    expect(await response.json()).toMatchObject({ status, detail: expect.any(String) })
    expect(await node.search('haetae.source:"http:bad-http"')).toHaveLength(0)
    await neighbourIsFine()
  })

  test('a page of another site cannot post logs', async () => {
    const response = await post('x', { 'content-type': 'text/plain', origin: 'https://evil.example' })
    expect(response.status).toBe(403)
  })
})

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
if (!isRoot) console.warn('not root on Linux: the full-disk test is skipped (it mounts a small tmpfs)')

describe.skipIf(!isRoot)('a full disk', () => {
  test('senders that can wait are told to, nothing acknowledged is lost, and it goes on when there is room', async () => {
    const disk = join(dir, 'small-disk')
    mkdirSync(disk)
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk]).status).toBe(0)
    let small: TestNode | undefined
    try {
      small = await startNode({ dataDir: join(disk, 'data') })
      // Everything but a little is taken away.
      const free = Number(spawnSync('df', ['--output=avail', '-k', disk]).stdout.toString().split('\n')[1])
      spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'ballast')}`, 'bs=1024', `count=${free - 2048}`])
      const acknowledged: string[] = []
      let refusedOnce = false
      for (let i = 0; i < 400 && !refusedOnce; i++) {
        const word = `fulldisk${i}`
        const noise = Array.from({ length: 3000 }, () => Math.random().toString(36)).join('')
        const response = await fetch(`${small.address}/v1/logs?source=full`, {
          method: 'POST',
          headers: { 'content-type': 'text/plain', 'idempotency-key': word },
          body: `${word} ${noise}`,
          signal: AbortSignal.timeout(30_000),
        })
        if (response.status === 200) acknowledged.push(word)
        else {
          refusedOnce = true
          expect(response.status).toBe(503)
          expect(response.headers.get('retry-after')).not.toBeNull()
        }
      }
      expect(refusedOnce).toBe(true)
      expect(small.process.exitCode).toBeNull()
      expect((await fetch(`${small.address}/livez`)).status).toBe(200)

      spawnSync('rm', [join(disk, 'ballast')])
      const running = small
      await until(
        () =>
          fetch(`${running.address}/v1/logs?source=full`, {
            method: 'POST',
            headers: { 'content-type': 'text/plain' },
            body: 'roomagain',
          }),
        (response) => response.status === 200,
        30_000,
      )
      await until(
        () => running.search('roomagain'),
        (hits) => hits.length >= 1,
        5000,
      )
      const words = new Set(
        (await running.search('haetae.source:"http:full"')).map(
          (hit) => String(getPath(hit.event, 'event.original')).split(' ')[0],
        ),
      )
      expect(acknowledged.filter((word) => !words.has(word))).toEqual([])
      expect(acknowledged.length).toBeGreaterThan(3)
    } finally {
      await small?.kill()
      spawnSync('umount', [disk])
    }
  })
})

async function rssMiB(): Promise<number> {
  const status = spawnSync('ps', ['-o', 'rss=', '-p', String(node.process.pid)]).stdout.toString()
  return Number(status) / 1024
}
