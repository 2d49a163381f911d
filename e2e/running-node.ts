// The real process, started as a user starts it, and a client that may ask it anything.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type NodeClient, openClient } from '../cli/node-client.ts'
import type { AlertsOutput, SearchInput, SearchOutput, WireHit } from '../core/api.ts'

export const root = fileURLToPath(new URL('..', import.meta.url))

export interface TestNode {
  readonly process: ChildProcess
  readonly dataDir: string
  readonly address: string
  readonly syslogPort: number
  readonly signInLink: string
  readonly client: NodeClient
  /** Lines the process wrote to standard error so far. */
  readonly stderr: string[]
  search(query: string, more?: Partial<SearchInput>): Promise<WireHit[]>
  alerts(): Promise<AlertsOutput['alerts']>
  /** SIGKILL, as a crash. */
  kill(): Promise<void>
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>
}

export interface StartOptions {
  readonly dataDir: string
  readonly args?: readonly string[]
  readonly httpPort?: number
  readonly syslogPort?: number
  readonly env?: Record<string, string>
}

const started = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL')
})

/** Starts it as a user does; ports are free ones. */
export async function startNode(options: StartOptions): Promise<TestNode> {
  const args = ['start', '--data', options.dataDir]
  args.push('--http-port', String(options.httpPort ?? 0), '--syslog-port', String(options.syslogPort ?? 0))
  const child = spawn(join(root, 'bin/haetae'), [...args, ...(options.args ?? [])], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  })
  started.add(child)
  const exited = once(child, 'exit').then(([code]) => {
    started.delete(child)
    return code as number | null
  })
  const stderr: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => stderr.push(line))
  const told = await new Promise<{ address: string; syslogPort: number; signInLink: string }>((resolve, reject) => {
    let address = ''
    let syslogPort = 0
    createInterface({ input: child.stdout }).on('line', (line) => {
      const listens = /web and API (\S+?),(?:.*syslog \S+?:(\d+))?/.exec(line)
      if (listens) [address, syslogPort] = [listens[1] ?? '', Number(listens[2] ?? 0)]
      const link = /Sign in once with: (\S+)/.exec(line)
      if (link) resolve({ address, syslogPort, signInLink: link[1] ?? '' })
    })
    exited.then((code) => reject(new Error(`the node ended with ${code} before it was ready:\n${stderr.join('\n')}`)))
  })
  const client = openClient({ address: told.address, data: options.dataDir })
  return {
    ...told,
    process: child,
    dataDir: options.dataDir,
    client,
    stderr,
    async search(query, more) {
      const input: SearchInput = {
        query,
        since: '1970-01-01T00:00:00Z',
        until: '2100-01-01T00:00:00Z',
        limit: 1000,
        ...more,
      }
      return (await client.post<SearchOutput>('/v1/search', input)).hits
    },
    async alerts() {
      return ((await (await client.get('/v1/alerts?limit=200')).json()) as AlertsOutput).alerts
    },
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    stop() {
      child.kill('SIGTERM')
      return exited
    },
  }
}

/** A folder that is removed when the test file ends. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'haetae-e2e-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Asks again until the answer is there. @throws after `forMs`, with the last answer */
export async function until<T>(ask: () => Promise<T>, good: (answer: T) => boolean, forMs: number): Promise<T> {
  const end = performance.now() + forMs
  for (;;) {
    const answer = await ask()
    if (good(answer)) return answer
    if (performance.now() > end)
      throw new Error(`not within ${forMs} ms; last answer: ${JSON.stringify(answer)?.slice(0, 2000)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
