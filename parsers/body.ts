// The body of a line to fields: which packs are asked, in which order, and the first that can read it.

import type { EcsEvent } from '../core/event.ts'
import type { Origin } from '../core/raw-batch.ts'
import type { Line } from './line.ts'
import { PackChooser } from './pack/choose.ts'
import type { PackContext } from './pack/context.ts'
import type { Pack } from './pack/pack.ts'
import type { TimeContext } from './time/time.ts'
import { utc } from './time/zone.ts'

/** Looking at the characters of a text costs as much as so many patterns that do not match. */
const MANY = 4

/** One per parser, reused from line to line; nothing of a line outlives it. */
export class BodyReader {
  readonly #choose: PackChooser
  /** Packs that were asked about the line. */
  readonly #tried: Pack[] = []
  #triedCount = 0
  readonly #context: PackContext = {
    event: {},
    body: '',
    json: undefined,
    messageId: '',
    structured: undefined,
    source: undefined,
    used: new Set(),
    mark: undefined,
    unfit: [],
    timeMs: Number.NaN,
    lineTimeMs: 0,
    receivedAtMs: 0,
    zone: utc,
  }

  constructor(packs: readonly Pack[]) {
    this.#choose = new PackChooser(packs)
  }

  ofHint(hint: string): readonly Pack[] {
    return this.#choose.ofHint(hint)
  }

  ofProgram(tag: string): readonly Pack[] {
    return this.#choose.ofProgram(tag)
  }

  /** The time the pack read; `other` when it read none. */
  timeOr(other: number): number {
    const { timeMs } = this.#context
    return Number.isNaN(timeMs) ? other : timeMs
  }

  /** A pack whose lines are taken for an envelope and a text when one looks for that first. */
  readWhole(line: Line, text: string, time: TimeContext): Pack | undefined {
    this.#begin(text, undefined, time)
    for (const pack of this.#choose.ofWhole(text)) if (this.#run(pack, line)) return pack
    return undefined
  }

  /** The first pack that reads the body; line.event is then its work. */
  read(
    line: Line,
    body: string,
    json: EcsEvent | undefined,
    time: TimeContext,
    origin: Origin,
    hinted: readonly Pack[] | undefined,
  ): Pack | undefined {
    this.#begin(body, json, time)
    const { envelope } = line
    if (envelope) {
      this.#context.messageId = envelope.msgId
      this.#context.structured = envelope.structured
    }
    const choose = this.#choose
    const program = envelope ? choose.ofProgram(envelope.app) : undefined
    if (hinted && hinted.length > 0) {
      if (program) for (const pack of program) if (hinted.includes(pack) && this.#try(pack, line)) return pack
      for (const pack of hinted) if (mayRead(pack, line) && this.#try(pack, line)) return pack
    }
    if (program)
      for (const pack of program)
        if ((pack.groks.length < MANY || json !== undefined || choose.mayKnow(pack, body)) && this.#try(pack, line))
          return pack
    for (const pack of choose.ofFile(origin.peer)) if (this.#try(pack, line)) return pack
    if (json) {
      for (const pack of choose.ofJson(json)) if (this.#try(pack, line)) return pack
      return undefined
    }
    for (const pack of choose.ofText(body))
      if ((pack.detect.content || mayRead(pack, line)) && this.#try(pack, line)) return pack
    return undefined
  }

  #begin(body: string, json: EcsEvent | undefined, { receivedAtMs, zone }: TimeContext): void {
    const context = this.#context
    context.body = body
    context.json = json
    context.messageId = ''
    context.structured = undefined
    context.receivedAtMs = receivedAtMs
    context.zone = zone
    this.#triedCount = 0
  }

  /** Each pack is asked once a line. */
  #try(pack: Pack, line: Line): boolean {
    const tried = this.#tried
    for (let i = 0; i < this.#triedCount; i++) if (tried[i] === pack) return false
    tried[this.#triedCount++] = pack
    return this.#run(pack, line)
  }

  #run(pack: Pack, line: Line): boolean {
    const context = this.#context
    context.event = line.start()
    context.source = undefined
    context.timeMs = Number.NaN
    context.lineTimeMs = line.timeMs
    if (context.unfit.length > 0) context.unfit.length = 0
    if (!pack.run(context)) return false
    line.event = context.event
    line.unfit = context.unfit
    line.fits = pack.fits
    return true
  }
}

/** A pack that is bound to programs is not asked about lines of another program. */
function mayRead(pack: Pack, line: Line): boolean {
  const { envelope } = line
  return !envelope || envelope.app === '' || pack.detect.programs.length === 0
}
