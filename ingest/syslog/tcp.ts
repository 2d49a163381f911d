// Syslog over TCP (RFC 6587): accepts connections, keeps them within limits, and keeps them fair to each other.

import { createServer, type Server, type Socket } from 'node:net'
import { describe } from '../../core/errors.ts'
import type { Source, SourceStatus } from '../../core/source.ts'
import { Feed } from '../feed.ts'
import { Meter } from '../meter.ts'
import type { InputOptions } from '../options.ts'
import { normalizeAddress, PeerOrigins } from '../peer-origins.ts'
import { type ConnectionHost, TcpConnection } from './tcp-connection.ts'

export interface SyslogTcpOptions extends InputOptions {
  /** Address to bind; `::` hears IPv4 too. */
  readonly host: string
  /** 0 lets the system choose: see `port` of the answer. */
  readonly port: number
  /** As in Origin.source. Default `syslog-tcp`. */
  readonly source?: string
  readonly dataset?: string
  readonly zone?: string
  /** Longest message by terminator; of a longer one the first part is kept. Default 64 KiB. */
  readonly maxMessageBytes?: number
  /** Longest octet-counted message; a longer one ends its connection. Default 1 MiB. */
  readonly maxCountedBytes?: number
  /** Default 2,000. */
  readonly maxConnections?: number
  /** Default 200. */
  readonly maxConnectionsPerPeer?: number
  /** Memory all unfinished messages together may hold. Default 64 MiB. */
  readonly maxCarryBytes?: number
  /** A message that stays unfinished so long ends its connection. Default 60 s. There is no idle timeout. */
  readonly unfinishedTimeoutMs?: number
  /** Silence after which a NUL at the end was a terminator. Default 1 s. */
  readonly nulFlushMs?: number
  /** TCP keepalive, which finds dead peers. Default 60 s. */
  readonly keepAliveMs?: number
  /** Messages one connection may hand over before the others get their turn. Default 500. */
  readonly maxMessagesPerTurn?: number
  /** How long close() waits for room for what was read. Default 5 s. */
  readonly closeTimeoutMs?: number
  readonly maxPeers?: number
}

export interface SyslogTcp extends Source {
  readonly port: number
  /** Connections open now. */
  readonly connections: number
}

/**
 * Listens at once. While the intake is full, reading stops and TCP holds the senders back. Plain TCP acknowledges nothing:
 * what a sender wrote and we had not read when we died is lost without either knowing.
 * @throws the system's EADDRINUSE, EACCES, ...
 */
export async function openSyslogTcp(options: SyslogTcpOptions): Promise<SyslogTcp> {
  const listener = new Listener(options)
  await listener.listen()
  return listener
}

class Listener implements SyslogTcp {
  readonly #options: SyslogTcpOptions
  readonly #source: string
  readonly #meter: Meter
  readonly #server: Server
  readonly #connections = new Set<TcpConnection>()
  readonly #perPeer = new Map<string, number>()
  readonly #origins: PeerOrigins
  readonly #host: ConnectionHost
  readonly #stop = new AbortController()
  #roomWaiters: (() => void)[] = []
  #turn = 0
  #turnEnds = false
  #carriedBytes = 0
  #sweeper: NodeJS.Timeout | undefined
  #emptied: (() => void) | undefined
  #closing: Promise<void> | undefined
  #problem: string | undefined

  constructor(options: SyslogTcpOptions) {
    this.#options = options
    const source = (this.#source = options.source ?? 'syslog-tcp')
    this.#meter = new Meter(options.counters, source)
    this.#meter.gauge('ingest_tcp_connections', () => this.#connections.size)
    this.#origins = new PeerOrigins(
      (peer) => ({ source, kind: 'syslog', peer, dataset: options.dataset, zone: options.zone }),
      options.maxPeers,
    )
    const maxCarryBytes = options.maxCarryBytes ?? 64 * 1024 * 1024
    this.#host = {
      feed: new Feed(options.intake, this.#meter),
      meter: this.#meter,
      now: options.now,
      warn: options.warn,
      limits: {
        maxBytes: options.maxMessageBytes ?? 64 * 1024,
        maxCountedBytes: options.maxCountedBytes ?? 1024 * 1024,
      },
      maxMessagesPerTurn: options.maxMessagesPerTurn ?? 500,
      turn: () => this.#currentTurn(),
      whenRoom: (go) => this.#whenRoom(go),
      holdBytes: (change) => (this.#carriedBytes += change) <= maxCarryBytes,
      closed: (connection) => this.#forget(connection),
    }
    const keepAliveMs = options.keepAliveMs ?? 60_000
    this.#server = createServer({ keepAlive: true, keepAliveInitialDelay: keepAliveMs }, (socket) =>
      this.#accept(socket),
    )
  }

  get port(): number {
    return (this.#server.address() as { port: number } | null)?.port ?? this.#options.port
  }

  get connections(): number {
    return this.#connections.size
  }

  async listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    // The backlog is what waits for accept: a burst of connections from one peer must not shut the others out.
    this.#server.listen({ host: this.#options.host, port: this.#options.port, backlog: 4096 }, resolve)
    await promise
    this.#server.off('error', reject)
    this.#server.on('error', (error) => {
      this.#problem = describe(error)
      this.#meter.refused('socket_error')
      this.#options.warn?.(`${this.#source}: ${this.#problem}`)
    })
    const nulFlushMs = this.#options.nulFlushMs ?? 1000
    const unfinishedMs = this.#options.unfinishedTimeoutMs ?? 60_000
    const sweep = () => {
      const nowMs = this.#options.now()
      for (const connection of this.#connections) connection.sweep(nowMs, nulFlushMs, unfinishedMs)
    }
    this.#sweeper = setInterval(sweep, Math.max(10, Math.min(1000, nulFlushMs, unfinishedMs) / 2))
    this.#sweeper.unref()
  }

  status(): SourceStatus[] {
    const state = this.#closing ? 'waiting' : this.#problem ? 'failed' : 'running'
    const where = `tcp ${this.#options.host}:${this.port}`
    return [{ source: this.#source, kind: 'syslog', where, state, detail: this.#problem }]
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    const emptied = new Promise<void>((resolve) => (this.#emptied = resolve))
    for (const connection of [...this.#connections]) connection.stop()
    if (this.#connections.size === 0) this.#emptied?.()
    const deadline = setTimeout(() => {
      for (const connection of [...this.#connections]) connection.abandon()
    }, this.#options.closeTimeoutMs ?? 5000)
    await emptied
    clearTimeout(deadline)
    this.#stop.abort()
    await stopped
    clearInterval(this.#sweeper)
    this.#meter.flush()
  }

  #accept(socket: Socket): void {
    const peer = normalizeAddress(socket.remoteAddress ?? '')
    const ofPeer = this.#perPeer.get(peer) ?? 0
    const overall = this.#connections.size >= (this.#options.maxConnections ?? 2000)
    if (overall || ofPeer >= (this.#options.maxConnectionsPerPeer ?? 200)) {
      this.#meter.refused(overall ? 'too_many_connections' : 'too_many_connections_peer')
      socket.on('error', () => {}) // refused and counted already; how it ends says nothing more
      socket.destroy()
      return
    }
    this.#perPeer.set(peer, ofPeer + 1)
    this.#meter.count('ingest_tcp_connections_total')
    this.#connections.add(new TcpConnection(socket, this.#origins.of(peer), this.#host))
  }

  #forget(connection: TcpConnection): void {
    if (!this.#connections.delete(connection)) return
    const { peer } = connection.origin
    const left = (this.#perPeer.get(peer) ?? 1) - 1
    if (left === 0) this.#perPeer.delete(peer)
    else this.#perPeer.set(peer, left)
    if (this.#connections.size === 0) this.#emptied?.()
  }

  #currentTurn(): number {
    if (!this.#turnEnds) {
      this.#turnEnds = true
      setImmediate(() => {
        this.#turn++
        this.#turnEnds = false
      })
    }
    return this.#turn
  }

  /** All who wait share one question to the intake, and are woken in the order they came. */
  #whenRoom(go: () => void): void {
    if (this.#roomWaiters.push(go) > 1) return
    this.#options.intake.room(this.#stop.signal).then(
      () => {
        const waiters = this.#roomWaiters
        this.#roomWaiters = []
        for (const wake of waiters) wake()
      },
      () => {}, // aborted by close(), which has counted what was left
    )
  }
}
