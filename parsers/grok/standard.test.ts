import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import type { EcsEvent } from '../../core/event.ts'
import { expand } from './expand.ts'
import { compileGrok, type Grok, loadPatternFile, standardPatterns } from './grok.ts'
import { spell } from './standard.ts'

const shared = process.env['HAETAE_SHARED_DATA'] ?? new URL('../../../shared/data', import.meta.url).pathname
const folder = join(shared, 'logstash-patterns')
const absent = !existsSync(folder)
if (absent) console.warn(`standard patterns: ${folder} is absent, the comparison with the public suite is skipped`)

interface Vector {
  mode: 'ecs-v1' | 'legacy'
  pattern: string
  message: string
  match: boolean
  event: EcsEvent | null
}

test.skipIf(absent)('every vector of the public suite gives the same event', () => {
  const lines = readFileSync(join(folder, 'grok-vectors.jsonl'), 'utf8').trimEnd().split('\n')
  const different: string[] = []
  const compiled = new Map<string, Grok>()
  const compile = (pattern: string, ecs: boolean): Grok => {
    const key = `${ecs} ${pattern}`
    const grok = compiled.get(key) ?? compileGrok(pattern, { ecs })
    compiled.set(key, grok)
    return grok
  }
  for (const line of lines) {
    const vector = JSON.parse(line) as Vector
    const event: EcsEvent = { message: vector.message }
    const matched = compile(vector.pattern, vector.mode === 'ecs-v1').apply(vector.message, event)
    const same = matched === vector.match && (!vector.match || isDeepStrictEqual(event, vector.event))
    if (!same) different.push(`${vector.mode} ${vector.pattern} on ${vector.message}: ${JSON.stringify(event)}`)
  }
  console.info(`grok vectors: ${lines.length - different.length}/${lines.length} equal`)
  expect(lines.length).toBeGreaterThan(200)
  expect(different).toEqual([])
})

function publicPatterns(mode: string): Map<string, string> {
  const all = new Map<string, string>()
  for (const file of readdirSync(join(folder, mode)))
    for (const [name, text] of loadPatternFile(readFileSync(join(folder, mode, file), 'utf8'), file))
      all.set(name, text)
  return all
}

/** Field names with their types. */
function fieldsOf(name: string, patterns: ReadonlyMap<string, string>): string[] {
  const fields = expand(`%{${name}}`, patterns, name).slots.flatMap(({ path, type }) =>
    path ? [path.join('.') + (type ? `:${type}` : '')] : [],
  )
  return [...new Set(fields)].sort()
}

test.skipIf(absent).each([
  ['ecs-v1', true],
  ['legacy', false],
])('every public %s name exists here and captures the same fields with the same types', (mode, ecs) => {
  const theirs = publicPatterns(mode)
  const ours = standardPatterns(ecs)
  const missing = [...theirs.keys()].filter((name) => !ours.has(name))
  console.info(`grok names, ${mode}: ${theirs.size - missing.length}/${theirs.size}`)
  expect(missing).toEqual([])
  const unlike = [...theirs.keys()].filter((name) => !isDeepStrictEqual(fieldsOf(name, ours), fieldsOf(name, theirs)))
  expect(unlike).toEqual([])
})

test.each([true, false])('every standard definition compiles by itself (ecs %s)', (ecs) => {
  for (const name of standardPatterns(ecs).keys()) expect(() => compileGrok(`%{${name}}`, { ecs })).not.toThrow()
})

test('spell chooses one of two field names, a type with it, or none', () => {
  const text = 'A %{INT:[a][b]:int~c} (?<d~e>x) %{WORD:-~f} %{WORD:g~-} %{PLAIN}\n@ecs B 1\n@legacy B 2'
  expect(spell(text, true)).toBe('A %{INT:[a][b]:int} (?<d>x) %{WORD} %{WORD:g} %{PLAIN}\nB 1')
  expect(spell(text, false)).toBe('A %{INT:c} (?<e>x) %{WORD:f} %{WORD} %{PLAIN}\nB 2')
})

// Own lines, written from the vendors' formats.
test.each<[string, string, EcsEvent]>([
  [
    'SYSLOGBASE',
    'Nov  3 04:05:06 gate sshd[811]: x',
    { timestamp: 'Nov  3 04:05:06', host: { hostname: 'gate' }, process: { name: 'sshd', pid: 811 } },
  ],
  [
    'CRONLOG',
    'Nov  3 04:05:01 db7 CRON[99]: (backup) CMD (/opt/run --all)',
    {
      timestamp: 'Nov  3 04:05:01',
      host: { hostname: 'db7' },
      process: { name: 'CRON', pid: 99 },
      user: { name: 'backup' },
      system: { cron: { action: 'CMD' } },
      message: '/opt/run --all',
    },
  ],
  [
    'HTTPD_COMMONLOG',
    '203.0.113.9 - mira [03/Nov/2026:04:05:06 +0900] "PUT /a?b=1 HTTP/2.0" 204 -',
    {
      source: { address: '203.0.113.9' },
      user: { name: 'mira' },
      timestamp: '03/Nov/2026:04:05:06 +0900',
      http: { request: { method: 'PUT' }, version: '2.0', response: { status_code: 204 } },
      url: { original: '/a?b=1' },
    },
  ],
  [
    'CISCOFW106021',
    'Deny UDP reverse path check from 192.0.2.8 to 198.51.100.3 on interface dmz',
    {
      cisco: { asa: { outcome: 'Deny', network: { transport: 'UDP' } } },
      source: { ip: '192.0.2.8' },
      destination: { ip: '198.51.100.3' },
      observer: { egress: { interface: { name: 'dmz' } } },
    },
  ],
])('%s reads its line', (name, line, expected) => expect(compileGrok(`%{${name}}`).match(line)).toEqual(expected))

test.each([
  ['IPV4', '256.1.1.1'],
  ['IPV4', '1.2.3'],
  ['IPV6', 'abcd'],
  ['IPV6', '1:2:3'],
  ['MAC', '00:11:22:33:44'],
  ['UUID', '0123'],
  ['POSINT', 'x0y'],
  ['TIMESTAMP_ISO8601', '2026-13-01T00:00:00'],
  ['UNIXPATH', 'relative'],
  ['URI', 'no-scheme.example'],
  ['QUOTEDSTRING', '"open'],
  ['HTTPDATE', '32/Nov/2026:00:00:00 +0000'],
])('%s does not match %s', (name, line) => expect(compileGrok(`^%{${name}}$`).match(line)).toBeUndefined())

test.each(['1::', '::', '::1', 'fe80::1%eth0', '1:2:3:4:5:6:7:8', '::ffff:192.0.2.1', '2001:db8::a:b', '1:2::7:8'])(
  'IPV6 matches %s whole',
  (line) => expect(compileGrok('^%{IPV6:ip}$').match(line)).toEqual({ ip: line }),
)
