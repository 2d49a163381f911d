// Lines of files -> sink -> intake, waiting for room: a file can wait for ever.

import type { Intake } from '../../core/intake.ts'
import { RecordFlags } from '../../core/raw-batch.ts'
import type { Meter } from '../meter.ts'
import type { Emission } from './line-sink.ts'
import type { TailedFile } from './tailed-file.ts'

export interface HandOverHost {
  readonly signal: AbortSignal
  /** The file that is read now under this id. */
  tailOf(fileId: string): TailedFile | undefined
  /** Called now and then while we wait: files that come and go meanwhile must be opened before they are gone. */
  whileWaiting(): Promise<void>
  readonly waitMs: number
}

export class HandOver {
  readonly #intake: Intake
  readonly #meter: Meter
  readonly #host: HandOverHost
  readonly #out: Emission[] = []
  #roomComes: Promise<void> | undefined

  constructor(intake: Intake, meter: Meter, host: HandOverHost) {
    this.#intake = intake
    this.#meter = meter
    this.#host = host
  }

  /** @throws the signal's reason, before the line was taken */
  async line(tail: TailedFile, line: Buffer, offset: number, truncated: boolean, nowMs: number): Promise<void> {
    if (this.#intake.full) await this.#room()
    tail.sink.take(line, tail.known.id, offset, truncated, nowMs, this.#out)
    if (this.#out.length > 0) await this.#drain(tail, nowMs)
  }

  async idle(tail: TailedFile, nowMs: number): Promise<void> {
    tail.sink.idle(nowMs, this.#out)
    if (this.#out.length > 0) await this.#drain(tail, nowMs)
  }

  async #drain(tail: TailedFile, nowMs: number): Promise<void> {
    for (let i = 0; i < this.#out.length; i++) {
      const { origin, bytes, fileId, offset, truncated, part } = this.#out[i] as Emission
      if (this.#intake.full) await this.#room()
      const flags = truncated ? RecordFlags.truncated : 0
      const key = part === undefined ? `${fileId}:${offset}` : `${fileId}:${offset}.${part}`
      const durable = this.#intake.add(origin, nowMs, bytes, { key, flags })
      tail.given(durable)
      // Joined of pieces that began in an earlier file: that one must not move on before this is durable either.
      if (fileId !== tail.known.id) this.#host.tailOf(fileId)?.given(durable)
      this.#meter.taken(bytes.length)
      if (truncated) this.#meter.truncated()
    }
    this.#out.length = 0
  }

  async #room(): Promise<void> {
    const { signal, waitMs } = this.#host
    while (this.#intake.full) {
      this.#roomComes ??= this.#intake.room(signal).finally(() => (this.#roomComes = undefined))
      const timer = Promise.withResolvers<void>()
      const timeout = setTimeout(timer.resolve, waitMs)
      await Promise.race([this.#roomComes, timer.promise]).finally(() => clearTimeout(timeout))
      if (this.#intake.full) await this.#host.whileWaiting()
    }
    signal.throwIfAborted()
  }
}
