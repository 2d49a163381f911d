import { expect, test } from 'vitest'
import type { ReparseState } from '../../core/api.ts'
import type { ReparseDesk } from '../options.ts'
import { openTestServer } from '../testing.ts'

const nothing = { records: 0, repaired: 0, stillUnparsed: 0, unchanged: 0, replaced: 0, notStored: 0, alerts: 0 }

/** A desk whose reparse ends when told. */
function fakeDesk() {
  const asked: unknown[] = []
  let state: ReparseState | undefined
  let end: (state: ReparseState) => void = () => {}
  const desk: ReparseDesk = {
    state: () => state,
    start(request) {
      asked.push(request)
      state = { ...nothing, running: true }
      return {
        done: new Promise((resolve) => {
          end = (ended) => {
            state = ended
            resolve(ended)
          }
        }),
      }
    },
  }
  return { desk, asked, end: (more: Partial<ReparseState>) => end({ ...nothing, running: false, ...more }) }
}

test('starts, is audited before, and answers the totals at the end', async () => {
  const { desk, asked, end } = fakeDesk()
  const { ask, audited, clock } = await openTestServer({ reparse: desk })
  expect((await ask('GET', '/v1/reparse')).statusCode).toBe(404)
  const answer = ask('POST', '/v1/reparse', { since: '2h', until: '1h', source: 'syslog-tcp', all: true })
  while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  const [sinceMs, untilMs] = [clock.ms - 7_200_000, clock.ms - 3_600_000]
  expect(asked).toEqual([{ sinceMs, untilMs, source: 'syslog-tcp', all: true }])
  expect(audited).toMatchObject([
    { action: 'reparse', since: sinceMs, until: untilMs, detail: 'all, source syslog-tcp', outcome: 'ok' },
  ])
  expect((await ask('GET', '/v1/reparse')).json()).toMatchObject({ running: true })
  const second = await ask('POST', '/v1/reparse', { since: '2h' })
  expect([second.statusCode, second.json().code]).toEqual([409, 'REQUEST_INVALID'])
  expect(asked).toHaveLength(1)
  end({ records: 5, replaced: 2 })
  const { body, headers } = await answer
  expect(headers['content-type']).toMatch(/^text\/event-stream/)
  const told = body.trim().split('\n\n').at(-1)?.split('\n')
  expect(told?.[0]).toBe('event: done')
  expect(JSON.parse(told?.[1]?.slice(6) ?? '')).toEqual({ ...nothing, running: false, records: 5, replaced: 2 })
})

test('what ended it early is told as a problem', async () => {
  const { desk, asked, end } = fakeDesk()
  const { ask } = await openTestServer({ reparse: desk })
  const answer = ask('POST', '/v1/reparse', { since: '2h' })
  while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  end({ problem: 'pack.yaml:3: no such key' })
  expect((await answer).body).toMatch(/event: problem\ndata: .*pack\.yaml:3: no such key/)
})

test.each([
  ['no times', {}],
  ['a word that is no time', { since: 'soon' }],
  ['until before since', { since: '1h', until: '2h' }],
  ['an unknown key', { since: '1h', dataset: 'x' }],
  ['an empty source', { since: '1h', source: '' }],
])('%s is refused, and nothing starts', async (_why, body) => {
  const { desk, asked } = fakeDesk()
  const { ask, audited } = await openTestServer({ reparse: desk })
  const { statusCode } = await ask('POST', '/v1/reparse', body)
  expect([statusCode, asked, audited]).toEqual([400, [], []])
})

test('a node that parses nothing has none', async () => {
  const { ask } = await openTestServer()
  expect((await ask('POST', '/v1/reparse', { since: '1h' })).statusCode).toBe(404)
  expect((await ask('GET', '/v1/reparse')).statusCode).toBe(404)
})
