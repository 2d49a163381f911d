// docs/inputs.md says the limits that the code has, and shows the wrappers it splits.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { logLimits } from './http/log-routes.ts'
import { auditLimits } from './kubernetes/audit-routes.ts'
import { MAX_HEAD_BYTES } from './split/each-record.ts'

const page = readFileSync(new URL('../docs/inputs.md', import.meta.url), 'utf8')

const mib = (bytes: number) => `${bytes / 1024 / 1024} MiB`
const count = (n: number) => n.toLocaleString('en-US')
const seconds = (ms: number) => `${ms / 1000} s`

test.each([
  ['body as sent', 'maxBodyBytes', mib],
  ['body decompressed', 'maxDecompressedBytes', mib],
  ['one record', 'maxRecordBytes', mib],
  ['records of a request', 'maxRecords', count],
  ['time for the body', 'bodyTimeoutMs', seconds],
  ['time for the disk', 'durableTimeoutMs', seconds],
  ['memory of requests in progress', 'maxInProgressBytes', mib],
  ['source (or cluster) names until a restart', 'maxSources', count],
] as const)('the page has the limit: %s', (name, limit, show) => {
  const row = page.split('\n').find((line) => line.startsWith(`| ${name} |`)) ?? ''
  const [, , logs, audit] = row.split('|').map((cell) => cell.trim().replace(/ \(.*\)$/, ''))
  expect([logs, audit]).toEqual([show(logLimits[limit]), show(auditLimits[limit])])
})

test('the page has the limit of a head', () => {
  expect(page).toContain(`a head over ${MAX_HEAD_BYTES / 1024} KiB`)
})
