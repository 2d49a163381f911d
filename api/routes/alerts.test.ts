import { expect, test } from 'vitest'
import type { AlertChange } from '../../core/detect.ts'
import { openTestServer } from '../testing.ts'

const change = (id: string, eventIds: string[] = [], lastSeen = 0): AlertChange => ({
  alert: {
    id,
    digest: '',
    ruleId: 'r',
    ruleVersion: '1',
    title: 't',
    description: '',
    level: 'low',
    kind: 'event',
    firstSeen: 0,
    lastSeen,
    group: {},
    eventIds,
    count: eventIds.length,
    entities: {},
    why: [],
    tags: [],
    falsePositives: [],
  },
  state: 'raised',
  revision: 1,
  supersedes: [],
})

test('alerts are listed newest first, page by page, by status', async () => {
  const { ask, alerts } = await openTestServer()
  await alerts.save([change('a', [], 1), change('b', [], 2), change('c', [], 3)], 1)
  const ids = async (query: string) => (await ask('GET', `/v1/alerts${query}`)).json()
  expect((await ids('')).alerts.map((a: { id: string }) => a.id)).toEqual(['c', 'b', 'a'])
  const first = await ids('?limit=2')
  expect(first).toMatchObject({ alerts: [{ id: 'c' }, { id: 'b' }], after: 'b' })
  expect(await ids(`?limit=2&after=${first.after}`)).toMatchObject({ alerts: [{ id: 'a' }] })
  await ask('POST', '/v1/alerts/b/status', { status: 'closed' })
  expect((await ids('?status=closed')).alerts.map((a: { id: string }) => a.id)).toEqual(['b'])
})

test('an alert comes with its events in order; what retention removed is left out', async () => {
  const { ask, alerts, store } = await openTestServer()
  store.add([
    { timestamp: 2, event: { message: 'second' } },
    { timestamp: 1, event: { message: 'first' } },
  ])
  await alerts.save([change('a', ['0-1', '0-7', '0-0'])], 1)
  const alert = (await ask('GET', '/v1/alerts/a')).json()
  expect(alert.events.map((hit: { id: string }) => hit.id)).toEqual(['0-1', '0-0'])
  expect(alert.eventIds).toEqual(['0-1', '0-7', '0-0'])
  expect(alert.key).toBeUndefined()
})

test('triage keeps who, when and why, and is audited', async () => {
  const { inject, signIn, alerts, audited, clock } = await openTestServer()
  await alerts.save([change('a')], 1)
  const headers = await signIn()
  const payload = { status: 'closed', reason: 'a scan of ours <b>' }
  const response = await inject({ method: 'POST', url: '/v1/alerts/a/status', headers, payload })
  expect(response.json()).toMatchObject({
    status: 'closed',
    history: [{ at: clock.ms, who: 'local', change: 'open -> closed: a scan of ours <b>' }],
  })
  expect(audited.at(-1)).toMatchObject({ action: 'alert-status', actor: 'local', detail: 'a closed' })
})

test.each([
  ['GET', '/v1/alerts/x', undefined, 404],
  ['POST', '/v1/alerts/x/status', { status: 'closed' }, 404],
  ['POST', '/v1/alerts/a/status', { status: 'done' }, 400],
  ['POST', '/v1/alerts/a/status', {}, 400],
  ['POST', '/v1/alerts/a/status', { status: 'closed', reason: 'x'.repeat(2001) }, 400],
  ['POST', '/v1/alerts/a/status', { status: 'closed', who: 'somebody else' }, 400],
  ['GET', '/v1/alerts?limit=0', undefined, 400],
  ['GET', '/v1/alerts?limit=501', undefined, 400],
  ['GET', '/v1/alerts?limit=1&limit=2', undefined, 400],
  ['GET', '/v1/alerts?status=all', undefined, 400],
  ['GET', '/v1/alerts?after=x', undefined, 404],
  ['GET', '/v1/alerts?unknown=1', undefined, 400],
] as const)('%s %s with %j is %i', async (method, url, body, status) => {
  const { ask, alerts } = await openTestServer()
  await alerts.save([change('a')], 1)
  const response = await ask(method, url, body)
  expect([response.statusCode, response.json().status]).toEqual([status, status])
})
