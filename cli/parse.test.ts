// The real command on real reports: every finding of every report is one event.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { splitDocument } from '../ingest/split/split-document.ts'
import { openLineParser } from './parse.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

function run(args: readonly string[], input: string) {
  const answer = spawnSync(process.execPath, [join(root, 'cli/cli.ts'), 'parse', ...args], { input, encoding: 'utf8' })
  const lines = answer.stdout.split('\n').filter((line) => line !== '')
  return { ...answer, answers: lines.map((line) => JSON.parse(line)) }
}

describe('haetae parse --split', () => {
  test('answers once a record, with ids of line and record', () => {
    const input = '{"Records":[{"a":1},{"a":2}]}\nplain\n\n[{"records":[{"a":3}]},"text"]'
    const { status, answers } = run(['--split'], input)
    expect(status).toBe(0)
    expect(answers.map(({ id, event }) => [id, event.event.original])).toEqual([
      ['1.1', '{"a":1}'],
      ['1.2', '{"a":2}'],
      ['2.1', 'plain'],
      ['3.1', ''],
      ['4.1', '{"a":3}'],
      ['4.2', 'text'],
    ])
  })

  test('--whole reads a document that is written over several lines', () => {
    const { answers } = run(['--split', '--whole'], '{\n"Records": [\n{"a":1},\n{"a":\n2}]\n}\n')
    expect(answers.map(({ id, event }) => [id, event.event.original])).toEqual([
      ['1.1', '{"a":1}'],
      ['1.2', '{"a":\n2}'],
    ])
  })

  test('without --split every line is one answer, as before', () => {
    expect(run([], '{"Records":[{"a":1},{"a":2}]}').answers.map(({ id }) => id)).toEqual([1])
  })

  test.each([['--split'], ['--whole']])('%s does not go with --input jsonl', (flag) => {
    const { status, stderr, answers } = run(['--input', 'jsonl', flag], '{"id":1,"raw":"x"}\n')
    expect([status, answers]).toEqual([2, []])
    expect(stderr).toContain('--input lines')
  })
})

const folder = join(process.env['HAETAE_SHARED_DATA'] ?? join(root, '../shared/data'), 'trivy')
const reports = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
if (reports.length === 0) console.warn(`${folder} has no Trivy reports: that every finding is an event is not checked`)

const lists = ['Vulnerabilities', 'Misconfigurations', 'Secrets', 'Licenses'] as const
type Finding = Record<string, string>

test.skipIf(reports.length === 0)('every finding of every Trivy report is one event that names it', () => {
  const parse = openLineParser({ packs: [], zone: 'UTC', now: () => Date.UTC(2026, 0, 15) })
  let total = 0
  for (const name of reports) {
    const bytes = readFileSync(join(folder, name))
    const report = JSON.parse(bytes.toString()) as { Results?: Record<string, Finding[] | undefined>[] }
    const expected = (report.Results ?? []).flatMap((result) =>
      Object.entries(result).flatMap(([list, findings]) =>
        (lists as readonly string[]).includes(list)
          ? (findings ?? []).map((finding) => ({ list, finding, target: result['Target'] }))
          : [],
      ),
    )
    const events: ReturnType<typeof parse>[] = []
    splitDocument(bytes, (record) => events.push(parse(Buffer.from(record))))
    expect(events, name).toHaveLength(Math.max(1, expected.length))
    for (const [i, { list, finding, target }] of expected.entries()) {
      const event = events[i] as Record<string, Record<string, unknown>>
      expect(event, name).toMatchObject({
        vulnerability: { severity: finding['Severity'] },
        trivy: { target },
        event: { dataset: 'trivy', action: action[list] },
      })
      expect(event['haetae']?.['unparsed']).toBeUndefined()
      expect(pick(event, list), `${name} ${list} ${i}`).toEqual(wanted(finding, list))
    }
    if (expected.length === 0) expect(events[0]).toMatchObject({ event: { action: 'scan-completed' } })
    total += expected.length
  }
  console.info(`${reports.length} Trivy reports, ${total} findings, as many events`)
  expect(total).toBeGreaterThan(reports.length)
})

const action: Record<string, string> = {
  Vulnerabilities: 'vulnerability-found',
  Misconfigurations: 'misconfiguration-found',
  Secrets: 'secret-found',
  Licenses: 'license-found',
}

/** What tells one finding from another, from the event. */
function pick(event: Record<string, Record<string, unknown>>, list: string): unknown[] {
  const { vulnerability, package: pkg, rule } = event
  if (list === 'Vulnerabilities') return [vulnerability?.['id'], pkg?.['name'], pkg?.['version']]
  if (list === 'Licenses') return [rule?.['name'], pkg?.['name']]
  return [rule?.['id'], rule?.['name']]
}

/** The same, from the report. */
function wanted(finding: Finding, list: string): unknown[] {
  if (list === 'Vulnerabilities') return [finding['VulnerabilityID'], finding['PkgName'], finding['InstalledVersion']]
  if (list === 'Licenses') return [finding['Name'], finding['PkgName']]
  return [finding['RuleID'] ?? finding['AVDID'] ?? finding['ID'], finding['Title']]
}
