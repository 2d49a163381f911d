// What one query cannot show in the differential test: bounds, context, early ends.

import { expect, test } from 'vitest'
import { FakeStore } from '../fake-store.ts'
import { formatQuery } from '../query/format-query.ts'
import { parseQuery } from '../query/parse-query.ts'
import { planPipes } from './plan.ts'
import { runPlan, takeRows } from './run.ts'

const range = { since: 0, until: 1e12 }

async function ask(store: FakeStore, line: string, limit = 100) {
  const plan = planPipes(parseQuery(line).pipes, range)
  const rows = []
  const run = runPlan({ store, range, plan, signal: new AbortController().signal, limit })
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
  expect(await ask(store, '| where n + 0 >= 0 | head 3')).toHaveLength(3)
  expect(store.searches).toHaveLength(1)
})

test('a table of more groups than fit is refused, and with a head it is not', async () => {
  const store = filled(60_000)
  await expect(ask(store, '| where n + 0 >= 0 | stats count() by n')).rejects.toThrow('60000 groups')
  const rows = await ask(store, '| where n + 0 >= 0 | stats count() by n | sort -n | head 2')
  expect(rows.map((row) => row.get('n'))).toEqual([59_999, 59_998])
})

test('sort holds a bounded number of rows unless a head follows', async () => {
  const store = filled(60_000)
  await expect(ask(store, '| sort n | where n > 5')).rejects.toThrow('sort holds 50000 rows at most')
  const rows = await ask(store, '| sort n | head 2 | where n + 0 >= 0')
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

test.each([
  ['| where user.name = "root" | stats count()', 'user.name:root', 0],
  ['a | where http.response.status_code >= 500 and len(user.name) > 2', 'a and http.response.status_code >= 500', 1],
  ['| where contains(user.name, "*") or user.name != "x" | head 1', 'user.name:*\\** or not user.name:x', 0],
  ['| where user.name = null', 'not user.name:*', 0],
  // What the two languages answer differently stays a stage.
  ['| where custom = 1', '', 1],
  ['| where user.name < "m"', '', 1],
  ['| where message = "x"', '', 1],
  ['| where source.ip = "10.0.0.1"', '', 1],
  ['| where not (user.name = "a" or len(user.name) > 2)', '', 1],
  ['| eval user.name = "b" | where user.name = "a"', '', 1],
  ['| head 3 | where user.name = "a"', '', 1],
])('the store tests what it can of a leading where: %s', (line, filter, wheres) => {
  const { filter: asked, pipes } = parseQuery(line)
  const plan = planPipes(pipes, range, asked)
  expect(formatQuery(plan.filter)).toBe(filter)
  expect(plan.steps.filter((step) => 'pipe' in step && step.pipe.kind === 'where')).toHaveLength(wheres)
})
