// The real command on Windows records: a rule sees the events of its logsource, and only those.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const cli = join(fileURLToPath(new URL('.', import.meta.url)), 'cli.ts')
const dir = mkdtempSync(join(tmpdir(), 'haetae-detect-'))
afterAll(() => rmSync(dir, { recursive: true }))

const rule = (title: string, logsource: string) =>
  `title: ${title}\nid: ${title}\nlogsource: { ${logsource} }\ndetection: { s: { Image|endswith: '\\x.exe' }, condition: s }\n`
const rules = join(dir, 'rules.yml')
writeFileSync(
  rules,
  [
    rule('process', 'product: windows, category: process_creation'),
    rule('image', 'product: windows, category: image_load'),
    rule('security', 'product: windows, service: security'),
    rule('zeek', 'product: zeek, service: rdp'),
  ].join('---\n'),
)

test('a record of Sysmon 1 is process creation, not an image load, not the security log, not another product', () => {
  const sysmon = (id: number) => ({
    Event: {
      System: { EventID: id, Channel: 'Microsoft-Windows-Sysmon/Operational' },
      EventData: { Image: 'C:\\x.exe' },
    },
  })
  const flat = { EventID: 4688, Channel: 'Security', Image: 'C:\\x.exe' }
  const input = [sysmon(1), sysmon(7), flat].map((event) => JSON.stringify(event)).join('\n')
  const answer = spawnSync(process.execPath, [cli, 'detect', '--rules', rules, '--input', 'evtx-json'], {
    input,
    encoding: 'utf8',
  })
  const matched = answer.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  expect(matched.map(({ event, rule }) => `${event} ${rule}`).toSorted()).toEqual([
    '0 process',
    '1 image',
    '2 process',
    '2 security',
  ])
})
