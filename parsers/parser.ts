// RawRecord -> EcsEvent: bytes to text, container and syslog wrapping off, the pack that knows the body, ECS on top.
//
//   bytes -> text -> [CloudWatch] -> [CRI | Docker] -> [syslog envelope] -> body (body.ts: the pack) -> event (line.ts)

import { describe } from '../core/errors.ts'
import type { Parsed, ParseInput, Parser } from '../core/parser.ts'
import { type Origin, RecordFlags } from '../core/raw-batch.ts'
import { BodyReader } from './body.ts'
import { readCloudWatch } from './formats/cloudwatch.ts'
import { readCri, readDockerJson } from './formats/cri.ts'
import { type JsonRead, readJson } from './formats/json.ts'
import { readW3c } from './formats/w3c.ts'
import { type ClockLimits, defaultClockLimits, Line } from './line.ts'
import type { Pack } from './pack/pack.ts'
import { type Reason, Reasons } from './reasons.ts'
import { type Envelope, newEnvelope } from './syslog/envelope.ts'
import { readEnvelope } from './syslog/read.ts'
import { decodeLine, trimLine } from './text.ts'
import type { TimeContext } from './time/time.ts'
import { openZone, utc, type Zone } from './time/zone.ts'

export { ECS_VERSION } from './line.ts'

export interface ParserOptions {
  readonly packs: readonly Pack[]
  /** Clock of `event.ingested`, ms since 1970. Default: the machine's. */
  readonly now?: () => number
  /** Zone of senders that name none and write local time; default UTC. */
  readonly defaultZone?: string
  readonly limits?: Partial<ParserLimits>
}

export interface ParserLimits extends ClockLimits {
  /** A line of more bytes is kept without being read. Default 1 MiB. */
  readonly maxBytes: number
}

const defaultLimits: ParserLimits = { maxBytes: 1024 * 1024, ...defaultClockLimits }

/** Compiled packs in, a parser out. What it makes of a line depends on that line alone, never on the ones before. */
export function createParser(options: ParserOptions): Parser {
  return new LineParser(options)
}

/** The event of a record that is kept without being read. */
export function keepUnread(input: ParseInput, reason: Reason, nowMs = Date.now()): Parsed {
  const { text, escaped } = decodeLine(input.bytes)
  const line = new Line(text, input, nowMs)
  if (escaped) line.flag('invalid_utf8')
  return line.unparsed(reason)
}

class LineParser implements Parser {
  readonly #body: BodyReader
  readonly #now: () => number
  readonly #limits: ParserLimits
  readonly #defaultZone: Zone
  readonly #zones = new Map<string, Zone>()
  readonly #envelope: Envelope = newEnvelope()
  readonly #time: { receivedAtMs: number; zone: Zone } & TimeContext = { receivedAtMs: 0, zone: utc }

  constructor(options: ParserOptions) {
    this.#body = new BodyReader(options.packs)
    this.#now = options.now ?? Date.now
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#defaultZone = openZone(options.defaultZone ?? 'UTC') ?? utc
  }

  parse(input: ParseInput): Parsed {
    const { text, escaped } = decodeLine(input.bytes)
    const line = new Line(text, input, this.#now())
    if (escaped) line.flag('invalid_utf8')
    if (input.flags & RecordFlags.truncated) line.flag('truncated')
    try {
      return this.#parse(line, input)
    } catch (error) {
      // A fault of ours must not stop the partition: the line is kept, the fault is counted and shown with it
      return new Line(text, input, this.#now()).unparsed(Reasons.parserError, describe(error))
    }
  }

  #parse(line: Line, input: ParseInput): Parsed {
    const { origin } = input
    const limits = this.#limits
    const time = this.#time
    time.receivedAtMs = input.receivedAtMs
    time.zone = this.#zoneOf(origin)
    if (input.bytes.length > limits.maxBytes) return line.unparsed(Reasons.tooLong)
    let body = trimLine(line.original)
    if (body === '') return line.unparsed(Reasons.empty)

    let json = jsonOf(body)
    const delivery = json && readCloudWatch(json.object)
    if (delivery) {
      line.delivery = delivery
      body = trimLine(delivery.message)
      json = jsonOf(body)
      if (body === '') return line.parsed('aws.cloudwatch_logs', 'aws', delivery.timeMs, limits)
    }
    const container = json ? readDockerJson(json.object) : readCri(body)
    if (container) {
      line.container = container
      body = trimLine(container.message)
      json = jsonOf(body)
      if (body === '') return line.parsed('container', 'container', container.timeMs, limits)
    }
    const columns = origin.header === undefined || json ? undefined : readW3c(body, origin.header)
    if (columns) json = { object: columns, truncated: false }
    const reader = this.#body
    if (!json && body.charCodeAt(0) !== 60) {
      const whole = reader.readWhole(line, body, time)
      if (whole) return line.parsed(whole.dataset, whole.module, reader.timeOr(line.wrappingMs), limits)
    }
    const envelope = this.#envelope
    if (!json && readEnvelope(body, envelope, time)) {
      line.envelope = envelope
      line.head = body
      body = trimLine(body.slice(envelope.body))
      json = body.startsWith('@cee:') ? readJson(body.slice(5)) : jsonOf(body)
    }
    if (json?.truncated) line.flag('json_truncated')
    const hinted = origin.dataset ? reader.ofHint(origin.dataset) : undefined
    const pack = reader.read(line, body, json?.object, time, origin, hinted)
    if (!pack) return this.#withoutPack(line, body, json !== undefined, origin, hinted)
    const timeMs = reader.timeOr(line.envelope ? line.envelope.timeMs : Number.NaN)
    return line.parsed(pack.dataset, pack.module, Number.isNaN(timeMs) ? line.wrappingMs : timeMs, limits)
  }

  #withoutPack(line: Line, body: string, isJson: boolean, origin: Origin, hinted: readonly Pack[] | undefined): Parsed {
    const { envelope, container, delivery } = line
    line.event = line.start()
    line.event['message'] = body
    if (envelope?.quality === 'invalid') return line.unparsed(Reasons.invalidSyslog)
    const program = envelope ? this.#body.ofProgram(envelope.app)[0] : undefined
    const own = program ?? (envelope && hinted?.[0])
    const timeMs = envelope && !Number.isNaN(envelope.timeMs) ? envelope.timeMs : line.wrappingMs
    if (envelope) {
      // The envelope says who, when and how grave; the text is a message like any other
      line.fits = true
      if (own) line.tag('body_unread')
      return line.parsed(own?.dataset ?? 'syslog', own?.module ?? 'syslog', timeMs, this.#limits)
    }
    if (body.charCodeAt(0) === 123 && !isJson) return line.unparsed(Reasons.invalidJson)
    if (/^<\d/.test(body)) return line.unparsed(Reasons.invalidSyslog)
    if (hinted && hinted.length > 0)
      return line.unparsed(Reasons.packMismatch, `${(hinted[0] as Pack).name} does not know this line`)
    if (container) return line.parsed('container', 'container', timeMs, this.#limits)
    if (delivery) return line.parsed('aws.cloudwatch_logs', 'aws', timeMs, this.#limits)
    return line.unparsed(Reasons.noPack, origin.dataset ? `no pack named ${origin.dataset}` : undefined)
  }

  #zoneOf(origin: Origin): Zone {
    if (origin.zone === undefined) return this.#defaultZone
    let zone = this.#zones.get(origin.zone)
    if (!zone) this.#zones.set(origin.zone, (zone = openZone(origin.zone) ?? this.#defaultZone))
    return zone
  }
}

const jsonOf = (body: string): JsonRead | undefined => (body.charCodeAt(0) === 123 ? readJson(body) : undefined)
