// VictoriaLogs as a process of its own on the loopback, built from the Go module with the Go tools where they are.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Contender } from './store-contender.ts'

const run = promisify(execFile)
/** Where the program is. Up to the middle of 2025 it was part of VictoriaMetrics: some module proxies have only that. */
const modules = [
  { module: 'github.com/VictoriaMetrics/VictoriaLogs', version: 'latest' },
  { module: 'github.com/VictoriaMetrics/VictoriaMetrics', version: 'v1.121.0' },
] as const
const TICKS_PER_SECOND = 100 // sysconf(_SC_CLK_TCK) on Linux

export interface Built {
  readonly binary: string
  readonly about: string
}

/** @returns what to run, or why there is nothing to run */
export async function buildVictoriaLogs(dir: string): Promise<Built | { readonly problem: string }> {
  const problems: string[] = []
  for (const { module, version } of modules) {
    const place = join(dir, module.split('/').at(-1) as string)
    const binary = join(place, 'victoria-logs')
    mkdirSync(place, { recursive: true })
    const go = (...args: string[]) => run('go', args, { cwd: place, maxBuffer: 64 * 1024 * 1024, timeout: 900_000 })
    try {
      if (!existsSync(binary)) {
        writeFileSync(join(place, 'go.mod'), 'module build\n\ngo 1.24\n')
        await go('get', `${module}/app/victoria-logs@${version}`)
        await go('build', '-o', binary, `${module}/app/victoria-logs`)
      }
      const resolved = /VictoriaMetrics\/Victoria(?:Logs|Metrics) (v\S+)/.exec(
        readFileSync(join(place, 'go.mod'), 'utf8'),
      )
      return { binary, about: `${module} ${resolved?.[1] ?? version}` }
    } catch (error) {
      const { stderr, message } = error as { stderr?: string; message: string }
      problems.push(`${module}: ${(stderr || message).trim().split('\n').at(-1)}`)
    }
  }
  return { problem: problems.join('; ') }
}

export async function openVictoriaLogs({ binary, about }: Built, dir: string): Promise<Contender> {
  const port = await freePort()
  const base = `http://127.0.0.1:${port}`
  const cpuBefore = { ms: 0, peak: 0 }
  let child = await start(binary, dir, port)
  const post = async (path: string, body: string | URLSearchParams): Promise<string> => {
    const answer = await fetch(base + path, { method: 'POST', body })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text.slice(0, 300)}`)
    return text
  }
  const insert = '/insert/jsonline?_stream_fields=data_stream.dataset,host.name&_time_field=time&_msg_field=message'
  const flush = async () => {
    await post('/internal/force_flush', '')
    await sleep(1500) // rows become searchable a second later
  }
  return {
    name: 'VictoriaLogs',
    about,
    writers: 2,
    async ingest(events) {
      let body = ''
      for (const [i, { number, timestampMs, event }] of events.entries()) {
        if (i % 100 === 0) await setImmediate()
        body += `${JSON.stringify({ time: new Date(timestampMs).toISOString(), bench_id: `0-${number}`, ...event })}\n`
      }
      await post(insert, body)
    },
    flush,
    async usage() {
      const now = processUsage(child)
      const { stdout } = await run('du', ['-sb', dir])
      return {
        cpuMs: cpuBefore.ms + now.cpuMs,
        diskBytes: Number(stdout.split('\t')[0]),
        peakRssBytes: Math.max(cpuBefore.peak, now.peakRssBytes),
      }
    },
    async ask({ logsql, limit, answer }) {
      const ask = new URLSearchParams({ query: logsql })
      if (limit !== undefined) ask.set('limit', String(limit))
      const text = await post('/select/logsql/query', ask)
      const lines = text.split('\n').filter(Boolean)
      return answer === 'lines' ? lines.length : Number((JSON.parse(lines[0] ?? '{"n":0}') as { n: string }).n)
    },
    async reopen() {
      const used = processUsage(child)
      cpuBefore.ms += used.cpuMs
      cpuBefore.peak = Math.max(cpuBefore.peak, used.peakRssBytes)
      await stop(child)
      const began = performance.now()
      child = await start(binary, dir, port)
      return performance.now() - began
    },
    close: () => stop(child),
  }
}

async function start(binary: string, dir: string, port: number): Promise<ChildProcess> {
  const args = [
    `-storageDataPath=${dir}`,
    `-httpListenAddr=127.0.0.1:${port}`,
    '-retentionPeriod=100y',
    '-loggerLevel=ERROR',
  ]
  const child = spawn(binary, args, { stdio: 'ignore' })
  let ended = false
  child.once('exit', () => {
    ended = true
  })
  for (;;) {
    if (ended) throw new Error('VictoriaLogs ended at once')
    try {
      if ((await fetch(`http://127.0.0.1:${port}/health`)).ok) return child
    } catch {
      await sleep(20) // not listening yet
    }
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGINT')
  await gone
}

function processUsage({ pid }: ChildProcess): { cpuMs: number; peakRssBytes: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return {
    cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND,
    peakRssBytes: Number(peak?.[1] ?? 0) * 1024,
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
