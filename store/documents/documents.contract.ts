// What every Documents promises, run by each implementation: documentsContract('sqlite', openSomewhereNew).

import { expect, test } from 'vitest'
import type { Documents } from '../../core/documents.ts'

const hostileIds = [
  "'; DROP TABLE documents; --",
  '%',
  '_',
  '*',
  'a/b',
  '..',
  '__proto__',
  'constructor',
  'a\u0000b',
  'a\u0000c',
  '\n',
  ' ',
  '한글',
  '😀',
  '\ufeff',
  'x'.repeat(1024),
]

export function documentsContract(name: string, open: () => Promise<Documents>): void {
  const it = (title: string, run: (documents: Documents) => Promise<void>) =>
    test(`${name}: ${title}`, async () => {
      const documents = await open()
      try {
        await run(documents)
      } finally {
        await documents.close()
      }
    })
  const ids = async (documents: Documents, options?: Parameters<Documents['list']>[1]) =>
    (await documents.list('c', options)).map((document) => document.id)

  it('a document that was never put is undefined', async (documents) => {
    expect(await documents.get('c', 'a')).toBeUndefined()
    expect(await documents.list('c')).toEqual([])
  })

  it('put answers seq 1, 2, 3 and get gives the newest value', async (documents) => {
    expect(await documents.put('c', 'a', { n: 1 })).toBe(1)
    expect(await documents.put('c', 'a', { n: 2 })).toBe(2)
    expect(await documents.put('c', 'a', { n: 3 }, 2)).toBe(3)
    expect(await documents.get('c', 'a')).toEqual({ id: 'a', value: { n: 3 }, seq: 3 })
  })

  it('the same id in another collection is another document', async (documents) => {
    await documents.put('c', 'a', 1)
    await documents.put('d', 'a', 2)
    expect((await documents.get('c', 'a'))?.value).toBe(1)
    expect(await documents.put('cd', 'a', 3, 0)).toBe(1)
  })

  it('a write against an old seq conflicts and changes nothing', async (documents) => {
    await documents.put('c', 'a', 'first')
    await documents.put('c', 'a', 'second')
    await expect(documents.put('c', 'a', 'late', 1)).rejects.toMatchObject({ code: 'DOCUMENT_CONFLICT' })
    expect(await documents.get('c', 'a')).toEqual({ id: 'a', value: 'second', seq: 2 })
  })

  it('ifSeq 0 creates, and conflicts when the document is there', async (documents) => {
    expect(await documents.put('c', 'a', 1, 0)).toBe(1)
    await expect(documents.put('c', 'a', 2, 0)).rejects.toMatchObject({ code: 'DOCUMENT_CONFLICT' })
  })

  it('ifSeq of a document that does not exist conflicts', async (documents) => {
    await expect(documents.put('c', 'a', 1, 1)).rejects.toMatchObject({ code: 'DOCUMENT_CONFLICT' })
    expect(await documents.get('c', 'a')).toBeUndefined()
  })

  it('of many writers that read the same seq exactly one wins', async (documents) => {
    await documents.put('c', 'a', 0)
    const results = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => documents.put('c', 'a', n, 1)))
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1)
    expect((await documents.get('c', 'a'))?.seq).toBe(2)
  })

  it('delete removes, is idempotent, and a later put begins again', async (documents) => {
    await documents.put('c', 'a', 1)
    await documents.delete('c', 'a')
    await documents.delete('c', 'a')
    expect(await documents.get('c', 'a')).toBeUndefined()
    expect(await documents.put('c', 'a', 2, 0)).toBe(1)
  })

  it('lists by id, both ways, page by page, without gap or repeat', async (documents) => {
    const all = ['a', 'aa', 'b', 'ba', 'c', '가', '나']
    for (const id of [...all].reverse()) await documents.put('c', id, id)
    await documents.put('d', 'aaa', 1)
    expect(await ids(documents)).toEqual(all)
    expect(await ids(documents, { descending: true })).toEqual([...all].reverse())
    for (const descending of [false, true]) {
      const seen: string[] = []
      for (let after: string | undefined; ; after = seen.at(-1)) {
        const page = await ids(documents, { limit: 3, after, descending })
        seen.push(...page)
        if (page.length < 3) break
      }
      expect(seen).toEqual(descending ? [...all].reverse() : all)
    }
  })

  it('a page goes on after an id that is gone', async (documents) => {
    for (const id of ['a', 'b', 'c']) await documents.put('c', id, 1)
    await documents.delete('c', 'b')
    expect(await ids(documents, { after: 'b' })).toEqual(['c'])
    expect(await ids(documents, { after: 'b', descending: true })).toEqual(['a'])
  })

  it('limit 0 lists nothing', async (documents) => {
    await documents.put('c', 'a', 1)
    expect(await ids(documents, { limit: 0 })).toEqual([])
  })

  it('putAll writes everything', async (documents) => {
    await documents.put('c', 'a', 'old')
    await documents.putAll([
      { collection: 'c', id: 'a', value: 'new' },
      { collection: 'd', id: 'b', value: [1] },
    ])
    expect(await documents.get('c', 'a')).toEqual({ id: 'a', value: 'new', seq: 2 })
    expect((await documents.get('d', 'b'))?.value).toEqual([1])
  })

  it('putAll deletes in the same transaction, in order', async (documents) => {
    await documents.put('c', 'old', 1)
    await documents.putAll([
      { collection: 'c', id: 'old', deleted: true },
      { collection: 'c', id: 'new', value: 2 },
      { collection: 'c', id: 'gone', value: 3 },
      { collection: 'c', id: 'gone', deleted: true },
      { collection: 'c', id: 'never was', deleted: true },
    ])
    expect((await documents.list('c')).map(({ id }) => id)).toEqual(['new'])
  })

  it('putAll writes nothing when one of the writes cannot be written', async (documents) => {
    await documents.put('c', 'a', 'old')
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    for (const bad of [
      { collection: 'c', id: 'z', value: circular },
      { collection: 'c', id: 'z', value: undefined },
      { collection: 'c', id: '\ud800', value: 1 },
      { collection: '', id: 'z', value: 1 },
    ]) {
      await expect(documents.putAll([{ collection: 'c', id: 'a', value: 'new' }, bad])).rejects.toThrow()
    }
    expect(await documents.get('c', 'a')).toEqual({ id: 'a', value: 'old', seq: 1 })
    await documents.putAll([{ collection: 'c', id: 'a', value: 'after' }])
    expect((await documents.get('c', 'a'))?.seq).toBe(2)
  })

  it('values come back as JSON has them, hostile keys and texts included', async (documents) => {
    const value = JSON.parse('{"__proto__": {"x": 1}, "constructor": null, "t": "\\ud800 \\u0000 😀", "n": -1.5e300}')
    await documents.put('c', 'a', value)
    const back = (await documents.get<Record<string, unknown>>('c', 'a'))?.value
    expect(JSON.stringify(back)).toBe(JSON.stringify(value))
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })

  it('a value is a copy: changing it later changes nothing stored', async (documents) => {
    const value = { n: 1 }
    await documents.put('c', 'a', value)
    value.n = 2
    expect((await documents.get('c', 'a'))?.value).toEqual({ n: 1 })
  })

  it('hostile ids are ids like any other', async (documents) => {
    for (const id of hostileIds) await documents.put('c', id, id)
    expect((await ids(documents)).sort()).toEqual([...hostileIds].sort())
    for (const id of hostileIds) expect((await documents.get('c', id))?.value).toBe(id)
    for (const id of hostileIds) await documents.put(id, 'a', id, 0)
    for (const id of hostileIds) await documents.delete('c', id)
    expect(await ids(documents)).toEqual([])
  })

  for (const [why, id] of [
    ['empty', ''],
    ['a lone surrogate', '\ud800'],
    ['too long', 'x'.repeat(1025)],
  ] as const) {
    it(`an id that is ${why} is refused when written and not found when read`, async (documents) => {
      await expect(documents.put('c', id, 1)).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
      expect(await documents.get('c', id)).toBeUndefined()
      await documents.delete('c', id)
    })
  }

  it('close is idempotent', async (documents) => {
    await documents.close()
    await documents.close()
  })
}
