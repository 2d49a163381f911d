import { expect, test } from 'vitest'
import { openGatherer } from './measures.ts'
import { PairTable } from './pair-table.ts'

const percentile = (values: readonly number[], name: 'p50' | 'p95' | 'p99') => {
  const gatherer = openGatherer({ name, field: 'x', as: name })
  for (const value of values) gatherer.number(3, value)
  return gatherer.result(3)
}

test('up to 64 values a percentile is one of them, by nearest rank', () => {
  expect(percentile([5], 'p95')).toBe(5)
  expect(percentile([3, 1, 2], 'p50')).toBe(2)
  expect(
    percentile(
      Array.from({ length: 20 }, (_, i) => i + 1),
      'p95',
    ),
  ).toBe(19)
})

test.each([
  ['evenly', (i: number) => i + 1],
  ['over many powers of ten', (i: number) => 10 ** (i / 2000 - 6)],
  ['below zero too', (i: number) => i - 7000],
  ['all alike', () => 42],
])('beyond, it is within 1 % whatever the order: %s', (_name, make) => {
  const values = Array.from({ length: 10_000 }, (_, i) => make(i))
  for (const name of ['p50', 'p95', 'p99'] as const) {
    const exact = values.slice().sort((a, b) => a - b)[Math.ceil((Number(name.slice(1)) / 100) * 10_000) - 1] as number
    const found = percentile(values, name) as number
    expect(Math.abs(found - exact)).toBeLessThanOrEqual(Math.abs(exact) * 0.0101)
    expect(percentile(values.slice().reverse(), name)).toBe(found)
  }
})

test('a sum does not lose small numbers beside large ones', () => {
  const gatherer = openGatherer({ name: 'sum', field: 'x', as: 's' })
  for (const value of [1e16, 1, -1e16, 1]) gatherer.number(0, value)
  expect(gatherer.result(0)).toBe(2)
})

test('what is too much for memory is refused with what to do', () => {
  const gatherer = openGatherer({ name: 'dc', field: 'x', as: 'dc(x)' })
  expect(() => {
    for (let id = 0; id < 5_000_000; id++) gatherer.id(id % 100, id)
  }).toThrow('narrow the time range')
})

test('nothing to work on is null, 0 for counts; infinity is null', () => {
  for (const name of ['sum', 'avg', 'min', 'max', 'p95'] as const) {
    expect(openGatherer({ name, field: 'x', as: 'x' }).result(9)).toBe(null)
  }
  expect(openGatherer({ name: 'dc', field: 'x', as: 'x' }).result(9)).toBe(0)
  const sum = openGatherer({ name: 'sum', field: 'x', as: 'x' })
  sum.number(0, 1e308)
  sum.number(0, 1e308)
  expect(sum.result(0)).toBe(null)
})

test('pairs get ids in order of first use', () => {
  const table = new PairTable()
  for (let i = 0; i < 100_000; i++) expect(table.idOf(i % 317, i)).toBe(i)
  for (let i = 99_999; i >= 0; i -= 7) expect(table.idOf(i % 317, i)).toBe(i)
  expect(table.count).toBe(100_000)
})
