import { expect, test } from 'vitest'
import type { ReloadState } from '../../core/api.ts'
import { openTestServer } from '../testing.ts'

const applied: ReloadState = { at: 5, outcome: 'applied', problems: [], rules: 3, correlations: 1 }
const refused: ReloadState = { at: 6, outcome: 'refused', problems: ['a.yml:3: no title', 'b.yml: no such field'] }

function fakeDesk(...outcomes: ReloadState[]) {
  let last: ReloadState | undefined
  return {
    state: () => last,
    reload: async () => (last = outcomes.shift() as ReloadState),
  }
}

test('takes packs and rules anew, is audited, and can be asked for afterwards', async () => {
  const { ask, audited } = await openTestServer({ reload: fakeDesk(applied) })
  expect((await ask('GET', '/v1/reload')).statusCode).toBe(404)
  const answer = await ask('POST', '/v1/reload')
  expect([answer.statusCode, answer.json()]).toEqual([200, applied])
  expect(audited).toMatchObject([{ action: 'reload', outcome: 'ok' }])
  expect((await ask('GET', '/v1/reload')).json()).toEqual(applied)
})

test('a set with mistakes is refused with all of them', async () => {
  const { ask } = await openTestServer({ reload: fakeDesk(refused) })
  const answer = await ask('POST', '/v1/reload')
  expect([answer.statusCode, answer.json().code]).toEqual([422, 'REQUEST_INVALID'])
  expect(answer.json().detail).toContain('a.yml:3: no title; b.yml: no such field')
  expect((await ask('GET', '/v1/reload')).json()).toEqual(refused)
})

test('a node that parses nothing has none', async () => {
  const { ask } = await openTestServer()
  expect((await ask('POST', '/v1/reload')).statusCode).toBe(404)
  expect((await ask('GET', '/v1/reload')).statusCode).toBe(404)
})
