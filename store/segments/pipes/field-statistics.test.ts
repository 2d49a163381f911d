import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Counters } from '../../../core/counters.ts'
import { matchAll } from '../../../core/query.ts'
import { always, appendAll, simple } from '../../store.contract.ts'
import { openSegmentStore } from '../segment-store.ts'

test('one pass tells coverage, top values, smallest and largest of the newest events', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'haetae-fields-'))
  const store = await openSegmentStore({ dir, counters: new Counters(), inline: true, sealRows: 64, blockRows: 16 })
  try {
    const given = simple(100).map((one, i) => ({
      ...one,
      event: { ...one.event, n: i, tags: ['a', ...(i % 2 === 0 ? ['b'] : [])], ...(i < 50 && { old: 'x' }) },
    }))
    await appendAll(store, given, 20)
    const ask = (events: number) =>
      store.aggregate({ filter: matchAll, range: always, aggregation: { kind: 'fields', values: { top: 2, events } } })
    const all = await ask(1000)
    expect([all.total, all.looked]).toEqual([100, 100])
    const byName = new Map(all.fields?.map((field) => [field.name, field]))
    expect(byName.get('tags')).toMatchObject({
      count: 100,
      distinct: 2,
      values: [
        { value: 'a', count: 100 },
        { value: 'b', count: 50 },
      ],
    })
    expect(byName.get('n')).toMatchObject({ min: 0, max: 99, distinct: 100 })
    expect(byName.get('message')?.values).toBeUndefined()
    expect(byName.get('old')).toMatchObject({ count: 50, values: [{ value: 'x', count: 50 }] })
    const newest = await ask(10)
    expect(newest.looked).toBeLessThan(40)
    const old = newest.fields?.find(({ name }) => name === 'old')
    expect(old).toMatchObject({ count: 50, values: [] })
  } finally {
    await store.close()
    rmSync(dir, { recursive: true, force: true })
  }
})
