// Real lines beside the events they must become: one pair of files each, in the packs' folders and in golden/. After a
// change run with `-u` and read the diff of the .ndjson.

import { globSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ecsAllowedValues, ecsArrayFields, ecsFieldSets } from '../core/ecs-fields.ts'
import type { EcsEvent } from '../core/event.ts'
import { decodeEvents, EventBatchWriter } from '../core/event-batch.ts'
import { fieldType } from '../core/fields.ts'
import { GOLDEN_NOW_MS, goldenEvents, readGolden } from './pack/test-pack.ts'
import { loadPacks } from './packs.ts'
import { createParser } from './parser.ts'
import { reasons } from './reasons.ts'

const here = import.meta.dirname
const packs = loadPacks(join(here, 'packs'))
const parser = createParser({ packs, now: () => GOLDEN_NOW_MS })
const files = globSync(['packs/*/*.log', 'golden/*.log'], { cwd: here }).sort()

test.each(files)('golden %s', async (name) => {
  const golden = readGolden(join(here, name))
  const events = goldenEvents(parser, golden)
  expect(events.map((event) => (event['event'] as EcsEvent)['original'])).toEqual(golden.lines) // nothing rewritten
  await expect(`${events.map((event) => JSON.stringify(event)).join('\n')}\n`).toMatchFileSnapshot(golden.ndjson)
})

/** A pack's own namespaces, beside the field sets of ECS. */
const NAMESPACES = new Set([
  'haetae',
  'access', // access records, whatever application wrote them
  'stream',
  'kubernetes',
  'winlog',
  'powershell',
  'sysmon',
  ...packs.map((pack) => pack.module),
])

test.each(files)('every event of %s holds to ECS', (name) => {
  for (const event of goldenEvents(parser, readGolden(join(here, name)))) checkEcs(event)
})

function checkEcs(event: EcsEvent): void {
  const where = JSON.stringify(event)
  for (const key of Object.keys(event))
    expect(ecsFieldSets.has(key) || NAMESPACES.has(key), `${key} in ${where}`).toBe(true)
  expect(event['ecs'], where).toEqual({ version: '9.0.0' })
  const about = event['event'] as EcsEvent
  for (const required of ['kind', 'dataset', 'original', 'created', 'ingested'])
    expect(about[required], where).toBeTypeOf('string')
  const unparsed = (event['haetae'] as EcsEvent)['unparsed']
  expect(about['kind'] === 'pipeline_error', where).toBe(unparsed !== undefined)
  if (unparsed !== undefined) expect(reasons, where).toContain(unparsed)
  const writer = new EventBatchWriter()
  writer.write(event, 0, 0, 0)
  for (const { fields } of decodeEvents(writer.finish())) {
    for (const [field, value] of Object.entries(fields)) checkField(field, value, where)
  }
}

function checkField(field: string, value: unknown, where: string): void {
  const at = `${field} in ${where}`
  const values = Array.isArray(value) ? value : [value]
  const allowed = ecsAllowedValues[field]
  if (allowed) for (const one of values) expect(allowed.has(one as string), `${one} as ${at}`).toBe(true)
  if (ecsArrayFields.has(field)) expect(Array.isArray(value), at).toBe(true)
  if (!ecsFieldSets.has(field.split('.', 1)[0] as string)) return
  for (const one of values) {
    const type = fieldType(field)
    if (type === 'long' || type === 'float') expect(one, at).toBeTypeOf('number')
    else if (type === 'boolean') expect(one, at).toBeTypeOf('boolean')
    else expect(one, at).toBeTypeOf('string')
    if (type === 'ip') expect(isIP(one as string), at).toBeGreaterThan(0)
    if (type === 'date') expect(Number.isNaN(Date.parse(one as string)), at).toBe(false)
  }
}
