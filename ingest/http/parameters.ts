// What a sender may say about its records besides the records.

import type { FastifyRequest } from 'fastify'
import { show } from './body.ts'
import { HttpRefusal } from './refusal.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,200}$/

/** @returns undefined when absent @throws HttpRefusal */
export function readName(request: FastifyRequest, what: 'source' | 'dataset'): string | undefined {
  const fromQuery = (request.query as Record<string, unknown>)[what]
  const name = fromQuery ?? request.headers[what] ?? request.headers[`x-haetae-${what}`]
  if (name === undefined) return undefined
  return checkName(name, what)
}

/** @throws HttpRefusal */
export function checkName(name: unknown, what: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name
  const problem = typeof name === 'string' ? `not ${show(name)}` : 'given once'
  throw new HttpRefusal(
    'bad_parameter',
    `${what} must be 1 to 64 letters, digits, dots, dashes or underscores, ${problem}`,
  )
}

/** @throws HttpRefusal */
export function readIdempotencyKey(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key === 'string' && IDEMPOTENCY_KEY.test(key)) return key
  throw new HttpRefusal('bad_parameter', 'Idempotency-Key must be 1 to 200 visible ASCII characters')
}

/** The media type without parameters. @throws HttpRefusal unless it is one of `allowed`, in UTF-8 */
export function readContentType<T extends string>(request: FastifyRequest, allowed: readonly T[]): T {
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase())
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice(8)
    .replaceAll('"', '')
  const found = allowed.find((candidate) => candidate === type)
  if (found === undefined)
    throw new HttpRefusal('content_type', `content-type must be ${allowed.join(' or ')}, not ${show(type)}`)
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'us-ascii' && charset !== 'utf8') {
    throw new HttpRefusal('content_type', `charset must be utf-8, not ${show(charset)}`)
  }
  return found
}
