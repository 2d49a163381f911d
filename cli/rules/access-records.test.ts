// The rules about access records, from the line to the alert: what ISMS-P 2.9.4 and article 8 of the safety measures ask
// to look for is found in what an application writes.

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadRuleSet, openCorrelator, openDetector } from '../../correlator/rule-set.ts'
import { readRuleFolder } from '../../correlator/rules/rule-tests.ts'
import { ownPacks } from '../own-files.ts'
import { lineParser } from './options.ts'

const folder = join(import.meta.dirname, '../../correlator/rules/access_records')
const set = loadRuleSet({ rules: [folder] }, { placeholders: new Map([['leavers', ['old-lee']]]) })
const parse = lineParser({ packs: [ownPacks], zone: 'Asia/Seoul' })

const record = (minute: number, over: Record<string, unknown> = {}) =>
  JSON.stringify({
    time: `2026-11-23T10:${String(minute % 60).padStart(2, '0')}:${String(minute % 7).padStart(2, '0')}+09:00`,
    user: 'kim',
    ip: '10.1.2.3',
    subject: 'C-1',
    action: 'view',
    result: 'success',
    ...over,
  })
const many = (count: number, over: (i: number) => Record<string, unknown>) =>
  Array.from({ length: count }, (_, i) => record(i % 50, over(i)))

/** Titles of what alerts on the lines. */
function alertsOn(lines: readonly string[]): string[] {
  const detector = openDetector(set)
  const correlator = openCorrelator(set)
  const titles = new Set<string>()
  let watermark = Number.NEGATIVE_INFINITY
  const note = (changes: ReturnType<typeof correlator.finish>) => {
    for (const { alert, state } of changes) if (state !== 'withdrawn') titles.add(alert.title)
  }
  lines.forEach((line, i) => {
    const { event, timestamp } = parse(Buffer.from(line), Date.UTC(2026, 10, 23, 2))
    watermark = Math.max(watermark, timestamp)
    note(correlator.push(detector.detect(event, `0-${i}`, timestamp, 0, i), watermark))
  })
  note(correlator.finish())
  return [...titles].sort()
}

test.each([
  ['an ordinary view', [record(1)], []],
  ['a view of many people at once', [record(1, { count: 300 })], ["One request touches many people's data"]],
  [
    'a download without its reason',
    [record(1, { action: 'download' })],
    ['Personal data is downloaded without a reason'],
  ],
  ['a download with its reason', [record(1, { action: 'download', reason: 'audit' })], []],
  ['the middle of the night', [record(1, { time: '2026-11-23 02:10:00' })], ['Personal data is used at night']],
  ['one who left', [record(1, { user: 'old-lee' })], ['The account of somebody who left is used']],
  ['nobody says whose data', [record(1, { subject: '' })], ['An access record does not say whose data was used']],
  ['fifty people in an hour', many(50, (i) => ({ subject: `C-${i}` })), ['One account views many people']],
  ['four addresses in an hour', many(4, (i) => ({ ip: `10.1.2.${i}` })), ['One account works from many addresses']],
  [
    'in Korean, as CSV of a call centre',
    [
      '{"접속일시":"2026-11-23 10:00:00","식별자":"hong","접속지":"10.9.9.9","정보주체":"C-9","건수":"500","수행업무":"다운로드","결과":"성공"}',
    ],
    ["One request touches many people's data", 'Personal data is downloaded without a reason'],
  ],
])('%s', (_why, lines, expected) => expect(alertsOn(lines)).toEqual([...expected].sort()))

test('every rule about access records is evidence for ISMS-P 2.9.4 and for article 8', () => {
  const alerting = new Set(
    [...set.loaded.rules, ...set.loaded.correlations].filter((one) => one.alerts).map(({ id }) => id),
  )
  const documents = readRuleFolder(folder).filter(({ id }) => alerting.has(id))
  expect(documents.length).toBeGreaterThanOrEqual(9)
  for (const { title, controls } of documents)
    expect(controls, title).toEqual(expect.arrayContaining(['isms-p:2.9.4', 'pipa-safety:8']))
})
