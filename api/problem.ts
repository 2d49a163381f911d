// Anything thrown -> RFC 9457 problem. People get what they can act on; what went wrong inside stays in our own log.

import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Problem } from '../core/api.ts'
import { type ErrorCode, isPipelineError, PipelineError } from '../core/errors.ts'

const statusOf: Partial<Record<ErrorCode, number>> = {
  QUERY_INVALID: 400,
  REQUEST_INVALID: 400,
  AUTH_REQUIRED: 401,
  AUTH_REFUSED: 403,
  NOT_FOUND: 404,
  DOCUMENT_CONFLICT: 409,
  INTAKE_FULL: 503,
  BUS_FULL: 503,
  BUS_CLOSED: 503,
}

/** An error of ours that should answer with another status than its code's: `withStatus(421, new PipelineError(…))`. */
export function withStatus<E extends Error>(statusCode: number, error: E): E {
  return Object.assign(error, { statusCode })
}

/** @param incident names our own log line when the answer may not tell more */
export function toProblem(error: unknown, incident: string): Problem {
  const given = (error as { statusCode?: unknown } | null)?.statusCode
  if (isPipelineError(error)) {
    const status = typeof given === 'number' ? given : (statusOf[error.code] ?? 500)
    const { column, hint, problem } = error.params as { column?: number; hint?: string; problem?: string }
    const query = error.code === 'QUERY_INVALID'
    if (status >= 500 && statusOf[error.code] === undefined) return internalProblem(incident)
    return {
      ...head(status, error.code),
      detail: query && problem ? problem : error.message,
      ...(query && { column }),
      ...(query && hint && { hint }),
    }
  }
  if (typeof given === 'number' && given >= 400 && given < 500) {
    return { ...head(given, 'REQUEST_INVALID'), detail: error instanceof Error ? error.message : String(error) }
  }
  return internalProblem(incident)
}

function internalProblem(incident: string): Problem {
  return { ...head(500, 'INTERNAL'), detail: `something failed inside; the node's log has it under ${incident}` }
}

function head(status: number, code: string): Pick<Problem, 'type' | 'title' | 'status' | 'code'> {
  return { type: `urn:haetae:error:${code}`, title: STATUS_CODES[status] ?? 'Error', status, code }
}

/** The error handler of the server. */
export function problemHandler(log: (message: string) => void) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    if (reply.raw.destroyed) return
    const incident = randomUUID().slice(0, 8)
    const problem = toProblem(error, incident)
    if (problem.code === 'INTERNAL') {
      const words = error instanceof Error ? (error.stack ?? error.message) : String(error)
      log(`incident ${incident}: ${request.method} ${request.routeOptions.url ?? 'unknown route'}: ${words}`)
    }
    sendProblem(reply, problem)
  }
}

export function sendProblem(reply: FastifyReply, problem: Problem): void {
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  if (problem.status === 503) reply.header('retry-after', '5')
  reply.code(problem.status).header('content-type', 'application/problem+json').send(JSON.stringify(problem))
}

export function notFound(what: string): PipelineError {
  return new PipelineError('NOT_FOUND', { what })
}
