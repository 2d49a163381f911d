import { expect, test } from 'vitest'
import type { WireException } from '../../core/api.ts'
import type { AlertChange } from '../../core/detect.ts'
import { PipelineError } from '../../core/errors.ts'
import type { ExceptionDesk } from '../options.ts'
import { openTestServer } from '../testing.ts'

const change: AlertChange = {
  alert: {
    id: 'a',
    digest: '',
    ruleId: 'r',
    ruleVersion: '1',
    title: 't',
    description: '',
    level: 'low',
    kind: 'event',
    firstSeen: 0,
    lastSeen: 0,
    group: {},
    eventIds: [],
    count: 0,
    entities: {},
    why: [],
    tags: [],
    falsePositives: [],
  },
  state: 'raised',
  revision: 1,
  supersedes: [],
}
const made: WireException = {
  id: 'e',
  title: 't',
  rules: [{ id: 'r' }],
  owner: 'kim',
  reason: 'scan',
  until: 1,
  state: 'active',
  file: 'e.yml',
  matches: 0,
}

function fakeDesk() {
  const asked: Parameters<ExceptionDesk['create']>[0][] = []
  const desk: ExceptionDesk = {
    list: () => ({ exceptions: [made], refused: [], since: 0 }),
    create(request) {
      if (request.reason === 'refuse me')
        throw new PipelineError('REQUEST_INVALID', { problem: 'it would hide a test' })
      asked.push(request)
      return made
    },
    end(id) {
      if (id !== 'e') throw new PipelineError('NOT_FOUND', { what: `exception ${id}` })
      return { ...made, state: 'expired' }
    },
  }
  return { desk, asked }
}

test('an exception is made from an alert in the name of who asks, and is audited', async () => {
  const { desk, asked } = fakeDesk()
  const { ask, alerts, audited, clock } = await openTestServer({ exceptions: desk })
  await alerts.save([change], 1)
  const body = { fields: { 'source.ip': '192.0.2.1', 'user.name': ['a', 'b'] }, reason: 'scan', until: 'now+30d' }
  const answer = await ask('POST', '/v1/alerts/a/exception', body)
  expect([answer.statusCode, answer.json()]).toEqual([200, made])
  expect(asked).toMatchObject([{ fields: body.fields, reason: 'scan', untilMs: clock.ms + 30 * 86_400_000 }])
  expect(asked[0]?.owner).toBe('cli')
  expect(audited).toMatchObject([{ action: 'exception', detail: 'e for r: scan' }])
  expect((await ask('GET', '/v1/exceptions')).json().exceptions).toEqual([made])
  expect((await ask('POST', '/v1/exceptions/e/end', {})).json().state).toBe('expired')
  expect(audited.at(-1)).toMatchObject({ action: 'exception-end' })
})

test.each([
  ['no such alert', 'b', { fields: { a: 'b' }, reason: 'x', until: '1d' }, 404],
  ['no reason', 'a', { fields: { a: 'b' }, reason: '', until: '1d' }, 400],
  ['no end', 'a', { fields: { a: 'b' }, reason: 'x' }, 400],
  ['an end that is no time', 'a', { fields: { a: 'b' }, reason: 'x', until: 'soon' }, 400],
  ['a value that is none', 'a', { fields: { a: { b: 1 } }, reason: 'x', until: '1d' }, 400],
  ['an unknown word', 'a', { fields: { a: 'b' }, reason: 'x', until: '1d', force: true }, 400],
  ['one the desk refuses', 'a', { fields: { a: 'b' }, reason: 'refuse me', until: '1d' }, 400],
])('refused: %s', async (_why, id, body, status) => {
  const { desk, asked } = fakeDesk()
  const { ask, alerts, audited } = await openTestServer({ exceptions: desk })
  await alerts.save([change], 1)
  expect((await ask('POST', `/v1/alerts/${id}/exception`, body)).statusCode).toBe(status)
  expect(asked).toEqual([])
  expect(audited).toEqual([])
})

test('without a session nobody sees or makes one', async () => {
  const { desk, asked } = fakeDesk()
  const { inject } = await openTestServer({ exceptions: desk })
  expect((await inject({ method: 'GET', url: '/v1/exceptions' })).statusCode).toBe(401)
  expect((await inject({ method: 'POST', url: '/v1/alerts/a/exception', payload: {} })).statusCode).toBe(401)
  expect(asked).toEqual([])
})
