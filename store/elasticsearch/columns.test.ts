import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ecsFieldTypes } from '../../core/ecs-fields.ts'
import { eventTemplate, numberOf, orderedNumber } from './columns.ts'
import { ecsKeywords } from './ecs-keywords.ts'
import { dayOf } from './event-document.ts'

test('numbers written as text sort as they do and come back', () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true })
  fc.assert(
    fc.property(number, number, (a, b) => {
      expect(orderedNumber(a) < orderedNumber(b)).toBe(a < b)
      expect(numberOf(orderedNumber(a))).toBe(a === 0 ? 0 : a)
    }),
  )
})

test('no field with a column of its own is the parent of another, and none is named twice', () => {
  const names = [...ecsKeywords, ...ecsFieldTypes.keys()]
  const parents = new Set(
    names.flatMap((name) => name.split('.').map((_, i, parts) => parts.slice(0, i).join('.'))).filter(Boolean),
  )
  expect(names.filter((name) => parents.has(name))).toEqual([])
  expect([...ecsKeywords].filter((name) => ecsFieldTypes.has(name))).toEqual([])
  expect(names.filter((name) => /^[ehk](\.|$)/.test(name))).toEqual([])
})

test('the template stays under the limit of fields it sets', () => {
  const count = (node: unknown): number =>
    node !== null && typeof node === 'object'
      ? Object.entries(node).reduce((sum, [key, value]) => sum + (key === 'type' ? 1 : 0) + count(value), 0)
      : 0
  const template = eventTemplate({ prefix: 'x', shards: 1, replicas: 0, logsdb: false })
  expect(count(template)).toBeGreaterThan(200)
  expect(count(template) + ecsKeywords.size).toBeLessThan(2000)
})

test.each([
  [Date.UTC(2026, 0, 15, 23, 59, 59, 999), '2026.01.15'],
  [Date.UTC(2026, 0, 16), '2026.01.16'],
  [0, '1970.01.01'],
  [-1, 'undated'],
  [1e300, 'undated'],
  [Date.UTC(10000, 0, 1), 'undated'],
])('%d is of the index %s', (ms, day) => {
  expect(dayOf(ms)).toBe(day)
})
