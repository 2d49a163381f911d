import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { read, root } from './testing.ts'

const stages = read('deploy/Dockerfile')
  .replace(/\\\n/g, '')
  .split(/^(?=FROM )/m)
  .slice(1)
const last = stages.at(-1) ?? ''
const copied = [...last.matchAll(/^COPY (?:--from=\S+ )?(.+) \S+$/gm)].flatMap(([, from = '']) => from.split(' '))

/** Every file of ours that runs, from the command line on: imports, import(), workers and folders found by URL. */
function reachable(): Set<string> {
  const seen = new Set<string>()
  const left = ['cli/cli.ts']
  for (let file = left.pop(); file !== undefined; file = left.pop()) {
    if (seen.has(file)) continue
    seen.add(file)
    if (!file.endsWith('.ts')) continue
    const text = read(file)
    const named = text.matchAll(/(?:from|import\(|import|URL\(|\bat\()\s*'(\.[^']*)'/g)
    for (const [, path = ''] of named) left.push(relative(root, join(root, dirname(file), path)))
  }
  return seen
}

const isCopied = (file: string) => copied.some((path) => file === path || file.startsWith(`${path}/`))

test('the image holds every file that the node can reach', () => {
  const files = [...reachable()].filter((file) => existsSync(join(root, file)))
  expect(files.length).toBeGreaterThan(150)
  expect(files.filter((file) => !isCopied(file) && !file.startsWith('web/dist'))).toEqual([])
})

test('what the node imports of others is a dependency of the runtime, not of development', () => {
  const wrong = new Set<string>()
  for (const file of [...reachable()].filter((name) => name.endsWith('.ts'))) {
    for (const [, name = ''] of read(file).matchAll(/^import (?!type )[^'"]*?'((?:@[^/']+\/)?[^./'][^/']*)[^']*'/gm)) {
      if (!name.startsWith('node:') && !(name in manifest.dependencies)) wrong.add(`${file}: ${name}`)
    }
  }
  expect([...wrong]).toEqual([])
})

test('what is copied is there, and goes to the builder', () => {
  const given = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1))
  for (const path of copied.filter((name) => !name.startsWith('/opt'))) {
    expect(
      given.some((rule) => path === rule || path.startsWith(`${rule}/`)),
      path,
    ).toBe(true)
    expect(existsSync(join(root, path)), path).toBe(true)
  }
})

test('the image runs as a numbered user that is not root, and nothing of the build is in it', () => {
  expect(stages).toHaveLength(2)
  expect(last).toMatch(/^USER 10001:10001$/m)
  expect(last.indexOf('USER ')).toBeGreaterThan(last.lastIndexOf('RUN '))
  expect(last).not.toMatch(/\bnpm\b/)
})

describe('start.sh', () => {
  let dir = ''
  afterEach(() => rmSync(dir, { recursive: true, force: true }))
  const start = (env: Record<string, string>) => {
    const data = join(dir, 'data')
    return spawnSync('/bin/sh', [join(dir, 'deploy/image/start.sh'), '--config', 'c d'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HAETAE_DATA: data, ...env },
    })
  }
  const lay = () => {
    dir = mkdtempSync(join(tmpdir(), 'haetae-image-'))
    for (const folder of ['bin', 'deploy/image', 'data']) mkdirSync(join(dir, folder), { recursive: true })
    cpSync(join(root, 'deploy/image/start.sh'), join(dir, 'deploy/image/start.sh'))
    writeFileSync(join(dir, 'bin/haetae'), '#!/bin/sh\nprintf "%s|" "$HAETAE_INGEST_TOKEN" "$@"\nexit 7\n')
    chmodSync(join(dir, 'bin/haetae'), 0o755)
    return join(dir, 'data/ingest-token')
  }

  test('a given token is used, and none is written', () => {
    const file = lay()
    const { stdout, status } = start({ HAETAE_INGEST_TOKEN: 'given' })
    expect(stdout).toBe('given|start|--config|c d|')
    expect(status).toBe(7)
    expect(existsSync(file)).toBe(false)
  })

  test('without one it is made once, for its owner alone', () => {
    const file = lay()
    const first = start({ HAETAE_INGEST_TOKEN: '' })
    const token = readFileSync(file, 'utf8')
    expect(token).toMatch(/^[0-9a-f]{64}$/)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(first.stdout).toBe(`${token}|start|--config|c d|`)
    expect(first.stderr).not.toContain(token)
    expect(start({}).stdout).toBe(first.stdout)
  })

  test('where it cannot be kept the start fails', () => {
    lay()
    rmSync(join(dir, 'data'), { recursive: true })
    const { status, stdout } = start({})
    expect(status).not.toBe(0)
    expect(stdout).toBe('')
  })
})

test.each([
  ['ready', 200, 0],
  ['starting', 503, 1],
])('healthcheck.mjs: %s', async (_why, code, exit) => {
  const server = createServer((_request, response) => response.writeHead(code).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const { spawn } = await import('node:child_process')
  const child = spawn(process.execPath, [join(root, 'deploy/image/healthcheck.mjs'), `http://127.0.0.1:${port}/readyz`])
  expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(exit)
  server.close()
})

test('healthcheck.mjs: nobody there', () => {
  const done = spawnSync(process.execPath, [join(root, 'deploy/image/healthcheck.mjs'), 'http://127.0.0.1:1/readyz'])
  expect(done.status).toBe(1)
})
