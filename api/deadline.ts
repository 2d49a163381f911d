// A search ends when it is done, when it took too long, or when nobody waits for it any more.

import type { FastifyReply } from 'fastify'
import { PipelineError } from '../core/errors.ts'
import { withStatus } from './problem.ts'

/**
 * Runs `work` with a signal that aborts after `ms`, or when the client is gone; rejects then even if `work` goes on.
 * Not `request.signal` nor `handlerTimeout`: with Node 26 Fastify 5.12 aborts that one as soon as a body has been read,
 * because it listens to the request's `close`. The response's `close` means what we mean.
 * @throws REQUEST_INVALID (503) when it took too long
 */
export async function withDeadline<T>(
  reply: FastifyReply,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController()
  const stopped = new Promise<never>((_resolve, reject) => {
    abort.signal.addEventListener('abort', () => reject(abort.signal.reason))
  })
  stopped.catch(() => {}) // raced below; when work has won nobody looks
  const gone = () => abort.abort(withStatus(499, new PipelineError('REQUEST_INVALID', { problem: 'client gone' })))
  const timer = setTimeout(() => {
    const problem = `this took longer than ${ms / 1000} s and was stopped; ask for a shorter range or a simpler query`
    abort.abort(withStatus(503, new PipelineError('REQUEST_INVALID', { problem })))
  }, ms)
  reply.raw.on('close', gone)
  if (reply.raw.closed) gone()
  try {
    return await Promise.race([work(abort.signal), stopped])
  } finally {
    clearTimeout(timer)
    reply.raw.off('close', gone)
  }
}
