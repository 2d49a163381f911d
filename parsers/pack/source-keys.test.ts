import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EcsEvent } from '../../core/event.ts'
import { bitOf, SourceKeys } from './source-keys.ts'

const lists = [['level', 'severity', 'lvl'], ['user'], ['user', 'level', 'constructor']]
const keysOf = (source: EcsEvent | undefined, of = new SourceKeys()) => {
  const numbers = lists.map((names) => of.add(names))
  const found = of.find(source)
  return lists.map((names, i) => names.filter((_, at) => (found[numbers[i] as number] as number) & bitOf(names, at)))
}

test.each<[string, EcsEvent | undefined, string[][]]>([
  ['no source', undefined, [[], [], []]],
  ['an empty one', {}, [[], [], []]],
  ['a name of two lists', { user: 'x' }, [[], ['user'], ['user']]],
  ['a name without a value counts as there', { level: undefined }, [['level'], [], ['level']]],
  ['what every object inherits is no key', { toString: 'x' }, [[], [], []]],
  ['a key that is called like one', { constructor: 'x' }, [[], [], ['constructor']]],
])('the names of each list that a source has: %s', (_why, source, expected) => {
  expect(keysOf(source)).toEqual(expected)
})

test('a list that is added later is known of the same source', () => {
  const keys = new SourceKeys()
  const source = { user: 'x' }
  const first = keys.add(['user'])
  expect(keys.find(source)[first]).toBe(1)
  const second = keys.add(['nobody', 'user'])
  expect([...keys.find(source)]).toEqual([1, 2])
  expect([first, second]).toEqual([0, 1])
})

test('names past the 31st of a list share a bit', () => {
  const names = Array.from({ length: 40 }, (_, i) => `n${i}`)
  expect(names.map((_, i) => bitOf(names, i)).slice(29)).toEqual([1 << 29, ...new Array(10).fill(1 << 30)])
  const keys = new SourceKeys()
  keys.add(names)
  expect([...keys.find({ n39: 1 })]).toEqual([1 << 30])
})

test('any keys in any order and number are found as if nothing were remembered', () => {
  const names = Array.from({ length: 12 }, (_, i) => `k${i}`)
  const keys = new SourceKeys()
  keys.add(names)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 150 }), (numbers) => {
      const source: EcsEvent = {}
      for (const n of numbers) source[`k${n}`] = n
      const expected = names.reduce((bits, name, i) => (name in source ? bits | (1 << i) : bits), 0)
      expect(keys.find(source)[0]).toBe(expected)
    }),
    { numRuns: 300 },
  )
})
