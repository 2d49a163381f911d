// npm run bench: TCP socket to searchable, parse and rules on, on the real process.
//
//   npm run bench -- [--events 500000] [--connections 4] [--profile]
//
// The sender is a process of its own; both share the machine's cores. CPU and memory are the kernel's figures for the
// node alone. --profile adds where the time went, at some cost.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openClient } from '../cli/node-client.ts'
import type { HistogramOutput } from '../core/api.ts'
import { makeLines } from './corpus.ts'
import { machineLine } from './machine.ts'
import { sumProfiles } from './profile.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '500000' },
    connections: { type: 'string', default: '4' },
    profile: { type: 'boolean', default: false },
    send: { type: 'string' }, // the sender's role: port to send to
  },
})
const events = Number(values.events)
const connections = Number(values.connections)
const CORPUS_SEED = 1
const CHUNK = 500

if (values.send) await send(Number(values.send))
else await measure()

/** Newline-framed lines over several connections, as fast as they are taken. */
async function send(port: number): Promise<void> {
  const chunks: Buffer[] = []
  const start = Date.now() - events // event times end now
  for (let i = 0; i * CHUNK < events; i++) {
    chunks.push(Buffer.from(`${makeLines(CHUNK, CORPUS_SEED + i, start + i * CHUNK).join('\n')}\n`))
  }
  console.log('sending') // the clock starts here: making the corpus is not measured
  await Promise.all(
    Array.from({ length: connections }, async (_, c) => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      for (let i = c; i < chunks.length; i += connections) {
        if (!socket.write(chunks[i] as Buffer)) await once(socket, 'drain')
      }
      socket.end()
      await once(socket, 'close')
    }),
  )
}

async function measure(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'haetae-bench-'))
  const profiles = join(dir, 'profiles')
  mkdirSync(profiles)
  const haetae = fileURLToPath(new URL('../bin/haetae', import.meta.url))
  const profiling = values.profile ? { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profiles}` } : {}
  const node = spawn(haetae, ['start', '--data', join(dir, 'data'), '--http-port', '0', '--syslog-port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...profiling },
  })
  try {
    const said = await new Promise<string>((resolve, reject) => {
      let text = ''
      node.stdout.on('data', (chunk) => {
        text += chunk
        if (text.includes('Sign in')) resolve(text)
      })
      node.on('exit', (code) => reject(new Error(`the node ended with ${code}`)))
    })
    const [, address = '', port = ''] = /API (\S+?),.*?syslog \S+?:(\d+)/.exec(said) ?? []
    const client = openClient({ address, data: join(dir, 'data') })
    const total = Math.ceil(events / CHUNK) * CHUNK
    const searchable = async () =>
      (
        await client.post<HistogramOutput>('/v1/histogram', {
          query: '',
          since: '1970-01-01T00:00:00Z',
          until: '2100-01-01T00:00:00Z',
        })
      ).total

    const self = fileURLToPath(import.meta.url)
    const sender = spawn(
      process.execPath,
      [self, '--send', port, '--events', String(events), '--connections', String(connections)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await once(sender.stdout as Readable, 'data')
    const cpuBefore = cpuSeconds(node.pid as number)
    const start = performance.now()
    while ((await searchable()) < total) {
      if (performance.now() - start > 600_000)
        throw new Error(`only ${await searchable()} of ${total} became searchable in 600 s`)
      await sleep(100)
    }
    const seconds = (performance.now() - start) / 1000
    const cpu = cpuSeconds(node.pid as number) - cpuBefore
    const { rss, peak } = memoryMiB(node.pid as number)
    if (sender.exitCode === null) await once(sender, 'exit')
    const sources = (await (await client.get('/v1/sources')).json()) as { sources: object[] }
    const alerts = (await (await client.get('/metrics')).text()).match(/^haetae_pump_alert_changes_total.*$/m)?.[0]

    console.log(`machine   ${machineLine()}`)
    console.log(
      `corpus    bench/corpus.ts, seed ${CORPUS_SEED}, ${total} events over ${connections} TCP connections, newline framing`,
    )
    console.log(
      `rate      ${Math.round(total / seconds)} events/s, socket to searchable, ${seconds.toFixed(1)} s, sender on the same cores`,
    )
    console.log(`CPU       ${((cpu / total) * 1e6).toFixed(1)} us an event, ${(cpu / seconds).toFixed(2)} cores`)
    console.log(`memory    ${rss.toFixed(0)} MiB resident, ${peak.toFixed(0)} MiB at most`)
    console.log(`sources   ${JSON.stringify(sources.sources)}`)
    console.log(`alerts    ${alerts}`)
    node.kill('SIGTERM')
    await once(node, 'exit')
    if (values.profile) {
      console.log('\nself time by part (us an event)')
      for (const [part, ms] of sumProfiles(profiles).slice(0, 16))
        console.log(`  ${((ms * 1000) / total).toFixed(2).padStart(7)}  ${part}`)
      console.log('\nself time by function (us an event)')
      for (const [name, ms] of sumProfiles(profiles, 'function').slice(0, 30))
        console.log(`  ${((ms * 1000) / total).toFixed(2).padStart(7)}  ${name}`)
    }
  } finally {
    node.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
}

/** User and system time of a process, in seconds (Linux: 100 ticks a second). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function memoryMiB(pid: number): { rss: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024
  return { rss: kib('VmRSS'), peak: kib('VmHWM') }
}
