import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type EcsEvent, eventId, nest } from './event.ts'
import { decodeEvents, EventBatchWriter, viewEventBatch } from './event-batch.ts'

test('a nested event comes back flat, typed and in order', () => {
  const writer = new EventBatchWriter()
  writer.write(
    {
      '@timestamp': 'elsewhere',
      source: { ip: '::1', port: 22 },
      event: { category: ['authentication'], original: 'é\u0000漢' },
      ok: false,
      empty: {},
      none: null,
      list: [{ name: 'a', n: 1 }, { name: 'b' }],
    },
    1.5,
    0,
    7,
  )
  const [event] = [...decodeEvents(writer.finish())]
  expect(event).toEqual({
    id: '0-7',
    partition: 0,
    offset: 7,
    timestampMs: 1.5,
    fields: {
      'source.ip': '::1',
      'source.port': 22,
      'event.category': ['authentication'],
      'event.original': 'é\u0000漢',
      ok: false,
      'list.name': ['a', 'b'],
      'list.n': [1],
    },
  })
  expect(nest(event?.fields ?? {})).toMatchObject({ source: { ip: '::1', port: 22 }, list: { name: ['a', 'b'] } })
})

test('a writer starts afresh after finish, and keyed events carry the hash of their key', () => {
  const writer = new EventBatchWriter()
  writer.write({ a: 1 }, 1, 0, 1)
  writer.finish()
  writer.write({ b: 'x' }, 2, 0, 2, 'k8s', 'audit/1')
  const batch = writer.finish()
  expect(viewEventBatch(batch).names).toEqual(['b'])
  const [event] = [...decodeEvents(batch)]
  expect(event?.id).toBe(eventId(0, 2, 'k8s', 'audit/1'))
  expect(event?.id).toMatch(/^k[\w-]{22}$/)
})

test('any JSON goes through without a throw, prototype keys included', () => {
  const writer = new EventBatchWriter()
  fc.assert(
    fc.property(fc.object({ withNullPrototype: true, maxDepth: 4 }), (object) => {
      writer.write(object as EcsEvent, 0, 0, 0)
      expect([...decodeEvents(writer.finish())]).toHaveLength(1)
    }),
    { numRuns: 200 },
  )
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  nest({ '__proto__.polluted': 'yes', 'a.__proto__.polluted': 'yes' })
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

test.each([
  ['as long as a loop writes', 'abcdefghijkl'],
  ['one more', 'abcdefghijklm'],
  ['past ASCII in the last place of a short text', 'abcdefghijké'],
  ['past ASCII in a long one', 'abcdefghijklmnopqrstuvwxyz 漢字 🙂'],
  ['two code units that are one character', '🙂🙂🙂🙂🙂🙂'],
  ['empty', ''],
])('a text comes back whole: %s', (_why, text) => {
  const writer = new EventBatchWriter()
  writer.write({ a: text, b: [text, 'z'] }, 0, 0, 0)
  const [event] = [...decodeEvents(writer.finish())]
  expect(event?.fields).toEqual({ a: text, b: [text, 'z'] })
})

test('half of a pair of code units becomes the replacement character', () => {
  const writer = new EventBatchWriter()
  writer.write({ a: 'x\ud83d', b: 'abcdefghijklmnop\ud83d' }, 0, 0, 0)
  const [event] = [...decodeEvents(writer.finish())]
  expect(event?.fields).toEqual({ a: 'x\ufffd', b: 'abcdefghijklmnop\ufffd' })
})

test('events with their fields in other orders keep their names, however many names a sender makes up', () => {
  const writer = new EventBatchWriter()
  for (let batch = 0; batch < 60; batch++) {
    const events: EcsEvent[] = []
    for (let i = 0; i < 100; i++) {
      const made: EcsEvent = { [`k${batch}-${i}`]: { x: 1, [`y${i}`]: 'v', a: { x: 2 } }, a: { x: 3, b: 'w' } }
      events.push(i % 2 ? made : Object.fromEntries(Object.entries(made).reverse()))
    }
    events.forEach((event, i) => {
      writer.write(event, 0, 0, i)
    })
    const decoded = [...decodeEvents(writer.finish())]
    expect(decoded.map(({ fields }) => nest(fields))).toEqual(events)
  }
})

test('texts of all lengths that come again, in this batch and the next, are each written as they are', () => {
  const writer = new EventBatchWriter()
  for (let batch = 0; batch < 3; batch++) {
    const events = Array.from({ length: 200 }, (_, i): EcsEvent => {
      const long = 'abcdefghijklmnopqrstuvwxyz'.slice(0, 10 + (i % 16))
      return { a: long, b: [long, `${long.slice(0, -1)}é`], c: { d: `${i % 7}${long.slice(1)}`, e: long } }
    })
    events.forEach((event, i) => {
      writer.write(event, 0, 0, i)
    })
    expect([...decodeEvents(writer.finish())].map(({ fields }) => nest(fields))).toEqual(events)
  }
})

test('an event with too many values is refused, and the ones beside it are whole', () => {
  const writer = new EventBatchWriter()
  writer.write({ a: 1 }, 0, 0, 0)
  expect(() => writer.write({ list: new Array(65_536).fill(1) }, 0, 0, 1)).toThrow(RangeError)
  writer.write({ a: 2 }, 0, 0, 2)
  expect([...decodeEvents(writer.finish())].map(({ fields }) => fields)).toEqual([{ a: 1 }, { a: 2 }])
})
