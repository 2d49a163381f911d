import { expect, test } from 'vitest'
import { DueHeap } from './due-heap.ts'
import { random } from './fixtures.ts'

const drain = (heap: DueHeap<number>, limit: number) => {
  const out: number[] = []
  for (let one = heap.popBefore(limit); one !== undefined; one = heap.popBefore(limit)) out.push(one)
  return out
}

test('gives items back by time, and only those before the limit', () => {
  const heap = new DueHeap<number>()
  const next = random(7)
  const times = Array.from({ length: 500 }, () => Math.floor(next() * 100))
  for (const time of times) heap.push(time, time)
  const sorted = [...times].sort((a, b) => a - b)
  expect(drain(heap, 50)).toEqual(sorted.filter((time) => time < 50))
  heap.keep((time) => time % 2 === 0)
  expect(drain(heap, 1000)).toEqual(sorted.filter((time) => time >= 50 && time % 2 === 0))
})

test('an empty heap has nothing due, not even before infinity', () => {
  const heap = new DueHeap<number>()
  expect(heap.popBefore(Number.POSITIVE_INFINITY)).toBeUndefined()
  heap.push(Number.POSITIVE_INFINITY, 1)
  expect(heap.popBefore(Number.POSITIVE_INFINITY)).toBeUndefined()
})
