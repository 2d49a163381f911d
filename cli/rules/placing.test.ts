// What packs write and what rules ask for must meet: golden events of our packs, asked by Sigma's own names.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type EcsEvent, getPath } from '../../core/event.ts'
import { openDetector, ruleSetOf } from '../../correlator/rule-set.ts'
import { parseRules } from '../../correlator/sigma/load.ts'
import { factsOf, matchLogsource } from '../../correlator/sigma/logsource.ts'

const golden = (name: string): EcsEvent[] =>
  readFileSync(join(import.meta.dirname, '../../parsers/packs', name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as EcsEvent)

test.each([
  ['azure', 'activitylogs', 'azure/azure.ndjson', 'azure.activitylogs'],
  ['azure', 'auditlogs', 'azure/azure.ndjson', 'azure.auditlogs'],
  ['azure', 'signinlogs', 'azure/azure.ndjson', 'azure.signinlogs'],
  ['azure', 'riskdetection', 'azure/azure.ndjson', 'azure.identity_protection'],
  ['gcp', 'gcp.audit', 'gcp/gcp.ndjson', 'gcp.audit'],
])('%s %s: the events of that log, and no others', (product, service, file, path) => {
  const { check } = matchLogsource({ product, service })
  const events = golden(file)
  const ours = events.filter((event) => getPath(event, path) !== undefined)
  if (service !== 'riskdetection') expect(ours.length).toBeGreaterThan(0)
  expect(events.filter((event) => check(factsOf(event)))).toEqual(ours)
})

const matches = (rule: string, event: EcsEvent): number => {
  const set = ruleSetOf(parseRules(rule, 'r.yml'))
  expect(set.loaded.refused).toEqual([])
  return openDetector(set).detect(event, 'e', 0, 0, 0).length
}
const rule = (logsource: string, selection: string) => `
title: t
id: t
logsource: ${logsource}
detection:
  selection: ${selection}
  condition: selection
`

test("rules in Azure's and Google's own words see what the packs made of their logs", () => {
  const [signIn] = golden('azure/azure.ndjson').filter((event) => getPath(event, 'azure.signinlogs') !== undefined)
  const user = getPath(signIn as EcsEvent, 'azure.signinlogs.properties.user_principal_name')
  expect(user).toBeTypeOf('string')
  const asked = rule('{product: azure, service: signinlogs}', `{properties.userPrincipalName: '${String(user)}'}`)
  expect(matches(asked, signIn as EcsEvent)).toBe(1)
  const [audit] = golden('gcp/gcp.ndjson')
  const method = rule('{product: gcp, service: gcp.audit}', '{gcp.audit.method_name: v1.compute.instances.delete}')
  expect(matches(method, audit as EcsEvent)).toBe(1)
})

test('the account that was called is not the account that calls', () => {
  const [event] = golden('aws.cloudtrail/cloudtrail.ndjson') as [EcsEvent]
  const trail = (event['aws'] as EcsEvent)['cloudtrail'] as EcsEvent
  const other = { ...event, aws: { cloudtrail: { ...trail, recipient_account_id: '999988887777' } } }
  const asked = (id: string) => rule('{product: aws, service: cloudtrail}', `{recipientAccountId: '${id}'}`)
  expect(matches(asked('999988887777'), other)).toBe(1)
  expect(matches(asked('111122223333'), other)).toBe(0)
})
