// RawRecord -> EcsEvent: bytes to text, container and syslog wrapping off, the pack that knows the body, ECS on top.
//
//   bytes -> text -> [CloudWatch] -> [CRI | Docker] -> [syslog envelope] -> pack (hint, program, file, JSON keys, text) -> finish

import { describe } from '../core/errors.ts'
import type { EcsEvent, EcsValue } from '../core/event.ts'
import type { Parsed, ParseInput, Parser } from '../core/parser.ts'
import { type Origin, RecordFlags } from '../core/raw-batch.ts'
import { finishEvent } from './ecs/finish.ts'
import { type CloudWatchLine, readCloudWatch } from './formats/cloudwatch.ts'
import { type ContainerLine, readCri, readDockerJson } from './formats/cri.ts'
import { readJson } from './formats/json.ts'
import { normalizeEvent } from './normalize/normalize.ts'
import { PackChooser } from './pack/choose.ts'
import { shortDigits } from './pack/coerce.ts'
import type { PackContext } from './pack/context.ts'
import type { Pack } from './pack/pack.ts'
import { type Reason, Reasons } from './reasons.ts'
import { type Envelope, facilityNames, newEnvelope, severityNames } from './syslog/envelope.ts'
import { readEnvelope } from './syslog/read.ts'
import { decodeLine } from './text.ts'
import { formatTime } from './time/time.ts'
import { openZone, utc, type Zone } from './time/zone.ts'

export const ECS_VERSION = '9.0.0'

export interface ParserOptions {
  readonly packs: readonly Pack[]
  /** Clock of `event.ingested`, ms since 1970. Default: the machine's. */
  readonly now?: () => number
  /** Zone of senders that name none and write local time; default UTC. */
  readonly defaultZone?: string
  readonly limits?: Partial<ParserLimits>
}

export interface ParserLimits {
  /** A line of more bytes is kept without being read. Default 1 MiB. */
  readonly maxBytes: number
  /** A line that claims to be further ahead of its receive time is tagged `clock_ahead`. Default 5 min. */
  readonly aheadMs: number
  /** Further than this, its `@timestamp` is the receive time. Default 24 h. */
  readonly maxAheadMs: number
}

const defaultLimits: ParserLimits = { maxBytes: 1024 * 1024, aheadMs: 5 * 60_000, maxAheadMs: 24 * 3_600_000 }

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
  readonly #choose: PackChooser
  readonly #now: () => number
  readonly #limits: ParserLimits
  readonly #defaultZone: Zone
  readonly #zones = new Map<string, Zone>()
  readonly #envelope: Envelope = newEnvelope()
  /** Packs that were asked about the line. */
  readonly #tried: Pack[] = []
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

  constructor(options: ParserOptions) {
    this.#choose = new PackChooser(options.packs)
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
    const { origin, receivedAtMs } = input
    const context = this.#context
    context.receivedAtMs = receivedAtMs
    context.zone = this.#zoneOf(origin)
    if (input.bytes.length > this.#limits.maxBytes) return line.unparsed(Reasons.tooLong)
    let body = trimLine(line.original)
    if (body === '') return line.unparsed(Reasons.empty)

    let json = body.charCodeAt(0) === 123 ? readJson(body) : undefined
    const delivery = json && readCloudWatch(json.object)
    if (delivery) {
      line.delivery = delivery
      body = trimLine(delivery.message)
      json = body.charCodeAt(0) === 123 ? readJson(body) : undefined
      if (body === '') return line.parsed('aws.cloudwatch_logs', 'aws', delivery.timeMs, this.#limits)
    }
    const container = json ? readDockerJson(json.object) : readCri(body)
    if (container) {
      line.container = container
      body = trimLine(container.message)
      json = body.charCodeAt(0) === 123 ? readJson(body) : undefined
      if (body === '') return line.parsed('container', 'container', container.timeMs, this.#limits)
    }
    if (!json && body.charCodeAt(0) !== 60) {
      const whole = this.#findWhole(line, body)
      if (whole) {
        const timeMs = Number.isNaN(context.timeMs) ? line.wrappingMs : context.timeMs
        return line.parsed(whole.dataset, whole.module, timeMs, this.#limits)
      }
    }
    const envelope = this.#envelope
    if (!json && readEnvelope(body, envelope, context)) {
      line.envelope = envelope
      line.head = body
      body = trimLine(body.slice(envelope.body))
      if (body.charCodeAt(0) === 123) json = readJson(body)
      else if (body.startsWith('@cee:')) json = readJson(body.slice(5))
    }
    context.body = body
    context.json = json?.object
    context.messageId = line.envelope ? envelope.msgId : ''
    context.structured = line.envelope ? envelope.structured : undefined
    if (json?.truncated) line.flag('json_truncated')

    const hinted = origin.dataset ? this.#choose.ofHint(origin.dataset) : undefined
    const pack = this.#findPack(line, origin, hinted)
    if (pack) {
      const own = this.#context.timeMs
      const timeMs = Number.isNaN(own) ? (line.envelope?.timeMs ?? Number.NaN) : own
      return line.parsed(pack.dataset, pack.module, Number.isNaN(timeMs) ? line.wrappingMs : timeMs, this.#limits)
    }
    return this.#withoutPack(line, origin, hinted)
  }

  /** A pack whose lines are taken for an envelope and a text when one looks for that first. */
  #findWhole(line: Line, body: string): Pack | undefined {
    const context = this.#context
    context.body = body
    context.json = undefined
    context.messageId = ''
    context.structured = undefined
    for (const pack of this.#choose.ofWhole(body)) if (this.#run(pack, line)) return pack
    return undefined
  }

  /** The first pack that reads the body; line.event is then its work. */
  #findPack(line: Line, origin: Origin, hinted: readonly Pack[] | undefined): Pack | undefined {
    const choose = this.#choose
    const { body, json } = this.#context
    const program = line.envelope ? choose.ofProgram(line.envelope.app) : undefined
    this.#tried.length = 0
    if (hinted && hinted.length > 0) {
      if (program) for (const pack of program) if (hinted.includes(pack) && this.#try(pack, line)) return pack
      for (const pack of hinted) if (mayRead(pack, line) && this.#try(pack, line)) return pack
    }
    if (program) for (const pack of program) if (this.#try(pack, line)) return pack
    for (const pack of choose.ofFile(origin.peer)) if (this.#try(pack, line)) return pack
    if (json) {
      for (const pack of choose.ofJson(json)) if (this.#try(pack, line)) return pack
      return undefined
    }
    for (const pack of choose.ofText(body))
      if ((pack.detect.content || mayRead(pack, line)) && this.#try(pack, line)) return pack
    return undefined
  }

  /** Each pack is asked once a line. */
  #try(pack: Pack, line: Line): boolean {
    const tried = this.#tried
    if (tried.includes(pack)) return false
    tried.push(pack)
    return this.#run(pack, line)
  }

  #run(pack: Pack, line: Line): boolean {
    const context = this.#context
    context.event = line.start()
    context.source = undefined
    context.timeMs = Number.NaN
    context.unfit.length = 0
    context.lineTimeMs = line.timeMs
    if (!pack.run(context)) return false
    line.event = context.event
    return true
  }

  #withoutPack(line: Line, origin: Origin, hinted: readonly Pack[] | undefined): Parsed {
    const { body, json } = this.#context
    const { envelope, container, delivery } = line
    line.event = line.start()
    line.event['message'] = body
    if (envelope?.quality === 'invalid') return line.unparsed(Reasons.invalidSyslog)
    const program = envelope ? this.#choose.ofProgram(envelope.app)[0] : undefined
    const own = program ?? (envelope && hinted?.[0])
    const timeMs = envelope && !Number.isNaN(envelope.timeMs) ? envelope.timeMs : line.wrappingMs
    if (envelope) {
      // The envelope says who, when and how grave; the text is a message like any other
      if (own) line.tag('body_unread')
      return line.parsed(own?.dataset ?? 'syslog', own?.module ?? 'syslog', timeMs, this.#limits)
    }
    if (body.charCodeAt(0) === 123 && !json) return line.unparsed(Reasons.invalidJson)
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

/** A pack that is bound to programs is not asked about lines of another program. */
function mayRead(pack: Pack, line: Line): boolean {
  const { envelope } = line
  return !envelope || envelope.app === '' || pack.detect.programs.length === 0
}

/** Without line ends, a byte order mark and trailing NULs. */
function trimLine(text: string): string {
  let from = text.charCodeAt(0) === 0xfeff ? 1 : 0
  let to = text.length
  for (let c = text.charCodeAt(to - 1); to > from && (c === 10 || c === 13 || c === 0 || c === 32); )
    c = text.charCodeAt(--to - 1)
  while (from < to && text.charCodeAt(from) <= 32) from++
  return from === 0 && to === text.length ? text : text.slice(from, to)
}

/** One line on its way to an event. */
class Line {
  readonly original: string
  event: EcsEvent = {}
  delivery: CloudWatchLine | undefined
  container: ContainerLine | undefined
  envelope: Envelope | undefined
  /** The text that the envelope was read from. */
  head = ''
  readonly #input: ParseInput
  readonly #nowMs: number
  #flags: string[] | undefined
  #tags: string[] | undefined

  constructor(original: string, input: ParseInput, nowMs: number) {
    this.original = original
    this.#input = input
    this.#nowMs = nowMs
  }

  flag(name: string): void {
    ;(this.#flags ??= []).push(name)
  }

  tag(name: string): void {
    ;(this.#tags ??= []).push(name)
  }

  /** The time of the wrapping, or when the line came. */
  get timeMs(): number {
    const { envelope, wrappingMs } = this
    if (envelope && !Number.isNaN(envelope.timeMs)) return envelope.timeMs
    return Number.isNaN(wrappingMs) ? this.#input.receivedAtMs : wrappingMs
  }

  /** The time outside of the envelope: the innermost that is known, or NaN. */
  get wrappingMs(): number {
    const { container, delivery } = this
    if (container && !Number.isNaN(container.timeMs)) return container.timeMs
    return delivery ? delivery.timeMs : Number.NaN
  }

  /** A fresh event with everything known before a pack reads the body. */
  start(): EcsEvent {
    const event: EcsEvent = {
      '@timestamp': '',
      ecs: undefined,
      event: undefined,
      haetae: undefined,
      log: undefined,
      message: undefined,
    }
    const { envelope } = this
    if (!envelope) return event
    if (envelope.host !== '') event['host'] = { name: envelope.host, hostname: envelope.host }
    if (envelope.app !== '') {
      const pid = toPid(envelope.procId)
      event['process'] = pid === undefined ? { name: envelope.app } : { name: envelope.app, pid }
    }
    return event
  }

  parsed(dataset: string, module: string, timeMs: number, limits: ParserLimits): Parsed {
    return this.#finish(dataset, module, timeMs, limits, undefined, undefined)
  }

  unparsed(reason: Reason, detail?: string): Parsed {
    const { envelope } = this
    if (this.event['message'] === undefined)
      this.event = { ...this.start(), ...this.event, message: trimLine(this.original) }
    const timeMs = envelope && !Number.isNaN(envelope.timeMs) ? envelope.timeMs : this.wrappingMs
    return this.#finish(this.#input.origin.dataset ?? 'unparsed', undefined, timeMs, defaultLimits, reason, detail)
  }

  #finish(
    dataset: string,
    module: string | undefined,
    claimedMs: number,
    limits: ParserLimits,
    reason: Reason | undefined,
    detail: string | undefined,
  ): Parsed {
    const { event } = this
    const { origin, receivedAtMs } = this.#input
    let timestamp = Number.isNaN(claimedMs) ? receivedAtMs : claimedMs
    const haetae: EcsEvent = { source: origin.source }
    if (this.delivery) addDelivery(event, this.delivery)
    const conflicts = normalizeEvent(event)
    if (conflicts) Object.assign(haetae, conflicts)
    if (timestamp > receivedAtMs + limits.aheadMs) {
      this.tag('clock_ahead')
      if (timestamp > receivedAtMs + limits.maxAheadMs) {
        haetae['claimed_timestamp'] = formatTime(timestamp)
        timestamp = receivedAtMs
      }
    }
    event['@timestamp'] = formatTime(timestamp)
    event['ecs'] = { version: ECS_VERSION }
    const own = asObject(event['event'])
    const about: EcsEvent = own ?? {}
    about['kind'] = reason ? 'pipeline_error' : (about['kind'] ?? 'event')
    about['dataset'] ??= dataset
    if (module !== undefined) about['module'] ??= module
    if (this.envelope && this.envelope.sequence !== '') about['sequence'] = Number(this.envelope.sequence)
    about['original'] = this.original
    about['created'] = formatTime(receivedAtMs)
    about['ingested'] = formatTime(this.#nowMs)
    event['event'] = about
    if (reason) {
      haetae['unparsed'] = reason
      event['error'] = { message: detail === undefined ? reason : `${reason}: ${detail}` }
    } else if (event['message'] === undefined)
      event['message'] = this.envelope
        ? trimLine(this.head.slice(this.envelope.body))
        : trimLine(this.container?.message ?? this.delivery?.message ?? this.original)
    event['haetae'] = haetae
    this.#log(event, origin)
    if (this.#tags) event['tags'] = Array.isArray(event['tags']) ? [...event['tags'], ...this.#tags] : this.#tags
    finishEvent(event)
    for (const name in origin.fields) setWinning(event, name, origin.fields[name] as string)
    return reason ? { event, timestamp, unparsed: reason } : { event, timestamp }
  }

  /** log.*, and `stream`, the name container tools use. */
  #log(event: EcsEvent, origin: Origin): void {
    const log: EcsEvent = asObject(event['log']) ?? {}
    if (this.envelope) {
      const own = asObject(log['syslog'])
      const read = syslogFields(this.envelope)
      log['syslog'] = own ? Object.assign(read, own) : read
    }
    if (origin.kind === 'file' || origin.kind === 'container') {
      if (origin.peer !== '' && origin.peer !== '-') log['file'] = { path: origin.peer }
    } else if (origin.peer !== '') log['source'] = { address: origin.peer }
    if (this.container) {
      log['iostream'] = this.container.stream
      event['stream'] = this.container.stream
      if (this.container.partial) this.flag('partial')
    }
    if (this.envelope && this.envelope.quality !== 'valid') this.flag(`${this.envelope.quality}_rfc5424`)
    if (this.#flags) log['flags'] = this.#flags
    event['log'] = log
  }
}

const asObject = (value: EcsValue): EcsEvent | undefined =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined

/** Beside what the pack found, which knows better when it says the same. */
function addDelivery(event: EcsEvent, delivery: CloudWatchLine): void {
  const { logGroup, logStream, owner } = delivery
  const aws = (event['aws'] ??= {})
  if (asObject(aws)) (aws as EcsEvent)['cloudwatch'] ??= { log_group: logGroup, log_stream: logStream }
  const cloud = asObject((event['cloud'] ??= {}))
  if (!cloud) return
  cloud['provider'] ??= 'aws'
  if (owner !== '') cloud['account'] ??= { id: owner }
}

function toPid(text: string): number | undefined {
  if (text === '' || text.length > 10) return undefined
  const plain = shortDigits(text)
  if (plain >= 0) return plain
  const pid = Number(text)
  return Number.isInteger(pid) && pid >= 0 && text.charCodeAt(0) !== 43 ? pid : undefined
}

function syslogFields(envelope: Envelope): EcsEvent {
  const out: EcsEvent = {}
  if (envelope.priority >= 0) {
    const facility = envelope.priority >> 3
    const severity = envelope.priority & 7
    out['priority'] = envelope.priority
    out['facility'] = { code: facility, name: facilityNames[facility] }
    out['severity'] = { code: severity, name: severityNames[severity] }
  }
  if (envelope.version > 0) out['version'] = String(envelope.version)
  if (envelope.host !== '') out['hostname'] = envelope.host
  if (envelope.app !== '') out['appname'] = envelope.app
  if (envelope.procId !== '') out['procid'] = envelope.procId
  if (envelope.msgId !== '') out['msgid'] = envelope.msgId
  if (envelope.structured) out['structured_data'] = envelope.structured
  return out
}

/** Sets a dotted field whatever stands there. */
function setWinning(event: EcsEvent, name: string, value: string): void {
  const parts = name.split('.')
  if (parts.includes('__proto__')) return
  let node = event
  for (let i = 0; i < parts.length - 1; i++) {
    const part = parts[i] as string
    const next = Object.hasOwn(node, part) ? asObject(node[part]) : undefined
    node = next ?? ((node[part] = {}) as EcsEvent)
  }
  node[parts[parts.length - 1] as string] = value
}
