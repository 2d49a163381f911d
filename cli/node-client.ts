// Talks to a running node as its user: address, token, problem answers turned into errors.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Problem } from '../core/api.ts'
import { describe, PipelineError } from '../core/errors.ts'

export interface NodeClient {
  readonly address: string
  /** @throws NODE_UNREACHABLE, or REQUEST_INVALID with the node's own words */
  post<T>(path: string, body: unknown): Promise<T>
  get(path: string, signal?: AbortSignal): Promise<Response>
  /** A POST whose answer is a stream of server-sent events: name and data of each. */
  stream(path: string, body: unknown): AsyncIterable<{ readonly event: string; readonly data: string }>
}

export const clientOptions = {
  address: { type: 'string', default: process.env['HAETAE_ADDRESS'] ?? 'http://127.0.0.1:8514' },
  data: { type: 'string', default: process.env['HAETAE_DATA'] ?? './data' },
} as const

export const clientUsage = `  --address URL   the node to ask (default $HAETAE_ADDRESS or http://127.0.0.1:8514)
  --data DIR      its data folder, where the command line's token lies (default $HAETAE_DATA or ./data);
                  or set $HAETAE_TOKEN`

export function openClient(options: { address: string; data: string }): NodeClient {
  const address = options.address.replace(/\/$/, '')
  const token = process.env['HAETAE_TOKEN'] ?? readToken(options.data)
  const ask = async (path: string, init: RequestInit): Promise<Response> => {
    let response: Response
    try {
      response = await fetch(address + path, {
        ...init,
        redirect: 'error',
        headers: { ...init.headers, ...(token && { authorization: `Bearer ${token}` }) },
      })
    } catch (error) {
      const problem = describe((error as { cause?: unknown }).cause ?? error)
      throw new PipelineError('NODE_UNREACHABLE', { address, problem }, { cause: error })
    }
    if (!response.ok) throw await problemOf(response)
    return response
  }
  return {
    address,
    get: (path, signal) => ask(path, { signal }),
    async post<T>(path: string, body: unknown): Promise<T> {
      return (await (await ask(path, jsonBody(body))).json()) as T
    },
    async *stream(path, body) {
      const response = await ask(path, jsonBody(body))
      let rest = ''
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) {
        rest += decoder.decode(chunk, { stream: true })
        const blocks = rest.split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) {
          const said = (name: string) =>
            block
              .split('\n')
              .filter((line) => line.startsWith(`${name}: `))
              .map((line) => line.slice(name.length + 2))
              .join('\n')
          yield { event: said('event'), data: said('data') }
        }
      }
    },
  }
}

const jsonBody = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

function readToken(data: string): string | undefined {
  try {
    return readFileSync(join(data, 'cli-token'), 'utf8').trim()
  } catch {
    return undefined // the node then says that a sign-in is needed, and how
  }
}

async function problemOf(response: Response): Promise<Error> {
  const problem = (await response.json().catch(() => ({}))) as Partial<Problem>
  const words = problem.detail ?? `the node answered ${response.status}`
  return new PipelineError('REQUEST_INVALID', { problem: problem.hint ? `${words} (${problem.hint})` : words })
}
