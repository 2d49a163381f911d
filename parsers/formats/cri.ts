// Container runtimes' own line formats: CRI (`TIME STREAM TAGS message`) and Docker json-file (`{"log","stream","time"}`).

import type { EcsEvent } from '../../core/event.ts'
import { type Clock, newClock, readIso } from '../time/clock.ts'

export interface ContainerLine {
  readonly timeMs: number
  readonly stream: 'stdout' | 'stderr'
  readonly message: string
  /** The runtime cut the line and its rest is not here. */
  readonly partial: boolean
}

const clock: Clock = newClock()

/**
 * One CRI line, or the parts of one that were joined with line feeds (`P` … `F`).
 * @see https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
 */
export function readCri(text: string): ContainerLine | undefined {
  const first = text.charCodeAt(0)
  if (!(first >= 48 && first <= 57) || text.charCodeAt(10) !== 84) return undefined
  let head = readHead(text, 0)
  if (!head) return undefined
  const { timeMs, stream } = head
  let message = ''
  for (;;) {
    if (!head.partial) return { timeMs, stream, message: message + text.slice(head.end), partial: false }
    const lf = text.indexOf('\n', head.end)
    if (lf < 0) return { timeMs, stream, message: message + text.slice(head.end), partial: true }
    message += text.slice(head.end, lf)
    head = readHead(text, lf + 1)
    if (!head) return undefined
  }
}

function readHead(text: string, at: number) {
  if (!readIso(text, at, clock) || clock.offsetMs === undefined) return undefined
  const timeMs = clock.wallMs - clock.offsetMs
  const next = clock.end
  const stream = text.startsWith(' stdout ', next) ? 'stdout' : text.startsWith(' stderr ', next) ? 'stderr' : undefined
  if (!stream) return undefined
  const tag = text.charCodeAt(next + 8)
  if (tag !== 70 && tag !== 80) return undefined
  let end = next + 9
  if (text.charCodeAt(end) === 58) while (end < text.length && text.charCodeAt(end) > 32) end++ // further tags
  const space = text.charCodeAt(end)
  if (!(space === 32 || Number.isNaN(space))) return undefined
  return { timeMs, stream, partial: tag === 80, end: Math.min(end + 1, text.length) } as const
}

const PLAIN_KEYS = new Set(['log', 'stream', 'time', 'attrs'])
const DECORATED_KEYS = new Set(['message', 'stream', 'time', 'attrs', 'kubernetes', 'docker'])

/** A json-file line that was parsed as JSON already; `log` loses the line feed that the runtime ended it with. */
export function readDockerJson(object: EcsEvent): (ContainerLine & { readonly attrs?: EcsEvent }) | undefined {
  const { stream, time, attrs } = object
  // collectors that add the pod's metadata say `message`
  const decorated = object['log'] === undefined && typeof object['message'] === 'string'
  const log = decorated ? object['message'] : object['log']
  if (typeof log !== 'string' || (stream !== 'stdout' && stream !== 'stderr') || typeof time !== 'string')
    return undefined
  for (const key in object) if (!(decorated ? DECORATED_KEYS : PLAIN_KEYS).has(key)) return undefined
  if (!readIso(time, 0, clock) || clock.offsetMs === undefined) return undefined
  const whole = log.endsWith('\n')
  return {
    timeMs: clock.wallMs - clock.offsetMs,
    stream,
    message: whole ? log.slice(0, log.endsWith('\r\n') ? -2 : -1) : log,
    partial: !whole && !decorated,
    ...(attrs !== null && typeof attrs === 'object' && !Array.isArray(attrs) ? { attrs } : {}),
  }
}
