import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Origin, RawBatchReader, RawBatchWriter } from './raw-batch.ts'

const origin = (source: string): Origin => ({ source, kind: 'syslog', peer: '127.0.0.1:1' })

test('any records come back as they went in', () => {
  const origins = ['a', 'b', 'c'].map(origin)
  const record = fc.record({
    from: fc.integer({ min: 0, max: 2 }),
    at: fc.double({ noNaN: true, noDefaultInfinity: true }),
    bytes: fc.uint8Array({ maxLength: 300 }),
    key: fc.string({ maxLength: 40 }),
    flags: fc.integer({ min: 0, max: 255 }),
  })
  const writer = new RawBatchWriter(64)
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), (records) => {
      for (const r of records) writer.append(origins[r.from] as Origin, r.at, r.bytes, r.key, r.flags)
      const reader = new RawBatchReader(writer.finish())
      expect(reader.count).toBe(records.length)
      for (const r of records) {
        expect(reader.next()).toBe(true)
        expect(reader.intact).toBe(true)
        expect(reader.origin.source).toBe(origins[r.from]?.source)
        expect([reader.receivedAtMs, reader.key, reader.flags]).toEqual([r.at, r.key, r.flags])
        expect(new Uint8Array(reader.bytes)).toEqual(r.bytes)
      }
      expect(reader.next()).toBe(false)
    }),
    { numRuns: 200 },
  )
})

test('a flipped bit in a body is seen, and the other records stay readable', () => {
  const writer = new RawBatchWriter()
  for (const line of ['one', 'two', 'three']) writer.append(origin('s'), 1, Buffer.from(line))
  const batch = writer.finish()
  batch[batch.length - 1] = (batch[batch.length - 1] ?? 0) ^ 1
  const reader = new RawBatchReader(batch)
  const seen: boolean[] = []
  while (reader.next()) seen.push(reader.intact)
  expect(seen).toEqual([true, true, false])
})

test('any bytes are a batch or BATCH_CORRUPT, never a crash', () => {
  const walk = (bytes: Uint8Array) => {
    try {
      const reader = new RawBatchReader(bytes)
      while (reader.next());
    } catch (error) {
      expect(error).toMatchObject({ code: 'BATCH_CORRUPT' })
    }
  }
  const writer = new RawBatchWriter()
  for (const line of ['one', 'two']) writer.append(origin('s'), 1, Buffer.from(line), 'key')
  const good = writer.finish()
  for (let cut = 0; cut < good.length; cut++) walk(good.slice(0, cut))
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
      const bad = good.slice()
      bad[at] = value
      walk(bad)
    }),
    { numRuns: 500 },
  )
})

test('a key over 255 bytes is refused before anything is written', () => {
  const writer = new RawBatchWriter()
  expect(() => writer.append(origin('s'), 1, Buffer.from('x'), 'k'.repeat(256))).toThrow(RangeError)
  expect(writer.count).toBe(0)
})
