// One TCP sender: bytes -> framer -> intake, a bounded share of each event-loop turn, and a full stop while there is no
// room. TCP then holds the sender back for us.

import type { Socket } from 'node:net'
import { isPipelineError } from '../../core/errors.ts'
import type { Origin } from '../../core/raw-batch.ts'
import type { Feed } from '../feed.ts'
import type { Meter } from '../meter.ts'
import type { Refusal } from '../reasons.ts'
import { type FramerLimits, SyslogFramer } from './framing.ts'

/** What the connections of one listener share. */
export interface ConnectionHost {
  readonly feed: Feed
  readonly meter: Meter
  readonly now: () => number
  readonly warn?: (message: string) => void
  readonly limits: FramerLimits
  /** Messages one connection may hand over in one turn of the event loop. */
  readonly maxMessagesPerTurn: number
  /** Grows by one with every turn that has work. */
  turn(): number
  /** Calls `go` once there is room in the intake. */
  whenRoom(go: () => void): void
  /** Books a change of the memory that unfinished messages hold; false when that is too much now. */
  holdBytes(change: number): boolean
  closed(connection: TcpConnection): void
}

export class TcpConnection {
  readonly origin: Origin
  readonly #host: ConnectionHost
  readonly #socket: Socket
  readonly #framer: SyslogFramer
  /** Read when the listener closed, while an earlier chunk still waited. */
  #rest: Buffer | undefined
  #turn = -1
  #spent = 0
  #heldBytes = 0
  #empty = 0
  /** A pump is due: when its turn or room comes. */
  #waiting = false
  #ended = false
  #done = false
  /** When the unfinished message began; 0: there is none. */
  #unfinishedSince = 0
  #lastReadAt = 0

  constructor(socket: Socket, origin: Origin, host: ConnectionHost) {
    this.origin = origin
    this.#socket = socket
    this.#host = host
    this.#framer = new SyslogFramer(origin.peer, host.limits)
    socket.on('data', (chunk: Buffer) => {
      this.#framer.write(chunk)
      this.#lastReadAt = host.now()
      this.#pump()
    })
    socket.on('end', () => this.#end())
    socket.on('error', () => host.meter.refused('socket_error'))
    socket.on('close', () => this.#end())
  }

  /** For the sweep: who is silent after a NUL has sent its message; who never finishes one has to go. */
  sweep(nowMs: number, nulFlushMs: number, unfinishedMs: number): void {
    if (this.#waiting || this.#done) return
    if (this.#framer.endsWithNul && nowMs - this.#lastReadAt >= nulFlushMs && !this.#host.feed.full) {
      if (this.#framer.flushNul()) this.#handOver()
      this.#settle(true)
    }
    if (this.#unfinishedSince !== 0 && nowMs - this.#unfinishedSince >= unfinishedMs) {
      this.#host.meter.refused('frame_timeout')
      this.#finish()
    }
  }

  /** Reads what has arrived already, then lets go. Calls `host.closed` when all of it is with the intake. */
  stop(): void {
    this.#socket.pause()
    this.#socket.removeAllListeners('data')
    const rest = this.#socket.read() as Buffer | null
    if (rest && !this.#waiting) this.#framer.write(rest)
    else if (rest) this.#rest = rest
    this.#end()
  }
  /** Out of time: what is left here is lost, and counted. */
  abandon(): void {
    if (this.#done) return
    this.#host.meter.refused('unread_at_close')
    this.#release()
  }

  #pump(): void {
    for (;;) {
      const outcome = this.#drain()
      if (outcome === 'refused' || outcome === 'waiting') return
      this.#settle(outcome === 'some')
      if (this.#done) return
      if (!this.#rest) break
      this.#framer.write(this.#rest)
      this.#rest = undefined
    }
    if (this.#ended) this.#finish()
    else if (this.#socket.isPaused()) this.#socket.resume()
  }

  /** Hands messages over until the framer has none, the intake has no room, or this connection has had its turn. */
  #drain(): 'some' | 'none' | 'waiting' | 'refused' {
    const { feed, maxMessagesPerTurn } = this.#host
    const turn = this.#host.turn()
    if (this.#turn !== turn) {
      this.#turn = turn
      this.#spent = 0
    }
    let outcome: 'some' | 'none' = 'none'
    for (;;) {
      if (feed.full) return this.#wait((go) => this.#host.whenRoom(go))
      if (this.#spent >= maxMessagesPerTurn) return this.#wait(setImmediate)
      try {
        if (!this.#framer.next()) return outcome
      } catch (error) {
        return this.#refuse(error)
      }
      this.#spent++
      outcome = 'some'
      this.#handOver()
    }
  }

  #wait(schedule: (go: () => void) => void): 'waiting' {
    this.#waiting = true
    this.#socket.pause()
    schedule(() => {
      this.#waiting = false
      if (!this.#done) this.#pump()
    })
    return 'waiting'
  }

  #handOver(): void {
    this.#host.feed.add(this.origin, this.#host.now(), this.#framer.message, this.#framer.truncated)
  }

  /** After the framer has used up what it was given. */
  #settle(finishedOne: boolean): void {
    const framer = this.#framer
    if (!framer.unfinished) this.#unfinishedSince = 0
    else if (finishedOne || this.#unfinishedSince === 0) this.#unfinishedSince = this.#host.now()
    for (; this.#empty < framer.empty; this.#empty++) this.#host.meter.empty()
    const change = framer.carriedBytes - this.#heldBytes
    if (change === 0) return
    this.#heldBytes += change
    if (this.#host.holdBytes(change) || change < 0) return
    this.#host.meter.refused('carry_limit')
    this.#release()
  }

  #refuse(error: unknown): 'refused' {
    const tooLong = isPipelineError(error, 'FRAME_TOO_LONG')
    if (!tooLong && !isPipelineError(error, 'FRAME_BAD_LENGTH')) throw error
    const reason: Refusal = tooLong ? 'frame_too_long' : 'frame_bad_length'
    this.#host.meter.refused(reason)
    this.#host.warn?.(`${this.origin.source}: ${error.message}`)
    this.#release()
    return 'refused'
  }

  #end(): void {
    this.#ended = true
    if (!this.#waiting && !this.#done) this.#pump()
  }

  /** The stream is over, or we end it: a last line without terminator is a record, part of a counted message is not. */
  #finish(): void {
    const last = this.#framer.end()
    if (last === 'message') this.#handOver()
    else if (last === 'cut') this.#host.meter.refused('frame_cut')
    this.#release()
  }

  #release(): void {
    if (this.#done) return
    this.#done = true
    this.#host.holdBytes(-this.#heldBytes)
    this.#heldBytes = 0
    this.#socket.destroy()
    this.#host.closed(this)
  }
}
