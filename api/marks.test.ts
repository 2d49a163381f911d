import { expect, test } from 'vitest'
import type { RuleMatch } from '../core/detect.ts'
import { MarkBook } from './marks.ts'

const match = (eventId: string, ruleId: string, more: Partial<RuleMatch> = {}): RuleMatch => ({
  ...{ eventId, ruleId, ruleVersion: '1', timestamp: 0, partition: 0, offset: 0, why: [], fields: {}, entities: {} },
  ...more,
})

test('each rule of an event is told once, also when a delivery comes again', () => {
  const book = new MarkBook()
  const told: unknown[] = []
  const end = book.listen((marks) => told.push(...marks))
  book.note([match('0-1', 'a'), match('0-1', 'b'), match('0-2', 'a')])
  book.note([match('0-1', 'a')])
  end()
  book.note([match('0-9', 'a')])
  expect(told).toEqual([
    { eventId: '0-1', ruleId: 'a' },
    { eventId: '0-1', ruleId: 'b' },
    { eventId: '0-2', ruleId: 'a' },
  ])
  expect(book.of('0-1')).toEqual(['a', 'b'])
  expect(book.of('none')).toEqual([])
})

test('what an exception keeps from its own rule is not shown', () => {
  const book = new MarkBook()
  book.note([
    match('0-1', 'a', { excepted: [{ rule: 'a', exception: 'x' }] }),
    match('0-2', 'a', { excepted: [{ rule: 'correlation', exception: 'x' }] }),
  ])
  expect([book.of('0-1'), book.of('0-2')]).toEqual([[], ['a']])
})

test('the oldest events give way', () => {
  const book = new MarkBook()
  for (let i = 0; i < 30_000; i++) book.note([match(`0-${i}`, 'a')])
  expect(book.of('0-0')).toEqual([])
  expect(book.of('0-29999')).toEqual(['a'])
})
