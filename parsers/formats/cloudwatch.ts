// A log event of Amazon CloudWatch Logs with what it was delivered in: `{"id", "timestamp", "message", "owner", "logGroup",
// "logStream", …}`, as the inputs split a subscription's `logEvents`. The message is a line of any product.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html

import type { EcsEvent } from '../../core/event.ts'

export interface CloudWatchLine {
  /** When CloudWatch says the event was; NaN when it does not say. */
  readonly timeMs: number
  readonly message: string
  /** Account the group belongs to; empty when absent. */
  readonly owner: string
  readonly logGroup: string
  readonly logStream: string
}

const KEYS = new Set([
  'id',
  'timestamp',
  'message',
  'extractedFields',
  'messageType',
  'owner',
  'logGroup',
  'logStream',
  'subscriptionFilters',
  'policyLevel',
])

/** @returns undefined when it is something else, or has anything besides that would be lost with the wrapping */
export function readCloudWatch(object: EcsEvent): CloudWatchLine | undefined {
  const { logGroup, logStream, message, timestamp, owner } = object
  if (typeof logGroup !== 'string' || typeof logStream !== 'string' || typeof message !== 'string') return undefined
  for (const key in object) if (!KEYS.has(key)) return undefined
  const timeMs = typeof timestamp === 'number' && Math.abs(timestamp) <= MAX_TIME_MS ? timestamp : Number.NaN
  return { timeMs, message, owner: typeof owner === 'string' ? owner : '', logGroup, logStream }
}

/** The furthest a Date reaches. */
const MAX_TIME_MS = 8.64e15
