import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ecsAllowedValues, ecsArrayFields, ecsFieldSets, ecsFieldTypes } from './ecs-fields.ts'
import { fieldType } from './fields.ts'

test.each([
  ['source.port', 'long'],
  ['process.parent.pid', 'long'],
  ['threat.indicator.file.x509.not_after', 'date'],
  ['destination.nat.ip', 'ip'],
  ['tls.resumed', 'boolean'],
  ['vulnerability.score.base', 'float'],
  ['message', 'text'],
  ['user.name', 'keyword'],
  ['acme.own', 'keyword'],
])('%s is a %s', (field, type) => expect(fieldType(field)).toBe(type))

test('every typed and every list field belongs to a field set', () => {
  for (const name of [...ecsFieldTypes.keys(), ...ecsArrayFields, ...Object.keys(ecsAllowedValues)])
    expect(ecsFieldSets.has(name.split('.', 1)[0] as string) || name.startsWith('haetae.'), name).toBe(true)
})

const csv = join(
  process.env['HAETAE_SHARED_DATA'] ?? join(import.meta.dirname, '../../shared/data'),
  'ecs/ecs-8.10-fields.csv',
)
if (!existsSync(csv)) console.warn(`skipped: no ${csv}`)

/** Types of ECS that are several of ours, or none. */
const SAME: Record<string, string[]> = {
  match_only_text: ['text'],
  scaled_float: ['float'],
  wildcard: ['keyword', 'text'],
  constant_keyword: ['keyword'],
  flattened: ['keyword'],
  object: ['keyword'],
  nested: ['keyword'],
  geo_point: ['keyword'],
}

test.skipIf(!existsSync(csv))('the published field list agrees', () => {
  const wrong: string[] = []
  for (const line of readFileSync(csv, 'utf8').trim().split('\n').slice(1)) {
    const [field, type] = line.split(',') as [string, string]
    const ours = fieldType(field)
    // event.original and a few others are keywords there that nobody searches whole
    if (ours === 'text' && (type === 'keyword' || type === 'wildcard')) continue
    if (!(SAME[type] ?? [type]).includes(ours)) wrong.push(`${field} is ${type}, not ${ours}`)
  }
  expect(wrong).toEqual([])
})
