import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { errorCodes, isPipelineError, PipelineError } from './errors.ts'

test('docs/errors.md lists every code, and no code that does not exist', () => {
  const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')
  const listed = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1])
  expect(listed.sort()).toEqual([...errorCodes].sort())
})

test('an error keeps its code, its parameters and its cause', () => {
  const cause = new Error('ENOSPC')
  const error = new PipelineError('BUS_FULL', { path: '/data', problem: 'ENOSPC' }, { cause })
  expect(error.message).toContain('/data')
  expect(error.cause).toBe(cause)
  expect(isPipelineError(error, 'BUS_FULL')).toBe(true)
  expect(isPipelineError(error, 'USAGE')).toBe(false)
  expect(isPipelineError(cause)).toBe(false)
})
