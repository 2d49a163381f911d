// When nobody waits for an answer any more. Fastify's own request.signal cannot tell: it aborts as soon as the request's
// body is read (the IncomingMessage closes then), which is long before the answer.

import type { FastifyReply } from 'fastify'

/** Aborts when the connection ends before the answer is written, or the answer was given by somebody else (a timeout). */
export function clientGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return gone.signal
}
