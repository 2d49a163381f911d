// kill -9 while numbered lines flow over HTTP: what was acknowledged is found exactly once, byte-equal.

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { getPath } from '../core/event.ts'
import { startNode, type TestNode, tempDir, until } from './running-node.ts'

const TOTAL = 20_000
const PER_REQUEST = 40
const KILLS = 5
const PARALLEL = 4

/** Long enough to cross buffers, different for each number, hostile here and there. */
const lineOf = (n: number) => `number=${n} pad=${'x'.repeat((n * 37) % 700)} "quote" \\back é漢 \u0001 end`

async function post(node: TestNode, numbers: readonly number[], key: string | undefined): Promise<boolean> {
  const response = await fetch(`${node.address}/v1/logs?source=numbered`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain', ...(key && { 'idempotency-key': key }) },
    body: numbers.map(lineOf).join('\n'),
    signal: AbortSignal.timeout(10_000),
  }).catch(() => undefined)
  return response?.status === 200
}

/** Pages through everything; number -> the originals found for it. */
async function everything(node: TestNode): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>()
  let cursor: string | undefined
  do {
    const page = await node.client.post<{ hits: { event: object }[]; cursor?: string }>('/v1/search', {
      query: 'haetae.source:"http:numbered"',
      since: '1970-01-01T00:00:00Z',
      until: '2100-01-01T00:00:00Z',
      limit: 1000,
      cursor,
    })
    for (const { event } of page.hits) {
      const original = String(getPath(event as never, 'event.original'))
      const n = Number(/^number=(\d+)/.exec(original)?.[1])
      found.set(n, [...(found.get(n) ?? []), original])
    }
    cursor = page.cursor
  } while (cursor)
  return found
}

test.each([
  ['with an Idempotency-Key a client resends until acknowledged: all numbers once', true],
  ['without a key a client gives up on what was not acknowledged: acknowledged numbers once', false],
])('%s', async (_why, resend) => {
  const dataDir = join(tempDir(), 'data')
  let node = await startNode({ dataDir })
  const httpPort = Number(new URL(node.address).port)
  let down: Promise<void> | undefined
  const acknowledged = new Set<number>()
  let sent = 0
  let kills = 0

  const sender = async () => {
    while (sent < TOTAL) {
      const numbers = Array.from({ length: Math.min(PER_REQUEST, TOTAL - sent) }, (_, i) => sent + i)
      sent += numbers.length
      const key = resend ? `batch-${numbers[0]}` : undefined
      for (;;) {
        await down
        const ok = await post(node, numbers, key)
        if (ok) for (const n of numbers) acknowledged.add(n)
        if (ok || !resend) break
      }
    }
  }
  const killer = async () => {
    while (kills < KILLS) {
      // At random moments, spread over the run.
      await until(
        async () => acknowledged.size,
        (size) => size >= (TOTAL * (kills + Math.random() * 0.8)) / (KILLS + 0.5) || sent >= TOTAL,
        120_000,
      )
      down = (async () => {
        await node.kill()
        node = await startNode({ dataDir, httpPort })
      })()
      await down
      kills++
    }
  }
  await Promise.all([killer(), ...Array.from({ length: PARALLEL }, sender)])

  const found = await until(
    () => everything(node),
    (map) => [...acknowledged].every((n) => map.has(n)),
    20_000,
  )
  expect(kills).toBe(KILLS)
  expect(acknowledged.size).toBeGreaterThan(resend ? TOTAL - 1 : TOTAL / 2)
  const wrong = [...found].filter(([n, originals]) => originals.length !== 1 || originals[0] !== lineOf(n))
  expect(wrong).toEqual([])
  expect([...acknowledged].filter((n) => !found.has(n))).toEqual([])

  // A last restart in order changes nothing.
  expect(await node.stop()).toBe(0)
  node = await startNode({ dataDir })
  expect((await everything(node)).size).toBe(found.size)
  expect(await node.stop()).toBe(0)
})
