// What one query cannot show in the differential test: bounds, context, early ends.

import { expect, test } from 'vitest'
import { matchAll } from '../../core/query.ts'
import { FakeStore } from '../fake-store.ts'
import { parseQuery } from '../query/parse-query.ts'
import { planPipes } from './plan.ts'
import { runPlan, takeRows } from './run.ts'

const range = { since: 0, until: 1e12 }

async function ask(store: FakeStore, line: string, limit = 100) {
  const plan = planPipes(parseQuery(line).pipes, range)
  const rows = []
  const run = runPlan({ store, filter: matchAll, range, plan, signal: new AbortController().signal, limit })
  for await (const page of takeRows(run, limit)) rows.push(...page)
  return rows
}

function filled(count: number): FakeStore {
  const store = new FakeStore()
  const host = { name: 'h' }
  store.add(
    Array.from({ length: count }, (_, i) => ({ timestamp: i * 1000, event: { n: i, host, message: `m ${i}` } })),
  )
  return store
}

test('head ends the work of the store', async () => {
  const store = filled(5000)
  expect(await ask(store, '| where n >= 0 | head 3')).toHaveLength(3)
  expect(store.searches).toHaveLength(1)
})

test('a table of more groups than fit is refused, and with a head it is not', async () => {
  const store = filled(60_000)
  await expect(ask(store, '| where n >= 0 | stats count() by n')).rejects.toThrow('60000 groups')
  const rows = await ask(store, '| where n >= 0 | stats count() by n | sort -n | head 2')
  expect(rows.map((row) => row.get('n'))).toEqual([59_999, 59_998])
})

test('sort holds a bounded number of rows unless a head follows', async () => {
  const store = filled(60_000)
  await expect(ask(store, '| sort n | where n > 5')).rejects.toThrow('sort holds 50000 rows at most')
  const rows = await ask(store, '| sort n | head 2 | where n >= 0')
  expect(rows.map((row) => row.get('n'))).toEqual([0, 1])
})

test('context brings the neighbours of each event once, newest first, and marks what matched', async () => {
  const store = filled(30)
  const rows = await ask(store, '| where n = 10 or n = 12 | context 2')
  expect(rows.map((row) => [row.get('n'), row.get('haetae.context')])).toEqual([
    [14, 'after'],
    [13, 'after'],
    [12, 'match'],
    [11, 'before'],
    [10, 'match'],
    [9, 'before'],
    [8, 'before'],
  ])
})

test('what an expression makes is part of the event that comes back', async () => {
  const [row] = await ask(filled(1), '| eval user.name = upper("kim"), host.name = null')
  expect(row?.toHit().event).toMatchObject({ user: { name: 'KIM' }, host: { name: 'h' } })
})
