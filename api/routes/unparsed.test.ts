import { expect, test } from 'vitest'
import type { UnparsedOutput } from '../../core/api.ts'
import { openTestServer } from '../testing.ts'

const told: UnparsedOutput = { since: 1, templates: [], other: 3, patterns: [] }

test('what could not be read is told to who is signed in', async () => {
  const { ask, inject } = await openTestServer({ unparsed: async () => told })
  expect((await ask('GET', '/v1/unparsed')).json()).toEqual(told)
  expect((await inject({ method: 'GET', url: '/v1/unparsed' })).statusCode).toBe(401)
})

test('a node that parses nothing says so', async () => {
  const { ask } = await openTestServer()
  expect((await ask('GET', '/v1/unparsed')).statusCode).toBe(404)
})
