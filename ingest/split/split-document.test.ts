import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Split, splitDocument } from './split-document.ts'

function split(json: string | object, maxHeadBytes?: number): Split & { texts: string[] } {
  const texts: string[] = []
  const bytes = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json))
  const answer = splitDocument(bytes, (record) => texts.push(record.toString()), maxHeadBytes)
  expect(texts).toHaveLength(answer.records)
  return { ...answer, texts }
}

const vulnerability = (id: string, severity = 'LOW') => ({ VulnerabilityID: id, PkgName: 'lib', Severity: severity })
const report = (results: unknown, head: object = {}) => ({
  SchemaVersion: 2,
  ArtifactName: 'shop/web:1',
  ...head,
  Results: results,
})
const delivery = (logEvents: unknown, head: object = {}) => ({
  messageType: 'DATA_MESSAGE',
  owner: '111122223333',
  logGroup: '/app',
  logStream: 's-1',
  subscriptionFilters: ['f'],
  logEvents,
  ...head,
})

test.each([
  [
    'CloudTrail, byte for byte',
    ' {"Records" : [ {"b": 1,\n"a":[ ]} , {} ] }\n',
    'records',
    ['{"b": 1,\n"a":[ ]}', '{}'],
  ],
  ['Azure', '{"records":[{"time":"t","x":"한"}]}', 'records', ['{"time":"t","x":"한"}']],
  [
    'an audit list',
    '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{"auditID":"a"},{"auditID":"b"}]}',
    'kubernetes-list',
    ['{"auditID":"a"}', '{"auditID":"b"}'],
  ],
  [
    'what kubectl prints',
    '{"apiVersion":"v1","items":[{"kind":"Event"}],"kind":"List"}',
    'kubernetes-list',
    ['{"kind":"Event"}'],
  ],
  ['an array', '[{"a":1}, "x\\ty",{"a":2}]', 'array', ['{"a":1}', 'x\ty', '{"a":2}']],
  ['wrappers in an array', '[{"records":[{"a":1},{"a":2}]},{"b":1}]', 'array', ['{"a":1}', '{"a":2}', '{"b":1}']],
  ['after a byte order mark', '\ufeff{"Records":[{"a":1}]}', 'records', ['{"a":1}']],
] as const)('is split: %s', (_why, json, kind, texts) => {
  expect(split(json)).toEqual({ kind, records: texts.length, leftOut: 0, texts })
})

test.each<[string, string | object]>([
  ['nothing', ''],
  ['no JSON', 'Jan 1 00:00:00 host app: x'],
  ['an object of its own', { message: 'x', Records: 7 }],
  ['no records', { Records: [] }],
  ['a member beside the records', { Records: [{ a: 1 }], nextToken: 'n' }],
  ['the records twice', '{"Records":[{"a":1}],"Records":[{"b":1}]}'],
  ['two lists', '{"Records":[{"a":1}],"records":[{"b":1}]}'],
  ['a record that is null', { records: [{ a: 1 }, null] }],
  ['a record that is a text', { Records: [{ a: 1 }, 'x'] }],
  ['records one level deeper', { a: { Records: [{ a: 1 }] } }],
  ['a key spelt with an escape', '{"\\u0052ecords":[{"a":1}]}'],
  ['cut short', '{"Records":[{"a":1},{"b"'],
  ['something after it', '{"Records":[{"a":1}]} x'],
  ['a second document', '{"Records":[{"a":1}]}\n{"Records":[{"a":1}]}'],
  ['items of something else', { kind: 'Order', items: [{ sku: 1 }] }],
  ['items without a kind', { items: [{ a: 1 }] }],
  ['a list with a member that lists have not', { kind: 'List', items: [{ a: 1 }], extra: 1 }],
  ['a kind that is no text', { kind: ['List'], items: [{ a: 1 }] }],
  ['a numbers array', [1, 2]],
  ['an array in an array', [{ a: 1 }, [{ a: 1 }]]],
  ['an empty array', []],
  ['an array cut short', '[{"a":1},'],
  ['nested without end', '['.repeat(100_000)],
  ['objects nested without end', `{"Records":${'[{"a":'.repeat(50_000)}`],
  ['records nested without end', `{"Records":[${'['.repeat(400)}${']'.repeat(400)}]}`],
  ['log events without a group', { logStream: 's', logEvents: [{ message: 'm' }] }],
  ['a group that is no text', delivery([{ message: 'm' }], { logGroup: 7 })],
  ['a log event without a message', delivery([{ id: '1' }])],
  ['a message that is no text', delivery([{ message: { a: 1 } }])],
  ['a log event that claims a group of its own', delivery([{ message: 'm', logGroup: 'other' }])],
  ['a member that deliveries have not', delivery([{ message: 'm' }], { extra: 1 })],
  ['a report without results', { SchemaVersion: 2, ArtifactName: 'a', Results: [] }],
  ['a report without findings', report([{ Target: 'a' }, { Target: 'b', Packages: [{ Name: 'p' }], Secrets: [] }])],
  ['results of something else', { Results: [{ Vulnerabilities: [vulnerability('CVE-1')] }] }],
  ['a result that is no object', report([{ Vulnerabilities: [vulnerability('CVE-1')] }, 7])],
  ['a finding that is no object', report([{ Vulnerabilities: [vulnerability('CVE-1'), null] }])],
  ['findings twice', '{"SchemaVersion":2,"Results":[{"Secrets":[{"RuleID":"a"}],"Secrets":[{"RuleID":"b"}]}]}'],
  ['a head that speaks for its findings', report([{ Secrets: [{ RuleID: 'a' }] }], { Vulnerability: {} })],
  ['more members than a wrapper has', `{${'"a":1,'.repeat(70)}"Records":[{"a":1}]}`],
])('stays one record, as it came: %s', (_why, json) => {
  const text = typeof json === 'string' ? json : JSON.stringify(json)
  expect(split(json)).toEqual({ kind: 'none', records: 1, leftOut: 0, texts: [text] })
})

test('a log event takes along what it came in, which it cannot overrule', () => {
  const { kind, texts } = split(
    delivery([
      { id: '1', timestamp: 1768383000123, message: 'a "b"' },
      { id: '2', timestamp: 2, message: '{"owner":"mallory"}', extractedFields: {} },
    ]),
  )
  expect(kind).toBe('cloudwatch-logs')
  expect(texts.map((text) => JSON.parse(text))).toEqual([
    {
      id: '1',
      timestamp: 1768383000123,
      message: 'a "b"',
      messageType: 'DATA_MESSAGE',
      owner: '111122223333',
      logGroup: '/app',
      logStream: 's-1',
      subscriptionFilters: ['f'],
    },
    expect.objectContaining({ id: '2', message: '{"owner":"mallory"}', owner: '111122223333', extractedFields: {} }),
  ])
})

test('a finding is an object of its own with the head of its report and the target of its result', () => {
  const { kind, leftOut, texts } = split(
    report([
      {
        Target: 'os',
        Class: 'os-pkgs',
        Type: 'alpine',
        Packages: [{ Name: 'p' }, { Name: 'q' }],
        Vulnerabilities: [vulnerability('CVE-1', 'HIGH'), vulnerability('CVE-2')],
      },
      { Target: 'clean' },
      { Target: 'main.tf', Class: 'config', Misconfigurations: [{ ID: 'X-1', Status: 'PASS' }] },
      { Target: 'k', Secrets: [{ RuleID: 's' }], Licenses: [{ Name: 'MIT' }] },
    ]),
  )
  expect([kind, leftOut]).toEqual(['trivy-report', 2])
  const head = { SchemaVersion: 2, ArtifactName: 'shop/web:1' }
  const os = { ...head, Target: 'os', Class: 'os-pkgs', Type: 'alpine' }
  expect(texts.map((text) => JSON.parse(text))).toEqual([
    { ...os, Vulnerability: vulnerability('CVE-1', 'HIGH') },
    { ...os, Vulnerability: vulnerability('CVE-2') },
    { ...head, Target: 'main.tf', Class: 'config', Misconfiguration: { ID: 'X-1', Status: 'PASS' } },
    { ...head, Target: 'k', Secret: { RuleID: 's' } },
    { ...head, Target: 'k', License: { Name: 'MIT' } },
  ])
})

test('a head over the limit loses its largest parts, and says how many', () => {
  const Metadata = { OS: { Family: 'alpine' }, ImageConfig: { history: 'x'.repeat(500) }, RepoTags: ['a:1'] }
  const findings = [{ Target: 't', Secrets: [{ RuleID: 'a' }, { RuleID: 'b' }] }]
  const { leftOut, texts } = split(report(findings, { Metadata, Note: 'y'.repeat(500) }), 200)
  const head = {
    SchemaVersion: 2,
    ArtifactName: 'shop/web:1',
    Metadata: { OS: { Family: 'alpine' }, RepoTags: ['a:1'] },
  }
  expect(leftOut).toBe(2)
  expect(texts.map((text) => JSON.parse(text))).toEqual([
    { ...head, Target: 't', Secret: { RuleID: 'a' } },
    { ...head, Target: 't', Secret: { RuleID: 'b' } },
  ])
})

test.each([0, 1, 2, 20, 25, 40, 60, 100])('whatever of the head fits in %i bytes, every record is JSON', (maxBytes) => {
  const head = { Metadata: { OS: { Family: 'a' }, Size: 1 }, CreatedAt: 'now' }
  const findings = [{ Target: 'target', Class: 'c', Secrets: [{ RuleID: 'a' }] }]
  for (const text of split(report(findings, head), maxBytes).texts)
    expect(JSON.parse(text)['Secret']).toEqual({ RuleID: 'a' })
  for (const text of split(delivery([{ message: 'm' }]), maxBytes).texts) expect(JSON.parse(text)['message']).toBe('m')
})

test('a large head cannot grow a document without bound', () => {
  const secrets = Array.from({ length: 1000 }, () => ({}))
  let bytes = 0
  const json = Buffer.from(
    JSON.stringify(report([{ Target: 't'.repeat(50_000), Secrets: secrets }], { Big: 'x'.repeat(1e6) })),
  )
  splitDocument(json, (record) => (bytes += record.length))
  expect(bytes).toBeLessThan(1000 * 17 * 1024)
})

test('what take() throws is not swallowed', () => {
  const stop = new Error('enough')
  const take = () => {
    throw stop
  }
  expect(() => splitDocument(Buffer.from('{"Records":[{}]}'), take)).toThrow(stop)
})

/** Documents near to wrappers: known keys with values of any shape. */
const near = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.constantFrom(null, 1, 'List', 'EventList', ''), tie('list'), tie('object')),
  list: fc.array(tie('value'), { maxLength: 3 }),
  object: fc.dictionary(
    fc.constantFrom(
      'Records',
      'items',
      'kind',
      'logEvents',
      'logGroup',
      'logStream',
      'message',
      'Results',
      'SchemaVersion',
      'Vulnerabilities',
      'Secrets',
      'Target',
      '__proto__',
      'x',
    ),
    tie('value'),
    { maxKeys: 5 },
  ),
})).value

test('documents near to wrappers: every record is JSON or the whole, and nothing throws', () => {
  fc.assert(
    fc.property(near, fc.nat(), fc.boolean(), fc.nat({ max: 60 }), (value, place, damage, maxHeadBytes) => {
      const json = JSON.stringify(value)
      const at = place % (json.length + 1)
      const text = damage ? json.slice(0, at) + json.slice(at + 1) : json
      const { kind, texts } = split(text, maxHeadBytes)
      if (kind === 'none') expect(texts).toEqual([text])
      else if (kind !== 'array') for (const record of texts) JSON.parse(record)
    }),
    { interruptAfterTimeLimit: 2500, numRuns: 30_000 },
  )
})

test('any bytes are one record or more, and nothing throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom('', '{"Records":[', '[', '{"'), (bytes, start) => {
      const document = Buffer.concat([Buffer.from(start), bytes])
      expect(splitDocument(document, () => {}).records).toBeGreaterThan(0)
    }),
    { interruptAfterTimeLimit: 1000, numRuns: 20_000 },
  )
})
