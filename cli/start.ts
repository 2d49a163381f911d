// haetae start: runs the pipeline until told to stop.

import { parseArgs } from 'node:util'
import { loadConfig } from '../core/config.ts'
import { describe, PipelineError } from '../core/errors.ts'
import { type RunningNode, roles, startNode } from '../main.ts'
import type { Command } from './command.ts'
import { safe } from './terminal.ts'

export const command: Command = {
  summary: 'run the pipeline: inputs, search, alerts, web UI',
  usage: `haetae start [--config F] [--data DIR] [--role R] [--demo] [--http-port N] [--syslog-port N]

  --config F       YAML file; docs/configuration.md lists the keys. Without it: syslog on 127.0.0.1:5514 (UDP and TCP),
                   HTTP, UI and API on 127.0.0.1:8514
  --data DIR       where everything is kept (default ./data)
  --role R         accept (inputs to bus), process (bus to store and alerts) or all (default); apart only with bus.kafka and
                   store.elasticsearch, each with a --data of its own
  --http-port N    overrides http.port; 0 picks a free one
  --syslog-port N  overrides syslog.port
  --demo           also replay a 60-second attack, so that the first screen shows something

SIGHUP takes packs and rules anew, as a change in their folders does; a set with a mistake in it is refused whole.
SIGTERM or Ctrl-C stops: no more is taken, what was taken is stored, exit code 0.`,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        data: { type: 'string' },
        role: { type: 'string', default: 'all' },
        demo: { type: 'boolean', default: false },
        'http-port': { type: 'string' },
        'syslog-port': { type: 'string' },
      },
    })
    const loaded = loadConfig(values.config)
    const config = {
      ...loaded,
      data: values.data ?? loaded.data,
      http: { ...loaded.http, port: portOf(values['http-port'], loaded.http.port) },
      syslog: { ...loaded.syslog, port: portOf(values['syslog-port'], loaded.syslog.port) },
    }
    const role = roles.find((known) => known === values.role)
    if (!role) throw Object.assign(new Error(`'${values.role}' is no role; ${roles.join(', ')}`), { code: 'USAGE' })
    if (role !== 'all' && !(config.bus.kafka && config.store.elasticsearch)) {
      throw new PipelineError('CONFIG_INVALID', {
        place: values.config ?? 'the defaults',
        problem: `--role ${role} needs what lies between the processes`,
        hint: 'set bus.kafka and store.elasticsearch',
      })
    }
    const say = (line: string) => console.error(`haetae: ${safe(line)}`)
    const stop = new AbortController()
    // The first signal stops in order, a second one at once.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (stop.signal.aborted) process.exit(1)
        stop.abort()
      })
    }
    let node: RunningNode | undefined
    process.on('SIGHUP', () => void node?.reload()) // it says itself what came of it
    node = await startNode({ config, role, say })
    const { stop: stopNode } = node
    stop.signal.addEventListener('abort', () => {
      say('stopping: finishing what was taken')
      stopNode().catch((error: unknown) => say(`while stopping: ${describe(error)}`))
    })
    if (stop.signal.aborted) await node.stop()
    console.log(
      `Haetae listens: web and API ${node.address}${node.syslogPort === undefined ? '' : `, syslog ${config.syslog.host}:${node.syslogPort}`}, data in ${node.dataDir}`,
    )
    console.log(`Sign in once with: ${node.signInLink()}`)
    if (values.demo) playDemoBeside(node.address, node.syslogPort, stop.signal, say)
    await node.ended
    return 0
  },
}

function playDemoBeside(
  httpAddress: string,
  syslogPort: number | undefined,
  signal: AbortSignal,
  say: (line: string) => void,
): void {
  if (syslogPort === undefined) {
    say('the demo needs syslog.tcp')
    return
  }
  import('./demo.ts')
    .then(({ playDemo }) => {
      say('demo: replaying a 60-second attack')
      return playDemo({ syslogPort, httpAddress, now: Date.now, signal })
    })
    .then(
      () => say('demo: done'),
      (error: unknown) => {
        if (!signal.aborted) say(`demo stopped: ${describe(error)}`)
      },
    )
}

function portOf(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw Object.assign(new Error(`'${text}' is no port`), { code: 'USAGE' })
  }
  return port
}
