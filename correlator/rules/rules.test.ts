import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AlertChange } from '../../core/detect.ts'
import type { EcsEvent } from '../../core/event.ts'
import type { Parser } from '../../core/parser.ts'
import type { Origin } from '../../core/raw-batch.ts'
import { createCorrelator } from '../correlator.ts'
import { compileDetector } from '../sigma/engine.ts'
import { loadRules } from '../sigma/load.ts'
import { type RuleTest, type RuleTestEvent, readRuleFolder } from './rule-tests.ts'

const folder = import.meta.dirname
const START = Date.UTC(2026, 10, 22, 10)
const documents = readRuleFolder(folder)
const placeholders = new Map(documents.flatMap(({ lists }) => Object.entries(lists)))
const loaded = loadRules([folder], { placeholders })
const rulesById = new Map(loaded.rules.map((rule) => [rule.id, rule]))
const detector = compileDetector(loaded)

/** Raw lines go through the parser where it is there; by name, because this folder does not build on that one. */
const parserFolder = join(folder, '../../parsers')
const parser = await openParser()
const parsable = (one: RuleTest) => parser !== undefined || one.events.every(({ raw }) => raw === undefined)

async function openParser(): Promise<Parser | undefined> {
  if (!existsSync(join(parserFolder, 'packs/sshd'))) {
    console.warn('no parser packs: rule tests with raw lines are skipped')
    return undefined
  }
  const { createParser } = await import(join(parserFolder, 'parser.ts'))
  const { loadPacks } = await import(join(parserFolder, 'packs.ts'))
  return createParser({ packs: loadPacks(join(parserFolder, 'packs')), now: () => START })
}

function eventOf({ event, raw }: RuleTestEvent, timestamp: number): EcsEvent {
  if (event) return event
  const origin: Origin = { source: 'test', kind: 'syslog', peer: '127.0.0.1' }
  return (parser as Parser).parse({ bytes: Buffer.from(raw ?? ''), origin, receivedAtMs: timestamp, flags: 0 }).event
}

/** Ids of the rules and correlations that alert on these events. */
function alertsOn(one: RuleTest): Set<string> {
  const correlator = createCorrelator(loaded.correlations, { rulesById })
  const changes: AlertChange[] = []
  one.events.forEach((written, i) => {
    const { atMs } = written
    const event = eventOf(written, START + atMs)
    const matches = detector.detect(event, `e${i}`, START + atMs, 0, i)
    changes.push(...correlator.push(matches, START + atMs))
  })
  changes.push(...correlator.finish())
  return new Set(changes.filter(({ state }) => state !== 'withdrawn').map(({ alert }) => alert.ruleId))
}

test('every rule file loads without a word', () => {
  expect(loaded.refused).toEqual([])
  expect(loaded.notes).toEqual([])
})

test('a list of the installation has values for tests, and without it its rules wait', () => {
  const waiting = loadRules([folder]).rules.filter(({ needsPlaceholders }) => needsPlaceholders.length > 0)
  expect(waiting.flatMap(({ needsPlaceholders }) => needsPlaceholders).sort()).toEqual([...placeholders.keys()].sort())
})

test('every rule that alerts carries a case that it sees, one that it leaves alone, and the controls it serves', () => {
  const alerting = new Set([...loaded.rules, ...loaded.correlations].filter((one) => one.alerts).map(({ id }) => id))
  for (const { id, title, tests, controls } of documents) {
    if (!alerting.has(id)) continue
    expect(tests.map(({ match }) => match).sort(), title).toEqual(expect.arrayContaining([false, true]))
    expect(controls.length, title).toBeGreaterThan(0)
  }
})

test('ids are UUIDs of their own and every alerting rule says what may look like it', () => {
  const ids = documents.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  for (const rule of [...loaded.rules, ...loaded.correlations].filter((one) => one.alerts)) {
    expect(rule.falsePositives.length, rule.title).toBeGreaterThan(0)
    expect(rule.description.length, rule.title).toBeGreaterThan(20)
  }
})

for (const { file, id, title, tests } of documents)
  for (const one of tests)
    test.skipIf(!parsable(one))(`${file}: ${title}: ${one.name}`, () => {
      expect(alertsOn(one).has(id)).toBe(one.match)
    })
