// What crosses between the store's proxy and its thread.

import type { Labels } from '../../core/counters.ts'
import { type ErrorCode, PipelineError } from '../../core/errors.ts'
import type { LostRange } from '../../core/store.ts'

export type Method =
  | 'append'
  | 'replace'
  | 'search'
  | 'aggregate'
  | 'get'
  | 'stats'
  | 'flush'
  | 'retire'
  | 'compact'
  | 'close'
  | 'tailOpen'
  | 'tailNext'
  | 'tailClose'
  | 'cancel'

export interface Request {
  readonly id: number
  readonly method: Method
  readonly args: readonly unknown[]
}

/** What the proxy answers without asking. */
export interface State {
  readonly durable: ReadonlyMap<number, number>
  readonly lost: readonly LostRange[]
  readonly problems: readonly string[]
  readonly counters: readonly { name: string; labels: Labels; value: number }[]
}

export interface PackedError {
  readonly name: string
  readonly message: string
  readonly code?: ErrorCode
  readonly params?: unknown
}

/** id 0: opened, or failed to; -1: news without a question. */
export interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: PackedError
  readonly durable?: readonly [partition: number, next: number]
  readonly state?: State
}

export function packError(error: unknown): PackedError {
  if (error instanceof PipelineError) {
    return { name: error.name, message: error.message, code: error.code, params: error.params }
  }
  if (error instanceof Error) return { name: error.name, message: error.message }
  return { name: 'Error', message: String(error) }
}

export function unpackError(packed: PackedError): Error {
  if (packed.code) return new PipelineError(packed.code, packed.params as never)
  const error = new Error(packed.message)
  error.name = packed.name
  return error
}
