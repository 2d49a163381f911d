import { expect, test } from 'vitest'
import type { EcsEvent } from '../../../core/event.ts'
import { collectValues, type FieldValue } from '../event-access.ts'
import type { Logsource } from '../types.ts'
import { fieldTables, placesOf, sourcesOf } from './index.ts'

const read = (logsource: Logsource, field: string, event: object) => {
  const out: FieldValue[] = []
  collectValues(event as EcsEvent, sourcesOf(logsource, field), out)
  return out
}
const windows = { product: 'windows', category: 'process_creation' }

test.each<[string, Logsource, string, object, unknown[]]>([
  ['Sysmon to ECS', windows, 'Image', { process: { executable: 'x' } }, ['x']],
  ['the vendor object', windows, 'Anything', { winlog: { event_data: { Anything: 'x' } } }, ['x']],
  ['the plain event', windows, 'Image', { Image: 'x' }, ['x']],
  [
    'event 4688 under its own names',
    windows,
    'ParentImage',
    { winlog: { event_data: { ParentProcessName: 'x' } } },
    ['x'],
  ],
  [
    'hashes get their names back',
    windows,
    'Hashes',
    { process: { hash: { md5: 'AA', sha256: 'BB' } } },
    ['MD5=AA', 'SHA256=BB'],
  ],
  ['an ECS path is itself', windows, 'process.parent.name', { process: { parent: { name: 'x' } } }, ['x']],
  [
    'spaces are stripped',
    { product: 'windows', service: 'windefend' },
    'Threat Name',
    { winlog: { event_data: { ThreatName: 'x' } } },
    ['x'],
  ],
  [
    'arguments by their place',
    { product: 'linux', service: 'auditd' },
    'a1',
    { process: { args: ['ls', '-la'] } },
    ['-la'],
  ],
  [
    'Kubernetes as SigmaHQ names it',
    { product: 'kubernetes', service: 'audit' },
    'objectRef.resource',
    { kubernetes: { audit: { objectRef: { resource: 'pods' } } } },
    ['pods'],
  ],
  [
    'CloudTrail in snake case',
    { product: 'aws', service: 'cloudtrail' },
    'userIdentity.sessionContext.sessionIssuer.type',
    { aws: { cloudtrail: { user_identity: { session_context: { session_issuer: { type: 'Role' } } } } } },
    ['Role'],
  ],
  [
    'CloudTrail parameters',
    { product: 'aws', service: 'cloudtrail' },
    'requestParameters.enable',
    { aws: { cloudtrail: { flattened: { request_parameters: { enable: false } } } } },
    [false],
  ],
  ['W3C names', { category: 'webserver' }, 'cs-uri-query', { url: { query: 'a=1' } }, ['a=1']],
  ['a table of another product does not apply', { product: 'linux' }, 'EventID', { event: { code: '1' } }, []],
])('%s', (_why, logsource, field, event, expected) => expect(read(logsource, field, event)).toEqual(expected))

test('an installation may add tables; they come first', () => {
  const extra = [{ when: { product: 'vault' }, fields: { op: ['hashicorp.operation'] } }]
  expect(placesOf({ product: 'vault' }, 'op', extra)).toEqual(['hashicorp.operation', 'op'])
  expect(placesOf({ product: 'other' }, 'op', extra)).toEqual(['op'])
})

test('the tables are well formed: every place is a dotted path, no name of the prototype is special', () => {
  for (const table of fieldTables)
    for (const [name, places] of Object.entries(table.fields)) {
      expect(name).not.toMatch(/[\s:]$/)
      for (const place of places) expect(place).toMatch(/^([A-Z0-9]+=@)?[A-Za-z_@][\w@.-]*$/)
    }
  expect(placesOf({ product: 'windows' }, 'constructor')).toContain('winlog.event_data.constructor')
})
