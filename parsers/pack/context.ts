// What a pack works on: one event being made.

import type { EcsEvent, EcsValue } from '../../core/event.ts'
import type { TimeContext } from '../time/time.ts'
import type { GrokStep } from '../unparsed/tally.ts'
import type { TextNeed } from './needs.ts'

/** One per parser, reused from line to line. */
export interface PackContext extends TimeContext {
  event: EcsEvent
  /** The text to read: the line without its container and syslog wrapping. */
  body: string
  /** The body as JSON when it is one object; parsed once, whoever asks. */
  json: EcsEvent | undefined
  /** MSGID of an RFC 5424 envelope; empty when there is none. */
  messageId: string
  /** Structured data of an RFC 5424 envelope, by element. */
  structured: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined
  /** What the last reader (json, kv, csv, cef, leef) found; `.name` in a pack reads it. */
  source: EcsEvent | undefined
  /** First parts of the names that were taken from `source` into a field, for `keep`. */
  used: Set<string>
  /** The name of the source that was read last; becomes used when its value found its field. */
  mark: string | undefined
  /** Values that did not fit the type of their field: name, value, name, value, … None of them is in the event. */
  readonly unfit: EcsValue[]
  /** `@timestamp` as the pack read it, ms since 1970; NaN when it read none. */
  timeMs: number
  /** The time the line has without its pack: of the envelope, the container runtime or the receipt. */
  lineTimeMs: number
}

/** One step: false means "this is not mine" where that is asked. */
export type Step = (context: PackContext) => boolean

export type Getter = (context: PackContext) => EcsValue

/** Names a mistake in a pack by the place in its file. Never returns. */
export type Fail = (path: readonly (string | number)[], problem: string) => never

export interface CompileEnv {
  readonly fail: Fail
  /** Grok definitions of the pack. */
  readonly patterns: ReadonlyMap<string, string>
  /** Look-up tables of the pack. */
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, EcsValue>>
  /** Grok steps of the pack, as they are compiled. */
  readonly groks: GrokStep[]
  /** What the grok steps that read the body need, by their place (keys joined by dots). */
  readonly needs: Map<string, readonly TextNeed[]>
  /** Fields that the pack may fill with what is not of their type. With none of them its events fit by themselves. */
  readonly loose: Set<string>
  /** `file` for messages of the grok compiler, which adds a column. */
  readonly place: (path: readonly (string | number)[]) => string
}

/** A place in a pack file: keys and positions from its root. */
export type Where = readonly (string | number)[]

/** From what stands under a key of a block to the function that does it. */
export type Compile = (value: unknown, where: Where, env: CompileEnv) => Step

/** Keeps a value that does not fit its field, for `haetae.conflict`. A dash, an empty text, list or object is no value. */
export function setAside(context: PackContext, field: string, value: EcsValue): void {
  if (value === '' || value === '-' || value === null || value === undefined) return
  if (typeof value === 'object' && Object.keys(value).length === 0) return
  context.unfit.push(field, value)
}

export const isObject = (value: unknown): value is EcsEvent =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
