// A line on its way to an event: what is known of it from outside its body, and the event it ends as.

import type { EcsEvent, EcsValue } from '../core/event.ts'
import type { Parsed, ParseInput } from '../core/parser.ts'
import type { Origin } from '../core/raw-batch.ts'
import { finishEvent } from './ecs/finish.ts'
import type { CloudWatchLine } from './formats/cloudwatch.ts'
import type { ContainerLine } from './formats/cri.ts'
import { conflictsOf, normalizeEvent } from './normalize/normalize.ts'
import { shortDigits } from './pack/coerce.ts'
import type { Reason } from './reasons.ts'
import { type Envelope, facilityNames, severityNames } from './syslog/envelope.ts'
import { trimLine } from './text.ts'
import { formatTime } from './time/time.ts'

export const ECS_VERSION = '9.0.0'

export interface ClockLimits {
  /** A line that claims to be further ahead of its receive time is tagged `clock_ahead`. Default 5 min. */
  readonly aheadMs: number
  /** Further than this, its `@timestamp` is the receive time. Default 24 h. */
  readonly maxAheadMs: number
}

export const defaultClockLimits: ClockLimits = { aheadMs: 5 * 60_000, maxAheadMs: 24 * 3_600_000 }

const NONE: readonly EcsValue[] = []

export class Line {
  readonly original: string
  event: EcsEvent = {}
  /** Every value of the event is of the type of its field: nobody has to look. */
  fits = false
  /** Values that did not fit the type of their field: name, value, … */
  unfit: readonly EcsValue[] = NONE
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

  parsed(dataset: string, module: string, timeMs: number, limits: ClockLimits): Parsed {
    return this.#finish(dataset, module, timeMs, limits, undefined, undefined)
  }

  unparsed(reason: Reason, detail?: string): Parsed {
    const { envelope } = this
    if (this.event['message'] === undefined)
      this.event = { ...this.start(), ...this.event, message: trimLine(this.original) }
    const timeMs = envelope && !Number.isNaN(envelope.timeMs) ? envelope.timeMs : this.wrappingMs
    return this.#finish(this.#input.origin.dataset ?? 'unparsed', undefined, timeMs, defaultClockLimits, reason, detail)
  }

  #finish(
    dataset: string,
    module: string | undefined,
    claimedMs: number,
    limits: ClockLimits,
    reason: Reason | undefined,
    detail: string | undefined,
  ): Parsed {
    const { event } = this
    const { origin, receivedAtMs } = this.#input
    let timestamp = Number.isNaN(claimedMs) ? receivedAtMs : claimedMs
    const haetae: EcsEvent = { source: origin.source }
    if (this.delivery) addDelivery(event, this.delivery)
    const moved = this.fits && !this.delivery ? undefined : normalizeEvent(event)
    if (moved || this.unfit.length > 0) Object.assign(haetae, conflictsOf(moved, this.unfit))
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
