// Syslog over UDP (RFC 5426): one datagram is one message. This thread only copies: no parsing, no waiting.

import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { describe } from '../../core/errors.ts'
import type { Source, SourceStatus } from '../../core/source.ts'
import { Feed } from '../feed.ts'
import { Meter } from '../meter.ts'
import type { InputOptions } from '../options.ts'
import { PeerOrigins } from '../peer-origins.ts'
import { KernelDrops } from './kernel-drops.ts'
import { trimTerminator } from './trim-terminator.ts'

export interface SyslogUdpOptions extends InputOptions {
  /** Address to bind; `::` hears IPv4 too. */
  readonly host: string
  /** 0 lets the system choose: see `port` of the answer. */
  readonly port: number
  /** As in Origin.source. Default `syslog-udp`. */
  readonly source?: string
  readonly dataset?: string
  readonly zone?: string
  /** Receive buffer to ask for. Default 32 MiB: at 240k datagrams/s the usual 208 KiB lost 16.5 % of a burst. */
  readonly recvBufferBytes?: number
  /** Longer datagrams keep their first part. Default 65,536: no datagram is longer. */
  readonly maxMessageBytes?: number
  readonly maxPeers?: number
  /** How often the kernel is asked what it dropped. Default 5 s. */
  readonly kernelDropsEveryMs?: number
}

export interface SyslogUdp extends Source {
  readonly port: number
  /** What the kernel gave: Linux reports twice the usable size, this is the usable one. */
  readonly recvBufferBytes: number
}

/**
 * Listens at once. While the intake is full, datagrams are counted as refused: nobody would hear us say wait. What the
 * kernel drops before we see it is counted from /proc/net/udp (`ingest_udp_kernel_drops`, refused `kernel_buffer`).
 * One CRLF, LF or NUL at the end of a datagram is a terminator some senders add, and is not kept.
 * @throws the system's EADDRINUSE, EACCES, ...
 */
export async function openSyslogUdp(options: SyslogUdpOptions): Promise<SyslogUdp> {
  const { host, intake, counters, now, warn } = options
  const source = options.source ?? 'syslog-udp'
  const askedBytes = options.recvBufferBytes ?? 32 * 1024 * 1024
  const maxBytes = options.maxMessageBytes ?? 64 * 1024
  const meter = new Meter(counters, source)
  const feed = new Feed(intake, meter)
  const origins = new PeerOrigins(
    (peer) => ({ source, kind: 'syslog', peer, dataset: options.dataset, zone: options.zone }),
    options.maxPeers,
  )
  const socket = await bind(host, options.port)
  const { port } = socket.address()
  const recvBufferBytes = askForBuffer(socket, askedBytes)
  if (recvBufferBytes < askedBytes) {
    warn?.(
      `${source}: the kernel gives a receive buffer of ${recvBufferBytes} bytes where ${askedBytes} were asked for; ` +
        `bursts may be lost: raise it with 'sysctl -w net.core.rmem_max=${askedBytes}'`,
    )
  }
  meter.gauge('ingest_udp_recv_buffer_bytes', () => recvBufferBytes)

  const drops = await KernelDrops.watch(port, meter)
  const timer = setInterval(() => drops?.read(), options.kernelDropsEveryMs ?? 5000)
  timer.unref()

  let problem: string | undefined
  let closing: Promise<void> | undefined
  socket.on('error', (error) => {
    problem = describe(error)
    meter.refused('socket_error')
    warn?.(`${source}: ${problem}`)
  })
  socket.on('message', (datagram, sender) => {
    const message = trimTerminator(datagram)
    if (message.length === 0) meter.empty()
    else if (feed.full) meter.refused('intake_full')
    else {
      const truncated = message.length > maxBytes
      feed.add(origins.of(sender.address), now(), truncated ? message.subarray(0, maxBytes) : message, truncated)
    }
  })

  const close = async () => {
    clearInterval(timer)
    drops?.read()
    await new Promise<void>((resolve) => socket.close(() => resolve()))
    meter.flush()
  }
  const status = (): SourceStatus[] => {
    const state = closing ? 'waiting' : problem ? 'failed' : 'running'
    const capped = recvBufferBytes < askedBytes ? `receive buffer ${recvBufferBytes} of ${askedBytes} bytes` : undefined
    return [{ source, kind: 'syslog', where: `udp ${host}:${port}`, state, detail: problem ?? capped }]
  }
  return { port, recvBufferBytes, status, close: () => (closing ??= close()) }
}

async function bind(host: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4' })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.once('error', reject)
  socket.bind({ address: host, port }, resolve)
  try {
    await promise
  } catch (error) {
    socket.close()
    throw error
  }
  socket.off('error', reject)
  return socket
}

function askForBuffer(socket: Socket, bytes: number): number {
  try {
    socket.setRecvBufferSize(bytes)
  } catch {
    // Some systems refuse instead of capping; what we have is reported below either way.
  }
  const reported = socket.getRecvBufferSize()
  return process.platform === 'linux' ? reported / 2 : reported
}
