// One server process: started, watched until it says it is ready, stopped by its own id.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'

const STARTS_WITHIN_MS = 180_000
const STOPS_WITHIN_MS = 20_000

export interface JavaProcess {
  readonly child: ChildProcess
  /** SIGTERM, then SIGKILL. */
  stop(): Promise<void>
  /** SIGKILL to the whole group, as a crash. */
  kill(): Promise<void>
}

/**
 * @param ready asked again and again with the lines written so far; the first answer that is not undefined ends the wait
 * @throws with the last lines when the process ends or is not ready in time
 */
export async function startJava<T>(
  program: string,
  args: readonly string[],
  options: SpawnOptions,
  ready: (lines: readonly string[]) => Promise<T | undefined>,
): Promise<JavaProcess & { readonly told: T }> {
  // A group of its own: a launcher that starts the real server is stopped together with it.
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const group = (signal: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal)
    } catch {} // gone already
  }
  const atExit = () => group('SIGKILL')
  process.on('exit', atExit)
  const exited = once(child, 'close').finally(() => process.off('exit', atExit))
  exited.catch(() => {})
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    // Read to the end whatever happens: a full pipe would stop the server.
    if (stream) createInterface({ input: stream }).on('line', (line) => lines.length < 10_000 && lines.push(line))
  }
  let ended: string | undefined
  child.on('error', (error) => {
    ended = error.message
  })
  child.on('exit', (code, signal) => {
    ended = `it ended with ${code ?? signal}`
  })
  try {
    const until = performance.now() + STARTS_WITHIN_MS
    let told: T | undefined
    while ((told = await ready(lines)) === undefined) {
      if (ended !== undefined) throw new Error(ended)
      if (performance.now() > until) throw new Error(`not ready within ${STARTS_WITHIN_MS} ms`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const end = async (signal: NodeJS.Signals) => {
      group(signal)
      const late = setTimeout(atExit, STOPS_WITHIN_MS)
      await exited
      clearTimeout(late)
    }
    return { child, told, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') }
  } catch (error) {
    group('SIGKILL')
    throw new Error(`${program} did not start: ${(error as Error).message}\n${lines.slice(-40).join('\n')}`, {
      cause: error,
    })
  }
}

/** Ports nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    ports.push((server.address() as { port: number }).port)
  }
  for (const server of servers) {
    server.close()
    await once(server, 'close')
  }
  return ports
}

/** Whether somebody accepts connections there. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
